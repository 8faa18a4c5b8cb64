"""``GET /api/runs/{run}/events`` and ``/api/feed/events``: native server-sent events, resumable by offset."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest
from threadline.log.protocol import Batch
from threadline.routes import streams
from threadline.routes.chat import run_headers
from threadline.routes.context import Context
from threadline.routes.exchange import query
from threadline.routes.identity import who
from threadline.routes.numbers import place, start_of, within
from threadline.routes.streams import Stream
from threadline.services.answers import Answers
from threadline.store.runs import RunRow
from threadline.wire import sse
from threadline.wire.native import NATIVE


class RunEvents:
    """A run from any offset on, live, also long after its end."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow; with ``live=false`` only what is there now."""
        context, asked = self._context, query(scope)
        start, live = start_of(scope, asked), _live(asked.get("live"))
        run = await context.answers.run((await who(context, scope)).id, scope["path_params"]["run_id"])
        within(run, start)
        source = context.answers.follow(run, start) if live else _present(context.answers, run, start)
        stream = Stream(source, NATIVE, streams.NATIVE, context.pulse, run_headers(run), ends_open=not live)
        await stream.run(scope, receive, send)


class FeedEvents:
    """The changes of everything that a user has, from now or from any offset on."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow, for ever."""
        context = self._context
        after = place(scope, query(scope))
        source, after = await context.open_feed((await who(context, scope)).id, after)
        stream = Stream(source, NATIVE, streams.NATIVE, context.pulse, opening=sse.opened(after))
        await stream.run(scope, receive, send)


def _live(text: str | None) -> bool:
    if text in (None, "", "true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise BadRequest("live is true or false.", surface="stream")


async def _present(answers: Answers, run: RunRow, start: int) -> AsyncIterator[tuple[Batch, ...]]:
    while True:
        reading = await answers.read(run, start)
        if reading.batches:
            yield reading.batches
        start = reading.next
        if reading.up_to_date:
            if reading.closed and not (reading.batches and reading.batches[-1].final):
                yield (Batch(start, (), final=True),)
            return
