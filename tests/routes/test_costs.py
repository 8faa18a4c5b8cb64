"""What answers cost: told at their end, added up, and refused where a budget is used up, but for who pays himself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, chunks, open_house
from tests.support.answers import until_ended
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig
from threadline.domain.prices import Price, cost, dollars

pytestmark = pytest.mark.anyio

PRICED, UNPRICED = "both/m", "both/n"
PRICE = Price(2_500_000, 10_000_000)


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A provider with a key of the server's, of whose two models one has a price."""
    async with FakeProvider(Control(chunks=3)) as fake:
        both = ProviderConfig(
            "both", base_url=fake.url, api_key="sk-the-server-s", models=("m", "n"), prices={"m": PRICE}
        )
        async with open_house(tmp_path_factory.mktemp("house"), providers=(both,)) as running:
            yield running


@pytest.fixture(scope="module")
async def boss(house: House) -> Client:
    """The admin."""
    return await house.account("boss")


async def answered(visitor: Client, model: str) -> str:
    """Ask, and read it to its end; returns the run's id."""
    stream = await visitor.open("POST", "/api/chat", asking("Hello", model=model))
    assert stream.status == 200, await stream.read()
    await chunks(stream)
    return stream.headers["x-threadline-run"]


async def test_the_cost_is_told_at_the_end_of_the_stream_by_the_run_by_the_message_and_in_the_usage(
    visitor: Client,
) -> None:
    stream = await visitor.open("POST", "/api/chat", asking("Hello", model=PRICED))
    last = (await chunks(stream))[-1][1]["messageMetadata"]
    run = await until_ended(visitor, stream.headers["x-threadline-run"])
    wanted = dollars(cost(PRICE, run["usage"]))
    assert wanted
    assert (last["cost"], last["keyOwner"]) == (wanted, "server")
    assert (run["cost"], run["key_owner"]) == (wanted, "server")
    [*_, answer] = (await visitor.get(f"/api/conversations/{run['conversation_id']}/messages"))["items"]
    assert answer["metadata"]["cost"] == wanted
    [item] = (await visitor.get("/api/usage"))["items"]
    assert (item["model"], item["runs"], item["cost"]) == (PRICED, 1, wanted)


async def test_what_has_no_price_costs_what_nobody_knows_and_never_nothing(visitor: Client) -> None:
    run = await until_ended(visitor, await answered(visitor, UNPRICED))
    assert run["cost"] is None
    found = await visitor.get("/api/usage")
    assert [item["cost"] for item in found["items"]] == [None]
    assert found["limits"]["tokens_day"]["used"] > 0
    assert found["limits"]["cost_day"]["used"] == 0


async def test_a_budget_that_is_used_up_refuses_all_but_who_pays_himself(visitor: Client, boss: Client) -> None:
    me = (await visitor.get("/api/me"))["id"]
    await boss.call("PUT", "/api/admin/limits", {"subject": me, "cost_day": 0.000001})
    await until_ended(visitor, await answered(visitor, PRICED))
    refused = await visitor.call("POST", "/api/chat", asking("Hello", model=UNPRICED))
    error = refused.json["error"]
    assert (refused.status, error["details"]["limit"], error["details"]["allowed"]) == (429, "cost_day", 0.000001)
    assert error["message"].endswith("Add a key of your own in Settings: it has no budget.")
    assert (await visitor.call("PUT", "/api/keys/both", {"key": "sk-mine-0123456789"})).status == 200
    run = await until_ended(visitor, await answered(visitor, PRICED))
    assert run["key_owner"] == "user"
    assert run["cost"] > 0
    items = (await visitor.get("/api/usage"))["items"]
    assert sorted((item["key_owner"], item["runs"]) for item in items) == [("server", 1), ("user", 1)]
