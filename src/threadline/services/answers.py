"""Answers: read a run's events from any offset for ever, and fold it into its message once it is closed."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import Any, Final

from threadline.domain.endings import status_of
from threadline.domain.errors import Gone, NotFound, Unavailable, restored
from threadline.domain.events import decode
from threadline.domain.fold import Fold
from threadline.domain.ids import run_stream
from threadline.domain.messages import Message, text_of
from threadline.domain.prices import dollars, millionths
from threadline.domain.trail import TrailRecorder, expand
from threadline.log.engine import READ_BYTES
from threadline.log.protocol import Batch, Log, Reading, Steps, StreamConfig, StreamInfo
from threadline.log.shares import Share
from threadline.services import audience, shown
from threadline.services.access import access_to, readable_run
from threadline.services.reading import while_readable
from threadline.services.usage import spend
from threadline.store import conversations, messages, runs
from threadline.store.database import Store
from threadline.store.runs import Ending, RunRow
from threadline.store.transaction import Tx
from threadline.world import World

_FRESH_SECONDS: Final = 1.0
"""A run as young as this has not been answered, folded and trimmed."""


class Answers:
    """What can be known of answers. ``replay_seconds``: for how long an ended run still counts as active."""

    def __init__(self, store: Store, log: Log, world: World, *, replay_seconds: float = 15.0) -> None:
        self._store = store
        self._log = log
        self._world = world
        self._replay_seconds = replay_seconds

    async def run(self, user_id: str, run_id: str) -> RunRow:
        """A run that this user may read. Raises ``NotFound``."""
        return await self._store.read(lambda tx: readable_run(tx, user_id, run_id))

    async def active(self, user_id: str, chat_id: str) -> RunRow | None:
        """The run that a reader who comes back wants: the one that is running or queued longest, else one that ended
        at most ``replay_seconds`` ago, else None, also where there is no such conversation yet: a page asks before
        anything was said. Raises ``NotFound`` for another's."""
        since = self._world.now() - self._replay_seconds

        def find(tx: Tx) -> RunRow | None:
            conversation = conversations.find(tx, chat_id)
            if conversation is None:
                return None
            access_to(tx, user_id, conversation)
            waiting = runs.unfinished(tx, chat_id)
            if waiting:
                return next((run for run in waiting if run.status == "running"), waiting[0])
            last = runs.latest_ended(tx, chat_id)
            return last if last is not None and (last.ended_at or 0.0) >= since else None

        return await self._store.read(find)

    def follow(self, run: RunRow, start: int = 0, *, share: Share | None = None, reader: str | None = None) -> Steps:
        """Everything from offset ``start`` on, live to the end; ends after a batch that is ``final``.

        The same bytes at the same offsets on every reading: from the log, or, long after the end, from the message.
        ``share`` is as in ``Log.follow``. ``reader`` is the user who reads, where it is not the server itself: raises
        ``NotFound`` as soon as he may not any more.
        """
        if reader is None or reader == run.user_id:
            return self._follow(run, start, share)
        steps = self._follow(run, start, share)
        return while_readable(self._store, self._world, steps, reader, run.conversation_id)

    async def _follow(self, run: RunRow, start: int, share: Share | None) -> Steps:
        at = start
        if run.trimmed_at is None:
            expected = not run.ended and await self._is_expected(run)
            try:
                async with aclosing(
                    self._log.follow(run_stream(run.id), start, expected=expected, share=share)
                ) as steps:
                    async for batches in steps:
                        yield batches
                        at = batches[-1].next
                        # What is sent is not kept while there is nothing more to send.
                        del batches
                return
            except (Gone, NotFound):
                # Trimmed while it was read; what is missing comes from the message.
                pass
        if share is not None:
            await share.take()
        batch = await self._replay(run.id, at)
        if share is not None:
            share.keep(batch.size)
        yield (batch,)

    async def read(self, run: RunRow, start: int = 0) -> Reading:
        """What is there now from ``start`` on, about a megabyte at the most."""
        try:
            if run.trimmed_at is None:
                return await self._log.read(run_stream(run.id), start)
        except Gone:
            pass
        except NotFound:
            if not run.ended:
                return Reading((), start, up_to_date=True, closed=False)
        batch = (await self._replay(run.id, start)).bounded(READ_BYTES)
        return Reading((batch,), batch.next, up_to_date=batch.final, closed=batch.final)

    async def head(self, run: RunRow) -> StreamInfo:
        """The run's stream: how far it has come, and whether that is the end."""
        name, tail = run_stream(run.id), run.next_offset
        if tail is None:
            try:
                return await self._log.head(name)
            except (NotFound, Gone):
                # Not begun, or all of it, to the trim, since it was looked up.
                now = await self._store.read(lambda tx: runs.get(tx, run.id))
                tail = None if now is None else now.next_offset
        return StreamInfo(name, StreamConfig(), tail or 0, 0, tail is not None, run.created_at)

    async def view(self, user_id: str, run_id: str) -> dict[str, Any]:
        """A run as a program sees it: ``status, text, next_offset, chunk_count, last_updated, usage, finish_reason,
        model, provider, key_owner, cost, duration, settings, error``, with the ids of what it belongs to. Times are
        Unix seconds, the duration is from the moment at which it was begun to its end, costs are US dollars."""
        run = await self.run(user_id, run_id)
        record, updated = await self._record(run)
        return {
            "id": run.id,
            "conversation_id": run.conversation_id,
            "message_id": run.message_id,
            "parent_id": run.parent_id,
            "status": run.status,
            "text": text_of(record.snapshot()),
            "next_offset": record.count,
            "chunk_count": record.count,
            "last_updated": updated,
            "usage": dict(run.usage or record.usage),
            "finish_reason": run.finish_reason or record.finish_reason,
            "model": run.model,
            "provider": run.model.partition("/")[0],
            "key_owner": run.key_owner,
            "cost": dollars(run.cost),
            "duration": None if run.started_at is None or run.ended_at is None else run.ended_at - run.started_at,
            "settings": _chosen(run.settings) if user_id == run.user_id == run.asker_id else {},
            "error": run.error or record.error_text,
        }

    async def message(self, user_id: str, run_id: str) -> dict[str, Any]:
        """The finished message ``{id, role, parts, metadata}``; waits for the end of its run.

        Raises the error with which the run failed, where it had said nothing before; else it is in the metadata.
        """
        run = await self.run(user_id, run_id)
        record = Fold()
        async with aclosing(self.follow(run, reader=user_id)) as steps:
            async for batches in steps:
                for batch in batches:
                    record.apply_all(map(decode, batch.messages))
        with suppress(Unavailable):
            # All of it is known, also where there is no room to write it down.
            await self.settle(run_id)
        parts, metadata = record.snapshot(), _remembered(run, record)
        if user_id != run.user_id:
            metadata = shown.metadata(metadata)
        if record.error is not None:
            text = record.error["errorText"]
            if not text_of(parts).strip():
                fault = restored(text, record.error.get("code"), bool(record.error.get("retryable")))
                fault.details = {"run": run_id}
                raise fault
            metadata = {**metadata, "error": text}
        return {"id": run.message_id, "role": "assistant", "parts": parts, "metadata": metadata}

    async def written(self, run: RunRow) -> Message | None:
        """The answer of a run as it is written down; None where it is not yet, or not any more."""
        row = await self._store.read(lambda tx: messages.get(tx, run.conversation_id, run.message_id))
        if row is None or row.parts is None:
            return None
        return Message(row.id, "assistant", row.parts, row.parent_id, row.metadata)

    async def settle(self, run_id: str) -> bool:
        """Fold a run whose stream is closed, whoever was to do it; True when it is folded. Twice is as once."""
        run = await self._store.read(lambda tx: runs.get(tx, run_id))
        if run is None:
            await self._forget(run_id)
        if run is None or run.ended:
            return True
        record, trail = Fold(), TrailRecorder()
        try:
            if not (await self._log.head(run_stream(run_id))).closed:
                return False
            at, closed = 0, False
            while not closed:
                reading = await self._log.read(run_stream(run_id), at)
                for batch in reading.batches:
                    events = [decode(message) for message in batch.messages]
                    record.apply_all(events)
                    trail.apply_all(events)
                at, closed = reading.next, reading.closed
        except (NotFound, Gone):
            return False
        await self.conclude(run, record, trail)
        return True

    async def conclude(self, run: RunRow, record: Fold, trail: TrailRecorder) -> None:
        """Write the fold of a closed stream into the message, once, count what it took, and tell the user's feed of
        it."""
        parts = record.snapshot()
        # What a program outside says of its answer's cost is its own affair.
        called = run.kind == "model" and record.steps > 0
        ending = Ending(
            status=status_of(record),
            finish_reason=record.finish_reason,
            usage=record.usage,
            error=record.error_text,
            next_offset=record.count,
            trail=trail.finish(parts),
            cost=millionths(record.metadata.get("cost")) if called else None,
        )

        def write(tx: Tx) -> bool:
            now = runs.get(tx, run.id)
            if now is None or not runs.finish(tx, run.id, ending):
                return now is not None
            messages.fill(tx, run.message_id, parts, _remembered(run, record))
            if called:
                spend(tx, run.id)
            conversations.stir(tx, run.conversation_id)
            finished = {"type": "run.finished", "run": run_view(run, ending.status)}
            # A guest who has signed in meanwhile is somebody else.
            audience.tell(tx, run.conversation_id, now.user_id, finished)
            # Who waits for this one's end may go on now.
            tx.poke("runs")
            tx.poke(f"done:{run.id}")
            return True

        if not await self._store.write(write):
            await self._forget(run.id)

    async def _forget(self, run_id: str) -> None:
        """Remove the stream of a run that is not there any more: nobody else will ever look for it."""
        with suppress(NotFound, Gone):
            await self._log.delete(run_stream(run_id))

    async def _is_expected(self, run: RunRow) -> bool:
        """Whether the stream of a run that was found unfinished is still to be waited for. Not where it is there: if it
        goes before it is followed, it does not come again. And not where all of it, from the first event to the trim,
        has happened since the run was looked up."""
        if self._world.now() - run.created_at < _FRESH_SECONDS:
            return True
        try:
            await self._log.head(run_stream(run.id))
        except (NotFound, Gone):
            now = await self._store.read(lambda tx: runs.get(tx, run.id))
            return now is not None and not now.ended
        return False

    async def _record(self, run: RunRow) -> tuple[Fold, float]:
        record, at = Fold(), 0
        while True:
            reading = await self.read(run, at)
            for batch in reading.batches:
                record.apply_all(map(decode, batch.messages))
            at = reading.next
            if reading.up_to_date:
                return record, run.ended_at or run.started_at or run.created_at

    async def _replay(self, run_id: str, start: int) -> Batch:
        def load(tx: Tx) -> tuple[bytes, list[Any]]:
            run = runs.get(tx, run_id)
            found = messages.get(tx, run.conversation_id, run.message_id) if run is not None else None
            trail = runs.trail(tx, run_id)
            if found is None or found.parts is None or trail is None:
                raise NotFound(surface="run")
            return trail, found.parts

        trail, parts = await self._store.read(load)
        return Batch(start, expand(trail, parts)[start:], final=True)


def _remembered(run: RunRow, record: Fold) -> dict[str, Any]:
    """What the message remembers: what its events say, and how it was to be answered, which the events say to nobody:
    others may read them."""
    # The system's words are the conversation's, and long.
    settings = _chosen({**run.settings, "system": None})
    return {**record.metadata, "settings": settings} if settings else record.metadata


def _chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """What was chosen of how to answer; not a program's own tools, which are what it asked."""
    return {name: value for name, value in settings.items() if value is not None and not isinstance(value, list)}


def run_view(run: RunRow, status: str) -> dict[str, Any]:
    """A run as the feed and the lists show it."""
    return {
        "id": run.id,
        "conversation_id": run.conversation_id,
        "message_id": run.message_id,
        "parent_id": run.parent_id,
        "status": status,
        "created_at": run.created_at,
    }
