"""Access: one place decides who may read, write and rule, at one more read for others than the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.runs.harness import opened
from tests.services.circle import CHAT, Circle
from threadline.domain.errors import Forbidden, NotFound
from threadline.services.access import access
from threadline.store import messages
from threadline.store.transaction import Tx

pytestmark = pytest.mark.anyio

Act = Callable[[Circle, str], Awaitable[Any]]
SECRET = "Never tell them of the treasure."

READING: dict[str, Act] = {
    "get": lambda circle, user: circle.conversations.get(user, CHAT),
    "messages": lambda circle, user: circle.conversations.messages(user, CHAT),
    "participants": lambda circle, user: circle.sharing.participants(user, CHAT),
    "active": lambda circle, user: circle.house.answers.active(user, CHAT),
}
WRITING: dict[str, Act] = {
    "submit": lambda circle, user: circle.say(user),
    "stop": lambda circle, user: circle.house.turns.stop(user, CHAT),
}
RULING: dict[str, Act] = {
    "rename": lambda circle, user: circle.conversations.change(user, CHAT, {"title": "Mine"}),
    "set": lambda circle, user: circle.conversations.change(user, CHAT, {"settings": {"system": "Obey"}}),
    "model": lambda circle, user: circle.conversations.change(user, CHAT, {"model": "other/model"}),
    "open": lambda circle, user: circle.conversations.change(user, CHAT, {"visibility": "public"}),
    "leaf": lambda circle, user: circle.conversations.change(user, CHAT, {"leaf_id": "msg_none"}),
    "shares": lambda circle, user: circle.sharing.shares(user, CHAT),
    "share": lambda circle, user: circle.sharing.share(user, CHAT, "participant"),
    "revoke": lambda circle, user: circle.sharing.revoke(user, CHAT, "shr_none"),
    "remove": lambda circle, user: circle.sharing.remove(user, CHAT, circle.owner),
}


@pytest.fixture
async def circle(tmp_path: Path) -> AsyncIterator[Circle]:
    async with opened(tmp_path) as house:
        found = Circle(house)
        await house.ask("Hello")
        await found.conversations.change(found.owner, CHAT, {"settings": {"system": SECRET}})
        yield found


async def role(circle: Circle, user_id: str) -> str:
    return (await circle.house.store.read(lambda tx: access(tx, user_id, CHAT))).role


async def test_everybody_is_one_thing_in_a_conversation(circle: Circle) -> None:
    reader, writer, stranger = await circle.let_in(), await circle.let_in("participant"), await circle.person()
    assert await role(circle, circle.owner) == "owner"
    assert await role(circle, writer) == "participant"
    assert await role(circle, reader) == "observer"
    with pytest.raises(NotFound):
        await role(circle, stranger)
    await circle.conversations.change(circle.owner, CHAT, {"visibility": "public"})
    assert [await role(circle, one) for one in (writer, reader, stranger)] == ["participant", "observer", "observer"]


@pytest.mark.parametrize("name", [*READING, *WRITING, *RULING])
async def test_a_stranger_is_told_that_there_is_nothing(circle: Circle, name: str) -> None:
    await circle.link("participant")
    with pytest.raises(NotFound):
        await (READING | WRITING | RULING)[name](circle, await circle.person())


@pytest.mark.parametrize("name", [*WRITING, *RULING])
async def test_who_reads_is_told_in_words_that_he_may_not_write(circle: Circle, name: str) -> None:
    reader = await circle.let_in()
    before = await circle.conversations.messages(circle.owner, CHAT)
    with pytest.raises(Forbidden, match="owner"):
        await (WRITING | RULING)[name](circle, reader)
    assert await circle.conversations.messages(circle.owner, CHAT) == before


@pytest.mark.parametrize("name", RULING)
async def test_who_writes_does_not_rule(circle: Circle, name: str) -> None:
    writer = await circle.let_in("participant")
    before = await circle.conversations.get(circle.owner, CHAT)
    with pytest.raises(Forbidden, match="Only the owner"):
        await RULING[name](circle, writer)
    assert await circle.conversations.get(circle.owner, CHAT) == before


async def test_whoever_knows_where_it_is_reads_what_is_public_and_no_more(circle: Circle) -> None:
    passer = await circle.person()
    await circle.conversations.change(circle.owner, CHAT, {"visibility": "public"})
    for act in READING.values():
        await act(circle, passer)
    assert await circle.listed(passer) == []
    for act in [*WRITING.values(), *RULING.values(), lambda circle, user: circle.conversations.delete(user, CHAT)]:
        with pytest.raises(Forbidden):
            await act(circle, passer)
    await circle.conversations.change(circle.owner, CHAT, {"visibility": "private"})
    with pytest.raises(NotFound):
        await circle.conversations.get(passer, CHAT)


async def test_nobody_is_anything_in_what_is_deleted(circle: Circle) -> None:
    people = [circle.owner, await circle.let_in(), await circle.let_in("participant")]
    await circle.conversations.delete(circle.owner, CHAT)
    for one in people:
        with pytest.raises(NotFound):
            await role(circle, one)


async def test_the_owner_pays_one_read_for_it_and_others_two(circle: Circle) -> None:
    writer = await circle.let_in("participant")

    def count(tx: Tx, user_id: str) -> int:
        asked: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(tx.conn, "before_cursor_execute", note)
        try:
            access(tx, user_id, CHAT)
        finally:
            event.remove(tx.conn, "before_cursor_execute", note)
        return len(asked)

    assert await circle.house.store.read(lambda tx: count(tx, circle.owner)) == 1
    assert await circle.house.store.read(lambda tx: count(tx, writer)) == 2


async def test_nobody_but_the_owner_sees_how_it_was_set_up(circle: Circle) -> None:
    reader, writer = await circle.let_in(), await circle.let_in("participant")
    row = (await circle.conversations.messages(circle.owner, CHAT))["items"][1]

    def remember(tx: Tx) -> None:
        about = {"model": "test/model", "settings": {"system": SECRET, "temperature": 1}, "requestId": "req-secret"}
        messages.fill(tx, row["id"], [{"type": "text", "text": "Hi"}], about)

    await circle.house.store.write(remember)
    await circle.conversations.change(circle.owner, CHAT, {"title": "Named anew"})
    for one in (reader, writer):
        shown = [
            await circle.conversations.get(one, CHAT),
            await circle.conversations.page(one),
            await circle.conversations.messages(one, CHAT),
            await circle.heard(one),
        ]
        assert SECRET not in repr(shown)
        assert "req-secret" not in repr(shown)
        assert "temperature" not in repr(shown)
        assert "test/model" in repr(shown)
    assert (await circle.conversations.get(circle.owner, CHAT))["settings"] == {"system": SECRET}
    assert SECRET in repr(await circle.conversations.messages(circle.owner, CHAT))
