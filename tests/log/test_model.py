"""Any sequence of calls, on every engine, against a model that fits on a page."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tests.log.engines import ENGINES, Clock, everything, messages_of
from threadline.domain.errors import (
    BadRequest,
    Closed,
    Conflict,
    Fenced,
    Gap,
    Gone,
    NotFound,
    ThreadlineError,
    Unavailable,
)
from threadline.log.protocol import Appended, Fork, Log, Producer, StreamConfig

_T = TypeVar("_T")

NAMES = st.sampled_from(["a", "b", "c"])
MESSAGES = st.lists(st.binary(max_size=6) | st.sampled_from([b"\n", b'{"n":1}']), max_size=4)
PRODUCERS = st.none() | st.builds(Producer, st.sampled_from(["p", "q"]), st.integers(0, 2), st.integers(0, 3))


@dataclass
class Model:
    """What a stream must be: all its messages, whatever was trimmed."""

    messages: list[bytes]
    config: StreamConfig
    used_at: float
    first: int = 0
    closed: bool = False
    deleted: bool = False
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    source: Model | None = None
    forks: int = 0


class LogMachine(RuleBasedStateMachine):
    """One log, one model of it, followers that stand somewhere."""

    engine = "memory"
    followers = Bundle("followers")

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.log: Log = self.run(ENGINES[self.engine](Path(self.folder.name), self.clock))
        self.model: dict[str, Model] = {}

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.log.close())
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, _T] | Any) -> _T:
        return self.runner.run(work)  # type: ignore[no-any-return]

    def outcome(self, work: Any) -> Any:
        try:
            return self.run(work)
        except ThreadlineError as refusal:
            return type(refusal)

    def live(self, name: str) -> Model | type[ThreadlineError]:
        """The stream as callers see it."""
        stream = self.model.get(name)
        if stream is None or (not stream.deleted and self.over(stream) and not stream.forks):
            return NotFound
        return Gone if stream.deleted or self.over(stream) else stream

    def settled(self, name: str) -> Model | type[ThreadlineError]:
        """The same, for a call that writes: what is over goes first."""
        stream = self.model.get(name)
        if stream is not None and not stream.deleted and self.over(stream):
            self.remove(name)
        return self.live(name)

    def over(self, stream: Model) -> bool:
        return stream.config.ttl is not None and self.clock.time >= stream.used_at + stream.config.ttl

    def remove(self, name: str) -> None:
        stream = self.model[name]
        if stream.forks:
            stream.deleted = True
            return
        del self.model[name]
        source = stream.source
        if source is not None:
            source.forks -= 1
            if source.deleted and not source.forks:
                self.remove(next(other for other, model in self.model.items() if model is source))

    @rule(name=NAMES, messages=MESSAGES, close=st.booleans(), ttl=st.sampled_from([None, None, 10]))
    def create(self, name: str, messages: list[bytes], close: bool, ttl: int | None) -> None:
        config = StreamConfig("text/plain", ttl)
        got = self.outcome(self.log.create(name, config, messages=messages, close=close))
        there = self.settled(name)
        if isinstance(there, Model):
            same = there.config == config and there.closed == close
            assert got is Conflict if not same else not got.new
            if same:
                there.used_at = self.clock.time
        elif there is Gone:
            assert got is Conflict
        else:
            assert got.new
            self.model[name] = Model(list(messages), config, self.clock.time, closed=close)

    @rule(name=NAMES, source=NAMES, offset=st.none() | st.integers(0, 5), cut=st.integers(0, 3))
    def fork(self, name: str, source: str, offset: int | None, cut: int) -> None:
        existed = self.settled(name) is not NotFound
        origin = NotFound if existed else self.settled(source)
        got = self.outcome(self.log.create(name, StreamConfig("", fork=Fork(source, offset, cut))))
        if existed:
            assert got is Conflict or not got.new
            if not isinstance(got, type):
                self.model[name].used_at = self.clock.time
            return
        if not isinstance(origin, Model):
            assert got is (Conflict if origin is Gone else NotFound)
            return
        at = len(origin.messages) if offset is None else offset
        beyond = at > len(origin.messages) or (cut and (at == len(origin.messages) or cut > len(origin.messages[at])))
        if at < origin.first and at <= len(origin.messages) and not (cut and at == len(origin.messages)):
            assert got is Gone
        elif beyond:
            assert got is BadRequest
        else:
            prefix = [origin.messages[at][:cut]] if cut else []
            origin.forks += 1
            config = StreamConfig("text/plain", origin.config.ttl, None, Fork(source, at, cut))
            assert got.info.config == config
            self.model[name] = Model(
                [*origin.messages[:at], *prefix], config, self.clock.time, first=min(origin.first, at), source=origin
            )

    @rule(name=NAMES, messages=MESSAGES, producer=PRODUCERS, close=st.booleans(), make=st.booleans())
    def append(self, name: str, messages: list[bytes], producer: Producer | None, close: bool, make: bool) -> None:
        config = StreamConfig("text/plain")
        got = self.outcome(
            self.log.append(name, messages, producer=producer, close=close, create=config if make else None)
        )
        there = self.settled(name)
        if there is NotFound and make:
            there = Model([], config, self.clock.time)
        if not isinstance(there, Model):
            assert got is there
            return
        expected = self.expected(there, messages, producer, close)
        if expected is not None:
            assert got == expected
            if isinstance(got, Appended):
                there.used_at = self.clock.time
            return
        there.messages += messages
        there.closed, there.used_at = close, self.clock.time
        if producer is not None:
            there.held[producer.id] = (producer.epoch, producer.seq)
        self.model[name] = there
        assert got == Appended(len(there.messages), closed=close, seq=producer.seq if producer else None)

    def expected(self, stream: Model, messages: list[bytes], producer: Producer | None, close: bool) -> Any:
        tail = len(stream.messages)
        epoch, seq = stream.held.get(producer.id, (-1, -1)) if producer else (-1, -1)
        if producer and producer.epoch < epoch:
            return Fenced
        if producer and producer.epoch == epoch and producer.seq <= seq:
            return Appended(tail, duplicate=True, closed=stream.closed, seq=seq)
        if stream.closed:
            again = close and producer is None and not messages
            return Appended(tail, duplicate=True, closed=True) if again else Closed
        if producer and producer.epoch > epoch and producer.seq:
            return BadRequest if epoch >= 0 else Gap
        if producer and producer.epoch == epoch and producer.seq > seq + 1:
            return Gap
        return None

    @rule(name=NAMES, before=st.integers(0, 8))
    def trim(self, name: str, before: int) -> None:
        got, there = self.outcome(self.log.trim(name, before)), self.settled(name)
        if isinstance(there, Model):
            assert got is None
            there.first = max(there.first, min(before, len(there.messages)))
        else:
            assert got is there

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        got, there = self.outcome(self.log.delete(name)), self.settled(name)
        if isinstance(there, Model):
            assert got is None
            self.remove(name)
        else:
            assert got is there

    @rule(seconds=st.sampled_from([0.5, 4.0, 11.0]), sweep=st.booleans())
    def let_time_pass(self, seconds: float, sweep: bool) -> None:
        self.clock.time += seconds
        if sweep:
            over = [name for name, stream in self.model.items() if not stream.deleted and self.over(stream)]
            assert self.run(self.log.expire()) == len(over)
            for name in over:
                if name in self.model:
                    self.remove(name)

    @rule(name=NAMES, start=st.integers(0, 6), limit=st.sampled_from([1, 5, 1 << 20]))
    def read(self, name: str, start: int, limit: int) -> None:
        got, there = self.outcome(self.log.read(name, start, limit=limit)), self.live(name)
        if not isinstance(there, Model):
            assert got is there
            return
        if start < there.first:
            assert got is Gone
            return
        found = messages_of(got.batches)
        assert there.messages[start:][: len(found)] == found
        assert got.next == start + len(found)
        assert got.up_to_date == (got.next >= len(there.messages))
        assert got.closed == (got.up_to_date and there.closed)
        assert found or start >= len(there.messages)
        there.used_at = self.clock.time

    @rule(target=followers, name=NAMES)
    def follow(self, name: str) -> Any:
        there = self.live(name)
        if not isinstance(there, Model):
            return multiple()
        return (self.log, there, name, there.first, self.log.follow(name, there.first))

    @rule(target=followers, follower=consumes(followers))
    def take(self, follower: Any) -> Any:
        """A follower takes one step, where there is one to take."""
        log, stream, name, at, steps = follower
        there = self.live(name)
        if log is not self.log:
            assert self.outcome(_next(steps)) in (Unavailable, Gone)
            return multiple()
        if there is not stream or (at >= len(stream.messages) and not stream.closed) or at < stream.first:
            self.run(steps.aclose())
            return multiple()
        batches = self.run(_next(steps))
        found = messages_of(batches)
        assert batches[0].first == at
        assert stream.messages[at : at + len(found)] == found
        stream.used_at = max(stream.used_at, self.run(self.touched(name, stream)))
        if batches[-1].final:
            assert stream.closed
            assert batches[-1].next == len(stream.messages)
            self.run(steps.aclose())
            return multiple()
        return (log, stream, name, at + len(found), steps)

    async def touched(self, name: str, stream: Model) -> float:
        """A step from memory is no use for the TTL, and one that reads is: make it one in both cases."""
        if stream.config.ttl is not None:
            await self.log.read(name, len(stream.messages))
            return self.clock.time
        return 0.0

    @rule()
    def reopen(self) -> None:
        """What survives a restart is everything."""
        if self.engine != "memory":
            self.run(self.log.close())
            self.log = self.run(ENGINES[self.engine](Path(self.folder.name), self.clock))

    @invariant()
    def all_is_there(self) -> None:
        if not hasattr(self, "model"):
            return
        for name in ("a", "b", "c"):
            there = self.live(name)
            got = self.outcome(self.log.head(name))
            if not isinstance(there, Model):
                assert got is there
                continue
            assert (got.tail, got.first, got.closed) == (len(there.messages), there.first, there.closed)
            assert got.config == there.config
            if there.config.ttl is None:
                assert self.run(everything(self.log, name, there.first)) == there.messages[there.first :]


async def _next(steps: Any) -> Any:
    return await asyncio.wait_for(anext(steps), 60)


def _of(engine: str) -> Any:
    machine = type(f"{engine.title()}Machine", (LogMachine,), {"engine": engine})
    case = machine.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=30)
    return case


globals().update({f"Test{engine.title()}": _of(engine) for engine in ENGINES})
