"""How a request in OpenAI's dialect is answered: whose it is, its body, and a JSON answer with the run's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson
from starlette.types import Receive, Send

from threadline.domain.errors import BadRequest, Unauthorized
from threadline.routes import body
from threadline.routes.context import Context
from threadline.routes.exchange import Scope, exchange_of
from threadline.routes.identity import Caller, bearer, program
from threadline.routes.replies import JSON, NO_STORE, reply
from threadline.store.runs import RunRow

T = TypeVar("T")

_LARGE: Final = 256 * 1024


async def program_of(context: Context, scope: Scope) -> Caller:
    """The program that asks. Raises ``Unauthorized`` for who has no token: a page's session is not for programs."""
    token = bearer(scope)
    if not token:
        raise Unauthorized("Send an access token: Authorization: Bearer …", surface="token")
    return await program(context, scope, token)


async def read_asked(scope: Scope, receive: Receive, take: Callable[[dict[str, Any]], T]) -> T:
    """What ``take`` makes of the body, a JSON object."""
    data = await body.read(scope, receive)

    def work() -> T:
        try:
            return take(body.parse_object(data))
        except RecursionError:
            raise BadRequest("The body is nested too deep.", surface="openai") from None

    # A large one takes its time, in which everybody else goes on.
    return work() if len(data) < _LARGE else await asyncio.to_thread(work)


def name_run(scope: Scope, run: RunRow) -> None:
    """Have the answer, whatever it will be, tell the run's own name, by which it is followed at every other address."""
    exchange_of(scope).headers.append((b"x-threadline-run", run.id.encode()))


async def tell(scope: Scope, send: Send, value: Any) -> None:
    """A JSON answer."""
    await reply(send, 200, [JSON, NO_STORE], orjson.dumps(value), only_head=scope["method"] == "HEAD")
