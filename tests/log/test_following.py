"""What following promises: history and tail in one step, every message once and in order, however slow the reader."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, cast

import pytest

from tests.log.engines import Clock, everything, messages_of, numbered, started
from threadline.domain.errors import Fenced, Gone, NotFound, Unavailable
from threadline.log.protocol import Batch, Fork, Log, Producer, StreamConfig

pytestmark = pytest.mark.anyio

MAKE: Any = {"create": StreamConfig()}


def following(log: Log, name: str, start: int = 0, *, expected: bool = False) -> Any:
    """A follow as a context, so that it is closed when left."""
    return aclosing(cast(Any, log.follow(name, start, expected=expected)))


async def followed(
    log: Log, name: str, start: int = 0, *, expected: bool = False, upto: int | None = None
) -> list[bytes]:
    """All that a follower gets, up to the end or to an offset; each step must go on where the last one ended."""
    at, found = start, []
    async with following(log, name, start, expected=expected) as steps:
        async for batches in steps:
            assert batches
            for batch in batches:
                assert batch.first == at
                at = batch.next
                found += batch.messages
            assert not any(batch.final for batch in batches[:-1])
            if upto is not None and at >= upto:
                break
    return found


async def test_a_follower_gets_history_then_the_tail_and_ends_with_the_close(log: Log) -> None:
    await log.append("s", numbered(0, 3), **MAKE)
    task = asyncio.create_task(followed(log, "s", 1))
    await started(log, task)
    await log.append("s", numbered(3, 4))
    await log.append("s", numbered(4, 6), close=True)
    assert await asyncio.wait_for(task, 60) == numbered(1, 6)


async def test_a_closed_stream_is_followed_to_its_end_from_any_place(log: Log) -> None:
    await log.append("s", numbered(0, 3), close=True, **MAKE)
    for start in range(6):
        assert await asyncio.wait_for(followed(log, "s", start), 60) == numbered(0, 3)[start:]


async def test_the_last_batch_of_a_follow_is_final_also_without_messages(log: Log) -> None:
    await log.append("s", numbered(0, 1), **MAKE)
    steps: list[tuple[Batch, ...]] = []

    async def follow() -> None:
        async with following(log, "s", 1) as found:
            async for batches in found:
                steps.append(batches)

    task = asyncio.create_task(follow())
    await started(log, task)
    await log.append("s", [], close=True)
    await asyncio.wait_for(task, 60)
    assert [(batch.first, len(batch.messages), batch.final) for batch in steps[-1]] == [(1, 0, True)]
    late = [step async for step in log.follow("s", 1)]
    assert [(batch.first, len(batch.messages), batch.final) for batch in late[-1]] == [(1, 0, True)]


async def test_a_stream_that_is_not_there_is_refused_unless_it_is_expected(log: Log) -> None:
    with pytest.raises(NotFound):
        await anext(aiter(log.follow("s")))
    task = asyncio.create_task(followed(log, "s", expected=True))
    later = asyncio.create_task(followed(log, "s", 2, expected=True))
    await started(log, task, later)
    await log.create("s")
    await started(log, task, later)
    await log.append("s", numbered(0, 3), close=True)
    assert await asyncio.wait_for(task, 60) == numbered(0, 3)
    assert await asyncio.wait_for(later, 60) == numbered(2, 3)


async def test_a_follower_beyond_the_tail_waits_for_its_offset(log: Log) -> None:
    await log.append("s", numbered(0, 2), **MAKE)
    task = asyncio.create_task(followed(log, "s", 5))
    await started(log, task)
    await log.append("s", numbered(2, 4))
    await started(log, task)
    await log.append("s", numbered(4, 8), close=True)
    assert await asyncio.wait_for(task, 60) == numbered(5, 8)


async def ends_at_once(log: Log, name: str, start: int) -> None:
    """A follower from ``start`` gets one final batch without messages, there and then."""
    steps = [batches async for batches in log.follow(name, start)]
    assert [(b.first, len(b.messages), b.final) for batches in steps for b in batches] == [(start, 0, True)]


@pytest.mark.parametrize("followed_before", [False, True])
@pytest.mark.parametrize("close_alone", [False, True])
async def test_a_closed_stream_ends_who_starts_at_or_beyond_its_tail_also_after_a_trim(
    log: Log, followed_before: bool, close_alone: bool
) -> None:
    await log.append("s", numbered(0, 2), **MAKE)
    waiting = [asyncio.create_task(followed(log, "s", start)) for start in (2, 9)] if followed_before else []
    if waiting:
        await started(log, *waiting)
    await log.append("s", numbered(2, 3))
    await log.append("s", [] if close_alone else numbered(3, 4), close=True)
    tail = (await log.head("s")).tail
    async with asyncio.timeout(60):
        assert [await task for task in waiting] == [numbered(2, tail), []][: len(waiting)]
        for trimmed in (0, 1, 3, tail):
            await log.trim("s", trimmed)
            for start in (tail, tail + 1, tail + 7):
                await ends_at_once(log, "s", start)
            assert await followed(log, "s", trimmed) == numbered(trimmed, tail)


async def test_who_is_at_the_tail_when_all_is_trimmed_goes_on_with_what_comes(log: Log) -> None:
    await log.append("s", numbered(0, 3), **MAKE)
    task = asyncio.create_task(followed(log, "s", 3))
    await started(log, task)
    await log.append("s", numbered(3, 4))
    await started(log, task)
    await log.trim("s", 4)
    late = asyncio.create_task(followed(log, "s", 4))
    await started(log, task, late)
    await log.append("s", numbered(4, 6), close=True)
    assert await asyncio.wait_for(task, 60) == numbered(3, 6)
    assert await asyncio.wait_for(late, 60) == numbered(4, 6)


async def test_a_takeover_reaches_no_follower(log: Log) -> None:
    await log.append("s", numbered(0, 1), producer=Producer("run", 1, 0), **MAKE)
    task = asyncio.create_task(followed(log, "s"))
    await started(log, task)
    await log.append("s", [], producer=Producer("run", 2, 0))
    await started(log, task)
    await log.append("s", numbered(1, 2), producer=Producer("run", 2, 1), close=True)
    assert await asyncio.wait_for(task, 60) == numbered(0, 2)


async def test_all_followers_of_a_stream_get_the_very_same_batches(log: Log) -> None:
    await log.create("s")
    seen: list[list[Batch]] = [[] for _ in range(5)]

    async def follow(found: list[Batch]) -> None:
        async for batches in log.follow("s"):
            found += batches

    tasks = [asyncio.create_task(follow(found)) for found in seen]
    await started(log, *tasks)
    for number in range(10):
        await log.append("s", numbered(number, number + 1), close=number == 9)
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    for found in seen[1:]:
        assert len(found) == len(seen[0])
        assert all(one is other for one, other in zip(found, seen[0], strict=True))


async def test_what_a_follower_has_seen_can_be_read(log: Log) -> None:
    """Append, then commit, then publish, always in this order."""
    await log.create("s")

    async def follow() -> int:
        seen = 0
        async for batches in log.follow("s"):
            seen = batches[-1].next
            assert (await log.head("s")).tail >= seen
            last = await log.read("s", seen - 1, limit=1)
            assert last.batches[0].messages[0] == batches[-1].messages[-1]
        return seen

    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        for number in range(100):
            await log.append("s", numbered(number, number + 1), close=number == 99)
    assert task.result() == 100


async def test_a_slow_reader_slows_neither_the_writer_nor_another_reader(log: Log) -> None:
    await log.create("s")
    message = b"x" * 1000
    async with following(log, "s") as slow:
        task = asyncio.create_task(followed(log, "s"))
        await started(log, task)
        for number in range(500):
            await log.append("s", [message], close=number == 499)
        assert len(await asyncio.wait_for(task, 60)) == 500
        steps = [batches async for batches in slow]
    assert sum(len(messages_of(batches)) for batches in steps) == 500


async def test_a_reader_that_falls_behind_in_the_middle_is_served_from_the_store_and_comes_back_to_the_tail(
    log: Log,
) -> None:
    await log.create("s")
    async with following(log, "s") as slow:
        found: list[bytes] = []
        for turn in range(5):
            for number in range(turn * 300, turn * 300 + 300):
                await log.append("s", [b"%0500d" % number], close=number == 1499)
            while len(found) < turn * 300 + 250:
                found += messages_of(await anext(slow))
        async for batches in slow:
            found += messages_of(batches)
    assert found == [b"%0500d" % number for number in range(1500)]


async def test_a_follower_that_leaves_is_forgotten_and_disturbs_nobody(log: Log) -> None:
    await log.create("s")
    stays = asyncio.create_task(followed(log, "s"))
    leaves = [asyncio.create_task(followed(log, "s")) for _ in range(10)]
    await started(log, stays, *leaves)
    for task in leaves:
        task.cancel()
    await asyncio.gather(*leaves, return_exceptions=True)
    await log.append("s", numbered(0, 2), close=True)
    assert await asyncio.wait_for(stays, 60) == numbered(0, 2)


async def test_deleting_a_stream_ends_its_followers_with_gone(log: Log) -> None:
    await log.append("s", numbered(0, 2), **MAKE)
    tasks = [asyncio.create_task(followed(log, "s", start)) for start in (0, 2, 9)]
    await started(log, *tasks)
    await log.delete("s")
    for task in tasks:
        with pytest.raises(Gone):
            await asyncio.wait_for(task, 60)


async def test_deleting_what_was_never_made_ends_those_who_wait_for_it(log: Log) -> None:
    waiting = [asyncio.create_task(followed(log, "s", start, expected=True)) for start in (0, 3)]
    other = asyncio.create_task(followed(log, "other", expected=True))
    await started(log, *waiting)
    with pytest.raises(NotFound):
        await log.delete("s")
    for task in waiting:
        with pytest.raises(Gone):
            await asyncio.wait_for(task, 60)
    later = asyncio.create_task(followed(log, "s", expected=True))
    await started(log, later)
    await started(log, other, name="other")
    for name in ("s", "other"):
        await log.append(name, numbered(0, 2), close=True, **MAKE)
    for task in (later, other):
        assert await asyncio.wait_for(task, 60) == numbered(0, 2)


async def test_a_follower_never_goes_over_to_a_stream_that_was_made_anew(log: Log) -> None:
    await log.append("s", numbered(0, 2), **MAKE)
    async with following(log, "s") as steps:
        assert messages_of(await anext(steps)) == numbered(0, 2)
        await asyncio.gather(log.delete("s"), log.append("s", [b"new"] * 5, **MAKE))
        with pytest.raises(Gone):
            await anext(steps)
    assert await followed(log, "s", upto=5) == [b"new"] * 5


async def test_an_expiry_ends_its_followers_with_gone(log: Log, clock: Clock) -> None:
    await log.create("s", StreamConfig(ttl=10))
    task = asyncio.create_task(followed(log, "s"))
    await started(log, task)
    clock.time += 11
    assert await log.expire() == 1
    with pytest.raises(Gone):
        await asyncio.wait_for(task, 60)


async def test_closing_the_log_ends_its_followers_as_unavailable(log: Log) -> None:
    await log.create("s")
    task = asyncio.create_task(followed(log, "s"))
    await started(log, task)
    await log.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(task, 60)
    with pytest.raises(Unavailable):
        await anext(aiter(log.follow("s")))


async def test_a_follower_below_a_trim_is_told_and_one_above_goes_on(log: Log) -> None:
    await log.create("s")
    async with following(log, "s") as below, following(log, "s", 50) as above:
        for number in range(100):
            await log.append("s", [b"%0500d" % number])
        await anext(above)
        await log.trim("s", 60)
        with pytest.raises(Gone):
            async for _ in below:
                pass
        await log.append("s", [], close=True)
        async for batches in above:
            assert batches[-1].next == 100


async def test_a_fork_is_followed_across_its_boundary_and_hears_nothing_of_its_source(log: Log) -> None:
    await log.create("s", messages=numbered(0, 3))
    await log.create("f", StreamConfig("", fork=Fork("s", 2)))
    task = asyncio.create_task(followed(log, "f"))
    await started(log, task, name="f")
    await log.append("s", [b"s"], close=True)
    await started(log, task, name="f")
    await log.append("f", [b"f"], close=True)
    assert await asyncio.wait_for(task, 60) == [*numbered(0, 2), b"f"]


async def test_no_message_is_missed_or_repeated_between_history_and_tail(log: Log) -> None:
    """Followers join at every moment of a stream that is being written, at exact offsets of their own."""
    await log.create("s")
    tasks: list[tuple[int, asyncio.Task[list[bytes]]]] = []
    for number in range(300):
        await log.append("s", numbered(number, number + 1), close=number == 299)
        start = random.randrange(number + 1)
        tasks.append((start, asyncio.create_task(followed(log, "s", start))))
    for start, task in tasks:
        assert await asyncio.wait_for(task, 60) == numbered(start, 300)


async def test_fifty_streams_with_writers_and_followers_that_leave_and_come_back_at_exact_offsets(log: Log) -> None:
    per_stream, chance = 60, random.Random(7)

    async def write(name: str) -> None:
        at = 0
        while at < per_stream:
            end = min(per_stream, at + chance.choice((1, 1, 2, 5)))
            answer = await log.append(name, numbered(at, end), close=end == per_stream, **MAKE)
            assert answer.tail == end
            at = end
            await asyncio.sleep(chance.choice((0, 0, 0.001)))

    async def follow(name: str) -> None:
        found: list[bytes] = []
        ended = False
        while not ended:
            steps = chance.randrange(1, 8)
            async with following(log, name, len(found), expected=True) as batches:
                async for batch in _some(batches, steps):
                    assert batch.first == len(found)
                    found += batch.messages
                    ended = batch.final
            await asyncio.sleep(chance.choice((0, 0.001)))
        assert found == numbered(0, per_stream)

    async with asyncio.timeout(180), asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(write(f"s{number}"))
            for _ in range(4):
                group.create_task(follow(f"s{number}"))


async def test_writers_that_fence_each_other_leave_one_unbroken_line_to_every_follower(log: Log) -> None:
    await log.create("s")
    taken: list[tuple[int, int]] = []

    async def write(epoch: int) -> None:
        await asyncio.sleep(epoch * 0.002)
        with suppress(Fenced):
            tail = (await log.append("s", [], producer=Producer("run", epoch, 0))).tail
            taken.append((epoch, tail))
            for seq in range(1, 200):
                await log.append("s", [b"%d" % epoch], producer=Producer("run", epoch, seq))

    async with asyncio.timeout(180), asyncio.TaskGroup() as group:
        task = group.create_task(followed(log, "s"))
        async with asyncio.TaskGroup() as writers:
            for epoch in range(1, 9):
                writers.create_task(write(epoch))
        await log.append("s", [], close=True)
    epochs = [int(message) for message in task.result()]
    assert epochs == sorted(epochs)
    for epoch, tail in taken:
        assert all(other < epoch for other in epochs[:tail])
        assert all(other >= epoch for other in epochs[tail:])
    assert await everything(log, "s") == task.result()


async def _some(steps: AsyncIterator[Sequence[Batch]], count: int) -> AsyncIterator[Batch]:
    for _ in range(count):
        try:
            batches = await anext(steps)
        except StopAsyncIteration:
            return
        for batch in batches:
            yield batch
