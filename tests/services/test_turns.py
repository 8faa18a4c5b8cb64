"""Turns: idempotent submits, places in the tree, a second submit while one runs, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from threadline.domain.catalog import KeyOwner
from threadline.domain.errors import BadRequest, Busy, NotFound, TooLarge, UnsupportedModel
from threadline.domain.ids import run_stream
from threadline.domain.messages import text_of
from threadline.log.memory import MemoryLog
from threadline.log.protocol import Appended
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Script, Scripted, Text
from threadline.services.turns import Submit, Turns
from threadline.store import conversations, messages, runs, users
from threadline.store.messages import MessageRow
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


def echo(request: ModelRequest) -> Script:
    """Says how much of the conversation it was given, and the last words of it."""
    return Script([Text(f"{len(request.messages)}: {text_of(request.messages[-1].parts)}")])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


@pytest.fixture
def model() -> Scripted:
    return Scripted("test", SystemWorld(), echo)


async def nodes(house: House, chat: str = "chat-1") -> list[MessageRow]:
    """The whole tree in order of creation."""
    return (await house.store.read(lambda tx: messages.page(tx, chat, None, 1000)))[0]


async def path(house: House, chat: str = "chat-1") -> list[str]:
    """The texts of the branch that the conversation is on."""

    def find(tx: Any) -> list[MessageRow]:
        row = conversations.find(tx, chat)
        assert row is not None
        assert row.leaf_id is not None
        return messages.path(tx, chat, row.leaf_id, 1000)

    return [text_of(row.parts or []) for row in await house.store.read(find)]


async def test_the_message_is_on_disk_and_a_run_is_wanted_before_any_model_is_called(house: House) -> None:
    submitted = await house.ask("Hello")
    assert [(row.role, row.status) for row in await nodes(house)] == [("user", "completed"), ("assistant", "queued")]
    assert (await house.run(submitted.run_id)).status == "queued"


async def test_the_same_message_twice_makes_one_answer(house: House, model: Scripted) -> None:
    async with house.worker(model):
        first, second = await asyncio.gather(house.ask("Hello", id="m1"), house.ask("Hello", id="m1"))
        await house.ended(first.run_id)
        third = await house.ask("Hello", id="m1")
    assert first.run_id == second.run_id == third.run_id
    assert sorted([first.duplicate, second.duplicate]) == [False, True]
    assert len(await nodes(house)) == 2


async def test_two_tabs_that_send_at_once_are_both_answered_one_after_the_other(house: House, model: Scripted) -> None:
    async with house.worker(model):
        both = await asyncio.gather(house.ask("one", id="a"), house.ask("two", id="b"))
        for submitted in both:
            await house.ended(submitted.run_id)
    assert await path(house) == ["one", "1: one", "two", "3: two"]


async def test_a_message_sent_while_one_runs_is_queued_below_its_finished_answer(house: House, model: Scripted) -> None:
    paused = Paused(model, 4)
    async with house.worker(paused):
        first = await house.ask("one")
        await paused.reached.wait()
        second, third = await house.ask("two"), await house.ask("three")
        assert (await house.run(second.run_id)).status == "queued"
        paused.go.set()
        await house.ended(third.run_id)
    assert second.parent_id != first.message_id
    assert await path(house) == ["one", "1: one", "two", "3: two", "three", "5: three"]


async def test_rejected_while_one_runs_where_that_is_asked_for(house: House) -> None:
    await house.ask("one")
    with pytest.raises(Busy):
        await house.ask("two", when_busy="reject")
    assert len(await nodes(house)) == 2


async def test_interrupting_stops_what_runs_and_answers_the_new_message(house: House, model: Scripted) -> None:
    paused = Paused(model, 3)
    async with house.worker(paused):
        first = await house.ask("one")
        await paused.reached.wait()
        second = await house.ask("two", when_busy="interrupt")
        assert (await house.ended(first.run_id)).status == "stopped"
        paused.go.set()
        assert (await house.ended(second.run_id)).status == "completed"


async def test_an_answer_that_is_closed_but_not_folded_is_folded_by_the_next_submitter(
    house: House, model: Scripted
) -> None:
    async with house.worker(model) as crash:
        first = await house.ask("one")
        await house.ended(first.run_id)
        await house.crashed(crash)

    def forget(tx: Any) -> None:
        from sqlalchemy import update

        from threadline.store import tables

        tx.conn.execute(update(tables.runs).values(status="running", ended_at=None, lease_until=9e12))
        tx.conn.execute(update(tables.messages).where(tables.messages.c.role == "assistant").values(parts=None))

    await house.store.write(forget)
    second = await house.ask("two")
    assert (await house.run(first.run_id)).status == "completed"
    async with house.worker(model):
        await house.ended(second.run_id)
    assert await path(house) == ["one", "1: one", "two", "3: two"]


async def test_an_edit_makes_a_sibling_and_hides_nothing(house: House, model: Scripted) -> None:
    async with house.worker(model):
        first = await house.ask("one", id="m1")
        await house.ended(first.run_id)
        edited = await house.ask("one, edited", id="m1", message_id="m1")
        await house.ended(edited.run_id)
        again = await house.ask("one, edited", id="m1", message_id="m1")
    assert again.run_id == edited.run_id
    assert await path(house) == ["one, edited", "1: one, edited"]
    found = [row for row in await nodes(house) if row.role == "user"]
    assert [(text_of(row.parts or []), row.parent_id) for row in found] == [("one", None), ("one, edited", None)]


async def test_writing_an_answer_again_makes_a_sibling_of_it(house: House, model: Scripted) -> None:
    async with house.worker(model):
        first = await house.ask("one")
        await house.ended(first.run_id)
        for at in (first.message_id, None, first.parent_id):
            again = await house.turns.submit(house.user, Submit("chat-1", trigger="regenerate-message", message_id=at))
            await house.ended(again.run_id)
            assert again.parent_id == first.parent_id
    answers = [row for row in await nodes(house) if row.role == "assistant"]
    assert len({row.id for row in answers}) == 4
    assert {row.parent_id for row in answers} == {first.parent_id}


async def test_a_message_can_go_on_from_another_branch(house: House, model: Scripted) -> None:
    async with house.worker(model):
        first = await house.ask("one")
        await house.ended(first.run_id)
        second = await house.ask("two")
        await house.ended(second.run_id)
        branch = await house.ask("two, otherwise", parent_id=first.message_id)
        await house.ended(branch.run_id)
    assert await path(house) == ["one", "1: one", "two, otherwise", "3: two, otherwise"]


async def test_another_users_conversation_is_not_there(house: House) -> None:
    submitted = await house.ask("one")
    other = (await house.store.write(lambda tx: users.add(tx, "guest"))).id
    message = {"role": "user", "parts": [{"type": "text", "text": "mine?"}]}
    with pytest.raises(NotFound):
        await house.turns.submit(other, Submit("chat-1", message=message))
    with pytest.raises(NotFound):
        await house.turns.stop(other, "chat-1", submitted.run_id)
    with pytest.raises(NotFound):
        await house.answers.run(other, submitted.run_id)
    with pytest.raises(NotFound):
        await house.answers.active(other, "chat-1")
    with pytest.raises(NotFound):
        await house.turns.stop(house.user, "chat-1", "run_unknown")


TEXT = [{"type": "text", "text": "x"}]


@pytest.mark.parametrize(
    ("submit", "error"),
    [
        (Submit("chat-2", message=None), BadRequest),
        (Submit("chat-2", message={"role": "assistant", "parts": TEXT}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": []}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": [{"type": "text", "text": "  "}]}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": [{"type": "tool-x"}]}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": [{"type": "text", "text": "x" * 3_000_000}]}), TooLarge),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, message_id="nowhere"), NotFound),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, parent_id="nowhere"), NotFound),
        (Submit("chat-2", trigger="regenerate-message"), NotFound),
        (Submit("chat-2", trigger="resume-message"), BadRequest),
        (Submit("conv_mine", message={"role": "user", "parts": TEXT}), NotFound),
        (Submit("..", message={"role": "user", "parts": TEXT}), BadRequest),
        (Submit("", message={"role": "user", "parts": TEXT}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, when_busy="later"), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, settings={"temperature": "hot"}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, settings={"max_tokens": 0}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, settings={"seed": 1}), BadRequest),
        (Submit("chat-2", message={"role": "user", "parts": TEXT}, model="no/model"), UnsupportedModel),
    ],
)
async def test_what_cannot_be_answered_is_refused_and_nothing_is_written(
    house: House, submit: Submit, error: type[Exception]
) -> None:
    def owner(_tx: Tx, _user_id: str, model: str) -> KeyOwner:
        if model == "no/model":
            raise UnsupportedModel
        return "server"

    turns = Turns(house.store, house.log, house.answers, key_owner=owner, default_model="test/model")
    with pytest.raises(error):
        await turns.submit(house.user, submit)
    assert await house.store.read(lambda tx: conversations.find(tx, submit.chat_id)) is None
    assert await house.store.read(lambda tx: runs.unfinished(tx, submit.chat_id)) == []


async def test_a_conversation_keeps_its_model_and_an_answer_remembers_its_settings(
    house: House, model: Scripted
) -> None:
    async with house.worker(model):
        first = await house.ask("one", model="test/other", settings={"temperature": 0.1})
        await house.ended(first.run_id)
        second = await house.ask("two")
        await house.ended(second.run_id)
    assert (await house.run(second.run_id)).model == "test/other"
    assert (await house.run(first.run_id)).settings == {"temperature": 0.1}


async def test_a_message_below_an_answer_that_is_still_written_waits_for_it_on_every_branch(
    house: House, model: Scripted
) -> None:
    paused = Paused(model, 4)
    async with house.worker(paused):
        first = await house.ask("one", id="m1")
        await paused.reached.wait()
        second = await house.ask("two", id="m2", parent_id=first.message_id)
        edited = await house.ask("two, edited", id="m2", message_id="m2")
        assert {(await house.run(at)).after_run_id for at in (second.run_id, edited.run_id)} == {first.run_id}
        paused.go.set()
        for submitted in (second, edited):
            await house.ended(submitted.run_id)
    assert [len(call.messages) for call in paused.calls] == [1, 3, 3]


async def test_a_message_goes_to_the_branch_that_was_chosen_while_another_is_written(
    house: House, model: Scripted
) -> None:
    async with house.worker(model):
        first = await house.ask("one", id="m1")
        await house.ended(first.run_id)
    paused = Paused(model, 2)
    async with house.worker(paused):
        edited = await house.ask("one, edited", id="m1", message_id="m1")
        await paused.reached.wait()
        await house.store.write(lambda tx: conversations.change(tx, "chat-1", leaf_id=first.message_id))
        second = await house.ask("two")
        assert (await house.run(second.run_id)).after_run_id is None
        paused.go.set()
        for submitted in (edited, second):
            await house.ended(submitted.run_id)
    assert await path(house) == ["one", "1: one", "two", "3: two"]


async def test_what_waits_for_a_queued_message_that_is_stopped_waits_for_what_that_waited_for(
    house: House, model: Scripted
) -> None:
    paused = Paused(model, 4)
    async with house.worker(paused):
        first = await house.ask("one")
        await paused.reached.wait()
        second, third = await house.ask("two"), await house.ask("three")
        assert await house.turns.stop(house.user, "chat-1", second.run_id) == [second.run_id]
        assert (await house.run(third.run_id)).after_run_id == first.run_id
        assert (await house.run(third.run_id)).status == "queued"
        paused.go.set()
        await house.ended(third.run_id)
    assert await path(house) == ["one", "1: one", "two", "", "three", "5: three"]


async def test_a_message_below_one_that_was_stopped_in_the_queue_waits_for_what_is_written_above(
    house: House, model: Scripted
) -> None:
    paused = Paused(model, 4)
    async with house.worker(paused):
        first = await house.ask("one")
        await paused.reached.wait()
        for words in ("two", "three"):
            stopped = await house.ask(words)
            await house.turns.stop(house.user, "chat-1", stopped.run_id)
            assert (await house.run(stopped.run_id)).status == "stopped"
        last = await house.ask("four")
        assert last.run.after_run_id == first.run_id
        paused.go.set()
        assert (await house.ended(last.run_id)).status == "completed"
    assert await path(house) == ["one", "1: one", "two", "", "three", "", "four", "7: four"]


class SlowLog(MemoryLog):
    """Keeps one stream waiting until it is told to go on."""

    slow = ""

    def __init__(self, world: SystemWorld) -> None:
        super().__init__(world)
        self.waiting, self.go = asyncio.Event(), asyncio.Event()

    async def append(self, name: str, *given: Any, **more: Any) -> Appended:
        """See the protocol."""
        if self.slow and name == run_stream(self.slow):
            self.waiting.set()
            await self.go.wait()
        return await super().append(name, *given, **more)


async def test_what_waits_for_a_message_that_is_being_stopped_waits_until_that_is_written(
    tmp_path: Path, model: Scripted
) -> None:
    log = SlowLog(SystemWorld())
    async with opened(tmp_path, log) as house:
        paused = Paused(model, 4)
        async with house.worker(paused):
            first = await house.ask("one")
            await paused.reached.wait()
            second, third = await house.ask("two"), await house.ask("three")
            log.slow = second.run_id
            stop = asyncio.create_task(house.turns.stop(house.user, "chat-1", second.run_id))
            await log.waiting.wait()
            paused.go.set()
            await house.ended(first.run_id)
            house.signals.poke("runs")
            await asyncio.sleep(0.05)
            assert (await house.run(third.run_id)).status == "queued"
            log.go.set()
            await stop
            assert (await house.ended(third.run_id)).status == "completed"
        assert await path(house) == ["one", "1: one", "two", "", "three", "5: three"]


async def test_of_those_that_leave_the_queue_in_any_order_none_lets_another_go_too_early(
    house: House, model: Scripted
) -> None:
    paused = Paused(model, 4)
    async with house.worker(paused):
        first = await house.ask("one")
        await paused.reached.wait()
        queued = [await house.ask(words) for words in ("two", "three", "four")]
        await asyncio.gather(*[house.turns.stop(house.user, "chat-1", queued[at].run_id) for at in (1, 0)])
        last = await house.run(queued[2].run_id)
        assert (last.status, last.after_run_id) == ("queued", first.run_id)
        paused.go.set()
        assert (await house.ended(last.id)).status == "completed"


async def test_an_edit_back_to_earlier_words_chooses_their_branch_again(house: House, model: Scripted) -> None:
    async with house.worker(model):
        for text in ("one", "other", "one"):
            submitted = await house.ask(text, id="m1", **({"message_id": "m1"} if await known(house) else {}))
            await house.ended(submitted.run_id)
    assert await path(house) == ["one", "1: one"]


async def known(house: House) -> bool:
    """Whether the conversation is there yet."""
    return await house.store.read(lambda tx: conversations.find(tx, "chat-1")) is not None


async def test_writing_an_answer_again_twice_at_once_makes_one_more(house: House, model: Scripted) -> None:
    async with house.worker(model):
        await house.ended((await house.ask("one")).run_id)
    again = Submit("chat-1", trigger="regenerate-message")
    both = [await house.turns.submit(house.user, again) for _ in range(2)]
    assert both[0].run_id == both[1].run_id
    assert [one.duplicate for one in both] == [False, True]
