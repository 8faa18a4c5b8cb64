"""Durable Streams, the reading half: what is there, what comes next, and metadata."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Send

from threadline.domain.errors import BadRequest, Unavailable
from threadline.log import protocol
from threadline.log.protocol import JSON, StreamInfo
from threadline.log.rules import media_type
from threadline.log.shares import Share
from threadline.routes.context import Context
from threadline.routes.durable import asking
from threadline.routes.durable.answering import (
    CLOSED,
    UP_TO_DATE,
    deliver,
    instant,
    next_offset,
    shown,
)
from threadline.routes.exchange import Headers, Scope, header
from threadline.routes.identity import Caller
from threadline.routes.replies import NO_STORE, number, reply
from threadline.routes.waiting import Waiting
from threadline.services.streams import Streams, is_run
from threadline.wire.durable import MAX_JITTER_SECONDS, cursor, etag, json_body
from threadline.wire.ui_messages import ENCODERS

_AGAIN: Final = (b"cache-control", b"private, no-cache")
"""A browser that keeps it asks each time, and is told in few bytes that it has it: whoever asks next on that browser
may be another user, whose stream at this address is another one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to read one stream: whose it is and where, what is asked for, and the share of memory that it has.
    ``caller``: by what it asks, where that may end."""

    owner: str
    path: str
    asked: asking.Reading
    share: Share
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What a reader finds who begins at ``start``, and the stream that it is, all at one moment."""

    start: int
    reading: protocol.Reading
    info: StreamInfo


async def begin(streams: Streams, request: Request) -> Begun:
    """Read from where it was asked for; the share holds what was found. Raises ``BadRequest`` beyond the tail."""
    owner, path, start = request.owner, request.path, request.asked.start
    head: StreamInfo | None = None
    while True:
        if request.asked.start is None:
            head = await streams.head(owner, path)
        at = start if head is None else head.tail
        assert at is not None
        await request.share.take()
        reading = await streams.read(owner, path, at)
        request.share.keep(sum(batch.size for batch in reading.batches))
        info = reading.info
        assert info is not None
        # The tail of one stream is no place in another that was made anew under its path meanwhile.
        if head is None or head.id == info.id:
            break
    if at > info.tail:
        raise BadRequest("This stream has not come as far as that offset.", surface="stream")
    return Begun(at, reading, info)


class Reader:
    """One request to read one stream."""

    def __init__(self, context: Context, request: Request) -> None:
        self._context = context
        self._streams: Streams = context.streams
        self._request = request
        self._asked = request.asked
        self._chunks = request.asked.sdk if is_run(request.path) else None
        self._encoder = None if self._chunks is None else ENCODERS[self._chunks]

    async def catch_up(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``GET``: what is there now; with ``live=long-poll`` and nothing there, what comes within the time."""
        # What was read takes far more room than the body that is made of it, and is not kept while that is sent.
        status, headers, body = await self._answer(scope, receive)
        self._request.share.keep(len(body))
        await deliver(send, status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        asked = self._asked
        begun = await begin(self._streams, self._request)
        start, reading, info = begun.start, begun.reading, begun.info
        if asked.start is None and asked.live is None:
            headers = [*shown(info), next_offset(info.tail), UP_TO_DATE, NO_STORE, *([CLOSED] if info.closed else [])]
            return 200, headers, self._body(info, ())
        if asked.live == "long-poll" and reading.next == start and not reading.closed:
            reading = await self._wait(info, start, receive)
        if asked.live == "long-poll" and reading.next == start:
            return 204, [NO_STORE, *self._place(reading), *self._live()], b""
        if asked.start is None:
            # The same address is another place each time.
            headers = [NO_STORE, *self._place(reading), *self._live()]
            return 200, [*shown(info), *headers], self._body(info, reading.batches)
        tag = self._tag(info, reading)
        headers = [(b"etag", tag), _AGAIN, *self._place(reading), *self._live()]
        if tag.decode() in [one.strip() for one in (header(scope, b"if-none-match") or "").split(",")]:
            return 304, headers, b""
        return 200, [*shown(info), *headers], self._body(info, reading.batches)

    async def head(self, send: Send) -> None:
        """``HEAD``: the stream's tail and how it was made."""
        info = await self._streams.head(self._request.owner, self._request.path)
        config = info.config
        headers: Headers = [*shown(info), next_offset(info.tail), NO_STORE]
        if info.closed:
            headers.append(CLOSED)
        if config.ttl is not None:
            headers.append(number(b"stream-ttl", config.ttl))
        ends = None if config.expires_at is None else instant(config.expires_at)
        if ends is not None:
            headers.append((b"stream-expires-at", ends))
        await reply(send, 200, headers, only_head=True)

    async def _wait(self, info: StreamInfo, start: int, receive: Receive) -> protocol.Reading:
        """What comes after ``start`` within the time of a long-poll; nothing where the server goes away meanwhile."""
        nothing = protocol.Reading((), start, up_to_date=True, closed=False)
        try:
            return await Waiting(self._context.pulse, self._next(info, start, nothing)).result(receive)
        except Unavailable:
            # Else the log could not be read, and whether there is nothing is not known.
            if not self._context.pulse.draining:
                raise
            return nothing

    async def _next(self, info: StreamInfo, start: int, nothing: protocol.Reading) -> protocol.Reading:
        try:
            async with (
                asyncio.timeout(self._context.long_poll_seconds),
                aclosing(await self._follow(info, start)) as steps,
            ):
                async for batches in steps:
                    last = batches[-1]
                    return protocol.Reading(batches, last.next, up_to_date=not last.more, closed=last.final)
        except TimeoutError:
            pass
        return nothing

    async def _follow(self, info: StreamInfo, start: int) -> protocol.Steps:
        request = self._request
        return await self._streams.follow(request.owner, request.path, start, share=request.share, of=info)

    def _tag(self, info: StreamInfo, reading: protocol.Reading) -> bytes:
        form = "" if self._chunks is None else f"?sdk={self._chunks}"
        name = f"{self._request.owner}/{self._request.path}{form} {info.id}"
        return etag(name, info.created_at, self._asked.said, reading.next, reading.closed).encode()

    def _body(self, info: StreamInfo, batches: tuple[protocol.Batch, ...]) -> bytes:
        messages = [message for batch in batches for message in batch.messages]
        if self._encoder is not None:
            messages = [self._encoder.chunk(message) for message in messages]
        return json_body(messages) if media_type(info.config.content_type) == JSON else b"".join(messages)

    def _place(self, reading: protocol.Reading) -> Headers:
        headers: Headers = [next_offset(reading.next)]
        if reading.up_to_date:
            headers.append(UP_TO_DATE)
        if reading.closed:
            headers.append(CLOSED)
        return headers

    def _live(self) -> Headers:
        if self._asked.live is None:
            return []
        return [(b"stream-cursor", cursor_of(self._context, self._asked).encode())]


def cursor_of(context: Context, asked: asking.Reading) -> str:
    """The cursor of an answer that is made now."""
    world = context.world
    return cursor(world.now(), asked.cursor, world.uniform(1, MAX_JITTER_SECONDS))
