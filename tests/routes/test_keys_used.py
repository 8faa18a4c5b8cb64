"""With whose key an answer is written, whatever becomes of keys while it waits; and its title."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, open_house
from tests.support.answers import until
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig

pytestmark = pytest.mark.anyio

SERVERS = "sk-the-server-s-own-key"
MINE = "sk-mine-0123456789abcdef"


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(Control(chunks=3)) as provider:
        yield provider


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> AsyncIterator[House]:
    """``both`` has a key of the server's; ``bare`` needs one of the user's own."""
    providers = (
        ProviderConfig("both", base_url=fake.url, api_key=SERVERS, models=("m",)),
        ProviderConfig("bare", "openai", base_url=fake.url, dialect="completions", models=("m",)),
    )
    async with open_house(tmp_path_factory.mktemp("house"), providers=providers) as running:
        yield running


@pytest.fixture(autouse=True)
def forgotten(fake: FakeProvider) -> None:
    fake.forget()


async def queued(visitor: Client, fake: FakeProvider, model: str, chat: str) -> str:
    """Have an answer held, and another wanted behind it; returns the id of the one that waits."""
    held = orjson.dumps({"hold_at": 1, "text": "one two three"}).decode()
    await asked(visitor, asking(held, chat, model="both/m"))
    await until(lambda: bool(fake.held), what="an answer that is held")
    return await asked(visitor, asking("And then?", chat, model=model))


async def asked(visitor: Client, body: dict[str, Any]) -> str:
    """Ask, and leave at once; returns the run's id."""
    stream = await visitor.open("POST", "/api/chat", body)
    stream.close()
    return stream.headers["x-threadline-run"]


async def ended(visitor: Client, run: str) -> dict[str, Any]:
    """A run, once it is written down."""
    async with asyncio.timeout(60):
        while (found := await visitor.get(f"/api/runs/{run}"))["status"] in ("queued", "running"):
            await asyncio.sleep(0.01)
    told: dict[str, Any] = found
    return told


async def put(visitor: Client, provider: str) -> None:
    assert (await visitor.call("PUT", f"/api/keys/{provider}", {"key": MINE})).status == 200


def sent(fake: FakeProvider, *, title: bool = False) -> list[str]:
    """The keys that came with each call for an answer, or for a title."""
    return [call.headers["authorization"].removeprefix("Bearer ") for call in fake.calls if call.title is title]


async def test_one_s_own_key_calls_the_model_for_the_answer_and_for_its_title(
    visitor: Client, fake: FakeProvider
) -> None:
    await put(visitor, "bare")
    run = await ended(visitor, await asked(visitor, asking("Hello", model="bare/m")))
    assert (run["status"], run["key_owner"]) == ("completed", "user")
    await until(lambda: len(fake.calls) == 2, what="a title")
    assert (sent(fake), sent(fake, title=True)) == ([MINE], [MINE])


async def test_a_key_that_was_removed_while_the_answer_waited_gives_way_to_the_server_s(
    visitor: Client, fake: FakeProvider
) -> None:
    await put(visitor, "both")
    waiting = await queued(visitor, fake, "both/m", "chat-removed")
    assert (await visitor.get(f"/api/runs/{waiting}"))["key_owner"] == "user"
    await visitor.call("DELETE", "/api/keys/both")
    await fake.go()
    run = await ended(visitor, waiting)
    assert (run["status"], run["key_owner"]) == ("completed", "server")
    assert sent(fake) == [MINE, SERVERS]


async def test_no_removed_key_opens_a_budget_that_is_used_up(house: House, visitor: Client, fake: FakeProvider) -> None:
    boss = await house.account("boss")
    await put(visitor, "both")
    me = (await visitor.get("/api/me"))["id"]
    assert (await boss.call("PUT", "/api/admin/limits", {"subject": me, "tokens_day": 0})).status == 200
    waiting = await queued(visitor, fake, "both/m", "chat-budget")
    await visitor.call("DELETE", "/api/keys/both")
    await fake.go()
    run = await ended(visitor, waiting)
    assert run["status"] == "error"
    assert run["error"].startswith("The budget of 0 tokens a day is used up.")
    assert (sent(fake), run["usage"]) == ([MINE], {})


async def test_where_there_is_no_other_the_answer_ends_with_what_to_do(visitor: Client, fake: FakeProvider) -> None:
    await put(visitor, "bare")
    waiting = await queued(visitor, fake, "bare/m", "chat-gone")
    await visitor.call("DELETE", "/api/keys/bare")
    await fake.go()
    run = await ended(visitor, waiting)
    assert (run["status"], run["error"]) == ("error", "No bare API key found. Add one in Settings.")
    assert sent(fake) == [SERVERS]


async def test_a_key_that_was_added_meanwhile_counts(visitor: Client, fake: FakeProvider) -> None:
    waiting = await queued(visitor, fake, "both/m", "chat-added")
    await put(visitor, "both")
    await fake.go()
    assert (await ended(visitor, waiting))["key_owner"] == "user"
    assert sent(fake) == [SERVERS, MINE]


async def test_nobody_s_key_calls_for_another(house: House, visitor: Client, fake: FakeProvider) -> None:
    await put(visitor, "both")
    other = house.visitor()
    await other.get("/api/me")
    run = await ended(other, await asked(other, asking("Hello", model="both/m")))
    assert run["key_owner"] == "server"
    assert sent(fake) == [SERVERS]


async def test_a_program_asks_with_its_user_s_keys_alone(house: House, visitor: Client, fake: FakeProvider) -> None:
    await put(visitor, "bare")
    program = await house.program("script")
    names = [model["id"] for model in (await program.get("/v1/models"))["data"]]
    assert "both/m" in names
    assert "bare/m" not in names
    refused = await program.call("POST", "/v1/responses", {"model": "bare/m", "input": "Hello"})
    assert refused.status == 400
    assert "No bare API key found" in refused.body.decode()
    done = await program.call("POST", "/v1/responses", {"model": "both/m", "input": "Hello"})
    assert done.status == 200
    assert sent(fake) == [SERVERS]
