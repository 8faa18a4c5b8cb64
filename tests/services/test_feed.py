"""The feed: every change once and in order, from any offset, live; only to whom it belongs."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from tests.services.conftest import Base
from threadline.domain.errors import Gone
from threadline.store import changes

pytestmark = pytest.mark.anyio


async def collect(base: Base, user_id: str, start: int, count: int) -> list[tuple[int, Any]]:
    got: list[tuple[int, Any]] = []
    async with aclosing(base.feed.follow(user_id, start)) as steps:
        async for batches in steps:
            for batch in batches:
                got += [(batch.first + at, orjson.loads(message)) for at, message in enumerate(batch.messages)]
            if len(got) >= count:
                return got
    return got


async def record(base: Base, user_id: str, number: int) -> None:
    await base.store.write(lambda tx: changes.record(tx, user_id, {"type": "test", "number": number}))


async def test_a_follower_gets_history_and_then_what_comes_each_once(base: Base) -> None:
    me = (await base.accounts.guest()).user.id
    for number in range(700):
        await record(base, me, number)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        followers = [group.create_task(collect(base, me, start, 800 - start)) for start in (0, 1, 650, 700)]
        for number in range(700, 800):
            await record(base, me, number)
    for start, follower in zip((0, 1, 650, 700), followers, strict=True):
        expected = [(number, {"type": "test", "number": number}) for number in range(start, 800)]
        assert follower.result() == expected


async def test_a_feed_tells_nobody_else(base: Base) -> None:
    me, other = [(await base.accounts.guest()).user.id for _ in range(2)]
    follower = asyncio.create_task(collect(base, other, 0, 1))
    await record(base, me, 1)
    await record(base, other, 2)
    assert await asyncio.wait_for(follower, 60) == [(0, {"type": "test", "number": 2})]
    assert await base.feed.tail(me) == 1


async def test_an_empty_feed_has_its_tail_at_zero(base: Base) -> None:
    me = (await base.accounts.guest()).user.id
    assert await base.feed.tail(me) == 0
    reading = await base.feed.read(me)
    assert (reading.batches, reading.next, reading.up_to_date, reading.closed) == ((), 0, True, False)


async def test_what_is_not_kept_and_what_never_was_is_gone(base: Base) -> None:
    me = (await base.accounts.guest()).user.id
    for number in range(3):
        await record(base, me, number)
    base.world.ahead += changes.KEEP_SECONDS + 1
    await record(base, me, 3)
    assert await base.store.write(changes.forget_old) == 3
    for start in (0, 5):
        with pytest.raises(Gone) as gone:
            await collect(base, me, start, 1)
        assert gone.value.details == {"tail": 4}
    assert await collect(base, me, 3, 1) == [(3, {"type": "test", "number": 3})]


async def test_a_follower_that_leaves_leaves_nothing_behind(base: Base) -> None:
    me = (await base.accounts.guest()).user.id
    follower = asyncio.create_task(collect(base, me, 0, 1))
    await asyncio.sleep(0.05)
    follower.cancel()
    with pytest.raises(asyncio.CancelledError):
        await follower
    assert not base.signals._bells
