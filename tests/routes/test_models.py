"""``/api/models``: what may be chosen, what a user likes and chose, and what a message is then answered by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, open_house
from tests.support.answers import until_ended
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig
from threadline.domain.prices import Price

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=["fake-model", "nomic-embed-text"]) as running:
        yield running


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> AsyncIterator[House]:
    priced = ProviderConfig("fake", base_url=fake.url, prices={"fake-model": Price(1_000_000, 2_000_000)})
    keyless = ProviderConfig("openai", "openai", models=("gpt-6.1-terra",))
    async with open_house(
        tmp_path_factory.mktemp("house"),
        providers=(priced, keyless),
        models={"chat": "demo/demo", "title": "demo/demo"},
    ) as running:
        yield running


async def rows(visitor: Client) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in (await visitor.get("/api/models"))["items"]}


async def until_listed(visitor: Client, model_id: str) -> dict[str, dict[str, Any]]:
    """The rows, once a model is among them that its provider is asked for in the background."""
    async with asyncio.timeout(60):
        while model_id not in (shown := await rows(visitor)):
            await asyncio.sleep(0.01)
    return shown


async def answered_by(visitor: Client, **more: Any) -> str:
    """The model of the run that answers a message."""
    reply = await visitor.call(
        "POST", "/api/chat", asking("Say it at once.", **more), headers={"Prefer": "respond-async"}
    )
    run = reply.headers["x-threadline-run"]
    await until_ended(visitor, run)
    found: str = (await visitor.get(f"/api/runs/{run}"))["model"]
    return found


async def test_what_a_provider_lists_and_the_operator_configured_is_shown(visitor: Client) -> None:
    shown = await until_listed(visitor, "fake/fake-model")
    model = shown["fake/fake-model"]
    assert model["price"] == {
        "input": 1.0,
        "output": 2.0,
        "cached": None,
        "cache_write": None,
        "long_above": None,
        "long": None,
    }
    assert (model["source"], model["key"], model["available"]) == ("operator", "server", True)
    assert "fake/nomic-embed-text" not in shown, "it answers in no words"
    terra = shown["openai/gpt-6.1-terra"]
    assert (terra["available"], terra["key"]) == (False, None)
    assert terra["reason"] == "No openai API key found. Add one in Settings."
    assert (terra["context"], terra["price"]["input"], terra["capabilities"]["vision"]) == (1_050_000, 1.0, True)


async def test_favourites_are_a_users_own(visitor: Client, house: House) -> None:
    other = house.visitor()
    address = "/api/models/favourites?model=demo/demo"
    for _ in range(2):
        assert (await visitor.call("PUT", address)).status == 204
    assert (await rows(visitor))["demo/demo"]["favourite"] is True
    assert (await rows(other))["demo/demo"]["favourite"] is False
    for _ in range(2):
        assert (await visitor.call("DELETE", address)).status == 204
    assert (await rows(visitor))["demo/demo"]["favourite"] is False


async def test_validate_tells_what_a_model_wants(visitor: Client) -> None:
    assert await visitor.get("/api/models/validate?model=demo/demo") == {
        "supported": True,
        "has_key": True,
        "required_provider": None,
        "reason": None,
    }
    assert await visitor.get("/api/models/validate?model=openai/gpt-6.1-terra") == {
        "supported": True,
        "has_key": False,
        "required_provider": "openai",
        "reason": "No openai API key found. Add one in Settings.",
    }
    assert (await visitor.get("/api/models/validate?model=openai/other"))["supported"] is False


async def test_the_model_that_a_user_chose_answers_him_and_nobody_else(visitor: Client, house: House) -> None:
    other = house.visitor()
    slots = (await visitor.call("PUT", "/api/models/slots", {"chat": "fake/fake-model"})).json
    assert slots["chat"] == {"model": "fake/fake-model", "own": True}
    assert slots["title"] == {"model": "demo/demo", "own": False}
    assert slots["image"] == {"model": None, "own": False}
    assert await visitor.get("/api/models/slots") == slots
    assert (await visitor.get("/api/models"))["default"] == "fake/fake-model"
    assert (await other.get("/api/models"))["default"] == "demo/demo"
    assert await answered_by(visitor) == "fake/fake-model"
    assert await answered_by(other) == "demo/demo"
    back = (await visitor.call("PUT", "/api/models/slots", {"chat": None})).json
    assert back["chat"] == {"model": "demo/demo", "own": False}


async def test_a_model_without_a_key_cannot_be_chosen(visitor: Client) -> None:
    reply = await visitor.call("PUT", "/api/models/slots", {"chat": "openai/gpt-6.1-terra"})
    assert reply.status == 400
    assert reply.json["error"]["code"].startswith("missing_key")


async def test_how_a_model_does_is_told(visitor: Client) -> None:
    for _ in range(3):
        await answered_by(visitor, model="fake/fake-model")
    assert (await rows(visitor))["fake/fake-model"]["health"] == "ok"
    assert (await rows(visitor))["demo/demo"]["health"] is None
