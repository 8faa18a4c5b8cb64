"""Answers: what a reader is given when the disk is full, and when what he reads goes away beneath him."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy import update

from tests.services.conftest import Base, Full
from tests.services.test_conversations import answer, say, user
from threadline.domain import events
from threadline.domain.errors import NotFound
from threadline.domain.ids import run_stream
from threadline.log.protocol import Log, StreamInfo
from threadline.log.shares import ONE_READ, Budget, Share
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.store import runs, tables
from threadline.store.database import Store, Tx

pytestmark = pytest.mark.anyio

REST = [events.start_step(), events.text_start("p0"), events.text_delta("p0", "Here it is."), events.text_end("p0")]


@asynccontextmanager
async def closed_answer(base: Base, said: Sequence[events.Event] = REST) -> AsyncIterator[tuple[str, str, str]]:
    """A user, his conversation, and a run of it whose stream is closed, but which nobody has folded."""
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run_id = await answer(base, me, chat, await say(base, chat, "hello"), "running", lease=5)
    rest = [*said, events.finish_step("stop"), events.finish("stop", {})]
    await base.log.append(run_stream(run_id), list(map(events.encode, rest)), close=True)
    yield me, chat, run_id


async def test_messages_are_listed_while_the_disk_has_no_room_to_fold_an_answer(base: Base) -> None:
    async with closed_answer(base) as (me, chat, run_id):
        store = cast(Store, Full(base.store))
        full = Conversations(store, base.log, Answers(store, base.log, base.world))
        page = await full.messages(me, chat)
        assert [item["status"] for item in page["items"]] == ["completed", "streaming"]
        assert [run["id"] for run in page["runs"]] == [run_id]
        page = await base.conversations.messages(me, chat)
        assert [item["status"] for item in page["items"]] == ["completed", "completed"]
        assert page["runs"] == []


async def test_a_finished_message_is_given_while_the_disk_has_no_room_to_fold_it(base: Base) -> None:
    async with closed_answer(base) as (me, _, run_id):
        full = Answers(cast(Store, Full(base.store)), base.log, base.world)
        (part,) = [part for part in (await full.message(me, run_id))["parts"] if part["type"] == "text"]
        assert part["text"] == "Here it is."


async def test_how_far_a_run_came_is_known_also_when_it_is_trimmed_as_it_is_asked_for(base: Base) -> None:
    answers = Answers(base.store, base.log, base.world)
    async with closed_answer(base) as (me, _, run_id):
        row = await answers.run(me, run_id)
        came = await answers.head(row)
        assert (came.tail, came.closed) == (7, True)
        await answers.settle(run_id)
        await base.log.delete(run_stream(run_id))
        now = await answers.head(row)
        assert (now.tail, now.closed) == (came.tail, True)


async def test_an_answer_from_its_message_holds_of_its_readers_share_what_it_has(base: Base) -> None:
    answers = Answers(base.store, base.log, base.world)
    async with closed_answer(base) as (me, _, run_id):
        await answers.settle(run_id)
        await base.log.delete(run_stream(run_id))
        share = Share(Budget(ONE_READ))
        async with aclosing(answers.follow(await answers.run(me, run_id), share=share)) as steps:
            async for (batch,) in steps:
                assert len(batch.messages) == 7
                assert share._held == batch.size


async def test_an_answer_is_read_from_its_message_about_a_megabyte_at_a_time(base: Base) -> None:
    answers = Answers(base.store, base.log, base.world)
    long = [*REST[:2], *(events.text_delta("p0", str(at % 10) * 20_000) for at in range(200)), REST[-1]]
    async with closed_answer(base, long) as (me, _, run_id):
        whole = await everything(answers, await answers.run(me, run_id))
        await answers.settle(run_id)
        await base.log.delete(run_stream(run_id))
        assert await everything(answers, await answers.run(me, run_id)) == whole


async def everything(answers: Answers, run: runs.RunRow) -> list[bytes]:
    """All events of a long answer that has ended, each read no larger than it may be."""
    found: list[bytes] = []
    reads, closed = 0, False
    while not closed:
        reading = await answers.read(run, len(found))
        assert sum(batch.size for batch in reading.batches) < 1_200_000
        assert reading.up_to_date == reading.closed
        found += [message for batch in reading.batches for message in batch.messages]
        reads, closed = reads + 1, reading.closed
        assert reading.next == len(found)
    assert reads > 3
    return found


class AfterHead:
    """A log in which something happens right after somebody has looked at a stream."""

    def __init__(self, log: Log, then: Callable[[], Awaitable[None]]) -> None:
        self._log = log
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def head(self, name: str) -> StreamInfo:
        info = await self._log.head(name)
        await self._then()
        return info


async def test_a_reader_does_not_wait_for_a_run_that_was_deleted_as_he_came(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run_id = await answer(base, me, chat, await say(base, chat, "hello"), "running", lease=5)
    row = await base.store.read(lambda tx: runs.get(tx, run_id))
    assert row is not None
    base.world.ahead += 2

    def end(tx: Tx) -> None:
        tx.conn.execute(update(tables.runs).values(status="completed", lease_until=None, ended_at=tx.now))

    async def delete() -> None:
        await base.store.write(end)
        await base.conversations.delete(me, chat)

    answers = Answers(base.store, cast(Log, AfterHead(base.log, delete)), base.world)
    with pytest.raises(NotFound):
        await asyncio.wait_for(anext(answers.follow(row)), 60)
