"""How commands are carried out on a storage that can be asked at once: the half of an engine that writes.

A command is decided before anything of it is written, so that a refused one leaves no trace and fails alone. The
engine calls :meth:`Ledger.run` for each command of a commit, :meth:`Ledger.flush` once, commits, and only then hands
the collected effects to the readers.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from threadline.domain.errors import BadRequest, Conflict, NotFound
from threadline.log import rules
from threadline.log.commands import (
    Append,
    Command,
    Create,
    Delete,
    Effect,
    Ended,
    Expire,
    Made,
    Outcome,
    Published,
    Touch,
    Trim,
    Trimmed,
)
from threadline.log.protocol import Appended, Batch, Created, StreamConfig
from threadline.log.rules import Held, Stream

ROW_BYTES: Final = 256 * 1024
"""Appends of one stream in one commit share a row until it holds this much."""


class Storage(Protocol):
    """What an engine keeps, as the ledger sees it: every look-up sees every change that was made before it."""

    def stream(self, name: str) -> Stream | None:
        """The stream of that name; the ledger changes it and hands it back with :meth:`put`."""
        ...

    def stream_of(self, id: int) -> Stream | None:
        """The stream of that id."""
        ...

    def new_id(self) -> int:
        """An id that no stream has had."""
        ...

    def put(self, stream: Stream) -> None:
        """Keep a stream that is new or was changed; one whose ``tail`` alone grew with its batches is not put."""
        ...

    def held(self, stream: Stream, producer: str) -> Held | None:
        """What is known of a producer."""
        ...

    def put_held(self, stream: Stream, producer: str, held: Held) -> None:
        """Remember a producer."""
        ...

    def put_batch(self, stream: Stream, first: int, messages: Sequence[bytes], size: int) -> Batch:
        """Keep messages (of ``size`` bytes) that follow on those kept so far; gives back what readers are to get."""
        ...

    def message(self, stream: Stream, offset: int) -> bytes:
        """One message that is the stream's own (not its source's)."""
        ...

    def has_forks(self, stream: Stream) -> bool:
        """Whether streams begin with messages of this one."""
        ...

    def drop(self, stream: Stream) -> None:
        """Forget a stream and all that belongs to it."""
        ...

    def drop_below(self, stream: Stream, offset: int) -> None:
        """Forget the rows that lie wholly below an offset."""
        ...

    def due(self, now: float, limit: int) -> Sequence[Stream]:
        """Streams that are not deleted and whose time may be over, by what is kept of their last use."""
        ...


@dataclass(slots=True)
class _Pending:
    stream: Stream
    first: int
    messages: Sequence[bytes]
    size: int
    more: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Ledger:
    """Carries out commands. ``uses`` is when streams with a TTL were last used, where that is not kept yet."""

    storage: Storage
    uses: MutableMapping[str, float]
    effects: list[Effect] = field(default_factory=list)
    _pending: dict[int, _Pending] = field(default_factory=dict)

    def run(self, command: Command) -> Outcome:
        """The command's answer, which is true once its commit is. Raises its refusal."""
        match command:
            case Append():
                return self._append(command)
            case Create():
                return self._create(command)
            case Trim():
                self._trim(command)
            case Delete():
                self._delete(command)
            case Touch():
                self._touch(command)
            case Expire():
                return self._expire(command)
        return None

    def flush(self) -> None:
        """Hand what is pending to the storage, as one row for each stream."""
        for pending in self._pending.values():
            self._write(pending)
        self._pending.clear()

    def take_effects(self) -> list[Effect]:
        """What readers are to be told, in order; and a fresh list for the next commit."""
        effects, self.effects = self.effects, []
        return effects

    def forget(self) -> None:
        """Drop what belongs to a commit that failed."""
        self._pending.clear()
        self.effects.clear()

    def _append(self, command: Append) -> Outcome:
        stream, producer = self._current(command.name, command.now), command.producer
        prefix: bytes | None = None
        if stream is None and command.create is not None:
            new, prefix = self._prepare(command.name, command.create, command.now)
        else:
            new = None
            stream = rules.found(stream, over=False, has_forks=True)
        target = stream or new
        assert target is not None
        held = self.storage.held(target, producer.id) if producer and stream else None
        answer = rules.decide_append(
            target,
            held,
            command.messages,
            producer=producer,
            order=command.order,
            close=command.close,
            content_type=command.content_type,
        )
        if answer is None:
            if new is not None:
                self._begin(new, prefix)
            self._accept(target, command)
            answer = Appended(target.tail, closed=target.closed, seq=producer.seq if producer else None)
        self._use(target, command.now)
        return answer

    def _accept(self, stream: Stream, command: Append) -> None:
        if command.messages:
            self._add(stream, command.messages, command.size)
        if command.producer is not None:
            self.storage.put_held(stream, command.producer.id, Held(command.producer.epoch, command.producer.seq))
        if command.order is not None or command.close:
            stream.order = command.order if command.order is not None else stream.order
            stream.closed = command.close
            self.storage.put(stream)
        if command.close:
            self._finish(stream)

    def _create(self, command: Create) -> Outcome:
        stream = self._current(command.name, command.now, reuse=True)
        if stream is not None:
            rules.decide_create(stream, command.config, command.close)
            self._use(stream, command.now)
            return Created(rules.info(stream), new=False)
        stream, prefix = self._prepare(command.name, command.config, command.now)
        rules.check_room(stream, command.messages)
        self._begin(stream, prefix)
        if command.messages:
            self._add(stream, command.messages, command.size)
        if command.close:
            stream.closed = True
            self.storage.put(stream)
            self._finish(stream)
        return Created(rules.info(stream), new=True)

    def _trim(self, command: Trim) -> None:
        stream = rules.found(self._current(command.name, command.now), over=False, has_forks=True)
        first = min(command.before, stream.tail)
        if first <= stream.first:
            return
        self.flush()
        stream.first = first
        self.storage.put(stream)
        if not self.storage.has_forks(stream):
            self.storage.drop_below(stream, first)
        self.effects.append(Trimmed(stream.name, first))

    def _delete(self, command: Delete) -> None:
        stream = self._current(command.name, command.now)
        if stream is None:
            # Who waits for it to be made would wait for ever.
            self.effects.append(Ended(command.name))
        self._remove(rules.found(stream, over=False, has_forks=True))

    def _touch(self, command: Touch) -> None:
        stream = self.storage.stream(command.name)
        if stream is None or stream.deleted:
            self.uses.pop(command.name, None)
        else:
            self._use(stream, command.now)

    def _expire(self, command: Expire) -> int:
        count = 0
        while count < command.limit:
            due = self.storage.due(command.now, command.limit - count)
            for stream in due:
                if self._over(stream, command.now):
                    self._remove(stream)
                    count += 1
                else:
                    stream.used_at = self.uses[stream.name]
                    self.storage.put(stream)
            if not due:
                break
        return count

    def _current(self, name: str, now: float, *, reuse: bool = False) -> Stream | None:
        """The stream as it is at ``now``: one whose time is over goes first. ``reuse``: also where it is deleted."""
        stream = self.storage.stream(name)
        if stream is None:
            return None
        if not stream.deleted and self._over(stream, now):
            self._remove(stream)
            stream = self.storage.stream(name)
        if stream is not None and stream.deleted and not reuse:
            rules.found(stream, over=False, has_forks=True)
        return stream

    def _over(self, stream: Stream, now: float) -> bool:
        config = stream.config
        if config.ttl is None and config.expires_at is None:
            return False
        return rules.expired(stream, self.uses.get(stream.name, 0.0), now)

    def _prepare(self, name: str, config: StreamConfig, now: float) -> tuple[Stream, bytes | None]:
        """A stream that is not kept yet, and its first message where that is cut from its source's."""
        if config.fork is None:
            return Stream(self.storage.new_id(), name, rules.whole(config), now, now), None
        source = self._current(config.fork.source, now, reuse=True)
        if source is None:
            raise NotFound("The stream to fork is not there.", surface="stream")
        if source.deleted:
            raise Conflict("The stream to fork is deleted.", surface="stream")
        branch = rules.decide_branch(source, self._depth(source), config)
        prefix = self._cut(source, branch.base, branch.cut) if branch.cut else None
        stream = Stream(self.storage.new_id(), name, branch.config, now, now, branch.inherited, branch.parent)
        stream.base = stream.tail = branch.base
        stream.first = min(branch.first, branch.base)
        return stream, prefix

    def _depth(self, stream: Stream) -> int:
        """How many forks follow on one another up to this stream, as far as that matters."""
        depth, at = 0, stream
        while at.parent is not None and depth < rules.MAX_FORKS:
            source = self.storage.stream_of(at.parent)
            assert source is not None
            depth, at = depth + 1, source
        return depth

    def _cut(self, source: Stream, offset: int, count: int) -> bytes:
        self.flush()
        owner: Stream | None = source
        while owner is not None and offset < owner.base and owner.parent is not None:
            owner = self.storage.stream_of(owner.parent)
        assert owner is not None
        message = self.storage.message(owner, offset)
        if count > len(message):
            raise BadRequest("The fork's sub-offset is beyond its message.", surface="stream")
        return message[:count]

    def _begin(self, stream: Stream, prefix: bytes | None) -> None:
        self.storage.put(stream)
        self.effects.append(Made(stream.name))
        if prefix is not None:
            self._add(stream, (prefix,), len(prefix))

    def _add(self, stream: Stream, messages: Sequence[bytes], size: int) -> None:
        pending = self._pending.get(stream.id)
        if pending is not None and pending.size + size <= ROW_BYTES:
            pending.more.extend(messages)
            pending.size += size
        else:
            if pending is not None:
                self._write(pending)
            self._pending[stream.id] = _Pending(stream, stream.tail, messages, size)
        stream.tail += len(messages)

    def _finish(self, stream: Stream) -> None:
        pending = self._pending.pop(stream.id, None)
        if pending is not None:
            self._write(pending, final=True)
        else:
            self.effects.append(Published(stream.name, Batch(stream.tail, (), final=True)))

    def _write(self, pending: _Pending, *, final: bool = False) -> None:
        messages = (*pending.messages, *pending.more) if pending.more else pending.messages
        batch = self.storage.put_batch(pending.stream, pending.first, messages, pending.size)
        batch.final = final
        self.effects.append(Published(pending.stream.name, batch))

    def _use(self, stream: Stream, now: float) -> None:
        if stream.config.ttl is None:
            return
        self.uses[stream.name] = max(now, self.uses.get(stream.name, 0.0))
        if rules.worth_keeping(stream, now):
            stream.used_at = now
            self.storage.put(stream)

    def _remove(self, stream: Stream) -> None:
        self.flush()
        self.uses.pop(stream.name, None)
        self.effects.append(Ended(stream.name))
        if self.storage.has_forks(stream):
            stream.deleted = True
            self.storage.put(stream)
            return
        self.storage.drop(stream)
        self._release(stream.parent)

    def _release(self, parent: int | None) -> None:
        """A fork went: what was kept for it alone goes too, up its line of sources."""
        while parent is not None:
            source = self.storage.stream_of(parent)
            if source is None or self.storage.has_forks(source):
                return
            if not source.deleted:
                if source.first > 0:
                    self.storage.drop_below(source, source.first)
                return
            self.storage.drop(source)
            parent = source.parent
