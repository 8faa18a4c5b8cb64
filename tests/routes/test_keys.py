"""``/api/keys`` from outside: whose they are, what leaves, and that a chat uses them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, chunks, open_house
from tests.support.client import Client
from threadline.domain.addresses import LOOPBACK

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=["one", "two"], api_key=KEY) as provider:
        yield provider


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Its users may name addresses of this machine."""
    async with open_house(tmp_path_factory.mktemp("house"), private_addresses=LOOPBACK) as running:
        yield running


async def added(visitor: Client, fake: FakeProvider, key: str = KEY) -> None:
    reply = await visitor.call("PUT", "/api/keys/openai", {"key": key, "base_url": f"{fake.url}/"})
    assert reply.status == 200, reply.body


async def test_a_key_is_kept_listed_replaced_and_removed_and_never_told(visitor: Client, fake: FakeProvider) -> None:
    assert (await visitor.get("/api/keys")) == {"items": [], "next": None}
    reply = await visitor.call("PUT", "/api/keys/openai", {"key": f" {KEY}\n"})
    kept = reply.json
    assert kept == {
        "provider": "openai",
        "provider_name": "OpenAI",
        "last_four": "cdef",
        "base_url": None,
        "created_at": kept["created_at"],
        "used_at": None,
    }
    await added(visitor, fake)
    (listed,) = (await visitor.get("/api/keys"))["items"]
    assert listed["base_url"] == fake.url
    assert KEY[:-4] not in str(listed) + str(reply.headers)
    assert (await visitor.call("DELETE", "/api/keys/openai")).status == 204
    assert (await visitor.call("DELETE", "/api/keys/openai")).status == 404
    assert (await visitor.get("/api/keys"))["items"] == []


async def test_the_providers_that_take_keys_are_told(visitor: Client) -> None:
    items = (await visitor.get("/api/keys/providers"))["items"]
    (openai,) = [one for one in items if one["provider"] == "openai"]
    assert openai == {
        "provider": "openai",
        "provider_name": "OpenAI",
        "has_server_key": False,
        "base_url_allowed": True,
    }


async def test_another_user_s_key_is_not_there(house: House, visitor: Client, fake: FakeProvider) -> None:
    await added(visitor, fake)
    other = house.visitor()
    await other.get("/api/me")
    assert (await other.get("/api/keys"))["items"] == []
    for method, path in (("DELETE", "/api/keys/openai"), ("POST", "/api/keys/openai/test")):
        assert (await other.call(method, path)).status == 404
    refused = await other.call("POST", "/api/chat", asking("Hello", model="openai/one"))
    assert (refused.status, refused.json["error"]["code"]) == (400, "missing_key:chat")
    assert refused.json["error"]["message"] == "No openai API key found. Add one in Settings."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": ""}, 400),
        ({"key": "a b"}, 400),
        ({"key": 5}, 400),
        ({"key": KEY, "base_url": "http://93.184.216.34/v1"}, 400),
        ({"key": KEY, "base_url": "https://10.0.0.1/v1"}, 400),
        ({"key": KEY, "more": 1}, 400),
        ({"key": "x" * 1001}, 400),
        ([KEY], 400),
        ({}, 400),
    ],
)
async def test_what_is_no_key_is_refused_and_never_repeated(visitor: Client, body: object, status: int) -> None:
    for method, path in (("PUT", "/api/keys/openai"), ("POST", "/api/keys/openai/test")):
        if body == {} and method == "POST":
            continue
        reply = await visitor.call(method, path, body)
        assert reply.status == status, reply.body
        assert KEY not in reply.body.decode()
        assert "x" * 1001 not in reply.body.decode()


async def test_a_key_is_tested_before_and_after_it_is_kept(visitor: Client, fake: FakeProvider) -> None:
    found = await visitor.call("POST", "/api/keys/openai/test", {"key": KEY, "base_url": fake.url})
    assert found.json == {"ok": True, "message": "OpenAI takes this key. It has 2 models.", "models": 2}
    assert (await visitor.call("POST", "/api/keys/openai/test", {"base_url": fake.url})).status == 400
    await added(visitor, fake)
    assert (await visitor.call("POST", "/api/keys/openai/test")).json["ok"]


async def test_a_key_lights_models_up_and_answers_with_it_say_so(visitor: Client, fake: FakeProvider) -> None:
    before = (await visitor.get("/api/models"))["items"]
    assert not [model for model in before if model["provider"] == "openai" and model["available"]]
    await added(visitor, fake)
    found = {model["id"]: model for model in (await visitor.get("/api/models"))["items"]}
    assert (found["openai/one"]["available"], found["openai/one"]["key"]) == (True, "user")
    answer = await visitor.open("POST", "/api/chat", asking("Hello", model="openai/one"))
    run = answer.headers["x-threadline-run"]
    assert (await chunks(answer))[-1][1]["type"] == "finish"
    assert (await visitor.get(f"/api/runs/{run}"))["key_owner"] == "user"
    assert (await visitor.get("/api/keys"))["items"][0]["used_at"] is not None
    assert all(call.headers["authorization"] == f"Bearer {KEY}" for call in fake.calls)
    await visitor.call("DELETE", "/api/keys/openai")
    after = (await visitor.get("/api/models"))["items"]
    assert not [model for model in after if model["provider"] == "openai" and model["available"]]


async def test_a_key_that_is_refused_ends_the_answer_in_the_provider_s_words_without_it(
    visitor: Client, fake: FakeProvider
) -> None:
    wrong = "sk-wrong-0123456789abcdef"
    await added(visitor, fake, wrong)
    told = [chunk async for chunk in (await visitor.open("POST", "/api/chat", asking("Hi", model="openai/one"))).sse()]
    (error,) = [one.json["errorText"] for one in told if one.data and '"error"' in one.data and "errorText" in one.data]
    assert "Incorrect API key" in error
    assert wrong not in str([one.data for one in told])
    tried = (await visitor.call("POST", "/api/keys/openai/test", {"key": wrong, "base_url": fake.url})).body.decode()
    assert wrong not in tried


async def test_an_access_token_cannot_touch_keys(house: House) -> None:
    program = await house.program("script")
    assert (await program.call("PUT", "/api/keys/openai", {"key": KEY})).status == 403
