"""What every engine of the log promises; the semantics are those of Durable Streams.

A stream is a named sequence of messages, each a byte string. The promises, each borne by a test of the contract suite:

1. What a reader has seen is on disk: append, then commit (fsync), then publish, always in this order.
2. Offsets are gap-free, from 0, increasing by one within a stream: a position, never a count of characters.
3. Reading is snapshot plus follow in one step: no message is missed or repeated between history and tail.
4. Only the holder of a producer's newest epoch appends; the fence is checked in the same atomic step as the append.
5. Append is idempotent per (producer, epoch, sequence): a retry never doubles.
6. Close is final, and atomic with the last append.
7. A slow reader never slows the writer or another reader. One refused append in a group commit fails alone.
   A full disk refuses what does not fit, and what was acknowledged stays; a failed fsync ends the process.
8. Content is stored once: one row per committed batch of one stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from threadline.log.shares import Share

JSON = "application/json"

READ_MESSAGES = 16_384
"""How many messages one read finds at the most: small ones take far more memory than they have bytes."""

_MESSAGE_COST = 64


@dataclass(frozen=True, slots=True)
class Producer:
    """Who appends. ``epoch`` fences: an older one is refused for ever. ``seq`` counts this epoch's appends from 0."""

    id: str
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a stream branches off another: it begins with the first ``offset`` messages of ``source``, and then, when
    ``sub_offset`` is not 0, with that many bytes of the next message. Of a JSON stream, where every value of an append
    is a message of its own, ``sub_offset`` counts messages. ``offset`` None is the source's tail at that moment."""

    source: str
    offset: int | None = None
    sub_offset: int = 0


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What a stream is made with. ``ttl`` is in seconds and slides with every read and append; ``expires_at`` is Unix
    seconds; at most one of the two is given. A fork with neither inherits its source's, and so it does its content
    type where that is empty (``""``; without a source that is ``application/octet-stream``)."""

    content_type: str = JSON
    ttl: int | None = None
    expires_at: float | None = None
    fork: Fork | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as it is now. ``tail`` is the offset that the next message will get; ``first`` the lowest one still
    kept (more than 0 after a trim). ``id`` tells it from one that was made anew under its name."""

    name: str
    config: StreamConfig
    tail: int
    first: int
    closed: bool
    created_at: float
    id: int = 0


@dataclass(frozen=True, slots=True)
class Appended:
    """The answer to an append: ``tail`` is the stream's tail after it (of a duplicate: now); ``duplicate`` tells that
    it had come before. ``closed``: the stream is closed. ``seq`` is the highest that the producer's epoch has had."""

    tail: int
    duplicate: bool = False
    closed: bool = False
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a create: ``new`` is false when a stream of the same configuration was there already."""

    info: StreamInfo
    new: bool


@dataclass(slots=True, eq=False)
class Batch:
    """Committed messages that follow one another in one stream, shared by all its readers.

    ``final``: the stream is closed right after them (a batch that only closes has no messages). ``frames`` is where
    encoders keep what they made of it, so that it is made once for all readers: the key is the encoder. ``more``: when
    it was read, more was committed already.
    """

    first: int
    messages: Sequence[bytes]
    final: bool = False
    frames: dict[object, bytes] = field(default_factory=dict)
    more: bool = False

    @property
    def next(self) -> int:
        """The offset after the last message here."""
        return self.first + len(self.messages)

    @property
    def size(self) -> int:
        """About how many bytes of memory the messages take: small ones, far more than they have."""
        return sum(map(len, self.messages)) + _MESSAGE_COST * len(self.messages)

    def since(self, offset: int) -> Batch:
        """The messages from ``offset`` on: itself where that is all of them."""
        if offset <= self.first:
            return self
        return Batch(offset, self.messages[offset - self.first :], self.final, more=self.more)

    def bounded(self, limit: int, most: int = READ_MESSAGES) -> Batch:
        """As many of the messages as ``limit`` bytes hold, but one at the least, and ``most`` of them: itself where
        that is all of them."""
        size = 0
        for count, message in enumerate(self.messages):
            size += len(message)
            if count and (count == most or size > limit):
                return Batch(self.first, self.messages[:count])
        return self


Steps = AsyncGenerator[tuple[Batch, ...], None]
"""What following gives: at each step all that is there by then, and at least one batch."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one bounded read found: ``batches`` in order from the asked offset; ``next`` the offset to ask for next;
    ``up_to_date`` when nothing more was committed at that time; ``closed`` when it is also the end for ever. ``info``
    is the stream at that very moment, where a log was read."""

    batches: tuple[Batch, ...]
    next: int
    up_to_date: bool
    closed: bool
    info: StreamInfo | None = None


class Log(Protocol):
    """The durable event log. Every method may be called from any task of the one event loop.

    Raises ``NotFound``, ``Gone`` (below retention, or deleted while forks live), ``Closed``, ``Fenced``, ``Gap``,
    ``Conflict`` and ``BadRequest`` (what can never be right) of ``threadline.domain.errors``, whose ``details`` carry
    what a protocol has to tell: ``tail``, ``closed``, ``first``, ``epoch``, ``expected_seq``, ``received_seq``. A
    refused call has changed nothing. ``Unavailable``: the log is closing, locked, or has no room; try again.
    """

    async def create(
        self, name: str, config: StreamConfig = StreamConfig(), *, messages: Sequence[bytes] = (), close: bool = False
    ) -> Created:
        """Make a stream, with its first messages where given. The same again is answered with ``new=False``; a stream
        of another configuration (being closed or not is part of it), or one that is deleted but kept for its forks,
        raises ``Conflict``. A fork starts open; it does not inherit producers."""
        ...

    async def append(
        self,
        name: str,
        messages: Sequence[bytes],
        *,
        producer: Producer | None = None,
        order: str | None = None,
        close: bool = False,
        create: StreamConfig | None = None,
        content_type: str | None = None,
    ) -> Appended:
        """Append all of ``messages`` or none of them; on return they are on disk and on their way to the readers.

        With ``producer``: an epoch below the stream's raises ``Fenced``; a newer one must begin with seq 0 and fences
        the older from then on, also when ``messages`` is empty, which is how a worker takes a run over: the answer's
        ``tail`` is then exact, since nobody else can append below it. A seq that was had before is a duplicate and
        changes nothing; one that leaves a gap raises ``Gap``. ``order`` is a caller's own sequence (``Stream-Seq``),
        which may only rise, in the order of its characters, else ``Conflict``. ``close`` ends the stream in the same
        commit; on a closed stream a duplicate (also of a close) is answered, all else raises ``Closed``.
        ``create`` makes the stream in the same commit where it is not there yet. ``content_type``, where given, must
        be the stream's own (parameters aside), else ``Conflict``.

        A caller that is cancelled does not know whether its append was kept; with a producer it may send it again.
        """
        ...

    async def head(self, name: str) -> StreamInfo:
        """The stream as it is; does not count as a use for its TTL."""
        ...

    def listed(self, prefix: str) -> AsyncGenerator[list[StreamInfo], None]:
        """The streams whose names begin with ``prefix``, in the order of their names and a page at a time, as each page
        found them. Does not count as a use of them."""
        ...

    async def read(self, name: str, start: int = 0, *, limit: int = 1 << 20) -> Reading:
        """Committed messages from offset ``start`` on, about ``limit`` bytes of them at the most (one at the least),
        and ``READ_MESSAGES`` at the most.
        A ``start`` beyond the tail finds nothing yet."""
        ...

    def follow(
        self, name: str, start: int = 0, *, expected: bool = False, share: Share | None = None, of: int | None = None
    ) -> Steps:
        """Everything from ``start`` on, for ever: history, then the tail as it is committed; ends after a batch that
        is ``final``, and in no other way but an error. Each step hands over all that is there, and at least one batch.
        Who starts beyond the tail waits for that offset; where the stream is closed it will never be there, and the
        end comes at once: a final batch without messages, at the offset that was asked for. With ``expected`` a stream
        that does not exist yet is waited for. Any number may follow; who is slow is served from the store. Raises
        ``Gone`` when the stream is deleted or expires meanwhile, also while it is still waited for, ``Unavailable``
        when the log is closed or cannot be read. Close the iterator (``contextlib.aclosing``) when leaving early. With
        ``share`` it is taken before each read, and holds what was found until it is dropped. With ``of`` the stream of
        that id is followed: where another has its name by now, that is ``Gone``."""
        ...

    async def trim(self, name: str, before: int) -> None:
        """Forget the messages below ``before``. Their offsets are never used again, and reading them raises ``Gone``.
        On disk whole batches go, so a few may stay, and all stay while forks need them."""
        ...

    async def delete(self, name: str) -> None:
        """Forget a stream and end its followers (they get ``Gone``); where forks still need its messages they are kept
        for these alone, and go with the last of them. Of a stream that was never made it ends those who wait for it,
        then raises ``NotFound``; who comes later waits."""
        ...

    async def expire(self) -> int:
        """Delete the streams whose time is over; returns how many went."""
        ...

    async def close(self) -> None:
        """Finish what is queued, then let go of the storage."""
        ...
