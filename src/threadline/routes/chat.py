"""``POST /api/chat``: say something, and read the answer as it is written."""

from __future__ import annotations

import orjson
from starlette.types import Receive, Scope, Send

from threadline.routes import body, chat_request
from threadline.routes.context import Context
from threadline.routes.exchange import Headers, exchange_of, header, query
from threadline.routes.guarded import GuardedStream
from threadline.routes.identity import Caller, caller
from threadline.routes.replies import JSON, reply
from threadline.routes.streams import UI_MESSAGES
from threadline.routes.waiting import Waiting
from threadline.services.turns import Submitted
from threadline.store.runs import RunRow
from threadline.wire.ui_messages import ENCODERS, UIMessages, version_of


class Chat:
    """The endpoint. The answer goes on whether or not this request does."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit, then stream; or wait, for a client that takes only JSON."""
        context = self._context
        encoder = encoder_of(scope)
        one, submitted = await self._submit(scope, receive)
        run = submitted.run
        exchange_of(scope).give_room()
        if "respond-async" in (header(scope, b"prefer") or ""):
            await reply(send, 202, [JSON, *run_headers(run)], _accepted(submitted))
            return
        if _wants_json(scope):
            exchange_of(scope).headers.extend(run_headers(run))
            message = await Waiting(context.pulse, context.answers.message(one.user.id, run.id)).result(receive)
            await reply(send, 200, [JSON], orjson.dumps(message))
            return
        source = context.answers.follow(run, reader=one.user.id)
        headers = UI_HEADERS + run_headers(run)
        await GuardedStream(context, one, source, encoder, UI_MESSAGES, headers).run(scope, receive, send)

    async def _submit(self, scope: Scope, receive: Receive) -> tuple[Caller, Submitted]:
        """Whose it is, and what is on disk of it; nothing else is kept while it is answered."""
        fields = body.parse_object(await body.read(scope, receive))
        one = await caller(self._context, scope)
        return one, await self._context.turns.submit(one.user.id, chat_request.parse(fields, one.user.id))


UI_HEADERS: Headers = [(b"x-vercel-ai-ui-message-stream", b"v1")]


def run_headers(run: RunRow) -> Headers:
    """The run's id, under our own name for it and under the workflow transport's."""
    return [(b"x-threadline-run", run.id.encode()), (b"x-workflow-run-id", run.id.encode())]


def encoder_of(scope: Scope) -> UIMessages:
    """The encoder for the version of ``ai`` that the client declared."""
    return ENCODERS[version_of(query(scope).get("sdk") or header(scope, b"x-ai-sdk-version"))]


def _wants_json(scope: Scope) -> bool:
    accept = header(scope, b"accept") or ""
    return "application/json" in accept and "text/event-stream" not in accept


def _accepted(submitted: Submitted) -> bytes:
    """Who follows the run elsewhere needs only to know what was written down."""
    run = submitted.run
    fields = {"run_id": run.id, "conversation_id": run.conversation_id, "message_id": run.message_id}
    return orjson.dumps({**fields, "parent_id": run.parent_id, "duplicate": submitted.duplicate})
