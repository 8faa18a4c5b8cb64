"""Entitlements: who may send how much, whatever comes at once, and what a message counts for."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.runs.test_handed import AnyModel
from tests.services.conftest import Base
from threadline.domain.catalog import KeyOwner
from threadline.domain.errors import NotFound, RateLimited
from threadline.domain.limits import ALL, DAY, OFF, Entitlement, day_of, period_ends
from threadline.services.answers import Answers
from threadline.services.entitlements import Entitlements
from threadline.services.recordings import Opening, Recordings
from threadline.services.responses import Responses, Wanted
from threadline.services.submits import Submit, Submitted
from threadline.services.turns import Turns
from threadline.store import audit, spending, users
from threadline.store.runs import RunRow
from threadline.store.spending import Spent
from threadline.store.tables import admissions, conversations, messages
from threadline.store.tables import runs as run_table
from threadline.store.transaction import Tx

pytestmark = pytest.mark.anyio

MODEL, OTHER = "a/one", "a/two"


class Door:
    """What messages come in by. Guests may send three of them, who is registered five."""

    def __init__(self, base: Base) -> None:
        self.store, self.world = base.store, base.world
        self.entitlements = Entitlements(base.store, {"guest": 3, "registered": 5})
        self.key_owner: KeyOwner = "server"
        self.answers = Answers(base.store, base.log, base.world)
        self.turns = Turns(
            base.store,
            base.log,
            self.answers,
            key_owner=lambda _tx, _user, _model: self.key_owner,
            default_model=MODEL,
            entitlements=self.entitlements,
        )
        self.conversations = base.conversations
        self.log = base.log

    async def user(self, kind: str = "guest") -> str:
        return (await self.store.write(lambda tx: users.add(tx, kind))).id

    async def send(self, user: str, chat: str | None = None, **more: Any) -> Submitted:
        message = {"id": more.pop("id", None), "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
        return await self.turns.submit(user, Submit(chat or os.urandom(8).hex(), message=message, **more))

    async def passing(self, user: str, **more: Any) -> int:
        """How many messages pass until one is refused, of ten."""
        for number in range(10):
            try:
                await self.send(user, **more)
            except RateLimited:
                return number
        return 10

    async def refused(self, user: str, **more: Any) -> RateLimited:
        with pytest.raises(RateLimited) as caught:
            await self.send(user, **more)
        return caught.value

    async def put(self, subject: str, model: str = ALL, **limits: int | None) -> None:
        await self.entitlements.put("usr_admin", Entitlement(subject, model, **limits))

    async def spend(
        self, user: str, *, tokens: int = 0, cost: int = 0, model: str = MODEL, owner: str = "server"
    ) -> None:
        """As if answers had taken that much today."""
        spent = Spent(day_of(self.world.now()), model, owner, 1, tokens, 0, 0, 0, cost, 0)
        await self.store.write(lambda tx: spending.add(tx, user, spent))

    async def rows(self) -> list[int]:
        """How many conversations, messages, runs and admissions there are."""

        def count(tx: Tx) -> list[int]:
            tables = (conversations, messages, run_table, admissions)
            return [tx.conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]

        return await self.store.read(count)


@pytest.fixture
def door(base: Base) -> Door:
    return Door(base)


@pytest.mark.parametrize("kind", ["guest", "registered"])
async def test_of_two_hundred_at_once_exactly_the_allowed_pass_and_nothing_is_written_of_the_others(
    door: Door, kind: str
) -> None:
    user, most = await door.user(kind), {"guest": 3, "registered": 5}[kind]
    done = await asyncio.gather(*(door.send(user) for _ in range(200)), return_exceptions=True)
    passed = [one for one in done if isinstance(one, Submitted)]
    assert len(passed) == most
    assert all(isinstance(one, Submitted | RateLimited) for one in done)
    assert await door.rows() == [most, 2 * most, most, most]
    assert {one.run_id for one in passed} == set(await admitted(door, user))


async def test_at_once_in_one_conversation_it_is_the_same(door: Door) -> None:
    user = await door.user()
    done = await asyncio.gather(*(door.send(user, "chat-1", id=f"m{n}") for n in range(50)), return_exceptions=True)
    assert sum(isinstance(one, Submitted) for one in done) == 3
    assert await door.rows() == [1, 6, 3, 3]


async def admitted(door: Door, user: str) -> list[str]:
    wanted = select(admissions.c.run_id).where(admissions.c.user_id == user)
    return await door.store.read(lambda tx: list(tx.conn.execute(wanted).scalars()))


async def test_the_same_message_again_is_counted_once_and_known_beyond_the_limit(door: Door) -> None:
    user = await door.user()
    first = await door.send(user, "chat-1", id="m1")
    assert [(await door.send(user, "chat-1", id="m1")).run_id for _ in range(5)] == [first.run_id] * 5
    assert await door.passing(user) == 2
    again = await door.send(user, "chat-1", id="m1")
    assert (again.run_id, again.duplicate) == (first.run_id, True)


async def test_to_write_again_and_to_edit_count(door: Door) -> None:
    user = await door.user()
    first = await door.send(user, "chat-1", id="m1")
    await door.turns.stop(user, "chat-1")
    await door.send(user, "chat-1", trigger="regenerate-message", message_id=first.message_id)
    await door.send(user, "chat-1", message_id="m1", id="m2")
    await door.refused(user, chat="chat-1", id="m3")


async def test_a_message_that_is_refused_interrupts_nothing(door: Door) -> None:
    user = await door.user()
    first = await door.send(user, "chat-1")
    assert await door.passing(user) == 2
    await door.refused(user, chat="chat-1", when_busy="interrupt")
    assert (await door.answers.run(user, first.run_id)).cancel is None


async def test_a_deleted_conversation_gives_nothing_back(door: Door) -> None:
    user = await door.user()
    assert await door.passing(user) == 3
    await door.conversations.delete_all(user)
    assert await door.passing(user) == 0


async def test_it_is_free_again_when_the_oldest_is_a_day_old(door: Door) -> None:
    user = await door.user()
    sent = []
    for _ in range(3):
        sent.append((await door.send(user)).run.created_at)
        door.world.ahead += 3600
    error = await door.refused(user)
    assert error.details is not None
    assert error.details["resets_at"] == sent[0] + DAY
    assert error.retry_after is not None
    assert 21 * 3600 - 60 < error.retry_after <= 21 * 3600
    door.world.ahead += error.retry_after
    assert await door.passing(user) == 1
    # The next is free when the second is a day old.
    later = await door.refused(user)
    assert later.details is not None
    assert later.details["resets_at"] == sent[1] + DAY


async def test_who_registers_keeps_what_he_has_used(door: Door) -> None:
    user = await door.user()
    assert await door.passing(user) == 3
    await door.store.write(lambda tx: users.change(tx, user, kind="registered"))
    assert await door.passing(user) == 2


async def test_programs_have_no_limit_but_one_of_their_own(door: Door) -> None:
    user = await door.user("service")
    assert await door.passing(user) == 10
    await door.put("service", messages=12)
    assert await door.passing(user) == 2


async def test_one_users_row_wins_over_that_of_his_kind_and_that_over_the_settings(door: Door) -> None:
    user, another = await door.user(), await door.user()
    await door.put("guest", messages=2)
    await door.put(user, messages=4)
    assert await door.passing(user) == 4
    assert await door.passing(another) == 2
    await door.put(user, messages=OFF)
    assert await door.passing(user) == 10
    await door.entitlements.remove("usr_admin", "guest", ALL)
    assert await door.passing(another) == 1


async def test_a_models_own_limit_counts_besides(door: Door) -> None:
    user = await door.user()
    await door.put("guest", OTHER, messages=1)
    assert await door.passing(user, model=OTHER) == 1
    error = await door.refused(user, model=OTHER)
    assert error.message.endswith("Register to send more.")
    assert error.details is not None
    assert error.details["model"] == OTHER
    assert await door.passing(user) == 2
    # A limit of all together is not lifted for the one model by its own row.
    await door.put(user, OTHER, messages=OFF)
    assert await door.passing(user, model=OTHER) == 0


async def test_nothing_at_all_says_no_time(door: Door) -> None:
    user = await door.user()
    await door.put("guest", OTHER, messages=0)
    error = await door.refused(user, model=OTHER)
    assert error.retry_after is None
    assert error.message == f"Guests may not send messages to {OTHER} here. Register to send more."


async def test_what_is_under_way_may_overshoot_a_budget_but_nothing_new_begins_beyond_it(door: Door) -> None:
    user = await door.user()
    await door.put("guest", tokens_day=1000)
    await door.send(user)
    await door.spend(user, tokens=999)
    await door.send(user)
    await door.spend(user, tokens=500)
    error = await door.refused(user)
    assert error.details is not None
    assert error.details["limit"] == "tokens_day"
    assert error.details["resets_at"] == period_ends("tokens_day", door.world.now())


async def test_a_budget_is_there_again_with_the_next_day_and_the_next_month(door: Door) -> None:
    user = await door.user("registered")
    await door.put("registered", cost_day=1000, cost_month=1500)
    await door.spend(user, cost=1000)
    error = await door.refused(user)
    assert error.message.startswith("The budget of 0.001 US dollars a day is used up.")
    await door.spend(user, cost=500)
    error = await door.refused(user)
    assert error.details is not None
    # The one that lasts longer is told.
    assert error.details["limit"] == "cost_month"
    assert error.retry_after is not None
    door.world.ahead += error.retry_after
    assert await door.passing(user) == 5


async def test_who_pays_himself_has_no_budget(door: Door) -> None:
    user = await door.user()
    await door.put("guest", cost_day=1000)
    await door.spend(user, cost=5000, owner="user")
    await door.send(user)
    await door.spend(user, cost=1000)
    await door.refused(user)
    door.key_owner = "user"
    assert await door.passing(user) == 2


async def test_a_models_budget_is_of_that_model_alone(door: Door) -> None:
    user = await door.user()
    await door.put("guest", OTHER, tokens_month=10)
    await door.spend(user, tokens=10, model=MODEL)
    await door.send(user, model=OTHER)
    await door.spend(user, tokens=10, model=OTHER)
    error = await door.refused(user, model=OTHER)
    assert error.message.startswith(f"The budget for {OTHER} of 10 tokens a month is used up.")
    await door.send(user)


async def test_who_asks_pays_and_not_whose_conversation_it_is(door: Door) -> None:
    owner, guest = await door.user(), await door.user()
    run = (await door.send(owner)).run

    def ask(tx: Tx) -> RunRow:
        theirs = replace(run, id=tx.new_id("run"), author_id=guest)
        door.entitlements.admit(tx, theirs)
        return theirs

    theirs = await door.store.write(ask)
    assert await admitted(door, guest) == [theirs.id]
    assert await admitted(door, owner) == [run.id]


async def test_programs_that_speak_openai_are_counted_alike(door: Door) -> None:
    user = await door.user()
    responses = Responses(door.store, door.answers, door.turns, door.conversations, AnyModel())
    wanted = Wanted([("user", [{"type": "text", "text": "Hi"}])], None, {"tools": []})
    for _ in range(3):
        await responses.create(user, wanted)
    before = await door.rows()
    with pytest.raises(RateLimited):
        await responses.create(user, wanted)
    assert await door.rows() == before


async def test_what_a_program_records_is_not_counted(door: Door, base: Base) -> None:
    user = await door.user()
    recordings = Recordings(door.store, base.log, door.answers, base.world)
    message = {"role": "user", "parts": [{"type": "text", "text": "Hi"}]}
    for number in range(5):
        await recordings.open(user, Opening(chat_id=f"chat-{number}", message=message))
    assert await door.passing(user) == 3


async def test_limits_are_for_somebody_and_their_change_is_written_down(door: Door) -> None:
    with pytest.raises(NotFound, match="guest, registered, service"):
        await door.put("nobody", messages=1)
    with pytest.raises(NotFound):
        await door.entitlements.remove("usr_admin", "guest", ALL)
    await door.put("guest", cost_day=2_500_000, messages=OFF)
    await door.put("guest", cost_day=1_000_000)
    await door.entitlements.remove("usr_admin", "guest", ALL)
    assert await door.entitlements.listed() == []
    entries, _ = await door.store.read(lambda tx: audit.page(tx, None, 10))
    assert [entry.action for entry in entries] == ["limits.removed", "limits.changed", "limits.changed"]
    assert entries[2].details["limits"]["cost_day"] == 2.5
    assert entries[2].details["limits"]["messages"] == "off"
