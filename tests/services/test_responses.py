"""Responses as a service: what may be named and how much, what is kept and what passes, and what pages hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.runs.harness import House, Paused, opened
from tests.runs.test_handed import AnyModel
from tests.runs.test_sweeper import sweeper
from threadline.domain.errors import BadRequest, ContextTooLong, NotFound, TooLarge
from threadline.domain.events import encode
from threadline.domain.messages import text_of
from threadline.providers.scripted import Script, Scripted, Text
from threadline.runs.config import RunConfig
from threadline.services.conversations import Conversations
from threadline.services.imports import Branch, Row
from threadline.services.responses import Responses, Wanted
from threadline.services.turns import Submit
from threadline.store import changes, conversations, messages, responses
from threadline.store.conversations import NewConversation
from threadline.store.runs import RunRow
from threadline.wire.openai.inputs import input_items
from threadline.wire.openai.objects import response_id
from threadline.wire.openai.responses import ResponseEvents
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

WORLD = SystemWorld()
MODEL = Scripted("test", WORLD, Script([Text("It is a secret.")]))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


def conversations_of(house: House) -> Conversations:
    return Conversations(house.store, house.log, house.answers)


def service(house: House, kept: Conversations | None = None, **more: Any) -> Responses:
    return Responses(house.store, house.answers, house.turns, kept or conversations_of(house), AnyModel(), **more)


def said(text: str, role: Any = "user") -> Row:
    return role, [{"type": "text", "text": text}]


async def create(house: House, *rows: Row, of: Responses | None = None, **more: Any) -> RunRow:
    settings = {"tools": [], **more.pop("settings", {})}
    run, _ = await (of or service(house)).create(house.user, Wanted(list(rows) or [said("Hi")], None, settings, **more))
    return run


async def told(house: House) -> list[dict[str, Any]]:
    page = await house.store.read(lambda tx: changes.read(tx, house.user, 0, 10_000))
    return [orjson.loads(event) for event in page.events]


def naming(*names: str) -> list[Row]:
    branch = Branch()
    for name in names:
        branch.referred(name)
    branch.said("user", [{"type": "text", "text": "And?"}])
    return branch.rows


async def an_item_of(house: House, size: int) -> str:
    """The id of an item that the assistant said."""
    run = await create(house, said("z" * size, "assistant"), said("Hi"))
    inputs = input_items(await service(house).inputs(house.user, response_id(run.id)))
    return str(inputs[0]["id"])


async def test_what_is_named_may_be_as_much_as_a_body_and_no_more(house: House) -> None:
    item = await an_item_of(house, 1_000_000)
    await create(house, *naming(*[item] * 3))
    before = len(await told(house))
    with pytest.raises(TooLarge) as refused:
        await create(house, *naming(*[item] * 150))
    assert refused.value.details == {"param": "input"}
    assert len(await told(house)) == before


async def test_a_message_that_is_named_often_is_looked_up_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    item = await an_item_of(house, 100)
    looked: list[str] = []
    find = messages.of_user

    def noted(tx: Any, user: str, name: str) -> Any:
        looked.append(name)
        return find(tx, user, name)

    monkeypatch.setattr(messages, "of_user", noted)
    run = await create(house, *naming(*[item] * 5000))
    assert len(looked) == 1
    (answer, _) = await service(house).inputs(house.user, response_id(run.id))
    assert text_of(answer.parts) == "z" * 100 * 5000


async def test_the_words_of_a_deleted_response_can_not_be_named(house: House) -> None:
    async with house.worker(MODEL):
        run = await house.ended((await create(house)).id)
        after = await create(house, previous=response_id(run.id))
        item = f"msg_{run.message_id.partition('_')[2]}_0"
        await create(house, *naming(item))
        await service(house).delete(house.user, response_id(run.id))
        with pytest.raises(BadRequest, match="not found"):
            await create(house, *naming(item))
        assert (await house.run(after.id)).id == after.id


async def test_more_than_a_model_is_given_is_refused_before_anything_is_written(house: House) -> None:
    small = service(house, context_bytes=2000)
    first = await create(house, said("x" * 1500), of=small)
    before = len(await told(house))
    with pytest.raises(ContextTooLong):
        await create(house, said("y" * 600), of=small, previous=response_id(first.id))
    with pytest.raises(ContextTooLong):
        await create(house, said("x" * 1500), said("y" * 600), of=small)
    assert len(await told(house)) == before
    await create(house, said("y" * 5000), of=small)


async def test_what_only_its_run_can_know_to_be_too_much_fails_it_with_that_code(house: House) -> None:
    long = Paused(Scripted("test", WORLD, Script([Text("word " * 100)])), 3)
    async with house.worker(long, config=RunConfig(context_bytes=400)):
        first = await create(house)
        await long.reached.wait()
        second = await create(house, previous=response_id(first.id))
        long.go.set()
        await house.ended(second.id)
    (error,) = [event for event in await house.events(second.id) if event["type"] == "error"]
    assert error["code"] == "context_length_exceeded:chat"
    _, head = await service(house).find(house.user, response_id(second.id))
    encoder = ResponseEvents(head)
    encoder.take([encode(event) for event in await house.events(second.id)])
    assert encoder.snapshot()["error"]["code"] == "context_length_exceeded"


class Dies(Conversations):
    """The process ends between the two."""

    async def remove(self, ids: list[str]) -> int:
        """See ``Conversations``."""
        raise SystemError


async def test_after_a_crash_in_the_middle_of_a_delete_nothing_of_it_stays(house: House) -> None:
    async with house.worker(MODEL):
        run = await house.ended((await create(house)).id)
    with pytest.raises(SystemError):
        await service(house, Dies(house.store, house.log, house.answers)).delete(house.user, response_id(run.id))
    await sweeper(house).sweep()
    assert await house.store.read(lambda tx: conversations.find(tx, run.conversation_id)) is None


async def test_what_passes_goes_with_its_words_in_the_feed_and_pages_hear_of_it(house: House) -> None:
    async with house.worker(MODEL):
        run = await house.ended((await create(house, kept=False)).id)
        message = {"role": "user", "parts": [{"type": "text", "text": "a secret of mine"}]}
        page = await house.turns.submit(house.user, Submit(run.conversation_id, message=message))
        await house.ended(page.run_id)
    assert "a secret of mine" in str(await told(house))
    assert await conversations_of(house).retire(WORLD.now() + 1) == 1
    assert "a secret of mine" not in str(await told(house))
    assert (await told(house))[-1] == {"type": "conversation.deleted", "id": run.conversation_id}


async def test_all_that_passes_goes_in_one_sweep_but_for_a_server_that_goes_away(house: House) -> None:
    new = NewConversation(house.user, keeping="passing")
    await house.store.write(lambda tx: [conversations.add(tx, new) for _ in range(1100)])
    await asyncio.sleep(0.01)
    draining = asyncio.Event()
    draining.set()
    await sweeper(house).sweep(draining)
    assert await house.store.read(lambda tx: len(conversations.passed(tx, WORLD.now(), 2000)[house.user])) == 1100
    await sweeper(house).sweep()
    assert await house.store.read(lambda tx: conversations.passed(tx, WORLD.now(), 2000)) == {}
    assert await house.store.read(lambda tx: conversations.hidden(tx, 2000)) == []


async def test_what_is_below_one_that_passes_keeps_it_and_below_one_that_is_kept_nothing_passes(house: House) -> None:
    async with house.worker(MODEL):
        passing = await house.ended((await create(house, kept=False)).id)
        await house.ended((await create(house, kept=False, previous=response_id(passing.id))).id)
        last = await house.ended((await create(house, previous=response_id(passing.id))).id)
    await asyncio.sleep(0.01)
    await sweeper(house).sweep()
    assert (await house.run(last.id)).conversation_id == passing.conversation_id
    before = len(await told(house))
    with pytest.raises(BadRequest, match=r"^store must be true") as refused:
        await create(house, kept=False, previous=response_id(last.id))
    assert refused.value.details == {"param": "store"}
    assert len(await told(house)) == before


async def test_pages_hear_of_no_conversation_that_is_in_no_list(house: House) -> None:
    run = await create(house)
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    await house.turns.submit(house.user, Submit(run.conversation_id, message=message))
    await conversations_of(house).change(house.user, run.conversation_id, {"title": "Mine"})
    kinds = [event["type"] for event in await told(house)]
    assert kinds == ["run.queued", "message.added", "run.queued"]
    await conversations_of(house).delete(house.user, run.conversation_id)
    assert (await told(house))[-1]["type"] == "conversation.deleted"


async def test_a_page_that_deletes_its_whole_list_leaves_what_programs_made(house: House) -> None:
    listed = await house.ask()
    run = await create(house)
    await conversations_of(house).delete_all(house.user)
    assert (await house.run(run.id)).id == run.id
    with pytest.raises(NotFound):
        await house.run(listed.run_id)


async def test_instructions_are_bounded_told_and_stored_once(house: House) -> None:
    words = "Be brief. " * 6400
    run = await create(house, settings={"system": words}, request={"instructions": words, "store": True})
    _, head = await service(house).find(house.user, response_id(run.id))
    assert head.request["instructions"] == words
    row = await house.store.read(lambda tx: responses.get(tx, run.id))
    assert row is not None
    assert row.request == {"store": True}
    with pytest.raises(BadRequest, match=r"^instructions has at most 64000 characters") as refused:
        await create(house, settings={"system": words + "!"})
    assert refused.value.details == {"param": "instructions"}


@pytest.mark.parametrize("role", ["system", "assistant"])
async def test_a_page_can_have_a_program_s_answer_written_again_whatever_it_answers(house: House, role: str) -> None:
    pausing = Paused(MODEL, 2)
    async with house.worker(pausing):
        chat = await house.ask()
        await pausing.reached.wait()
        run = await create(house, said("Where?"), said("Here.", role), previous=response_id(chat.run_id))
        again = Submit("chat-1", trigger="regenerate-message", message_id=run.message_id, when_busy="interrupt")
        anew = (await house.turns.submit(house.user, again)).run
        assert (anew.parent_id, anew.after_run_id) == (run.parent_id, chat.run_id)
        pausing.go.set()
        assert (await house.ended(anew.id)).status == "completed"


async def test_no_more_of_what_an_answer_rests_on_is_told_than_a_model_is_given(house: House) -> None:
    run = await create(house, *[said(f"{at}" * 300) for at in range(9)])
    found = await service(house, context_bytes=1200).inputs(house.user, response_id(run.id))
    assert [text_of(message.parts)[0] for message in found] == ["6", "7", "8"]
