"""A request that makes an answer, from its first byte to its last: a client that sends it again gets the same run."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final, cast

import orjson
from starlette.requests import ClientDisconnect

from threadline.domain.errors import ThreadlineError, Unavailable
from threadline.log.protocol import Batch
from threadline.routes.context import Context
from threadline.routes.errors import to_error
from threadline.routes.exchange import Scope, exchange_of, header
from threadline.routes.openai.answering import name_run
from threadline.routes.openai.errors import NO_RETRY, invalid
from threadline.services.attempts import Attempt
from threadline.store.runs import RunRow

_KEY: Final = b"idempotency-key"
_COUNT: Final = b"x-stainless-retry-count"
"""In this header, OpenAI's own clients tell how often they have sent a request before."""

_LONGEST_KEY: Final = 255


def attempt_of(scope: Scope, user_id: str, body: Mapping[str, Any]) -> Attempt:
    """What tells this request from another. Raises ``BadRequest``."""
    asked = orjson.dumps([user_id, scope["path"], body], option=orjson.OPT_SORT_KEYS)
    key, count = header(scope, _KEY), header(scope, _COUNT) or ""
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise invalid("Idempotency-Key", f"has 1 to {_LONGEST_KEY} characters.")
    return Attempt(
        hashlib.sha256(asked).digest(),
        None if key is None else hashlib.sha256(orjson.dumps([user_id, key])).digest(),
        again=count.isascii() and count.isdigit() and bool(count.strip("0")),
    )


class Attended:
    """A request whose run is on disk. ``whole``: its client has got all that it asked for."""

    def __init__(self) -> None:
        self.whole = False

    async def seen(self, source: AsyncIterator[tuple[Batch, ...]]) -> AsyncIterator[tuple[Batch, ...]]:
        """The batches of a stream; the client has got them when the one after the last is asked for."""
        async with aclosing(cast("AsyncGenerator[tuple[Batch, ...], None]", source)) as steps:
            async for batches in steps:
                yield batches
                self.whole = batches[-1].final


@asynccontextmanager
async def attending(context: Context, scope: Scope, run: RunRow) -> AsyncIterator[Attended]:
    """What was asked is on disk, and whatever is answered within names the run. An error in it is told as one that is
    not to be retried, but where the client says how often it tried: then its next attempt finds this run."""
    name_run(scope, run)
    exchange_of(scope).give_room()
    attended = Attended()
    try:
        yield attended
    except ClientDisconnect:
        raise
    except Exception as fault:
        error = to_error(fault)
        attended.whole = not _is_for_later(error)
        if error.retryable and (attended.whole or not _comes_again(scope)):
            exchange_of(scope).headers.append(NO_RETRY)
        raise
    finally:
        if attended.whole:
            with suppress(ThreadlineError):
                await context.responses.answered(run.id)


def _is_for_later(error: ThreadlineError) -> bool:
    """Whether an error tells nothing of the answer itself."""
    return isinstance(error, Unavailable) and error.retryable


def _comes_again(scope: Scope) -> bool:
    return header(scope, _KEY) is not None or header(scope, _COUNT) is not None
