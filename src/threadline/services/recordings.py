"""Recordings: answers that a program outside streams from a model itself, and that are followed like any other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from threadline.domain import events
from threadline.domain.chunks import checked, wrong
from threadline.domain.endings import beginning, cut_short, dated, rounded_off
from threadline.domain.errors import (
    BadRequest,
    Closed,
    Conflict,
    Fenced,
    Gap,
    Gone,
    NotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
)
from threadline.domain.events import Event, encode
from threadline.domain.ids import run_stream
from threadline.log.protocol import Appended, Log, Producer, StreamConfig
from threadline.log.rules import MAX_NUMBER
from threadline.services.access import owned_run
from threadline.services.answers import Answers
from threadline.services.openings import Opened, Opening, check_opening, place
from threadline.services.recorded import Standing, Standings, folded
from threadline.store import recordings
from threadline.store.database import Store
from threadline.store.recordings import KIND, PROGRAM
from threadline.store.runs import RunRow
from threadline.world import World

__all__ = ["PROGRAM", "Opened", "Opening", "Recordings"]

MAX_BYTES: Final = 64 << 20
"""How large one recording may become."""

_START: Final = Producer("run", 1, 0)
_FENCE: Final = Producer(PROGRAM, MAX_NUMBER, 0)
"""An epoch that no program ever has: where it is in the log, none writes any more."""

_MOST_EPOCH: Final = 1 << 52
"""The highest that a program may take by itself; those above it are the server's to give."""

_CLOSER: Final = "closer"
_CLOSING_SECONDS: Final = 5.0
_AT_ONCE: Final = 100


class Recordings:
    """Opens runs that programs write, takes what they write, and ends those that are to end.

    ``seconds``: for how long nothing need be heard of a program that says nothing else. Everything raises
    ``NotFound`` for what is another's.
    """

    def __init__(self, store: Store, log: Log, answers: Answers, world: World, *, seconds: float = 60.0) -> None:
        self._store = store
        self._log = log
        self._answers = answers
        self._world = world
        self._seconds = seconds
        self._standings = Standings()

    async def open(self, user_id: str, opening: Opening) -> Opened:
        """Write the user's message down and begin a run that the program writes; on return both are on disk, and
        readers see the answer's ``start``.

        The same again, by its key or by its message (id and content), gives the same run under a newer epoch, so that
        a program that starts anew takes over from itself; one that cannot be written any more is told as it is. Raises
        ``BadRequest``, ``NotFound``, ``Conflict`` and ``TooLarge``; then nothing was written.
        """
        check_opening(opening)
        opened = await self._store.write(lambda tx: place(tx, user_id, opening, opening.seconds or self._seconds))
        run_id = opened.run.id
        async with self._standings.of(run_id) as standing:
            if not opened.duplicate:
                await self._begin(opened.run)
                return opened
            if opened.writable:
                await self._load(standing, opened.run)
                if standing.order.finished:
                    # It was closed, and the server died before it was written down.
                    await self._answers.settle(run_id)
                    opened = replace(opened, run=await self._answers.run(user_id, run_id))
                else:
                    opened = replace(opened, open_parts=standing.order.open_parts())
            # Somebody else may have opened it since: whoever writes next looks up who may.
            standing.forget()
            view = await self._answers.view(user_id, run_id)
            return replace(opened, text=view["text"], next_offset=view["next_offset"])

    async def append(
        self, user_id: str, run_id: str, producer: Producer | None, values: Sequence[Any], *, close: bool = False
    ) -> Appended:
        """Append all of the chunks or none of them; on return they are on disk and on their way to the readers.

        ``close``, or a chunk ``finish``, ends the answer and folds it into its message. No chunks at all: the program
        lives. A producer means what it means in the log: what came before is answered as such, a gap raises ``Gap``,
        an older epoch ``Fenced``, and a newer one takes over. Raises ``BadRequest`` and ``TooLarge``, which name the
        chunk that is wrong, ``Closed`` where the answer has ended, whoever ended it, and ``NotAllowed`` for a run
        that is no recording.
        """
        chunks = checked(values)
        told = [chunk for chunk in chunks if chunk]
        async with self._standings.of(run_id) as standing:
            run = await self._look_up(standing, user_id, run_id)
            program = _program(run, producer)
            if run.ended:
                return await self._after_the_end(run, program, told, close=close)
            try:
                await self._check_order(standing, run, program, chunks)
                if program.epoch > run.epoch:
                    run = await self._advance(standing, run, program)
                await self._renew(standing, run)
                return await self._write(standing, run, program, told, close=close)
            except (Fenced, Closed, NotFound, Gone):
                # Somebody ended it, or took it over, a moment ago.
                standing.forget()
                run = await self._look_up(standing, user_id, run_id)
                if run.ended:
                    return await self._after_the_end(run, program, told, close=close)
                _program(run, producer)
                raise

    async def end(self, run_id: str) -> None:
        """End a recording that is due: as stopped where somebody wanted that, else as interrupted. What came of its
        text is kept; its program can write nothing more from here on. One that is not due stays as it is."""
        async with self._standings.of(run_id) as standing:
            run = await self._store.write(lambda tx: recordings.claim(tx, run_id, _CLOSING_SECONDS))
            if run is not None:
                standing.forget()
                await self._close(run)

    async def end_due(self) -> float | None:
        """End all that are due; when the next will be, if nothing is heard of its program until then."""
        for run_id in await self._store.read(lambda tx: recordings.due(tx, _AT_ONCE)):
            await self.end(run_id)
        return await self._store.read(recordings.next_lapse)

    async def trust(self) -> None:
        """Give every program its whole time from now on: until now none could be heard. An answer that was closed, and
        not written down since, is now: what waits for its end would else wait for its program's time to be over."""
        await self._store.write(recordings.renew_all)
        for run_id in await self._store.read(recordings.going):
            await self._answers.settle(run_id)

    async def _look_up(self, standing: Standing, user_id: str, run_id: str) -> RunRow:
        """The run, with its record where it goes on."""
        run = standing.run
        if run is not None and run.user_id != user_id:
            # A guest who has signed in meanwhile is somebody else.
            standing.run = run = await self._store.read(lambda tx: owned_run(tx, user_id, run_id))
        if run is None:
            run = await self._store.read(lambda tx: owned_run(tx, user_id, run_id))
            if run.kind != KIND:
                raise NotAllowed("This run is not a recording: it is written by the server alone.", surface="stream")
            if run.ended:
                return run
            if run.cancel is None and run.worker == PROGRAM:
                await self._load(standing, run)
                if not standing.order.finished:
                    return run
                await self._answers.settle(run_id)
            else:
                claimed = await self._store.write(lambda tx: recordings.claim(tx, run_id, _CLOSING_SECONDS))
                await self._close(claimed or run)
            standing.forget()
            run = await self._store.read(lambda tx: owned_run(tx, user_id, run_id))
            if not run.ended:
                raise Fenced(surface="stream", details={"epoch": run.epoch})
        return run

    async def _load(self, standing: Standing, run: RunRow) -> None:
        standing.forget()
        with suppress(NotFound):
            await standing.read(self._log, run.id)
        if not standing.count:
            await self._begin(run)
            await standing.read(self._log, run.id)
        standing.run = run

    async def _begin(self, run: RunRow) -> None:
        """Make the stream, with its first event; twice is as once."""
        first = [encode(beginning(run.message_id, run.id, run.model, run.created_at))]
        with suppress(Closed):
            await self._log.append(run_stream(run.id), first, producer=_START, create=StreamConfig())

    async def _advance(self, standing: Standing, run: RunRow, program: Producer) -> RunRow:
        """Note an epoch that the program took itself."""
        if program.seq != 0:
            raise BadRequest("A new epoch begins with seq 0.", surface="stream", details={"epoch": run.epoch})
        if not await self._store.write(lambda tx: recordings.advance(tx, run.id, program.epoch)):
            standing.forget()
            raise Fenced(surface="stream", details={"epoch": run.epoch})
        standing.run = await self._store.read(lambda tx: owned_run(tx, run.user_id, run.id))
        return standing.run

    async def _check_order(
        self, standing: Standing, run: RunRow, program: Producer, chunks: Sequence[Event | None]
    ) -> None:
        """Raise what is wrong with chunks that come next; those that came before, or too early, are the log's."""
        fault = _fault(standing, chunks)
        if fault is None:
            return
        try:
            # A seq that is always too high changes nothing, and tells which one is due.
            probe = Producer(program.id, program.epoch, MAX_NUMBER)
            await self._log.append(run_stream(run.id), [], producer=probe)
        except Gap as gap:
            due = (gap.details or {})["expected_seq"]
        except BadRequest:
            due = 0
        else:
            return
        if program.seq == due:
            raise fault

    async def _renew(self, standing: Standing, run: RunRow) -> None:
        now = self._world.now()
        if abs(now - standing.heard) < (run.lease_seconds or 0.0) / recordings.HEARD:
            return
        if await self._store.write(lambda tx: recordings.renew(tx, run.id, run.epoch)):
            standing.heard = now
            return
        raise Fenced(surface="stream", details={"epoch": run.epoch})

    async def _write(
        self, standing: Standing, run: RunRow, program: Producer, chunks: list[Event], *, close: bool
    ) -> Appended:
        told = chunks.pop() if chunks and chunks[-1]["type"] == "finish" else None
        if close or told is not None:
            standing.forget()
            return await self._finish(run, program, chunks, told)
        messages = list(map(encode, chunks))
        try:
            done = await self._log.append(run_stream(run.id), messages, producer=program)
        except (BadRequest, Conflict):
            raise
        except BaseException:
            # Whether it was kept is not known.
            standing.forget()
            raise
        if not done.duplicate:
            standing.apply(chunks, sum(map(len, messages)))
        if standing.count != done.tail:
            standing.forget()
        return done

    async def _finish(self, run: RunRow, program: Producer, chunks: list[Event], told: Event | None) -> Appended:
        """Append the last chunks, and what ends the answer, and fold it."""
        record, trail = await folded(self._log, run.id)
        last = dated(rounded_off(record.apply_all(chunks), told), self._world.now())
        record.apply_all(last)
        trail.apply_all([*chunks, *last])
        messages = list(map(encode, [*chunks, *last]))
        done = await self._log.append(run_stream(run.id), messages, producer=program, close=True)
        if not done.duplicate:
            with suppress(Unavailable):
                # It is closed; the fold is made up for by whoever needs it first.
                await self._answers.conclude(run, record, trail)
        return done

    async def _after_the_end(self, run: RunRow, program: Producer, chunks: list[Event], *, close: bool) -> Appended:
        """What a program itself has sent before it ended the answer is answered as such, and so is its closing again;
        nothing else is, and never under an epoch that has not written."""
        tail = run.next_offset or 0
        try:
            done = await self._log.append(run_stream(run.id), [], producer=program, close=True)
            if done.duplicate:
                return done
        except (Closed, Fenced, NotFound, Gone, Gap) as fault:
            if close and not chunks and isinstance(fault, Closed) and program.epoch == run.epoch:
                return Appended(tail, duplicate=True, closed=True)
        raise Closed(_why(run), surface="stream", details={"closed": True, "tail": tail})

    async def _close(self, run: RunRow) -> None:
        """Fence its program off, and end it under the epoch of ``run``, which was claimed for that."""
        name = run_stream(run.id)
        try:
            if (await self._log.append(name, [], producer=_FENCE, create=StreamConfig())).closed:
                raise Closed(surface="stream")
            await self._log.append(name, [], producer=Producer(_CLOSER, run.epoch, 0))
            record, trail = await folded(self._log, run.id)
            first = [] if record.started else [beginning(run.message_id, run.id, run.model, run.created_at)]
            record.apply_all(first)
            stop = run.cancel is not None
            last = cut_short(record, "other", events.abort("stopped")) if stop else cut_short(record, "interrupted")
            last = dated(last, self._world.now())
            record.apply_all(last)
            trail.apply_all([*first, *last])
            messages = list(map(encode, [*first, *last]))
            await self._log.append(name, messages, producer=Producer(_CLOSER, run.epoch, 1), close=True)
            await self._answers.conclude(run, record, trail)
        except Closed:
            await self._answers.settle(run.id)
        except (Fenced, NotFound, Gone):
            pass


def _program(run: RunRow, producer: Producer | None) -> Producer:
    """The producer, where it may write this run. Raises ``BadRequest`` and ``Fenced``."""
    if producer is None:
        raise BadRequest(
            "A recording is written by its producer: send Producer-Id, Producer-Epoch and Producer-Seq, as they were "
            "told when it was opened.",
            surface="recording",
        )
    if producer.id != PROGRAM:
        raise BadRequest(f"The Producer-Id of a recording is {PROGRAM}.", surface="recording")
    if producer.epoch > max(run.epoch, _MOST_EPOCH):
        raise BadRequest(f"A program may take an epoch up to {_MOST_EPOCH} by itself.", surface="recording")
    if producer.epoch < run.epoch and not run.ended:
        raise Fenced(surface="stream", details={"epoch": run.epoch})
    return producer


def _fault(standing: Standing, chunks: Sequence[Event | None]) -> BadRequest | None:
    """What is wrong with the first chunk that may not come now."""
    order, size = standing.order.copy(), standing.size
    for index, chunk in enumerate(chunks):
        if chunk is None:
            continue
        words = order.take(chunk)
        if words is not None:
            return wrong(index, chunk["type"], words)
        size += len(encode(chunk))
    if size > MAX_BYTES:
        return TooLarge(f"A recording has at most {MAX_BYTES >> 20} MB. End this one.", surface="recording")
    return None


def _why(run: RunRow) -> str:
    words = {
        "stopped": "This recording was stopped. What came of its text is kept.",
        "interrupted": "Nothing was heard of this recording's program for too long, so it was ended as interrupted.",
    }
    return words.get(run.status, "This recording has ended.")
