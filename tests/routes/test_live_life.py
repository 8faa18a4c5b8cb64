"""``/api/live``: a socket lives as long as what it was opened with, and as long as its client does."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

import pytest
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.routes.conftest import House, begun
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live import say, socket_of, take, until
from tests.support.client import Client
from threadline.app import tokens
from threadline.routes.context import Context
from threadline.routes.live import Live
from threadline.routes.site import Site
from threadline.services.accounts import SESSION_SECONDS

pytestmark = pytest.mark.anyio
HALF_A_MINUTE = 30.0


def context_of(house: House) -> Context:
    """What the routes of a server in this process were given."""
    for route in cast("Site", house.app.site).routes:
        if isinstance(route, WebSocketRoute) and isinstance(route.endpoint, Live):
            return cast("Live", route.endpoint)._sockets._context
    raise AssertionError("no live route")


async def until_closed(socket: ClientConnection, seconds: float = 60) -> list[dict[str, Any]]:
    """All frames that still come."""
    frames = []
    async with asyncio.timeout(seconds):
        with suppress(ConnectionClosed):
            async for text in socket:
                frames.append(json.loads(text))
    return frames


async def turned_away(socket: ClientConnection) -> dict[str, Any]:
    """The last frame of a socket that is closed for want of authority."""
    last = [frame for frame in await until_closed(socket) if frame["type"] != "ping"][-1]
    assert socket.close_code == 4401
    assert last["type"] == "error"
    assert last["error"]["code"].startswith("unauthorized:")
    assert "id" not in last
    return last


async def revoke_token(house: House, name: str) -> None:
    """As the command does, in a process of its own."""
    lines: list[str] = []
    await tokens.show(house.app.settings, lines.append)
    (found,) = [line.split("\t")[0] for line in lines if line.split("\t")[1] == name]
    await tokens.revoke(house.app.settings, found, lines.append)


async def test_a_program_opens_a_socket_by_its_access_token(house: House) -> None:
    program = await house.program(uuid4().hex)
    made = (await program.call("POST", "/api/conversations", {"title": "Its own"})).json
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="f", stream="feed", after=-1)
        assert (await until(socket, "events"))[-1]["events"][0]["conversation"]["id"] == made["id"]


async def test_a_token_that_is_not_known_opens_no_socket(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket_of(house.visitor(), Authorization="Bearer tl_unknown"):
            pass
    assert refused.value.response.status_code == 401


async def test_a_session_that_is_revoked_here_ends_its_sockets_at_once_and_no_others(house: House) -> None:
    visitor, other = house.visitor(), house.visitor()
    me, accounts = (await visitor.get("/api/me"))["id"], context_of(house).accounts
    await other.get("/api/me")
    async with socket_of(visitor) as first, socket_of(visitor) as second, socket_of(other) as third:
        await say(first, type="subscribe", id="f", stream="feed")
        (session,) = await accounts.sessions(me)
        await accounts.revoke(me, session.id)
        await turned_away(first)
        await turned_away(second)
        await say(third, type="ping")
        assert (await take(third))["type"] == "pong"


async def test_a_token_that_is_revoked_elsewhere_ends_its_sockets_within_half_a_minute(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=2.0, world=world) as house:
        program = await house.program("robot")
        async with socket_of(program, **program.headers) as socket:
            await revoke_token(house, "robot")
            await say(socket, type="ping")
            await until(socket, "pong")
            world.ahead = HALF_A_MINUTE
            await turned_away(socket)


async def test_a_session_whose_time_is_over_ends_its_socket(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=2.0, world=world) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        async with socket_of(visitor) as socket:
            world.ahead = SESSION_SECONDS + 1
            await turned_away(socket)


async def test_a_socket_goes_on_by_another_token_of_the_same_user(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=2.0, world=world) as house:
        old = await house.program("robot")
        said: list[str] = []
        async with socket_of(old, **old.headers) as socket:
            await revoke_token(house, "robot")
            await tokens.create(house.app.settings, "robot", None, said.append)
            await say(socket, type="auth", token=said[-1])
            assert (await until(socket, "authorized"))[-1] == {"type": "authorized"}
            world.ahead = HALF_A_MINUTE
            # It is looked at three times in a heartbeat.
            await until(socket, "ping")
            await say(socket, type="ping")
            await until(socket, "pong")
            await revoke_token(house, "robot")
            world.ahead = 2 * HALF_A_MINUTE
            await turned_away(socket)


@pytest.mark.parametrize("kind", ["another's", "unknown", "a session's"])
async def test_a_token_that_is_not_the_same_users_ends_the_socket(house: House, kind: str) -> None:
    one, other, visitor = await house.program(uuid4().hex), await house.program(uuid4().hex), house.visitor()
    await visitor.get("/api/me")
    token = {
        "another's": other.headers["Authorization"].removeprefix("Bearer "),
        "unknown": "tl_" + "x" * 43,
        "a session's": next(iter(visitor.cookies.values())),
    }[kind]
    async with socket_of(one, **one.headers) as socket:
        await say(socket, type="auth", token=token)
        last = await turned_away(socket)
        assert token not in json.dumps(last)


@pytest.mark.parametrize("token", [None, 7, ""])
async def test_an_auth_frame_without_a_token_is_answered_and_the_socket_stays(visitor: Client, token: Any) -> None:
    async with socket_of(visitor) as socket:
        await say(socket, type="auth", token=token)
        assert (await take(socket))["error"]["code"] == "bad_request:live"
        await say(socket, type="ping")
        assert (await take(socket))["type"] == "pong"


async def test_a_client_that_says_nothing_for_three_heartbeats_is_closed(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        async with socket_of(visitor) as socket:
            pings = await until_closed(socket)
            assert socket.close_code == 4408
            assert len(pings) >= 3


async def test_a_client_that_answers_pings_stays_for_as_long_as_it_likes(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        async with socket_of(visitor) as socket:
            for _ in range(8):
                assert await take(socket) == {"type": "ping"}
                await say(socket, type="pong")


@pytest.mark.parametrize("stream", ["feed", "runs"])
async def test_an_event_stream_ends_with_the_token_that_it_was_asked_by(open_own: Any, stream: str) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=2.0, world=world) as house:
        program = await house.program("robot")
        name = "feed" if stream == "feed" else f"runs/{await begun(program, 'A long story, very slowly.')}"
        following = await program.open("GET", f"/api/{name}/events")
        events = following.sse()
        await anext(events)
        await revoke_token(house, "robot")
        world.ahead = HALF_A_MINUTE
        async with asyncio.timeout(60):
            rest = [event async for event in events]
        assert rest[-1].event == "reconnect"
        assert following.ended == "clean"
        assert (await program.call("GET", f"/api/{name}/events")).status == 401


async def test_no_token_is_ever_written_into_the_log(open_own: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        async with socket_of(visitor) as socket:
            await say(socket, type="auth", token="tl_very-secret-indeed")
            await turned_away(socket)
    assert "very-secret" not in caplog.text
