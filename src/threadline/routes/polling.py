"""Long-polls: events as one JSON answer, for who has neither a socket nor an event stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import Unavailable
from threadline.log.protocol import Reading, Steps
from threadline.routes.context import Context
from threadline.routes.exchange import Headers
from threadline.routes.replies import JSON, NO_STORE, length
from threadline.routes.streams import frames
from threadline.routes.waiting import Waiting
from threadline.wire.native import LIVE, poll_page


@dataclass(frozen=True, slots=True)
class Poll:
    """One request: the events from ``start`` on, by ``read`` where there are any, else the first that ``follow`` gives
    within the time of a long-poll."""

    context: Context
    start: int
    read: Callable[[], Awaitable[Reading]]
    follow: Callable[[], Awaitable[Steps]]
    headers: Headers = field(default_factory=list)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it; with no events where none came in time, and at once where the server goes away."""
        body = b"" if scope["method"] == "HEAD" else self._body(await self._found(receive))
        headers = [JSON, NO_STORE, *self.headers]
        if body:
            headers.append(length(body))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _found(self, receive: Receive) -> Reading:
        reading = await self.read()
        if reading.next > self.start or reading.closed:
            return reading
        try:
            return await Waiting(self.context.pulse, self._next()).result(receive)
        except Unavailable:
            if not self.context.pulse.draining:
                raise
            return _nothing(self.start)

    async def _next(self) -> Reading:
        try:
            async with (
                asyncio.timeout(self.context.long_poll_seconds),
                aclosing(await self.follow()) as steps,
            ):
                async for batches in steps:
                    last = batches[-1]
                    return Reading(batches, last.next, up_to_date=not last.more, closed=last.final)
        except TimeoutError:
            pass
        return _nothing(self.start)

    def _body(self, found: Reading) -> bytes:
        parts = [frames(batch, LIVE) for batch in found.batches if batch.messages]
        return poll_page(self.start, parts, found.next, end=found.closed, up_to_date=found.up_to_date)


def _nothing(start: int) -> Reading:
    return Reading((), start, up_to_date=True, closed=False)
