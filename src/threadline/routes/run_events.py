"""``GET /api/runs/{run}/events`` and ``/api/feed/events``: native server-sent events by offset, or long-polls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest
from threadline.log.protocol import Batch, Steps
from threadline.routes import streams
from threadline.routes.chat import run_headers
from threadline.routes.context import Context
from threadline.routes.exchange import query
from threadline.routes.guarded import GuardedStream
from threadline.routes.identity import caller
from threadline.routes.numbers import place, start_of, within_run
from threadline.routes.polling import Poll
from threadline.services.answers import Answers
from threadline.store.runs import RunRow
from threadline.wire import sse
from threadline.wire.native import NATIVE


class RunEvents:
    """A run from any offset on, live, also long after its end."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow; with ``live=false`` only what is there now, with ``live=poll`` what is there or comes next."""
        context, asked = self._context, query(scope)
        start, live = start_of(scope, asked), _live(asked.get("live"))
        one = await caller(context, scope)
        run = await context.answers.run(one.user.id, scope["path_params"]["run_id"])
        await within_run(context.answers, run, start)
        source = context.answers.follow(run, start, reader=one.user.id)
        if live == "poll":

            async def follow() -> Steps:
                return source

            poll = Poll(context, start, lambda: context.answers.read(run, start), follow, run_headers(run))
            await poll.answer(scope, receive, send)
            return
        found = source if live == "yes" else _present(context.answers, one.user.id, run, start)
        stream = GuardedStream(context, one, found, NATIVE, streams.NATIVE, run_headers(run), ends_open=live == "no")
        await stream.run(scope, receive, send)


class FeedEvents:
    """The changes of everything that a user has, from now or from any offset on."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow, for ever; with ``live=poll`` what is there or comes next."""
        context, asked = self._context, query(scope)
        after, live = place(scope, asked), _live(asked.get("live"))
        if live == "no":
            raise BadRequest("The feed has no end: live is true or poll here.", surface="stream")
        one = await caller(context, scope)
        if live == "poll":
            await self._poll(one.user.id, after, scope, receive, send)
            return
        source, after = await context.open_feed(one.user.id, after)
        stream = GuardedStream(context, one, source, NATIVE, streams.NATIVE, opening=sse.opened(after))
        await stream.run(scope, receive, send)

    async def _poll(self, user_id: str, after: int | None, scope: Scope, receive: Receive, send: Send) -> None:
        feed = self._context.feed
        start = await feed.tail(user_id) if after is None else after + 1

        async def follow() -> Steps:
            return feed.follow(user_id, start)

        poll = Poll(self._context, start, lambda: feed.read(user_id, start), follow)
        await poll.answer(scope, receive, send)


def _live(text: str | None) -> Literal["yes", "no", "poll"]:
    if text in (None, "", "true", "1"):
        return "yes"
    if text in ("false", "0"):
        return "no"
    if text == "poll":
        return "poll"
    raise BadRequest("live is true, false or poll.", surface="stream")


async def _present(answers: Answers, user_id: str, run: RunRow, start: int) -> AsyncIterator[tuple[Batch, ...]]:
    while True:
        reading = await answers.read(run, start)
        if reading.batches:
            yield reading.batches
        start = reading.next
        if reading.up_to_date:
            if reading.closed and not (reading.batches and reading.batches[-1].final):
                yield (Batch(start, (), final=True),)
            return
        # Who takes his time may not read on for longer than he may read.
        run = await answers.run(user_id, run.id)
