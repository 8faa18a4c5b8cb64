"""``/api/tokens``: made, shown once, listed and revoked by the user himself, and by no program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.routes.conftest import House, open_house
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live import socket_of
from tests.routes.test_live_life import turned_away
from tests.support.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def ada(house: House) -> Client:
    """Somebody with an account."""
    return await house.account("ada")


async def made(client: Client, **more: Any) -> dict[str, Any]:
    reply = await client.call("POST", "/api/tokens", {"name": "script", "scopes": ["all"], **more})
    assert reply.status == 201, reply.body
    return reply.json  # type: ignore[no-any-return]


async def test_a_token_is_shown_once_and_speaks_for_its_user(house: House, ada: Client) -> None:
    token = await made(ada, scopes=["read", "openai"], expires_in_days=30)
    assert token["scopes"] == ["read", "openai"]
    assert token["expires_at"] == token["created_at"] + 30 * 86_400
    program = house.visitor(Authorization=f"Bearer {token['token']}")
    assert (await program.get("/api/me"))["id"] == (await ada.get("/api/me"))["id"]
    reply = await ada.call("GET", "/api/tokens")
    assert token["token"] not in reply.body.decode()
    listed = next(one for one in reply.json["items"] if one["id"] == token["id"])
    assert listed["used_at"] is not None
    assert {**listed, "used_at": None, "token": token["token"]} == token


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["write"]},
        {"name": "", "scopes": ["all"]},
        {"name": "x", "scopes": ["all"], "expires_in_days": 0},
        {"name": "x", "scopes": ["all"], "expires_in_days": 3651},
        {"name": "x", "scopes": ["all"], "user": "other"},
    ],
)
async def test_what_is_no_token_is_refused(ada: Client, body: dict[str, Any]) -> None:
    assert (await ada.call("POST", "/api/tokens", body)).status == 400


async def test_who_is_nobody_or_a_guest_makes_none(house: House) -> None:
    visitor = house.visitor()
    for method, path in (("GET", "/api/tokens"), ("POST", "/api/tokens"), ("DELETE", "/api/tokens/tok_x")):
        reply = await visitor.call(method, path, {"name": "x", "scopes": ["all"]} if method == "POST" else None)
        assert reply.status == 401, path
    await visitor.get("/api/me")
    reply = await visitor.call("POST", "/api/tokens", {"name": "x", "scopes": ["all"]})
    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:token")
    assert (await visitor.get("/api/tokens")) == {"items": [], "next": None}


async def test_a_program_neither_makes_nor_lists_nor_revokes_tokens(house: House, ada: Client) -> None:
    program = await house.script(ada, "all")
    mine = (await made(ada))["id"]
    for method, path in (("POST", "/api/tokens"), ("GET", "/api/tokens"), ("DELETE", f"/api/tokens/{mine}")):
        reply = await program.call(method, path, {"name": "x", "scopes": ["all"]} if method == "POST" else None)
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:token"), path
    assert mine in [one["id"] for one in (await ada.get("/api/tokens"))["items"]]


async def test_anothers_token_is_not_there(house: House, ada: Client) -> None:
    bob, token = await house.account("bob"), await made(ada)
    assert token["id"] not in str(await bob.get("/api/tokens"))
    assert (await bob.call("DELETE", f"/api/tokens/{token['id']}")).status == 404
    assert (await ada.call("DELETE", f"/api/tokens/{token['id']}")).status == 204
    assert (await ada.call("DELETE", f"/api/tokens/{token['id']}")).status == 404
    reply = await house.visitor(Authorization=f"Bearer {token['token']}").call("GET", "/api/me")
    assert reply.status == 401


@asynccontextmanager
async def kept_open(program: Client) -> AsyncIterator[None]:
    """A socket, a feed and a stream of its own, each of which has ended when this is left."""
    assert (await program.call("PUT", "/v1/stream/own", None, {"Content-Type": "text/plain"})).status in (200, 201)
    paths = ("/api/feed/events", "/v1/stream/own?offset=-1&live=sse")
    streams = [await program.open("GET", path) for path in paths]
    assert [one.status for one in streams] == [200, 200]
    async with socket_of(program, **program.headers) as socket:
        yield
        async with asyncio.timeout(60):
            await turned_away(socket)
            for one in streams:
                await one.read()


async def test_what_a_token_keeps_open_ends_when_it_is_revoked(tmp_path: Path) -> None:
    # Nothing beats here while the test lasts.
    async with open_house(tmp_path, heartbeat=3600) as house:
        ada = await house.account("ada")
        token = await made(ada)
        async with kept_open(house.visitor(Authorization=f"Bearer {token['token']}")):
            assert (await ada.call("DELETE", f"/api/tokens/{token['id']}")).status == 204


async def test_what_a_token_keeps_open_ends_with_it(tmp_path: Path) -> None:
    world = AdvancingWorld()
    async with open_house(tmp_path, heartbeat=1.0, world=world) as house:
        program = await house.script(await house.account("ada"), "all", expires_in_days=1)
        async with kept_open(program):
            world.ahead = 86_401
        assert (await program.call("GET", "/api/me")).status == 401
