"""Shares: what many followers of one place have read ahead is bounded, each gets its turn, and none waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing

import pytest

from tests.log.engines import numbered
from threadline.log.protocol import READ_MESSAGES, Log, StreamConfig
from threadline.log.shares import ONE_READ, Budget, Share

pytestmark = pytest.mark.anyio


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.001)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_followers_read_ahead_what_their_budget_has_and_each_gets_all_in_the_end(log: Log) -> None:
    message, count = b"x" * 100_000, 25
    await log.append("s", [message] * count, create=StreamConfig(), close=True)
    budget, go = Budget(4 * ONE_READ), asyncio.Event()
    ahead, most, got = 0, 0, [0] * 30

    async def follow(number: int) -> None:
        nonlocal ahead, most
        share = Share(budget)
        async with aclosing(log.follow("s", share=share)) as steps:
            async for batches in steps:
                found = sum(len(batch.messages) for batch in batches)
                ahead += found
                most = max(most, ahead)
                await go.wait()
                await asyncio.sleep(0)
                ahead -= found
                got[number] += found
                share.drop()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(follow(number))
        await until(lambda: ahead > 0)
        await asyncio.sleep(0.1)
        assert 0 < ahead * len(message) <= 5 * ONE_READ
        go.set()
    assert got == [count] * 30
    assert most * len(message) <= 5 * ONE_READ


async def test_a_read_of_the_smallest_messages_takes_little_more_memory_than_its_share(log: Log) -> None:
    count, at = 2 * READ_MESSAGES + 5, 3
    await log.append("s", [b"%d" % (number % 10) for number in range(READ_MESSAGES // 2)], create=StreamConfig())
    await log.append("s", [b"x"] * (count - READ_MESSAGES // 2), close=True)
    while at < count:
        reading = await log.read("s", at)
        assert sum(batch.size for batch in reading.batches) <= 2 * ONE_READ
        assert reading.next == min(at + READ_MESSAGES, count)
        assert reading.closed is (reading.next == count)
        at = reading.next


async def test_who_waits_at_the_tail_holds_nothing(log: Log) -> None:
    await log.append("s", numbered(0, 1), create=StreamConfig())
    budget, found = Budget(ONE_READ), [0] * 20

    async def follow(number: int) -> None:
        share = Share(budget)
        async with aclosing(log.follow("s", share=share)) as steps:
            async for batches in steps:
                found[number] += sum(len(batch.messages) for batch in batches)
                share.drop()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(follow(number))
        await until(lambda: found == [1] * 20)
        await log.append("s", numbered(1, 3), close=True)
    assert found == [3] * 20


async def test_a_read_that_finds_more_than_all_there_is_goes_through(log: Log) -> None:
    await log.append("s", [b"x" * 5 * ONE_READ, b"y"], create=StreamConfig(), close=True)
    share, found = Share(Budget(ONE_READ)), 0
    async with asyncio.timeout(120), aclosing(log.follow("s", share=share)) as steps:
        async for batches in steps:
            found += sum(len(batch.messages) for batch in batches)
    assert found == 2


async def test_those_who_wait_come_in_their_order() -> None:
    budget, order = Budget(ONE_READ), list[int]()
    first = Share(budget)
    await first.take()

    async def wait(number: int) -> None:
        share = Share(budget)
        await share.take()
        order.append(number)
        share.drop()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(wait(number))
        await settled()
        assert order == []
        first.keep(ONE_READ - 1)
        await settled()
        assert order == []
        first.drop()
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_leaves_while_it_waits_or_holds_takes_nothing_along(seed: int) -> None:
    chance = random.Random(seed)
    budget = Budget(3 * ONE_READ)

    async def follow() -> None:
        share = Share(budget)
        try:
            while True:
                await share.take(chance.choice([ONE_READ, chance.randrange(4 * ONE_READ)]))
                share.keep(chance.randrange(3 * ONE_READ))
                await asyncio.sleep(0)
        finally:
            share.drop()

    tasks = [asyncio.create_task(follow()) for _ in range(12)]
    for _ in range(200):
        await asyncio.sleep(0)
        at = chance.randrange(len(tasks))
        tasks[at].cancel()
        if chance.random() < 0.5:
            await asyncio.wait({tasks[at]})
        tasks[at] = asyncio.create_task(follow())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(60):
        for _ in range(3):
            await Share(budget).take()


async def test_who_wants_much_is_waited_for_and_where_he_leaves_those_behind_him_go_on() -> None:
    budget = Budget(3 * ONE_READ)
    first, small = Share(budget), Share(budget)
    await first.take(2 * ONE_READ)
    large = asyncio.create_task(Share(budget).take(2 * ONE_READ))
    behind = asyncio.create_task(small.take())
    await settled()
    assert not behind.done()
    large.cancel()
    await asyncio.wait_for(behind, 10)
    first.drop()
    small.drop()
    await asyncio.wait_for(Share(budget).take(4 * ONE_READ), 10)


async def test_who_takes_nothing_has_all_of_his_own_budget_and_holds_up_nobody_elses() -> None:
    everything = Budget(6 * ONE_READ)
    one, other = Budget(4 * ONE_READ, everything), Budget(4 * ONE_READ, everything)
    held = [Share(one) for _ in range(4)]
    for share in held:
        await share.take()
    late = Share(one)
    waiting = asyncio.create_task(late.take())
    others = [Share(other) for _ in range(3)]
    for share in others[:2]:
        await asyncio.wait_for(share.take(), 60)
    third = asyncio.create_task(others[2].take())
    await settled()
    assert not waiting.done()
    assert not third.done(), "together they have no more than there is for all"
    third.cancel()
    await asyncio.wait({third})
    held[0].keep(ONE_READ // 2)
    held[1].drop()
    await asyncio.wait_for(waiting, 60)
    for share in (*held, *others, late):
        share.drop()
    for budget, count in ((one, 4), (other, 4)):
        again = [Share(budget) for _ in range(count)]
        for share in again:
            await asyncio.wait_for(share.take(), 60)
        for share in again:
            share.drop()
