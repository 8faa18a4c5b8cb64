"""Durable Streams as server-sent events: data and control events, live, for about a minute at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Final

from threadline.log.protocol import Batch, Steps
from threadline.routes.context import Context
from threadline.routes.durable.reading import Begun, Request, cursor_of
from threadline.routes.exchange import Headers
from threadline.routes.guarded import GuardedStream
from threadline.routes.streams import are_large, frames
from threadline.services.streams import Streams, is_run
from threadline.wire.durable import CHUNK_EVENTS, TEXT_EVENTS, control, events_for, is_text, unfinished

_SECONDS: Final = 60.0
"""For how long one answer goes on, so that readers behind the same cache come together."""

_MOST_HELD: Final = 64 * 1024
"""How many bytes may wait for the end of a character; who writes more of such is no text."""


class StreamEvents(GuardedStream):
    """One reader: each batch a ``data`` event and, after it, a ``control`` event that tells where to come back."""

    def __init__(self, context: Context, request: Request, begun: Begun) -> None:
        kind, asked = begun.info.config.content_type, request.asked
        events = events_for(kind) if asked.sdk is None or not is_run(request.path) else CHUNK_EVENTS[asked.sdk]
        self._asked = asked
        self._events = events
        self._beats = int(_SECONDS / context.pulse.heartbeat * context.pulse.beats_per_heartbeat)
        steps = _steps(context.streams, request, [begun])
        headers: Headers = [] if is_text(kind) else [(b"stream-sse-data-encoding", b"base64")]
        source = _whole(steps) if events is TEXT_EVENTS else steps
        super().__init__(context, request.caller, source, events, _ENDING, headers)

    def beat(self) -> None:
        """A third of the heartbeat is over; after a minute, so is the answer."""
        self._beats -= 1
        if self._beats <= 0:
            self.drain()
        else:
            super().beat()

    def _body(self, batches: tuple[Batch, ...]) -> bytes | Iterator[bytes]:
        # Its last words are the same whatever was last, which may be large.
        self._last = None
        large = are_large(batches, self._events)
        parts = self._parts(batches, large=large)
        return parts if large else b"".join(parts)

    def _parts(self, batches: tuple[Batch, ...], *, large: bool) -> Iterator[bytes]:
        last = batches[-1]
        place = cursor_of(self._context, self._asked)
        for batch in batches:
            if batch.messages and large:
                yield from self._events.pieces(batch.messages)
            elif batch.messages:
                yield frames(batch, self._events)
            if batch.messages or batch is last:
                up_to_date = batch is last and not last.more
                yield control(batch.next, place, up_to_date=up_to_date, closed=batch.final)


class _Ending:
    """A reader is told where to come back after every batch, so that nothing is left to say."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        return b""

    def drain(self, after_ms: int) -> bytes | None:
        return b": reconnect\nretry: %d\n\n" % after_ms


_ENDING: Final = _Ending()


async def _steps(streams: Streams, request: Request, found: list[Begun]) -> Steps:
    """Everything from the asked offset on; a reader who has all of it hears so at once. What is found is taken out of
    its list, and nothing of a step is kept, nor has its share, when the next one is asked for."""
    begun = found.pop()
    info, at, closed = begun.info, begun.reading.next, begun.reading.closed
    *before, last = begun.reading.batches or (Batch(begun.start, (), final=closed),)
    if not begun.reading.up_to_date:
        last = Batch(last.first, last.messages, last.final, more=True)
    batches = (*before, last)
    del begun, before, last
    yield batches
    del batches
    request.share.drop()
    if closed:
        return
    following = await streams.follow(request.owner, request.path, at, share=request.share, of=info)
    async with aclosing(following) as steps:
        async for batches in steps:
            yield batches
            del batches
            request.share.drop()


async def _whole(steps: Steps) -> Steps:
    """The same, cut where characters end: each event is read as text of its own. What ends within a character waits for
    its rest, and so long the reader is told of an offset before it."""
    held: Batch | None = None
    first = True
    async with aclosing(steps):
        async for batches in steps:
            if held is None and not any(unfinished(batch.messages) for batch in batches):
                yield batches
            else:
                ready, held = _cut(held, batches)
                if ready.messages or ready.final or first:
                    yield (ready,)
                del ready
            del batches
            first = False


def _cut(held: Batch | None, batches: tuple[Batch, ...]) -> tuple[Batch, Batch | None]:
    """What may go out, and what has to wait."""
    parts = batches if held is None else (held, *batches)
    messages = [message for batch in parts for message in batch.messages]
    first, last = parts[0].first, parts[-1]
    waiting = 0 if last.final else unfinished(messages)
    if sum(map(len, messages[len(messages) - waiting :])) > _MOST_HELD:
        waiting = 0
    at = len(messages) - waiting
    ready = Batch(first, messages[:at], last.final, more=last.more or waiting > 0)
    return ready, Batch(first + at, messages[at:]) if waiting else None
