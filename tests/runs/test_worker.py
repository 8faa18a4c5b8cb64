"""The worker under bad luck: paused for longer than its lease, a store that is away, a log that nobody can fold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from tests.runs.harness import House, Paused, opened
from threadline.domain import events
from threadline.domain.errors import Unavailable
from threadline.domain.events import Event, encode
from threadline.domain.ids import run_stream
from threadline.domain.messages import text_of
from threadline.log.protocol import Producer, StreamConfig
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Script, Scripted, Text
from threadline.runs.config import RunConfig
from threadline.store import leases, runs
from threadline.store.tables import messages
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

ANSWER = "The answer comes in several words, and then it ends."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


def model() -> Scripted:
    """Says the answer."""
    return Scripted("test", SystemWorld(), Script([Text(ANSWER)]))


async def test_a_worker_whose_lease_lapsed_while_it_drives_a_run_is_not_its_own_rival(house: House) -> None:
    paused = Paused(model(), 3)
    async with house.worker(paused):
        submitted = await house.ask()
        await paused.reached.wait()
        await house.store.write(leases.break_leases)
        house.signals.poke("runs")
        while ((await house.run(submitted.run_id)).lease_until or 0) == 0:
            await asyncio.sleep(0)
        assert (await house.run(submitted.run_id)).epoch == 1
        paused.go.set()
        assert await house.text(submitted) == ANSWER
    assert len(paused.calls) == 1


async def test_a_store_that_is_away_ends_no_worker(house: House) -> None:
    away = asyncio.Event()
    write, read = house.store.write, house.store.read

    async def failing_write(work: Any) -> Any:
        if away.is_set():
            raise Unavailable
        return await write(work)

    async def failing_read(work: Any) -> Any:
        if away.is_set():
            raise Unavailable
        return await read(work)

    paused = Paused(model(), 3)
    config = RunConfig(lease_seconds=0.06, title_model="demo/demo")
    async with house.worker(paused, config=config):
        submitted = await house.ask()
        await paused.reached.wait()
        house.store.write, house.store.read = failing_write, failing_read  # type: ignore[method-assign]
        away.set()
        for _ in range(5):
            house.signals.poke("runs")
            house.signals.poke("stops")
            await asyncio.sleep(0.05)
        away.clear()
        paused.go.set()
        assert await house.text(submitted) == ANSWER


async def test_a_store_that_is_away_for_a_moment_ends_no_answer_that_is_taken_over(house: House) -> None:
    paused = Paused(model(), 3)
    async with house.worker(paused) as crash:
        submitted = await house.ask()
        await paused.reached.wait()
        await house.crashed(crash)
    read, failed = house.store.read, 0

    async def failing_read(work: Any) -> Any:
        nonlocal failed
        if failed < 2 and (await read(lambda tx: runs.get(tx, submitted.run_id))).epoch == 2:
            failed += 1
            raise Unavailable
        return await read(work)

    house.store.read = failing_read  # type: ignore[method-assign]
    async with house.worker(model()):
        while failed < 2:
            await asyncio.sleep(0.01)
        assert (await house.ended(submitted.run_id)).status == "completed"
    assert await house.text(submitted) == ANSWER


async def test_an_answer_whose_question_is_gone_ends_and_says_so(house: House) -> None:
    submitted = await house.ask()
    await house.store.write(
        lambda tx: tx.conn.execute(delete(messages).where(messages.c.id == submitted.run.parent_id))
    )
    async with house.worker(model()):
        run = await house.ended(submitted.run_id)
    assert (run.status, run.epoch) == ("error", 1)
    assert run.error == "The message to be answered is not there any more. Send it again."


class SlowTitles:
    """Says the answer at once, and a title when it is told to."""

    name = "test"
    continues = "prefill"

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        if request.settings.system is not None:
            await self.go.wait()
        async for batch in model().stream(request):
            yield batch


async def test_an_answer_that_waits_for_its_title_alone_keeps_nobodys_place(house: House) -> None:
    provider = SlowTitles()
    config = RunConfig(max_runs=1, title_model="test/titles")
    async with house.worker(provider, config=config):  # type: ignore[arg-type]
        for number in range(3):
            submitted = await house.ask(chat=f"chat-{number}")
            assert (await house.ended(submitted.run_id)).status == "completed"
        assert not provider.go.is_set()


async def test_a_log_with_an_event_that_belongs_to_nothing_is_folded_and_goes_on(house: House) -> None:
    submitted = await house.ask()
    odd = [
        events.start(submitted.message_id, {}),
        events.start_step(),
        events.text_delta("nowhere", "lost"),
        events.tool_output_available("nowhere", 1),
        events.text_start("p0"),
        events.text_delta("p0", "The answer "),
    ]
    claimed = await house.store.write(lambda tx: leases.claim(tx, "gone", 5, 1))
    assert [run.epoch for run in claimed] == [1]
    await house.log.append(
        run_stream(submitted.run_id), list(map(encode, odd)), producer=Producer("run", 1, 0), create=StreamConfig()
    )
    await house.store.write(leases.break_leases)
    async with house.worker(model()):
        message = await house.message(submitted)
    assert text_of(message.parts or []) == ANSWER
