"""``POST /v1/chat/completions``: an answer below a history that the client keeps."""

from __future__ import annotations

from starlette.types import Receive, Send

from threadline.routes.context import Context
from threadline.routes.exchange import Scope
from threadline.routes.guarded import GuardedStream
from threadline.routes.openai.answering import program_of, read_asked, tell
from threadline.routes.openai.attempts import attempt_of, attending
from threadline.routes.openai.chat_asking import parse
from threadline.routes.openai.following import told, whole
from threadline.routes.waiting import Waiting
from threadline.wire.openai.completions import ENDING, FRAMES, CompletionChunks


class Completions:
    """The endpoint. The answer goes on whether or not this request does."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream it, or wait for it."""
        context = self._context
        one = await program_of(context, scope)
        asked, attempt = await read_asked(
            scope, receive, lambda values: (parse(values), attempt_of(scope, one.user.id, values))
        )
        run, head = await context.responses.create(one.user.id, asked.wanted, attempt)
        encoder, streams = CompletionChunks(head, usage=asked.usage), asked.stream
        # It may be large, and is not kept while it is answered.
        del asked
        async with attending(context, scope, run) as attended:
            if streams:
                source = attended.seen(told(context, run, encoder))
                await GuardedStream(context, one, source, FRAMES, ENDING).run(scope, receive, send)
                return
            await Waiting(context.pulse, whole(context, run, encoder)).result(receive)
            await tell(scope, send, encoder.whole())
            attended.whole = True
