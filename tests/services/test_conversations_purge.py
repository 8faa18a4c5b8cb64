"""Deleting, cut off anywhere, beside workers that wake up late and readers that come late: nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from tests.services.conftest import Base
from tests.services.test_conversations import answer, no_stream_left, rows_left, say, user
from threadline.domain.errors import Fenced, Gone
from threadline.domain.ids import run_stream
from threadline.log.protocol import Log, Producer, StreamConfig
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.store import leases, messages, runs
from threadline.store.database import Store, Tx
from threadline.store.messages import NewMessage
from threadline.store.runs import NewRun, RunRow

pytestmark = pytest.mark.anyio

NOTHING = {"conversations": 0, "messages": 0, "runs": 0}


async def wanted(base: Base, user_id: str, chat: str) -> RunRow:
    """A run that nobody has begun."""

    def work(tx: Tx) -> RunRow:
        run_id = tx.new_id("run")
        message = messages.add(tx, NewMessage(chat, "assistant", None, run_id=run_id))
        return runs.insert(tx, run_id, NewRun(chat, user_id, message.id, message.id, "demo/demo", {}))

    return await base.store.write(work)


async def to_the_end(base: Base, run_id: str) -> int:
    """The offset at which a reader who expects the stream to begin comes to its end."""
    at = -1
    async for batches in base.log.follow(run_stream(run_id), expected=True):
        at = batches[-1].next
    return at


async def test_readers_of_a_run_that_never_began_come_to_an_end_whenever_they_came(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run = await wanted(base, me, chat)
    early = asyncio.create_task(to_the_end(base, run.id))
    await asyncio.sleep(0.01)
    await base.conversations.delete(me, chat)
    with pytest.raises(Gone):
        await asyncio.wait_for(early, 60)
    # This one knew of the run before it was deleted, and asks for its events only now.
    assert await asyncio.wait_for(to_the_end(base, run.id), 60) == 0
    assert await rows_left(base) == NOTHING
    await no_stream_left(base, [run.id])


@pytest.mark.parametrize("begun", [False, True])
async def test_a_worker_that_wakes_up_after_its_lease_writes_nothing_any_more(base: Base, begun: bool) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run = await wanted(base, me, chat)
    (claimed,) = await base.store.write(lambda tx: leases.claim(tx, "paused", 5.0, 10))

    async def append(seq: int) -> None:
        producer = Producer("run", claimed.epoch, seq)
        await base.log.append(run_stream(run.id), [b"{}"], producer=producer, create=StreamConfig())

    if begun:
        await append(0)
    base.world.ahead += 6
    await base.conversations.delete(me, chat)
    assert await rows_left(base) == NOTHING
    with pytest.raises(Fenced):
        await append(1 if begun else 0)
    await no_stream_left(base, [run.id])


async def test_from_the_moment_that_its_streams_go_no_worker_can_claim_a_run_of_it(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    for _ in range(3):
        await wanted(base, me, chat)
    claimed: list[RunRow] = []

    class Eager(Calls):
        async def before(self) -> None:
            claimed.extend(await base.store.write(lambda tx: leases.claim(tx, "eager", 5.0, 10)))

    service = Conversations(base.store, cast(Log, Eager(base.log)), Answers(base.store, base.log, base.world))
    await service.delete(me, chat)
    assert claimed == []
    assert await rows_left(base) == NOTHING


class Calls:
    """A log or a store that does something before and after each call."""

    def __init__(self, inner: Log | Store) -> None:
        self._inner = inner

    async def before(self) -> None:
        """What is done first."""

    async def after(self) -> None:
        """What is done when the call is through."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **options: Any) -> Any:
            await self.before()
            result = await getattr(self._inner, name)(*args, **options)
            await self.after()
            return result

        return call


class Cut(Exception):
    """The process ends here."""


class CutOff(Calls):
    """Ends before or after the call whose number is reached; counts over all that share ``left``."""

    def __init__(self, inner: Log | Store, left: list[int]) -> None:
        super().__init__(inner)
        self._left = left

    async def before(self) -> None:
        """One step."""
        self._left[0] -= 1
        if self._left[0] < 0:
            raise Cut

    after = before


async def test_a_purge_that_is_cut_off_anywhere_leaves_nothing_after_the_next_sweep(base: Base) -> None:
    answers, steps, done = Answers(base.store, base.log, base.world), 0, False
    while not done:
        me = await user(base)
        chat = (await base.conversations.create(me))["id"]
        asked = await say(base, chat, "hello")
        run_ids = [await answer(base, me, chat, asked, "completed"), (await wanted(base, me, chat)).id]
        (lapsed,) = await base.store.write(lambda tx: leases.claim(tx, "paused", -1.0, 1))
        run_ids += [await answer(base, me, chat, asked, "running", -1.0), (await wanted(base, me, chat)).id]
        left = [steps]
        service = Conversations(cast(Store, CutOff(base.store, left)), cast(Log, CutOff(base.log, left)), answers)
        with suppress(Cut):
            await service.delete(me, chat)
            done = left[0] >= 0 and await rows_left(base) == NOTHING
        if steps > 0:
            await base.conversations.sweep()
            assert await rows_left(base) == NOTHING
            late = Producer("run", lapsed.epoch, 0)
            with pytest.raises(Fenced):
                await base.log.append(run_stream(lapsed.id), [b"{}"], producer=late, create=StreamConfig())
            await no_stream_left(base, run_ids)
        else:
            await base.conversations.delete_all(me)
        steps += 1
    assert steps > 15


async def test_purges_side_by_side_do_not_disturb_each_other(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run_ids = [(await wanted(base, me, chat)).id for _ in range(3)]
    await asyncio.gather(base.conversations.delete(me, chat), *(base.conversations.sweep() for _ in range(5)))
    await base.conversations.sweep()
    assert await rows_left(base) == NOTHING
    await no_stream_left(base, run_ids)
