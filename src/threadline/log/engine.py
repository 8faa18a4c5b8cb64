"""What every engine does on the event loop: calls become commands, and followers are served from memory or by reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from threadline.domain.errors import Gone, NotFound
from threadline.log import rules
from threadline.log.channel import Channels, follow, spared
from threadline.log.commands import Append, Command, Create, Delete, Expire, Outcome, Touch, Trim
from threadline.log.protocol import Appended, Created, Producer, Reading, Steps, StreamConfig, StreamInfo
from threadline.log.rules import Stream
from threadline.log.shares import Share
from threadline.world import World

READ_BYTES: Final = 1 << 20
"""How much a follower reads at once."""
EXPIRE_AT_ONCE: Final = 256
LIST_AT_ONCE: Final = 512

_O = TypeVar("_O", Appended, Created, int)


class Engine(ABC):
    """The ``Log`` of ``protocol``, over two things that an engine brings: carrying out a command, and reading."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._channels = Channels()
        self._uses: dict[str, float] = {}
        """When streams with a TTL were last used: written to storage only now and then."""

    @abstractmethod
    async def _submit(self, command: Command) -> Outcome:
        """Carry out a command durably; returns its answer or raises its refusal."""

    @abstractmethod
    def _post(self, command: Command) -> None:
        """Carry out a command some time; nobody waits for it."""

    @abstractmethod
    async def _find(self, name: str, now: float) -> Stream:
        """The stream as it is on disk; raises ``NotFound`` or ``Gone``."""

    @abstractmethod
    async def _fetch(self, name: str, start: int, limit: int, now: float) -> tuple[Stream, Reading]:
        """The stream and what a bounded read of it found, in one snapshot; raises ``NotFound`` or ``Gone``."""

    @abstractmethod
    async def _list(self, prefix: str, after: str, limit: int) -> list[Stream]:
        """The first ``limit`` streams, by name, whose names begin with ``prefix`` and sort after ``after``; those that
        are deleted or whose time is over, too."""

    @abstractmethod
    async def close(self) -> None:
        """See ``Log.close``."""

    async def create(
        self, name: str, config: StreamConfig = StreamConfig(), *, messages: Sequence[bytes] = (), close: bool = False
    ) -> Created:
        """See ``Log.create``."""
        rules.check_text(name)
        rules.check_config(config)
        messages = tuple(messages)
        command = Create(name, config, messages, rules.check_messages(messages), close, self._world.now())
        return _as(Created, await self._submit(command))

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
        """See ``Log.append``."""
        rules.check_text(name, order or "")
        if producer is not None:
            rules.check_producer(producer)
        if create is not None:
            rules.check_config(create)
        messages = tuple(messages)
        size = rules.check_messages(messages)
        command = Append(name, messages, size, self._world.now(), producer, order, close, create, content_type)
        return _as(Appended, await self._submit(command))

    async def head(self, name: str) -> StreamInfo:
        """See ``Log.head``."""
        rules.check_text(name)
        return rules.info(await self._find(name, self._world.now()))

    async def listed(self, prefix: str) -> AsyncGenerator[list[StreamInfo], None]:
        """See ``Log.listed``."""
        rules.check_text(prefix)
        after = ""
        while True:
            now = self._world.now()
            page = await self._list(prefix, after, LIST_AT_ONCE)
            yield [
                rules.info(stream)
                for stream in page
                if not stream.deleted and not rules.expired(stream, self._uses.get(stream.name, 0.0), now)
            ]
            if len(page) < LIST_AT_ONCE:
                return
            after = page[-1].name

    async def read(self, name: str, start: int = 0, *, limit: int = READ_BYTES) -> Reading:
        """See ``Log.read``."""
        stream, reading = await self._use(name, start, limit)
        return replace(reading, info=rules.info(stream))

    def follow(
        self, name: str, start: int = 0, *, expected: bool = False, share: Share | None = None, of: int | None = None
    ) -> Steps:
        """See ``Log.follow``."""
        source = spared(_StreamSource(self, name, expected, of), share)
        return follow(source, self._channels.open(name), start, sure=of is None)

    async def trim(self, name: str, before: int) -> None:
        """See ``Log.trim``."""
        rules.check_text(name)
        await self._submit(Trim(name, before, self._world.now()))

    async def delete(self, name: str) -> None:
        """See ``Log.delete``."""
        rules.check_text(name)
        await self._submit(Delete(name, self._world.now()))

    async def expire(self) -> int:
        """See ``Log.expire``."""
        total = 0
        while True:
            count = _as(int, await self._submit(Expire(self._world.now(), EXPIRE_AT_ONCE)))
            total += count
            if count < EXPIRE_AT_ONCE:
                return total

    async def _use(self, name: str, start: int, limit: int) -> tuple[Stream, Reading]:
        """Read, which counts as a use for the stream's TTL."""
        rules.check_text(name)
        now = self._world.now()
        stream, reading = await self._fetch(name, start, limit, now)
        if stream.config.ttl is not None:
            known = name in self._uses
            self._uses[name] = max(now, self._uses.get(name, 0.0))
            # It may have been deleted since it was read: then the writer forgets this use, too.
            if not known or rules.worth_keeping(stream, now):
                self._post(Touch(name, now))
        return stream, reading


class _StreamSource:
    """Reads one stream for one follower, and never goes over to another that was made anew under its name."""

    def __init__(self, engine: Engine, name: str, expected: bool, of: int | None) -> None:
        self._engine = engine
        self._name = name
        self._expected = expected
        self._id = of

    async def read(self, start: int) -> Reading:
        try:
            stream, reading = await self._engine._use(self._name, start, READ_BYTES)
        except NotFound:
            if self._id is not None:
                raise Gone("This stream was deleted.", surface="stream") from None
            if self._expected:
                return Reading((), start, up_to_date=True, closed=False)
            raise
        if self._id is not None and stream.id != self._id:
            raise Gone("This stream was deleted.", surface="stream")
        self._id = stream.id
        return reading


def _as(kind: type[_O], outcome: Outcome) -> _O:
    assert isinstance(outcome, kind)
    return outcome
