"""Scopes: every address of the URL table says what a token needs there, and asks for it."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus

from tests.routes.conftest import House
from tests.routes.test_live import say, socket_of, take, until
from tests.routes.test_live_life import turned_away
from tests.support.client import Client
from threadline.domain.errors import Forbidden
from threadline.domain.scopes import SCOPES
from threadline.routes import RESOURCES, scopes
from threadline.routes.site import Site
from threadline.services.tokens import Program
from threadline.store.users import UserRow

pytestmark = pytest.mark.anyio

FOR_ALL = re.compile(
    r"/healthz|/readyz|/openapi\.json|/docs|/|/(?!api/|v1/).*"
    r"|/api/auth/(providers|errors|errors/\{code\}|\{provider\}/(login|callback))"
)
"""What is answered without a look at who asks."""

OF_STREAMS = ("GET", "HEAD", "PUT", "POST", "DELETE")


def table(house: House) -> list[tuple[str, str]]:
    """Every method and address; WS for a socket's."""
    found = [(method, path) for method, path, *_ in RESOURCES]
    found += [("HEAD", path) for method, path in found if method == "GET"]
    for route in cast("Site", house.app.site).routes:
        if isinstance(route, WebSocketRoute):
            found.append(("WS", route.path))
        elif isinstance(route, Route):
            found += [(method, route.path) for method in route.methods or OF_STREAMS]
    return [(method, path) for method, path in found if not FOR_ALL.fullmatch(path)]


def program(*given: str, role: str = "user") -> Program:
    return Program(UserRow("usr_1", "registered", "ada", 1.0, role=role), "tok_1", frozenset(given))


def allowed(one: Program, method: str, path: str) -> bool:
    kind = "websocket" if method == "WS" else "http"
    try:
        scopes.check(one, {"type": kind, "method": method, "path": path})
    except Forbidden:
        return False
    return True


@pytest.fixture(scope="module")
async def boss(house: House) -> Client:
    """The admin."""
    return await house.account("boss")


async def status(client: Client, method: str, path: str) -> int:
    """How a request is answered, however long its answer would be."""
    address = re.sub(r"\{[^}]+\}", "x", path)
    if method == "WS":
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        stream = await client.open(
            "GET", address, headers={**handshake, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        )
    else:
        stream = await client.open(method, address)
    stream.close()
    return stream.status


async def test_every_address_of_the_table_is_of_a_family(house: House) -> None:
    # Whoever adds one says in routes/scopes.py what a token needs there; until then it is for the scope `all` alone.
    found = table(house)
    assert {("GET", "/api/conversations"), ("POST", "/api/chat"), ("WS", "/api/live")} <= set(found)
    assert not {path for _, path in found if scopes.family(path) is None}


@pytest.mark.parametrize("given", SCOPES)
async def test_every_address_of_the_table_asks_for_the_scope_that_it_needs(
    house: House, boss: Client, given: str
) -> None:
    script, wrong = await house.script(boss, given), []
    for method, path in table(house):
        found = await status(script, method, path)
        if (found == 403) is allowed(program(given, role="admin"), method, path):
            wrong.append((method, path, found))
    assert not wrong
    await boss.get("/api/me")


def test_a_new_address_is_for_the_scope_all_alone() -> None:
    for method in ("GET", "POST", "WS"):
        assert [one for one in SCOPES if allowed(program(one, role="admin"), method, "/api/new/thing")] == ["all"]


@pytest.mark.parametrize(
    ("method", "path", "enough"),
    [
        ("GET", "/api/conversations/conv_1", {"all", "read", "chat"}),
        ("PATCH", "/api/conversations/conv_1", {"all", "chat"}),
        ("POST", "/api/chat", {"all", "chat"}),
        ("WS", "/api/chat/ws", {"all", "chat"}),
        ("WS", "/api/live", {"all", "read", "chat", "streams"}),
        ("GET", "/api/feed/events", {"all", "read", "chat"}),
        ("POST", "/api/recordings", {"all", "chat"}),
        ("POST", "/api/runs/run_1/events", {"all", "chat"}),
        ("POST", "/v1/responses", {"all", "openai"}),
        ("POST", "/v1/chat/completions", {"all", "openai"}),
        ("GET", "/v1/models", {"all", "read", "openai"}),
        ("GET", "/v1/stream/mine", {"all", "read", "streams"}),
        ("PUT", "/v1/stream/mine", {"all", "streams"}),
        ("GET", "/v1/stream/runs/run_1", {"all", "read", "chat"}),
        ("GET", "/api/me", set(SCOPES)),
        ("PATCH", "/api/me", set()),
        ("DELETE", "/api/me", set()),
        ("PUT", "/api/auth/password", set()),
        ("GET", "/api/auth/sessions", set()),
        ("POST", "/api/tokens", set()),
        ("GET", "/api/keys", set()),
        ("PUT", "/api/keys/openai", set()),
        ("GET", "/api/admin/users", {"admin"}),
        ("PATCH", "/api/admin/users/usr_1", {"admin"}),
    ],
)
def test_what_each_scope_opens(method: str, path: str, enough: set[str]) -> None:
    assert {one for one in SCOPES if allowed(program(one, role="admin"), method, path)} == enough


async def test_a_token_of_the_wrong_scope_is_refused_in_words(house: House, boss: Client) -> None:
    script = await house.script(boss, "read", "streams")
    reply = await script.call("POST", "/api/conversations", {})
    error = reply.json["error"]
    assert (reply.status, error["code"], error["retryable"]) == (403, "forbidden:token", False)
    assert error["message"] == (
        "This needs an access token with the scope all or chat; this one has read, streams. Make another for it."
    )
    reply = await script.call("POST", "/v1/chat/completions", {})
    assert (reply.status, reply.json["error"]["type"]) == (403, "permission_error")


async def test_a_socket_follows_what_its_token_is_for(house: House, boss: Client) -> None:
    await (await house.script(boss, "all")).call("PUT", "/v1/stream/mine", None, {"Content-Type": "text/plain"})
    for given, refused in (("chat", ["own"]), ("streams", ["feed"]), ("read", []), ("all", [])):
        script = await house.script(boss, given)
        async with socket_of(script, **script.headers) as socket:
            told: dict[str, Any] = {}
            for name, stream in (("own", "streams/mine"), ("feed", "feed")):
                await say(socket, type="subscribe", id=name, stream=stream)
            while len(told) < 2:
                frame = await take(socket)
                if frame["type"] in ("subscribed", "error"):
                    told[frame["id"]] = frame
            assert [name for name, frame in sorted(told.items()) if frame["type"] == "error"] == refused
            assert all(told[name]["error"]["code"] == "forbidden:token" for name in refused)


async def test_a_socket_does_not_go_on_by_a_token_that_is_for_less(house: House, boss: Client) -> None:
    wide, narrow, other = [await house.script(boss, name) for name in ("read", "chat", "openai")]
    async with socket_of(wide, **wide.headers) as socket:
        await say(socket, type="auth", token=token_of(narrow))
        [*_, told] = await until(socket, "error")
        assert told["error"]["code"] == "forbidden:token"
        await say(socket, type="auth", token=token_of(other))
        [*_, told] = await until(socket, "error")
        assert told["error"]["code"] == "forbidden:token"
        await say(socket, type="auth", token=token_of(await house.script(boss, "chat", "streams")))
        await until(socket, "authorized")
        await say(socket, type="auth", token="tl_unknown")
        await turned_away(socket)
    with pytest.raises(InvalidStatus):
        async with socket_of(other, **other.headers):
            pass


def token_of(client: Client) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")
