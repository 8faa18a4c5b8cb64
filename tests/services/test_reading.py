"""Reading what is another's: each event once, however often it is in doubt, and none after it may not be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, opened
from tests.services.circle import CHAT, Circle
from tests.services.conftest import SettableWorld
from threadline.domain.errors import NotFound
from threadline.log.protocol import Batch, Steps
from threadline.providers.scripted import Script, Scripted, Text
from threadline.services.leaving import topic
from threadline.services.reading import while_readable

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


async def numbers() -> Steps:
    """A stream that has no end."""
    start = 0
    while True:
        yield (Batch(start, (b"%d" % start,)),)
        start += 1
        await asyncio.sleep(0)


async def test_no_doubt_loses_or_doubles_an_event(house: House) -> None:
    circle = Circle(house)
    words = " ".join(map(str, range(2000)))
    model = Scripted("test", house.world, lambda _request: Script([Text(words)]))
    asked = await house.ask("Count")
    reader = await circle.let_in()
    over = asyncio.Event()

    async def doubting() -> None:
        while not over.is_set():
            house.signals.poke(topic(CHAT))
            await asyncio.sleep(0)

    async def read(user_id: str) -> list[bytes]:
        run, found = await house.run(asked.run_id), []
        async with aclosing(house.answers.follow(run, reader=user_id)) as steps:
            async for batches in steps:
                for batch in batches:
                    assert batch.first == len(found)
                    found += batch.messages
        return found

    doubts = asyncio.create_task(doubting())
    async with asyncio.timeout(60), house.worker(model):
        his, own = await asyncio.gather(read(reader), read(house.user))
    over.set()
    await doubts
    assert his == own
    assert len(own) > 1000


async def test_what_was_taken_back_without_a_bell_is_noticed_within_seconds(house: House) -> None:
    circle, world = Circle(house), SettableWorld()
    await house.ask("Hello")
    reader = await circle.let_in()
    async with aclosing(while_readable(house.store, world, numbers(), reader, CHAT)) as steps:
        await anext(steps)

        def elsewhere(tx: Any) -> None:
            tx.conn.exec_driver_sql("DELETE FROM shares")

        await house.store.write(elsewhere)
        world.ahead += 6
        with pytest.raises(NotFound):
            await anext(steps)


async def test_who_may_not_read_is_told_nothing_at_all(house: House) -> None:
    circle = Circle(house)
    await house.ask("Hello")
    stranger = await circle.person()
    async with aclosing(while_readable(house.store, house.world, numbers(), stranger, CHAT)) as steps:
        with pytest.raises(NotFound):
            await anext(steps)


async def test_a_fault_of_the_stream_itself_is_not_taken_for_a_doubt(house: House) -> None:
    circle = Circle(house)
    await house.ask("Hello")
    reader = await circle.let_in()

    async def late() -> Steps:
        yield (Batch(0, (b"1",)),)
        raise TimeoutError

    async with aclosing(while_readable(house.store, house.world, late(), reader, CHAT)) as steps:
        await anext(steps)
        with pytest.raises(TimeoutError):
            await anext(steps)
