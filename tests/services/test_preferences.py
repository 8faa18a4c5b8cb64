"""What a user prefers: favourites, and models for each purpose."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.runs.harness import House, opened
from tests.services.conftest import Base
from threadline.domain.errors import BadRequest, UnsupportedModel
from threadline.services.preferences import MOST_FAVOURITES, Preferences, move, slot_of
from threadline.store import preferences as stored
from threadline.store import users

pytestmark = pytest.mark.anyio

OPERATORS = {"chat": "demo/demo", "title": "a/small"}


async def check(_user: str, model_id: str) -> None:
    if model_id.startswith("no/"):
        raise UnsupportedModel


class Desk:
    def __init__(self, base: Base, user: str, other: str) -> None:
        self.base, self.user, self.other = base, user, other
        self.preferences = Preferences(base.store, OPERATORS, check)


@pytest.fixture
async def desk(base: Base) -> Desk:
    one, other = [(await base.store.write(lambda tx: users.add(tx, "guest"))).id for _ in range(2)]
    return Desk(base, one, other)


async def test_a_favourite_is_liked_once_and_only_by_who_likes_it(desk: Desk) -> None:
    mine = desk.preferences
    for model_id in ("a/b", "a/c/d", "a/b"):
        await mine.favour(desk.user, model_id)
    assert await mine.favourites(desk.user) == ["a/b", "a/c/d"]
    assert await mine.favourites(desk.other) == []
    await mine.unfavour(desk.user, "a/b")
    await mine.unfavour(desk.user, "a/b")
    assert await mine.favourites(desk.user) == ["a/c/d"]
    await mine.unfavour(desk.user, "a/c/d")
    assert await mine.favourites(desk.user) == []


async def test_there_is_room_for_a_hundred(desk: Desk) -> None:
    for number in range(MOST_FAVOURITES):
        await desk.preferences.favour(desk.user, f"a/{number}")
    with pytest.raises(BadRequest, match="room for 100"):
        await desk.preferences.favour(desk.user, "a/more")
    await desk.preferences.favour(desk.user, "a/0")
    assert len(await desk.preferences.favourites(desk.user)) == MOST_FAVOURITES


@pytest.mark.parametrize("model_id", ["", "a", "/a", "a/"])
async def test_what_is_no_models_id_cannot_be_liked(desk: Desk, model_id: str) -> None:
    with pytest.raises(UnsupportedModel):
        await desk.preferences.favour(desk.user, model_id)


async def test_likes_that_come_at_once_are_all_kept(desk: Desk) -> None:
    await asyncio.gather(*(desk.preferences.favour(desk.user, f"a/{number}") for number in range(20)))
    assert len(await desk.preferences.favourites(desk.user)) == 20


async def test_a_users_choice_comes_before_the_operators_until_he_takes_it_back(desk: Desk) -> None:
    mine = desk.preferences
    before = await mine.slots(desk.user)
    assert before["chat"] == {"model": "demo/demo", "own": False}
    assert before["reasoning"] == {"model": None, "own": False}
    chosen = await mine.choose(desk.user, {"chat": "b/c", "reasoning": "b/r"})
    assert chosen == await mine.slots(desk.user)
    assert chosen["chat"] == {"model": "b/c", "own": True}
    assert chosen["title"] == {"model": "a/small", "own": False}
    assert await mine.default(desk.user) == "b/c"
    assert await mine.default(desk.other) == "demo/demo"
    assert (await mine.choose(desk.user, {"chat": None}))["chat"] == before["chat"]
    assert (await mine.slots(desk.user))["reasoning"]["own"] is True


async def test_what_cannot_be_asked_cannot_be_chosen_and_nothing_changes(desk: Desk) -> None:
    with pytest.raises(UnsupportedModel):
        await desk.preferences.choose(desk.user, {"chat": "b/c", "title": "no/such"})
    assert not (await desk.preferences.slots(desk.user))["chat"]["own"]


async def test_what_else_is_preferred_is_left_as_it_is(desk: Desk) -> None:
    await desk.base.store.write(lambda tx: stored.merge(tx, desk.user, theme="dark"))
    await desk.preferences.favour(desk.user, "a/b")
    await desk.preferences.choose(desk.user, {"chat": "b/c"})
    assert await desk.base.store.read(lambda tx: stored.get(tx, desk.user)) == {
        "theme": "dark",
        "favourites": ["a/b"],
        "slots": {"chat": "b/c"},
    }


async def test_what_a_guest_preferred_goes_with_him_and_what_the_account_chose_stays(desk: Desk) -> None:
    mine = desk.preferences
    await mine.favour(desk.user, "a/guest")
    await mine.choose(desk.user, {"chat": "g/chat", "title": "g/title"})
    await mine.favour(desk.other, "a/account")
    await mine.choose(desk.other, {"chat": "c/chat"})
    await desk.base.store.write(lambda tx: move(tx, desk.user, desk.other))
    assert await mine.favourites(desk.other) == ["a/account", "a/guest"]
    slots = await mine.slots(desk.other)
    assert (slots["chat"]["model"], slots["title"]["model"]) == ("c/chat", "g/title")


async def test_a_message_without_a_model_is_answered_by_the_one_that_its_user_chose(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await _choose(house, chat="mine/own")
        assert (await house.ask("Hello", chat="one")).run.model == "mine/own"
        assert (await house.ask("Hello", chat="two", model="asked/for")).run.model == "asked/for"
        assert await house.store.read(lambda tx: slot_of(tx, house.user, "chat")) == "mine/own"


async def _choose(house: House, **slots: str) -> None:
    await house.store.write(lambda tx: stored.merge(tx, house.user, slots=slots))
