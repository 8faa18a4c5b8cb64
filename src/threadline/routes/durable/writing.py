"""Durable Streams, the writing half: create, append, close and delete."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import Receive, Send

from threadline.domain.errors import BadRequest
from threadline.log.protocol import JSON, StreamConfig
from threadline.routes import body
from threadline.routes.durable import asking
from threadline.routes.durable.answering import CLOSED, content_type, next_offset
from threadline.routes.exchange import Headers, Scope, header
from threadline.routes.replies import number, reply
from threadline.services.streams import Streams
from threadline.wire.durable import json_messages

LIMIT: Final = 64 * 1024 * 1024
"""The most bytes that one append may have."""

_LARGE: Final = 32 * 1024


async def create(streams: Streams, owner: str, prefix: str, scope: Scope, receive: Receive, send: Send) -> None:
    """``PUT``: 201 for a new stream, 200 for the same again."""
    config, close = asking.config_of(scope, prefix), asking.closes(scope)
    data = await body.read(scope, receive, LIMIT, owner)
    path = asking.path_of(scope, prefix)
    if data and config.fork is not None and not config.content_type:
        config = await _inherited(streams, owner, config)
    messages = await _messages(config.content_type, data, may_be_empty=True)
    made = await streams.create(owner, path, config, messages, close=close)
    headers: Headers = [content_type(made.info), next_offset(made.info.tail)]
    if made.new:
        address = f"{scope['scheme']}://{header(scope, b'host') or 'localhost'}{scope['raw_path'].decode('latin-1')}"
        headers.append((b"location", address.encode("latin-1")))
    if made.info.closed:
        headers.append(CLOSED)
    await reply(send, 201 if made.new else 200, headers)


async def append(streams: Streams, owner: str, prefix: str, scope: Scope, receive: Receive, send: Send) -> None:
    """``POST``: 204; 200 for what a producer sent for the first time."""
    producer, close = asking.producer_of(scope), asking.closes(scope)
    data = await body.read(scope, receive, LIMIT, owner)
    kind = header(scope, b"content-type")
    if not data and not close:
        raise BadRequest("There is nothing to append in an empty body.", surface="stream")
    if data and not kind:
        raise BadRequest("Content-Type must be the stream's own.", surface="stream")
    done = await streams.append(
        owner,
        asking.path_of(scope, prefix),
        await _messages(kind or "", data),
        producer=producer,
        order=header(scope, b"stream-seq"),
        close=close,
        content_type=kind if data else None,
    )
    headers: Headers = [next_offset(done.tail)]
    if producer is not None:
        seq = producer.seq if done.seq is None else done.seq
        headers += [number(b"producer-epoch", producer.epoch), number(b"producer-seq", seq)]
    if done.closed:
        headers.append(CLOSED)
    await reply(send, 200 if producer is not None and data and not done.duplicate else 204, headers)


async def delete(streams: Streams, owner: str, prefix: str, scope: Scope, send: Send) -> None:
    """``DELETE``: 204."""
    await streams.delete(owner, asking.path_of(scope, prefix))
    await reply(send, 204, [])


async def _inherited(streams: Streams, owner: str, config: StreamConfig) -> StreamConfig:
    """How a body is split into messages depends on the type, which a fork may have from its source."""
    assert config.fork is not None
    source = await streams.head(owner, config.fork.source)
    return StreamConfig(source.config.content_type, config.ttl, config.expires_at, config.fork)


async def _messages(kind: str, data: bytes, *, may_be_empty: bool = False) -> list[bytes]:
    if not data:
        return []
    if kind.partition(";")[0].strip().lower() != JSON:
        return [data]
    # Millions of values take seconds to tell apart, in which everybody else goes on.
    found = json_messages(data) if len(data) < _LARGE else await asyncio.to_thread(json_messages, data)
    if not found and not may_be_empty:
        raise BadRequest("There is nothing to append in an empty array.", surface="stream")
    return found
