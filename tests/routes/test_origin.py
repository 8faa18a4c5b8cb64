"""Pages of other sites may not write, and only those that were allowed may read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Client

pytestmark = pytest.mark.anyio
FRIEND = "https://chat.example.org"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example", "http://[", "["]
)
@pytest.mark.parametrize(("method", "address"), [("POST", "/api/conversations"), ("DELETE", "/api/conversations")])
async def test_a_write_from_another_site_is_refused(visitor: Client, origin: str, method: str, address: str) -> None:
    reply = await visitor.call(method, address, headers={"Origin": origin})
    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:origin")
    assert "access-control-allow-origin" not in reply.headers


async def test_a_chat_from_another_site_is_refused_in_every_form(visitor: Client) -> None:
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
        headers = {"Origin": "https://evil.example", "Content-Type": kind}
        assert (await visitor.call("POST", "/api/chat", b"{}", headers)).status == 403


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"origins": (FRIEND,)}])
async def test_the_own_page_may_write_also_behind_a_proxy(open_own: Any, settings: dict[str, Any]) -> None:
    async with open_own(**settings) as house:
        visitor = house.visitor()
        own = {"Origin": f"http://127.0.0.1:{house.port}"}
        assert (await visitor.call("POST", "/api/conversations", headers=own)).status == 201
        proxied = {"Host": "chat.example.org", "Origin": "https://chat.example.org"}
        assert (await visitor.call("POST", "/api/conversations", headers=proxied)).status == 201
        port = {"Host": "chat.example.org", "Origin": "https://chat.example.org:443"}
        assert (await visitor.call("POST", "/api/conversations", headers=port)).status == 201


async def test_reading_is_not_asked_where_it_comes_from(visitor: Client) -> None:
    assert (await visitor.call("GET", "/api/me", headers={"Origin": "https://evil.example"})).status == 200


async def test_an_origin_that_was_allowed_may_write_and_read(open_own: Any) -> None:
    async with open_own(origins=(FRIEND,)) as house:
        visitor = house.visitor()
        reply = await visitor.call("POST", "/api/conversations", headers={"Origin": FRIEND})
        assert reply.status == 201
        assert reply.headers["access-control-allow-origin"] == FRIEND
        assert reply.headers["access-control-allow-credentials"] == "true"
        asked = {"Origin": FRIEND, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-a"}
        before = await visitor.call("OPTIONS", "/api/conversations/x", headers=asked)
        assert before.status == 204
        assert "PATCH" in before.headers["access-control-allow-methods"]
        assert before.headers["access-control-allow-headers"] == "x-a"
        failed = await visitor.call("GET", "/api/nowhere", headers={"Origin": FRIEND})
        assert failed.headers["access-control-allow-origin"] == FRIEND
