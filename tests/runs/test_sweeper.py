"""The sweeper: a trimmed answer is told byte for byte at every offset; what a crash left is finished."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.runs.harness import House, opened
from threadline.domain.errors import NotFound
from threadline.domain.ids import run_stream
from threadline.log.protocol import Batch
from threadline.providers.scripted import Reasoning, Script, Scripted, Text
from threadline.runs.config import RunConfig
from threadline.runs.sweeper import Sweeper
from threadline.services.conversations import Conversations
from threadline.store import conversations, runs
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

MODEL = Scripted("test", SystemWorld(), Script([Reasoning("let me see"), Text("It is so, and so it will be.")]))


def sweeper(house: House) -> Sweeper:
    """One that keeps nothing."""
    return Sweeper(
        store=house.store,
        log=house.log,
        signals=house.signals,
        world=house.world,
        conversations=Conversations(house.store, house.log, house.answers),
        config=RunConfig(retention_seconds=0),
    )


async def read(house: House, run_id: str, start: int) -> list[bytes]:
    """What a reader gets from an offset on."""
    out: list[Batch] = []
    async with aclosing(house.answers.follow(await house.run(run_id), start)) as steps:
        async for batches in steps:
            out += batches
    assert out[-1].final
    return [message for batch in out for message in batch.messages]


async def test_after_the_trim_every_offset_is_served_byte_for_byte(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        async with house.worker(MODEL):
            submitted = await house.ask()
            await house.ended(submitted.run_id)
        kept = await read(house, submitted.run_id, 0)
        view = await house.answers.view(house.user, submitted.run_id)
        assert await sweeper(house).trim() == 1
        assert await sweeper(house).trim() == 0
        with pytest.raises(NotFound):
            await house.log.head(run_stream(submitted.run_id))
        for start in range(len(kept) + 1):
            assert await read(house, submitted.run_id, start) == kept[start:]
        assert await house.answers.view(house.user, submitted.run_id) == view


async def test_an_answer_that_its_message_does_not_tell_keeps_its_events(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        async with house.worker(MODEL):
            submitted = await house.ask()
            await house.ended(submitted.run_id)
        kept = await read(house, submitted.run_id, 0)

        def spoil(tx: object) -> None:
            from sqlalchemy import update

            from threadline.store import tables

            tx.conn.execute(update(tables.messages).values(parts="[]"))  # type: ignore[attr-defined]

        await house.store.write(spoil)
        assert await sweeper(house).trim() == 1
        assert await sweeper(house).trim() == 0
        assert await read(house, submitted.run_id, 0) == kept


async def gone(house: House) -> None:
    """Until nothing of the conversation is left."""
    while await house.store.read(lambda tx: conversations.find(tx, "chat-1")) is not None:
        await asyncio.sleep(0.01)


async def test_a_conversation_deleted_in_mid_run_stops_it_and_leaves_nothing(tmp_path: Path) -> None:
    from tests.runs.harness import Paused

    async with opened(tmp_path) as house:
        service = Conversations(house.store, house.log, house.answers)
        paused, draining = Paused(MODEL, 4), asyncio.Event()
        async with house.worker(paused):
            sweeping = asyncio.create_task(sweeper(house).run(draining))
            submitted = await house.ask()
            await paused.reached.wait()
            await service.delete(house.user, "chat-1")
            async with asyncio.timeout(60):
                await gone(house)
            draining.set()
            await sweeping
        assert await house.store.read(lambda tx: conversations.find(tx, "chat-1")) is None
        assert await house.store.read(lambda tx: runs.get(tx, submitted.run_id)) is None
        with pytest.raises(NotFound):
            await house.log.head(run_stream(submitted.run_id))
