"""Streams to one reader over HTTP: raw ASGI, from the log's batches to the socket with nothing in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Final, Protocol, cast

from starlette.types import Receive, Send

from threadline.domain.errors import NotFound
from threadline.domain.events import type_of
from threadline.log.protocol import Batch
from threadline.routes.errors import note
from threadline.routes.exchange import Headers, Scope, exchange_of
from threadline.routes.pulse import Pulse
from threadline.wire import sse

log = logging.getLogger(__name__)

BASE_HEADERS: Final[Headers] = [
    (b"content-type", sse.CONTENT_TYPE),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]

LARGE_BYTES: Final = 256 * 1024
"""How much is framed at one go, in which everybody else waits; more goes out in pieces where an encoder makes such."""


class Encoder(Protocol):
    """A pure encoder of ``threadline.wire``; the object itself is the key of what it made."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The frames of encoded events, the first at offset ``first``."""
        ...


def frames(batch: Batch, encoder: Encoder) -> bytes:
    """A batch's frames, made once for all who read the batch."""
    made = batch.frames.get(encoder)
    if made is None:
        made = batch.frames[encoder] = encoder.encode(batch.first, batch.messages)
    return made


def are_large(batches: Sequence[Batch], encoder: Encoder) -> bool:
    """Whether there is more to be framed than fits one go."""
    sizes = (sum(map(len, batch.messages)) for batch in batches if encoder not in batch.frames)
    return sum(sizes) > LARGE_BYTES


class Ending(Protocol):
    """How a kind of stream takes leave; None leaves the body incomplete, which no client takes for the end."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        """The stream is closed; ``last`` is the last event that this reader was sent."""
        ...

    def drain(self, after_ms: int) -> bytes | None:
        """The server goes away."""
        ...


class UIMessageEnding:
    """AI SDK clients take every clean end for the end of the answer: they get one only after ``finish``."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        """``[DONE]``, unless what came before it was no end."""
        return sse.DONE if last is None or type_of(last) == b"finish" else None

    def drain(self, after_ms: int) -> bytes | None:
        """Cut."""
        return None


class NativeEnding:
    """Our own followers are told in words."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        """``event: end``."""
        return sse.end(next_offset)

    def drain(self, after_ms: int) -> bytes | None:
        """``event: reconnect``, and a clean end."""
        return sse.reconnect(after_ms)


UI_MESSAGES: Final = UIMessageEnding()
NATIVE: Final = NativeEnding()


class Stream:
    """One reader of one stream. :meth:`run` returns when it left, was sent all, or had to be let go; no task is left.

    The answer's head goes out at once. Then one task follows the log and sends, each time all that is there, and waits
    for the socket where the reader is slow; another waits for the reader to leave; a sign of life is a task of its
    own. None of them is waited for when the server goes away. ``opening`` are first words; ``ends_open``: a source
    that ends before its stream does is no fault.
    """

    def __init__(
        self,
        source: AsyncIterator[tuple[Batch, ...]],
        encoder: Encoder,
        ending: Ending,
        pulse: Pulse,
        headers: Headers | None = None,
        *,
        opening: bytes = b"",
        ends_open: bool = False,
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._ending = ending
        self._pulse = pulse
        self._headers = headers or []
        self._opening = opening
        self._ends_open = ends_open
        self._bell = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._sending = False
        self._quiet = 0
        self._left = self._draining = self._complete = False
        self._last: bytes | None = None

    def beat(self) -> None:
        """A third of the heartbeat is over."""
        self._quiet += 1
        if self._quiet >= self._pulse.beats_per_heartbeat:
            self._bell.set()

    def look(self) -> None:
        """Nothing that it lives by can be revoked."""

    def drain(self) -> None:
        """The server goes away."""
        self._draining = True
        self._bell.set()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await send({"type": "http.response.start", "status": 200, "headers": BASE_HEADERS + self._headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        # The head is out, and the layers before this one have nothing to add to a body.
        send = exchange_of(scope).send or send
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._pump(scope, send)), group.create_task(self._leaving(receive))]
            with self._pulse.joined(self):
                await self._attend(group, tasks, send)
            # Who has not taken what was sent last would not take last words either, and comes back without them.
            stuck = self._sending
            for task in tasks:
                task.cancel()
            if self._keeping is not None:
                self._keeping.cancel()
        if self._draining and not (self._left or self._complete or stuck):
            await self._finish(send, self._ending.drain(self._pulse.reconnect_ms()))

    async def _attend(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]], send: Send) -> None:
        pump = tasks[0]
        while not (pump.done() or self._left or self._draining):
            await self._bell.wait()
            self._bell.clear()
            # Where something is being sent, the connection is not quiet: its reader is slow.
            if self._quiet >= self._pulse.beats_per_heartbeat and not (pump.done() or self._sending):
                self._quiet = 0
                self._sending = True
                self._keeping = group.create_task(self._keep_alive(send))

    async def _keep_alive(self, send: Send) -> None:
        try:
            await send({"type": "http.response.body", "body": sse.KEEP_ALIVE, "more_body": True})
            self._sending = False
            self._quiet = 0
        except OSError:
            self._left = True
            self._bell.set()

    async def _write(self, send: Send, body: bytes | Iterator[bytes], *, more: bool = True) -> None:
        """In turn with what keeps the connection alive. Whoever is cut off in it leaves ``_sending`` behind: its reader
        does not take what it is sent, or has only a part of a frame."""
        if self._keeping is not None:
            await asyncio.wait({self._keeping})
            self._keeping = None
        self._sending = True
        self._complete = not more
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body, "more_body": more})
        else:
            for piece in body:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # A reader who takes everything at once would keep all others waiting.
                await self._pulse.let_others()
        self._sending = False

    async def _pump(self, scope: Scope, send: Send) -> None:
        try:
            final = False
            if self._opening:
                await self._write(send, self._opening)
            async with aclosing(cast("AsyncGenerator[tuple[Batch, ...], None]", self._source)) as source:
                async for batches in source:
                    final = batches[-1].final
                    if final or self._keeping is not None or not batches[-1].messages:
                        await self._send(send, batches, final=final)
                        del batches
                        continue
                    # What nearly every step of every reader does: with no call in between, as a thousand may wait.
                    self._last, self._quiet, self._sending = batches[-1].messages[-1], 0, True
                    body = self._body(batches)
                    # What is sent is not kept while there is nothing more to send.
                    del batches
                    if isinstance(body, bytes):
                        await send({"type": "http.response.body", "body": body, "more_body": True})
                        self._sending = False
                    else:
                        await self._write(send, body)
                    del body
            if self._ends_open and not final:
                await self._finish(send, b"")
        except OSError:
            self._left = True
        except NotFound:
            # It was deleted, or is not this reader's to read any more: he hears so when he comes back.
            self.drain()
        except Exception as fault:
            note(fault, exchange_of(scope).request_id, "a stream")
        finally:
            self._bell.set()

    async def _send(self, send: Send, batches: tuple[Batch, ...], *, final: bool) -> None:
        self._quiet = 0
        newest = batches[-1] if batches[-1].messages or len(batches) == 1 else batches[-2]
        if newest.messages:
            self._last = newest.messages[-1]
        words = self._ending.end(self._last, batches[-1].next) if final else None
        body = self._body(batches)
        if words is not None and isinstance(body, bytes):
            await self._finish(send, body + words)
            return
        if body:
            await self._write(send, body)
        await self._finish(send, words)

    def _body(self, batches: tuple[Batch, ...]) -> bytes | Iterator[bytes]:
        """What is sent of a step; of a large one, piece after piece."""
        if len(batches) == 1:
            return frames(batches[0], self._encoder)
        return b"".join([frames(batch, self._encoder) for batch in batches])

    async def _finish(self, send: Send, last_words: bytes | None) -> None:
        if last_words is not None:
            await self._write(send, last_words, more=False)

    async def _leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self._left = True
        self._bell.set()
