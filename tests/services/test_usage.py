"""Usage: what an answer took is counted once, for who asked, whoever concludes it and however it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from tests.services.conftest import Base
from tests.services.studio import TEXT, Studio
from threadline.domain import events
from threadline.domain.endings import priced
from threadline.domain.errors import ProviderError
from threadline.domain.fold import fold
from threadline.domain.limits import DAY, day_of
from threadline.domain.prices import Price
from threadline.domain.trail import TrailRecorder
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Fail, Script, Scripted, Text
from threadline.services.entitlements import Entitlements
from threadline.services.usage import Usages, spend
from threadline.store import admissions, spending, users
from threadline.store.spending import Spent
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


def model(script: Script | None = None) -> Scripted:
    def answer(_request: ModelRequest) -> Script:
        return script or Script([Text("One two three.")])

    return Scripted("test", SystemWorld(), answer)


async def spent_by(house: House, user: str | None = None) -> list[Spent]:
    return await house.store.read(lambda tx: spending.since(tx, 0, user or house.user))


async def test_an_answer_is_counted_with_what_it_took_and_cost(house: House) -> None:
    async with house.worker(model()):
        one = await house.ask()
        run, message = await house.ended(one.run_id), await house.message(one)
    assert run.usage is not None
    # A dollar for a million tokens is a millionth for each.
    took = run.usage["inputTokens"] + run.usage["outputTokens"]
    assert run.cost == took > 0
    assert message.metadata["cost"] == took / 1_000_000
    assert message.metadata["keyOwner"] == "server"
    assert await spent_by(house) == [
        Spent(
            day_of(run.ended_at or 0),
            "test/model",
            "server",
            1,
            run.usage["inputTokens"],
            run.usage["outputTokens"],
            0,
            0,
            took,
            0,
        )
    ]
    view = await house.answers.view(house.user, run.id)
    assert (view["cost"], view["key_owner"]) == (took / 1_000_000, "server")
    assert run.started_at is not None
    assert view["duration"] == (run.ended_at or 0) - run.started_at


async def test_it_is_counted_once_whoever_concludes_it(house: House) -> None:
    async with house.worker(model()):
        one = await house.ask()
        run = await house.ended(one.run_id)
    before = await spent_by(house)
    record = await house.record(run.id)
    await house.answers.settle(run.id)
    await house.answers.conclude(run, record, TrailRecorder())
    assert await spent_by(house) == before


async def test_an_answer_that_was_stopped_before_its_model_told_tokens_is_counted_without_a_price(house: House) -> None:
    paused = Paused(model(), 2)
    async with house.worker(paused):
        one = await house.ask()
        await paused.reached.wait()
        await house.turns.stop(house.user, "chat-1", one.run_id)
        run = await house.ended(one.run_id)
    assert (run.status, run.cost) == ("stopped", None)
    (spent,) = await spent_by(house)
    assert (spent.runs, spent.unpriced, spent.cost) == (1, 1, 0)
    assert (await house.message(one)).metadata["cost"] is None


async def test_an_answer_that_no_model_was_called_for_took_nothing(house: House) -> None:
    one = await house.ask()
    await house.turns.stop(house.user, "chat-1", one.run_id)
    assert (await house.run(one.run_id)).status == "stopped"
    assert await spent_by(house) == []


async def test_an_answer_that_failed_is_counted(house: House) -> None:
    async with house.worker(model(Script([Fail(ProviderError("No."))]))):
        one = await house.ask()
        run = await house.ended(one.run_id)
    assert run.status == "error"
    (spent,) = await spent_by(house)
    assert (spent.runs, spent.unpriced) == (1, 1)


async def test_who_is_gone_is_not_counted_and_keeps_no_answer_from_its_end(house: House) -> None:
    async with house.worker(model()):
        one = await house.ask()
        run = await house.ended(one.run_id)

    def gone(tx: Tx) -> None:
        tx.conn.exec_driver_sql("UPDATE runs SET author_id = 'usr_gone' WHERE id = ?", (run.id,))
        spend(tx, run.id)

    await house.store.write(gone)
    assert await spent_by(house, "usr_gone") == []


async def test_what_a_program_recorded_is_not_counted_whatever_it_says(studio: Studio) -> None:
    one = await studio.open()
    told: list[Any] = [*TEXT[:-1], {**TEXT[-1], "messageMetadata": {"cost": 7, "keyOwner": "me", "settings": {}}}]
    await studio.say(one, 0, *told, close=True)
    row, message = await studio.row(one), await studio.message(one)
    assert (row.status, row.cost) == ("completed", None)
    assert not {"cost", "keyOwner", "settings"} & message.metadata.keys()
    assert await spent_by(studio.house) == []


async def test_a_message_remembers_how_it_was_to_be_answered_and_a_run_all_of_it(house: House) -> None:
    chosen = {"temperature": 0.2, "max_tokens": 50, "system": "Be brief.", "reasoning_effort": None}
    async with house.worker(model()):
        one = await house.ask(settings=chosen)
        message = await house.message(one)
    assert message.metadata["settings"] == {"temperature": 0.2, "max_tokens": 50}
    view = await house.answers.view(house.user, one.run_id)
    assert view["settings"] == {"temperature": 0.2, "max_tokens": 50, "system": "Be brief."}
    # What everybody reads who may follow has nothing of it.
    assert "settings" not in (await house.record(one.run_id)).metadata


async def test_the_steps_of_an_answer_are_priced_each_by_its_own_length() -> None:
    price = Price(1_000_000, 0, long_above=10, long=Price(5_000_000, 0))
    steps = [events.finish_step("tool-calls", {"inputTokens": 8}), events.finish_step("stop", {"inputTokens": 12})]
    before = fold([events.start("msg_1", {}), events.start_step(), steps[0], events.start_step()])
    assert priced(before, [steps[1], events.finish("stop", {})], price) == 68 / 1_000_000
    assert priced(before, [events.finish("stop", {})], None) is None


async def test_usage_is_told_by_day_and_model_with_what_is_left(base: Base) -> None:
    entitlements = Entitlements(base.store, {"guest": 20})
    usages = Usages(base.store, entitlements)
    guest = await base.store.write(lambda tx: users.add(tx, "guest"))
    now = base.world.now()
    today = day_of(now)

    def work(tx: Tx) -> None:
        spending.add(tx, guest.id, Spent(today, "a/one", "server", 1, 10, 5, 4, 2, 70, 0))
        spending.add(tx, guest.id, Spent(today, "a/one", "server", 1, 1, 1, 0, 0, 0, 1))
        spending.add(tx, guest.id, Spent(today, "a/one", "user", 1, 7, 7, 0, 0, 9, 0))
        spending.add(tx, guest.id, Spent(today - 2, "b/two", "server", 2, 3, 3, 0, 0, 0, 2))
        admissions.add(tx, "run_1", guest.id, "a/one")

    await base.store.write(work)
    found = await usages.of(guest, 3)
    assert [(item["model"], item["key_owner"], item["runs"], item["cost"]) for item in found["items"]] == [
        ("a/one", "server", 2, 0.00007),
        ("a/one", "user", 1, 0.000009),
        ("b/two", "server", 2, None),
    ]
    assert len((await usages.of(guest, 2))["items"]) == 2
    limits = found["limits"]
    assert limits["messages"]["used"] == 1
    assert limits["messages"]["limit"] == 20
    assert now + DAY - 5 < limits["messages"]["resets_at"] < now + DAY + 5
    assert limits["tokens_day"] == {"used": 17, "limit": None, "resets_at": (today + 1) * DAY}
    assert limits["cost_day"]["used"] == 0.00007


async def test_what_no_limit_looks_at_is_forgotten_in_steps(base: Base) -> None:
    usages = Usages(base.store, Entitlements(base.store), 40)
    user = (await base.store.write(lambda tx: users.add(tx, "guest"))).id

    def work(tx: Tx) -> None:
        for number in range(700):
            admissions.add(tx, f"run_{number}", user, "a/one")
        for day in (day_of(tx.now) - 41, day_of(tx.now) - 40):
            spending.add(tx, user, Spent(day, "a/one", "server", 1, 1, 1, 0, 0, 0, 0))

    await base.store.write(work)
    # Of the two days one is too old; of the messages none is.
    assert [await usages.forget() for _ in range(2)] == [1, 0]
    base.world.ahead += DAY
    # Now the other day is, too.
    assert [await usages.forget() for _ in range(3)] == [501, 200, 0]


async def test_what_a_guest_used_is_his_who_he_turns_out_to_be(base: Base) -> None:
    def work(tx: Tx) -> tuple[list[Spent], int]:
        guest, somebody = users.add(tx, "guest").id, users.add(tx, "registered").id
        for user, tokens in ((guest, 1), (somebody, 2)):
            spending.add(tx, user, Spent(5, "a/one", "server", 1, tokens, 0, 0, 0, tokens, 0))
            admissions.add(tx, f"run_{user}", user, "a/one")
        spending.add(tx, guest, Spent(6, "a/one", "server", 1, 1, 0, 0, 0, 0, 1))
        spending.move(tx, guest, somebody)
        admissions.move(tx, guest, somebody)
        assert spending.since(tx, 0, guest) == []
        return spending.since(tx, 0, somebody), admissions.counted(tx, somebody, 0)[0]

    spent, sent = await base.store.write(work)
    assert spent == [
        Spent(6, "a/one", "server", 1, 1, 0, 0, 0, 0, 1),
        Spent(5, "a/one", "server", 2, 3, 0, 0, 0, 3, 0),
    ]
    assert sent == 2
