"""``/api/durable/chat``: say something, and be told at which Durable Stream the answer is."""

from __future__ import annotations

from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from threadline.routes import body, chat_request
from threadline.routes.chat import encoder_of, run_headers
from threadline.routes.chat_stream import find_run
from threadline.routes.context import Context
from threadline.routes.durable import PREFIX
from threadline.routes.exchange import Headers, query
from threadline.routes.identity import who
from threadline.routes.replies import JSON, NO_STORE, reply
from threadline.services.streams import RUNS
from threadline.store.runs import RunRow

_KEY_SECONDS: Final = 86400.0


class DurableChat:
    """``POST``: takes what ``POST /api/chat`` takes. On return the answer is wanted, and goes on by itself."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit, and tell where the answer is."""
        fields = body.parse_object(await body.read(scope, receive))
        user_id = (await who(self._context, scope)).id
        submitted = await self._context.turns.submit(user_id, chat_request.parse(fields, user_id))
        await _tell(self._context, scope, send, submitted.run, user_id, 201)


class DurableChatStream:
    """``GET``: where the active answer of a chat is; 204 where nothing is active."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the run, and tell."""
        user_id = (await who(self._context, scope)).id
        chat_id, run_id = scope["path_params"]["chat_id"], query(scope).get("run")
        run = await find_run(self._context.answers, user_id, chat_id, run_id)
        if run is None:
            await reply(send, 204, [NO_STORE])
        else:
            await _tell(self._context, scope, send, run, user_id, 200)


async def _tell(context: Context, scope: Scope, send: Send, run: RunRow, reader: str, status: int) -> None:
    """The client reads the stream without any header of its own, so that the address has a key to this one run."""
    path, sdk = f"{RUNS}{run.id}", encoder_of(scope).version
    key = context.signing.reading_key(path, reader, context.world.now() + _KEY_SECONDS)
    url = f"{PREFIX}{path}?sdk={sdk}&key={key}"
    headers: Headers = [JSON, (b"location", url.encode()), NO_STORE]
    told = orjson.dumps({"streamUrl": url})
    await reply(send, status, headers + run_headers(run), told, only_head=scope["method"] == "HEAD")
