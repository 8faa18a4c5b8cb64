"""What a model is given of a branch that is too long: no part of a call, always the question; a program's whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, opened
from threadline.domain.errors import ContextTooLong
from threadline.domain.messages import Message, Part, is_tool, output_part, text_of
from threadline.runs.context import history
from threadline.store import conversations, messages, runs
from threadline.store.conversations import NewConversation
from threadline.store.messages import NewMessage
from threadline.store.runs import NewRun
from threadline.store.transaction import Tx

pytestmark = pytest.mark.anyio

LARGE = 3000


def text(said: str, size: int = 0) -> Part:
    return {"type": "text", "text": said + "x" * size}


def call(name: str) -> Part:
    return {"type": "tool-look", "toolCallId": name, "state": "input-available", "input": {}}


def output(name: str, size: int = 0) -> tuple[str, list[Part]]:
    return "user", [output_part(name, "o" * size)]


async def given(
    house: House, *rows: tuple[str, list[Part]], program: bool = False, most: int = 50, most_bytes: int = 4096
) -> list[Message]:
    """What is given of these messages, of which the last is answered."""

    def write(tx: Tx) -> list[Message]:
        chat = conversations.add(tx, NewConversation(house.user)).id
        leaf: str | None = None
        for role, parts in rows:
            leaf = messages.add(tx, NewMessage(chat, role, parts, parent_id=leaf)).id
        answer, name = tx.new_id("msg"), tx.new_id("run")
        assert leaf is not None
        messages.add(tx, NewMessage(chat, "assistant", None, parent_id=leaf, run_id=name, id=answer))
        settings: dict[str, Any] = {"tools": []} if program else {}
        run = runs.insert(
            tx, name, NewRun(chat, house.user, message_id=answer, parent_id=leaf, model="test/model", settings=settings)
        )
        return history(tx, run, most, most_bytes).messages

    return await house.store.write(write)


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    async with opened(tmp_path) as found:
        yield found


QUESTION = ("user", [text("Where? ", LARGE)])
ANSWER = ("assistant", [text("There.")])
NOW = ("user", [text("Now?")])


async def test_a_cut_between_a_call_and_its_output_leaves_both_out(house: House) -> None:
    rows = [("user", [text("Where?")]), ("assistant", [call("c1")]), output("c1"), ANSWER, NOW]
    for most in range(1, 4):
        assert [text_of(message.parts) for message in await given(house, *rows, most=most)] == ["Now?"]
    found = await given(house, *rows, most=5)
    assert [message.role for message in found] == ["user", "assistant", "assistant", "user"]
    assert found[1].parts[0]["output"] == ""


async def test_the_question_is_there_however_much_came_after_it(house: House) -> None:
    found = await given(house, QUESTION, ("assistant", [call("c1")]), output("c1", LARGE))
    assert [message.role for message in found] == ["user", "assistant"]
    assert text_of(found[0].parts) == text_of(QUESTION[1])
    assert len(found[1].parts[0]["output"]) == LARGE


async def test_of_many_calls_the_newest_stay_with_the_question(house: House) -> None:
    rounds = [row for at in range(9) for row in (("assistant", [call(f"c{at}")]), output(f"c{at}", 1000))]
    found = await given(house, ("user", [text("Before.")]), ANSWER, QUESTION, *rounds)
    assert text_of(found[0].parts) == text_of(QUESTION[1])
    calls = [part for message in found[1:] for part in message.parts if is_tool(part)]
    assert [part["toolCallId"] for part in calls] == ["c6", "c7", "c8"]
    assert all(part["state"] == "output-available" for part in calls)


async def test_what_a_program_goes_on_from_is_given_whole_or_not_at_all(house: House) -> None:
    rows = [ANSWER, QUESTION, ("assistant", [call("c1")]), output("c1")]
    found = await given(house, *rows, program=True)
    assert [message.role for message in found] == ["assistant", "user", "assistant"]
    for much in ([*rows, ANSWER, QUESTION], [QUESTION, ("assistant", [call("c1")]), output("c1", LARGE)]):
        with pytest.raises(ContextTooLong):
            await given(house, *much, program=True)
    with pytest.raises(ContextTooLong):
        await given(house, *rows, program=True, most=3)
    assert len(await given(house, ("user", [text("", 5000)]), program=True)) == 1
