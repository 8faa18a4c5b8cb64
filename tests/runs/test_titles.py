"""Titles: two to five words beside the first answer; a user's name stays."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.runs.harness import opened
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Script, Scripted, Text
from threadline.runs.titles import clean
from threadline.services.conversations import Conversations
from threadline.store import conversations, preferences
from threadline.store.conversations import ConversationRow
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Weather in Berlin", "Weather in Berlin"),
        ('"Weather in Berlin."', "Weather in Berlin"),
        ("**Title: Weather in Berlin**", "Weather in Berlin"),
        ("\n\n# One two three four five six seven", "One two three four five"),
        ("Weather\x00 in\x7f Berlin", "Weather in Berlin"),
        ("", ""),
        ("…", "…"),
    ],
)
def test_a_models_answer_becomes_a_title(answer: str, title: str) -> None:
    assert clean(answer) == title


def find(chat: str, tx: Tx) -> ConversationRow | None:
    """A conversation's row."""
    return conversations.find(tx, chat)


async def test_a_title_is_made_by_the_model_that_who_asked_has_chosen_for_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.store.write(lambda tx: preferences.merge(tx, house.user, slots={"title": "test/titles"}))
        asked: list[str] = []

        def script(request: ModelRequest) -> Script:
            asked.append(request.model)
            return Script([Text("Eggs that boil" if request.model == "titles" else "Yes.")])

        async with house.worker(Scripted("test", SystemWorld(), script)):
            await house.ended((await house.ask("How do I boil an egg?")).run_id)
        row = await house.store.read(partial(find, "chat-1"))
    assert row is not None
    assert row.title == "Eggs that boil"
    assert sorted(asked) == ["model", "titles"]


async def test_the_first_answer_brings_a_title_and_a_users_own_name_is_never_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        service = Conversations(house.store, house.log, house.answers)
        named = await service.create(house.user, title="My own name")
        async with house.worker(Scripted("test", SystemWorld(), Script([Text("Yes.")]))):
            for chat in ("chat-1", named["id"]):
                await house.ended((await house.ask("How do I boil an egg?", chat=chat)).run_id)
        rows = []
        for chat in ("chat-1", named["id"]):
            row = await house.store.read(partial(find, chat))
            assert row is not None
            rows.append(row)
    assert [row.title_by for row in rows] == ["model", "user"]
    assert 2 <= len((rows[0].title or "").split()) <= 5
    assert rows[1].title == "My own name"
