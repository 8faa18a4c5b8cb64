"""Writes one run's stream under the fence of its epoch, and keeps the fold and the trail of what is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from threadline.domain.errors import Closed, Unavailable
from threadline.domain.events import Event, decode, encode
from threadline.domain.fold import Fold
from threadline.domain.ids import run_stream
from threadline.domain.trail import TrailRecorder
from threadline.log.protocol import Appended, Log, Producer, StreamConfig
from threadline.providers.protocol import Kept
from threadline.runs.control import Control, Interrupted
from threadline.world import World

RUN_STREAM: Final = StreamConfig()
PRODUCER: Final = "run"
_RETRY_SECONDS: Final = 0.25


class RunWriter:
    """The one writer of a run for one epoch. ``record`` is the fold of all that is committed, and of what leads."""

    def __init__(self, log: Log, world: World, control: Control, run_id: str, epoch: int) -> None:
        self._log = log
        self._world = world
        self._control = control
        self._stream = run_stream(run_id)
        self._epoch = epoch
        self._seq = 0
        self._leading: list[bytes] = []
        self.record = Fold()
        self.trail = TrailRecorder()
        self.kept: Kept | None = None
        """After a takeover: the open step's answer as its provider keeps it, where the log has nothing else of it."""
        self.begun = True
        """Whether tools of ours may have been begun in this step."""

    async def take_over(self) -> bool:
        """Fence every older epoch off, then fold up to exactly the tail that the fence gave; False where the stream is
        closed already, with everything folded all the same."""
        try:
            tail = (await self._commit([], close=False)).tail
            is_open = True
        except Closed:
            tail = (await self._log.head(self._stream)).tail
            is_open = False
        step = _Step()
        while self.record.count < tail:
            reading = await self._log.read(self._stream, self.record.count)
            for batch in reading.batches:
                found = [decode(message) for message in batch.messages]
                self._apply(found)
                step.take(found)
        if self.record.provider_run is not None and step.is_one_answer:
            self.kept = Kept(self.record.provider_run, step.said)
        return is_open

    def lead(self, events: Sequence[Event]) -> None:
        """Have ``events`` go before whatever is appended next, in the same commit."""
        self._leading += [encode(event) for event in events]
        self._apply(events)

    async def append(self, events: Sequence[Event], *, close: bool = False) -> None:
        """Append; on return it is on disk. Raises ``Fenced`` where another worker has taken the run."""
        await self._commit([*self._leading, *[encode(event) for event in events]], close=close)
        self._leading = []
        self._apply(events)

    def _apply(self, events: Sequence[Event]) -> None:
        self.record.apply_all(events)
        self.trail.apply_all(events)

    async def _commit(self, messages: list[bytes], *, close: bool) -> Appended:
        producer = Producer(PRODUCER, self._epoch, self._seq)
        while True:
            try:
                done = await self._log.append(self._stream, messages, producer=producer, close=close, create=RUN_STREAM)
            except Unavailable:
                # Whether it was committed is not known; the same sequence again is either done or a duplicate. Only who
                # leaves the run to another may leave it so: the next epoch's fence tells what was committed.
                if self._control.reason in ("drain", "lost"):
                    raise Interrupted(self._control.reason) from None
                await self._world.sleep(_RETRY_SECONDS)
            else:
                self._seq += 1
                return done


class _Step:
    """What one step's model said, out of a log that is read again."""

    def __init__(self) -> None:
        self.said: list[Event] = []
        self.is_one_answer = True
        """Whether nobody went on with it in another way than by listening to its provider again."""

    def take(self, found: Sequence[Event]) -> None:
        for event in found:
            if event["type"] == "start-step":
                self.said, self.is_one_answer = [], True
            elif event["type"] == "data-recovery":
                self.is_one_answer = self.is_one_answer and event["data"]["action"] == "attach"
            else:
                self.said.append(event)
