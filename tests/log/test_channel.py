"""The fan-out by itself: bounds, forgetting, and a source that is no stream of the log."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, cast

import pytest

from tests.log.engines import Clock, messages_of
from threadline.log.channel import NEWEST_BYTES, RECENT, RING_BYTES, Channel, Channels, follow
from threadline.log.commands import Published
from threadline.log.memory import MemoryLog
from threadline.log.protocol import Batch, Reading, StreamConfig

pytestmark = pytest.mark.anyio


class Table:
    """A source that is a list somewhere else; ``after_read`` runs between its snapshot and its answer."""

    def __init__(self, rows: list[bytes]) -> None:
        self.rows = rows
        self.reads = 0
        self.closed = False
        self.after_read: Callable[[], None] = lambda: None

    async def read(self, start: int) -> Reading:
        self.reads += 1
        rows = tuple(self.rows[start : start + 3])
        ended = start + len(rows) >= len(self.rows)
        self.after_read()
        await asyncio.sleep(0)
        batches = (Batch(start, rows),) if rows else ()
        return Reading(batches, start + len(rows), up_to_date=ended, closed=ended and self.closed)


async def test_another_source_is_followed_by_its_doorbell_alone() -> None:
    table, channel = Table([b"%d" % n for n in range(7)]), Channel()
    found: list[bytes] = []

    async def run() -> None:
        async for batches in follow(table, channel, 0):
            found.extend(messages_of(batches))

    task = asyncio.create_task(run())
    await _until(lambda: len(found) == 7)
    reads = table.reads
    await asyncio.sleep(0.01)
    assert table.reads <= reads + 1
    table.rows.append(b"7")
    channel.ring_bell()
    await _until(lambda: len(found) == 8)
    table.rows.append(b"8")
    table.closed = True
    channel.ring_bell()
    await asyncio.wait_for(task, 60)
    assert found == [b"%d" % n for n in range(9)]


async def test_a_bell_between_a_snapshot_and_its_answer_is_not_missed() -> None:
    table, channel = Table([b"0"]), Channel()

    def late() -> None:
        table.after_read = lambda: None
        table.rows.append(b"1")
        channel.ring_bell()

    table.after_read = late
    async with aclosing(cast(Any, follow(table, channel, 0))) as steps:
        found = [messages_of(await asyncio.wait_for(anext(steps), 60)) for _ in range(2)]
    assert found == [[b"0"], [b"1"]]


async def test_a_batch_between_a_snapshot_and_its_answer_is_not_missed() -> None:
    table, channel = Table([]), Channel()

    def late() -> None:
        table.after_read = lambda: None
        table.rows.append(b"0")
        channel.publish(Batch(0, (b"0",), final=True))

    table.after_read = late
    found = [messages_of(step) async for step in follow(table, channel, 0)]
    assert found == [[b"0"]]


async def test_a_follower_at_the_tail_does_not_read_at_all() -> None:
    table, channel = Table([]), Channel()
    found: list[bytes] = []

    async def run() -> None:
        async for batches in follow(table, channel, 0):
            found.extend(messages_of(batches))

    task = asyncio.create_task(run())
    await _until(lambda: bool(channel._waiters))
    for number in range(50):
        channel.publish(Batch(number, (b"%d" % number,), final=number == 49))
        await asyncio.sleep(0)
    await asyncio.wait_for(task, 60)
    assert len(found) == 50
    assert table.reads == 1


async def test_a_channel_keeps_no_more_than_its_bound_and_a_larger_newest_only_while_somebody_follows() -> None:
    channel = Channel()
    for number in range(1000):
        channel.publish(Batch(number, (b"x" * 1000,)))
    assert channel.since(0) == ()
    kept = [number for number in range(1000) if channel.since(number)]
    assert kept == list(range(kept[0], 1000))
    assert len(kept) * 1000 <= RING_BYTES
    channel.publish(Batch(1000, (b"x" * RING_BYTES * 2,)))
    assert (channel.since(999), channel.since(1000), channel.tail) == ((), (), 1001)
    with channel.followed():
        channel.publish(large := Batch(1001, (b"x" * RING_BYTES * 2,)))
        assert (channel.since(1000), channel.since(1001)) == ((), (large,))
        with channel.followed():
            pass
        assert channel.newest == (large,)
        channel.publish(Batch(1002, (b"x" * NEWEST_BYTES,)))
        assert (channel.newest, channel.since(1002), channel.tail) == ((), (), 1003)
        channel.publish(last := Batch(1003, (b"x" * RING_BYTES * 2,), final=True))
        assert channel.newest == (last,)
    assert (channel.newest, channel.since(1003), channel.since(1004), channel.tail) == ((), (), (), None)


async def test_what_was_made_of_a_batch_goes_with_the_last_who_followed() -> None:
    channel, batch = Channel(), Batch(0, (b"x",))
    with channel.followed():
        with channel.followed():
            channel.publish(batch)
            batch.frames["an encoder"] = b"x" * 1000
        assert batch.frames
    assert channel.since(0) == (batch,)
    assert not batch.frames


@pytest.mark.parametrize("size", [RING_BYTES * 2, NEWEST_BYTES * 2])
@pytest.mark.parametrize("close", [False, True])
async def test_large_batches_reach_all_who_follow_and_who_comes_late_and_none_of_them_stays(
    size: int, close: bool
) -> None:
    log = MemoryLog(Clock())
    await log.create("s", StreamConfig())
    messages = [b"%d" % number * size for number in range(4)]

    async def all_of_it() -> list[bytes]:
        found: list[bytes] = []
        async with aclosing(cast(Any, log.follow("s"))) as steps:
            async for batches in steps:
                found += messages_of(batches)
                if len(found) == len(messages):
                    break
        return found

    tasks = [asyncio.create_task(all_of_it()) for _ in range(5)]
    await _until(lambda: len(log._channels.open("s")._waiters) == 5)
    for number, message in enumerate(messages):
        await log.append("s", [message], close=close and number == 3)
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*tasks) == [messages] * 5
        assert await all_of_it() == messages
    assert log._channels.open("s").newest == ()
    await log.close()


async def test_what_is_taken_from_a_channel_begins_at_any_offset_within_it() -> None:
    channel = Channel()
    for first in range(0, 12, 3):
        channel.publish(Batch(first, tuple(b"%d" % n for n in range(first, first + 3))))
    for start in range(12):
        assert messages_of(channel.since(start)) == [b"%d" % n for n in range(start, 12)]
    assert channel.since(12) == ()


async def test_channels_that_nobody_follows_are_dropped() -> None:
    channels = Channels()
    for number in range(RECENT * 3):
        channels.open(f"s{number}")
    gc.collect()
    assert len(channels) == RECENT
    channels.deliver([Published("s0", Batch(0, (b"x",)))])
    assert channels.get("s0") is None
    held = channels.open("s0")
    for number in range(RECENT * 3):
        channels.open(f"t{number}")
    assert channels.get("s0") is held


async def test_a_thousand_followers_leave_nothing_behind() -> None:
    log = MemoryLog(Clock())
    await log.create("s", StreamConfig())
    tasks = [asyncio.create_task(_first(log)) for _ in range(1000)]
    await _until(lambda: len(log._channels.open("s")._waiters) == 1000)
    for task in tasks[::2]:
        task.cancel()
    await log.append("s", [b"x"])
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not log._channels.open("s")._waiters
    await log.close()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0)


async def _first(log: MemoryLog) -> None:
    async with aclosing(cast(Any, log.follow("s"))) as steps:
        await anext(steps)
