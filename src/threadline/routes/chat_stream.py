"""``GET /api/chat/{id}/stream``: come back to an answer, whole or from an exact place."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import NotFound
from threadline.routes.chat import UI_HEADERS, encoder_of, run_headers
from threadline.routes.context import Context
from threadline.routes.exchange import Headers, query
from threadline.routes.guarded import GuardedStream
from threadline.routes.identity import caller
from threadline.routes.numbers import offset, start_of, within_run
from threadline.routes.replies import NO_STORE, reply
from threadline.routes.streams import UI_MESSAGES
from threadline.services.answers import Answers
from threadline.store.runs import RunRow
from threadline.wire.ui_messages import UIMessages


class ChatStream:
    """The endpoint. Without a place the active run is replayed whole, then live: that is what AI SDK clients need, who
    have no offset; 204 where nothing is active. With ``startIndex`` it is the workflow transport's, and never 204."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the run and the place in it, then stream."""
        context = self._context
        encoder: UIMessages = encoder_of(scope)
        asked = query(scope)
        index = asked.get("startIndex")
        chat_or_run, run_id = scope["path_params"]["chat_id"], asked.get("run")
        after = start_of(scope, asked)
        start = after if index is None else offset(index, "startIndex")
        if index is None and run_id is None and not chat_or_run.startswith("run_"):
            # An offset without its run may be one of the answer before this one: all of this one is wanted.
            start = 0
        one = await caller(context, scope)
        run = await find_run(context.answers, one.user.id, chat_or_run, run_id)
        if run is None:
            if index is not None:
                raise NotFound("There is no answer to go on with in this chat.", surface="stream")
            await reply(send, 204, [NO_STORE])
            return
        headers: Headers = UI_HEADERS + run_headers(run)
        if start < 0:
            tail = (await context.answers.head(run)).tail
            start = max(0, tail + start)
            headers = [*headers, (b"x-workflow-stream-tail-index", str(tail - 1).encode())]
        place = await within_run(context.answers, run, start)
        source = context.answers.follow(run, place, reader=one.user.id)
        await GuardedStream(context, one, source, encoder, UI_MESSAGES, headers).run(scope, receive, send)


async def find_run(answers: Answers, user_id: str, chat_or_run: str, run_id: str | None) -> RunRow | None:
    """The run that a reader comes back to: the one that it names, else its chat's active one, where there is one.
    Raises ``NotFound``."""
    if run_id is not None:
        run = await answers.run(user_id, run_id)
        if chat_or_run not in (run.conversation_id, run.id):
            raise NotFound(surface="stream")
        return run
    if chat_or_run.startswith("run_"):
        return await answers.run(user_id, chat_or_run)
    return await answers.active(user_id, chat_or_run)
