"""What may happen to a stream: pure decisions, shared by all engines, so that these only do storage.

Every function here takes states and a command, and gives back what is to be done or raises the refusal. None of them
changes anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from threadline.domain.errors import BadRequest, Closed, Conflict, Fenced, Gap, Gone, NotFound, TooLarge
from threadline.log.protocol import JSON, Appended, Fork, Producer, StreamConfig, StreamInfo

BYTES: Final = "application/octet-stream"

MAX_NUMBER: Final = (1 << 53) - 1
"""The largest epoch and sequence: what JavaScript counts exactly."""

MAX_MESSAGES: Final = (1 << 31) - 1
"""How many messages one stream may ever have."""

MAX_APPEND_BYTES: Final = 256 << 20
"""How large one append may be."""

MAX_FORKS: Final = 64
"""How many forks may follow on one another: a read of the last goes through all of them."""


@dataclass(slots=True)
class Stream:
    """A stream as its engine keeps it. ``id`` is never used again; a stream made anew under a name has another one.

    ``config`` is what counts, with what a fork inherits filled in; ``inherited``: its lifetime came from the source.
    ``parent`` and ``base``: offsets below ``base`` are read from the stream of that id. ``first`` is the lowest offset
    that may be read. ``order`` is the highest ``Stream-Seq`` so far. ``deleted``: kept for its forks alone.
    """

    id: int
    name: str
    config: StreamConfig
    created_at: float
    used_at: float
    inherited: bool = False
    parent: int | None = None
    base: int = 0
    tail: int = 0
    first: int = 0
    closed: bool = False
    order: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What a stream remembers of a producer: its newest epoch, and the highest sequence of that."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Branch:
    """How a fork begins: messages below ``base`` are its source's; ``cut`` bytes of the one at ``base`` are its own
    first message where that is not 0. ``config`` is complete."""

    config: StreamConfig
    inherited: bool
    parent: int
    base: int
    first: int
    cut: int


def media_type(content_type: str) -> str:
    """A content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower() or BYTES


def is_json(config: StreamConfig) -> bool:
    """Whether every message of the stream is a JSON value."""
    return media_type(config.content_type) == JSON


def info(stream: Stream) -> StreamInfo:
    """A stream as callers see it."""
    closed, created_at = stream.closed, stream.created_at
    return StreamInfo(stream.name, stream.config, stream.tail, stream.first, closed, created_at, stream.id)


def expired(stream: Stream, used_at: float, now: float) -> bool:
    """Whether a stream's time is over; ``used_at`` is what is known of its last use beside what is kept of it."""
    config = stream.config
    if config.ttl is not None:
        return now >= max(stream.used_at, used_at) + config.ttl
    return config.expires_at is not None and now >= config.expires_at


def worth_keeping(stream: Stream, now: float) -> bool:
    """Whether a use is to be written down: not each is, so after a crash a stream may end 5 % of its TTL early."""
    return stream.config.ttl is not None and now - stream.used_at >= min(1.0, stream.config.ttl / 20)


def found(stream: Stream | None, *, over: bool, has_forks: bool) -> Stream:
    """The stream, where callers may see it; ``over``: its time is. Raises ``NotFound`` or ``Gone``."""
    if stream is None or (over and not has_forks):
        raise NotFound("There is no such stream.", surface="stream")
    if stream.deleted or over:
        raise Gone("This stream was deleted.", surface="stream")
    return stream


def check_producer(producer: Producer) -> None:
    """Raise ``BadRequest`` for a producer that can never be right."""
    check_text(producer.id)
    if not producer.id:
        raise BadRequest("A producer needs an id.", surface="stream")
    if not (0 <= producer.epoch <= MAX_NUMBER and 0 <= producer.seq <= MAX_NUMBER):
        raise BadRequest("A producer's epoch and seq are between 0 and 2^53 - 1.", surface="stream")


def check_text(*texts: str) -> None:
    """Raise ``BadRequest`` for text that no storage keeps: one with half of a surrogate pair."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        raise BadRequest("A name has a character that is none.", surface="stream") from None


def check_messages(messages: Sequence[bytes]) -> int:
    """The size of messages in bytes. Raises ``TooLarge``, and ``TypeError`` for what are no bytes."""
    if messages and set(map(type, messages)) != {bytes}:
        raise TypeError("a message is bytes")
    size = sum(map(len, messages))
    if size > MAX_APPEND_BYTES:
        raise TooLarge(surface="stream")
    return size


def check_config(config: StreamConfig) -> None:
    """Raise ``BadRequest`` for a configuration that can never be right."""
    check_text(config.content_type, *([config.fork.source] if config.fork else []))
    if config.expires_at is not None and not math.isfinite(config.expires_at):
        raise BadRequest("A stream expires at a time.", surface="stream")
    if config.ttl is not None and config.expires_at is not None:
        raise BadRequest("A stream has a TTL or a time at which it expires, not both.", surface="stream")
    if config.ttl is not None and not 0 <= config.ttl <= MAX_NUMBER:
        raise BadRequest("A stream's TTL is between 0 and 2^53 - 1.", surface="stream")
    fork = config.fork
    if fork is not None and (fork.sub_offset < 0 or (fork.offset is not None and fork.offset < 0)):
        raise BadRequest("A fork's offsets are not negative.", surface="stream")


def decide_append(
    stream: Stream,
    held: Held | None,
    messages: Sequence[bytes],
    *,
    producer: Producer | None,
    order: str | None,
    close: bool,
    content_type: str | None,
) -> Appended | None:
    """None where the append is to be carried out; the answer where it is a duplicate. Raises what refuses it."""
    if producer is not None and held is not None:
        if producer.epoch < held.epoch:
            raise Fenced(surface="stream", details={**_state(stream), "epoch": held.epoch})
        if producer.epoch == held.epoch and producer.seq <= held.seq:
            return Appended(stream.tail, duplicate=True, closed=stream.closed, seq=held.seq)
    if stream.closed:
        if close and producer is None and not messages:
            return Appended(stream.tail, duplicate=True, closed=True)
        raise Closed(surface="stream", details=_state(stream))
    if content_type is not None and media_type(content_type) != media_type(stream.config.content_type):
        raise Conflict(f"This stream is of type {stream.config.content_type}.", surface="stream")
    if producer is not None:
        _in_sequence(stream, held, producer)
    if order is not None and stream.order is not None and order <= stream.order:
        raise Conflict(f"The order {order!r} does not come after {stream.order!r}.", surface="stream")
    check_room(stream, messages)
    return None


def check_room(stream: Stream, messages: Sequence[bytes]) -> None:
    """Raise ``TooLarge`` where the stream has no offsets left."""
    if stream.tail + len(messages) > MAX_MESSAGES:
        raise TooLarge("This stream has as many messages as one may have.", surface="stream")


def decide_create(stream: Stream, config: StreamConfig, close: bool) -> None:
    """Whether a create of what is there already says the same; raises ``Conflict`` where it does not."""
    if stream.deleted:
        raise Conflict("This name is taken while forks of its stream are there.", surface="stream")
    if not _same(stream, config) or close != stream.closed:
        raise Conflict("A stream of another configuration has this name.", surface="stream", details=_state(stream))


def decide_branch(source: Stream, depth: int, config: StreamConfig) -> Branch:
    """How a fork of ``source`` begins, which is the ``depth``-th fork in its line itself. Raises ``BadRequest``,
    ``Conflict`` or ``Gone``.

    That the message to be cut is there and long enough is for the engine to see.
    """
    fork = config.fork
    assert fork is not None
    if config.content_type and media_type(config.content_type) != media_type(source.config.content_type):
        raise Conflict(f"A fork is of its source's type, {source.config.content_type}.", surface="stream")
    if depth >= MAX_FORKS:
        words = f"{MAX_FORKS} forks follow on one another here, and no more may: fork one before it, or begin anew."
        raise Conflict(words, surface="stream")
    offset = source.tail if fork.offset is None else fork.offset
    base = offset + (fork.sub_offset if is_json(source.config) else 0)
    cut = 0 if is_json(source.config) else fork.sub_offset
    if base > source.tail or (cut and base == source.tail):
        raise BadRequest("The fork's offset is beyond its source.", surface="stream", details={"tail": source.tail})
    if offset < source.first:
        raise Gone(surface="stream", details={"first": source.first})
    inherited = config.ttl is None and config.expires_at is None
    lifetime = source.config if inherited else config
    complete = StreamConfig(
        config.content_type or source.config.content_type,
        lifetime.ttl,
        lifetime.expires_at,
        Fork(fork.source, offset, fork.sub_offset),
    )
    return Branch(complete, inherited, source.id, base, source.first, cut)


def whole(config: StreamConfig) -> StreamConfig:
    """The configuration of a stream without a source, complete."""
    return config if config.content_type else replace(config, content_type=BYTES)


def below_retention(stream_first: int) -> Gone:
    """The refusal of a read below what is kept."""
    return Gone(surface="stream", details={"first": stream_first})


def _in_sequence(stream: Stream, held: Held | None, producer: Producer) -> None:
    if held is not None and producer.epoch > held.epoch and producer.seq != 0:
        raise BadRequest("A new epoch begins with seq 0.", surface="stream", details={"epoch": held.epoch})
    expected = held.seq + 1 if held is not None and producer.epoch == held.epoch else 0
    if producer.seq != expected:
        details = {**_state(stream), "expected_seq": expected, "received_seq": producer.seq}
        raise Gap(surface="stream", details=details)


def _same(stream: Stream, config: StreamConfig) -> bool:
    has = stream.config
    type_fits = media_type(config.content_type) == media_type(has.content_type) or (
        config.fork is not None and not config.content_type
    )
    lifetime_fits = (config.ttl, config.expires_at) == (has.ttl, has.expires_at) or (
        stream.inherited and config.ttl is None and config.expires_at is None
    )
    return type_fits and lifetime_fits and _same_fork(has.fork, config.fork)


def _same_fork(has: Fork | None, wanted: Fork | None) -> bool:
    if has is None or wanted is None:
        return has is wanted
    return (
        has.source == wanted.source
        and has.sub_offset == wanted.sub_offset
        and (wanted.offset is None or has.offset == wanted.offset)
    )


def _state(stream: Stream) -> dict[str, int | bool]:
    return {"tail": stream.tail, "closed": stream.closed}
