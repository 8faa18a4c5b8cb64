"""Whatever fails, at whatever address, fails in the one shape."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.support.client import Client, Reply

pytestmark = pytest.mark.anyio
JSON = {"Content-Type": "application/json"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ADDRESSES = [
    "/api/me",
    "/api/models",
    "/api/conversations",
    "/api/conversations/none",
    "/api/conversations/none/messages",
    "/api/chat",
    "/api/chat/none/stop",
    "/api/chat/none/stream?run=run_none",
    "/api/runs/run_none",
    "/api/runs/run_none/events",
    "/api/nowhere",
    "/assets/none.js",
    "/healthz",
]


def check(reply: Reply, status: int | None = None) -> dict[str, Any]:
    """The error inside an answer, which has the one shape."""
    assert reply.status >= 400, reply.body
    assert reply.headers["content-type"] == "application/json"
    body = reply.json
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) - {"details"} == {"code", "message", "status", "request_id", "retryable"}
    assert error["status"] == reply.status
    assert error["request_id"] == reply.headers["x-request-id"]
    assert ":" in error["code"]
    assert error["message"].endswith(".") or "details" in error
    if status is not None:
        assert reply.status == status, reply.body
    return error


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_address_answers_every_method_in_the_same_way(visitor: Client, address: str) -> None:
    for method in METHODS:
        reply = await visitor.call(method, address)
        if reply.status >= 400:
            check(reply)
        else:
            assert reply.status in (200, 201, 204)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("/api/chat", {"POST"}),
        ("/api/conversations", {"GET", "POST", "DELETE"}),
        ("/api/conversations/x", {"GET", "PATCH", "DELETE"}),
        ("/api/runs/x/events", {"GET", "POST"}),
        ("/chat/x", {"GET"}),
    ],
)
async def test_a_method_that_is_not_taken_is_told_which_are(visitor: Client, address: str, allowed: set[str]) -> None:
    reply = await visitor.call("PUT", address)
    assert check(reply, 405)["code"] == "method_not_allowed:api"
    assert set(reply.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("address", ["/api/nowhere", "/api/conversations/", "/api/chat/a/b/c", "/nothing.txt"])
async def test_an_address_that_is_none_is_not_found(visitor: Client, address: str) -> None:
    check(await visitor.call("GET", address), 404)


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b"[]", b"7", b'{"title": 7}', b'{"name": "x"}', b'{"title": NaN}', b'{"title": "\\ud800"}'],
)
async def test_a_body_that_is_not_of_the_form_is_refused_without_repeating_it(visitor: Client, body: bytes) -> None:
    error = check(await visitor.call("POST", "/api/conversations", body, JSON), 400)
    assert error["code"] == "bad_request:api"
    assert "nonsense" not in json.dumps(error)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=100000", "cursor=nonsense"])
async def test_a_question_that_is_not_of_the_form_is_refused(visitor: Client, query: str) -> None:
    check(await visitor.call("GET", f"/api/conversations?{query}"), 400)


@pytest.mark.parametrize("address", ["/api/chat", "/api/conversations"])
async def test_a_body_that_is_too_large_is_refused(visitor: Client, address: str) -> None:
    large = b'{"title": "' + b"x" * (4 << 20) + b'"}'
    assert check(await visitor.call("POST", address, large, JSON), 413)["code"] == "too_large:api"


@pytest.mark.parametrize("address", ["/api/chat", "/api/conversations"])
async def test_a_body_that_does_not_say_how_long_it_is_has_the_same_limit(house: House, address: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    head = f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    piece = b"x" * 65536
    for _ in range(80):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_request_keeps_the_id_that_it_came_with(visitor: Client) -> None:
    reply = await visitor.call("GET", "/api/nowhere", headers={"X-Request-Id": "mine-1"})
    assert check(reply)["request_id"] == "mine-1"


@pytest.mark.parametrize("given", ["with space", "a" * 65, "sn\u00f6w", ""])
async def test_an_id_that_is_no_id_is_replaced(visitor: Client, given: str) -> None:
    reply = await visitor.call("GET", "/api/nowhere", headers={"X-Request-Id": given})
    assert check(reply)["request_id"].startswith("req_")


async def test_every_answer_carries_a_request_id(visitor: Client) -> None:
    for address in ("/", "/healthz", "/api/me", "/assets/page-1a2b3c.js", "/openapi.json"):
        assert (await visitor.call("GET", address)).headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "address", ["/healthz", "/readyz", "/api/me", "/api/models", "/api/conversations", "/docs", "/"]
)
async def test_head_is_taken_wherever_get_is(visitor: Client, address: str) -> None:
    whole = await visitor.call("GET", address)
    head = await visitor.open("HEAD", address)
    assert head.status == whole.status == 200
    assert head.headers["content-length"] == str(len(whole.body))
    assert await head._reader.read() == b""
    head.close()


async def test_a_head_request_is_refused_without_a_body(visitor: Client) -> None:
    stream = await visitor.open("HEAD", "/api/chat")
    assert stream.status == 405
    stream.close()


async def test_a_fault_of_ours_tells_nothing_of_itself(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        house.app.site._inside = _broken
        error = check(await visitor.call("GET", "/api/me"), 500)
    assert error["code"] == "internal:api"
    assert "secret" not in json.dumps(error)


async def _broken(*_: object) -> None:
    raise RuntimeError("the secret is 42")
