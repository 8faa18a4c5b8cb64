"""Durable Streams at ``/v1/stream``: whose they are, what is refused, and what is kept; the suite covers the rest."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.routes.conftest import House
from tests.support.client import Client, Reply
from threadline.wire.durable import offset_text

pytestmark = pytest.mark.anyio
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}


def new_path() -> str:
    return f"/v1/stream/{uuid4().hex}"


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


def producer(epoch: int | str, seq: int | str, name: str = "p") -> dict[str, str]:
    return {"Producer-Id": name, "Producer-Epoch": str(epoch), "Producer-Seq": str(seq)}


def is_error(reply: Reply, status: int, code: str) -> None:
    """It has the one shape."""
    error = reply.json["error"]
    assert (reply.status, error["code"]) == (status, code), reply.body
    assert {"code", "message", "status", "request_id", "retryable"} <= set(error) <= {*error, "details"}
    assert error["status"] == status
    assert error["request_id"] == reply.headers["x-request-id"]
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "POST", "GET", "DELETE"])
async def test_who_has_neither_token_nor_session_has_no_streams_and_is_made_no_guest(house: House, method: str) -> None:
    reply = await house.visitor().call(method, new_path(), b"x" if method in ("PUT", "POST") else None, TEXT)
    is_error(reply, 401, "unauthorized:stream")
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("token", ["", "tl_", "tl_nobody", "nonsense", "tl_" + "a" * 43, "tl_" + "a" * 4000])
async def test_a_token_that_is_not_known_is_refused_whatever_else_was_sent(
    house: House, visitor: Client, token: str
) -> None:
    for client in (house.visitor(), visitor):
        reply = await client.call("PUT", new_path(), headers={"Authorization": f"Bearer {token}"})
        is_error(reply, 401, "unauthorized:token")
        assert token not in reply.body.decode() or not token


async def test_the_same_path_of_another_is_another_stream(house: House) -> None:
    path, first, second = new_path(), await house.program("first"), await house.program("second")
    assert (await first.call("PUT", path, b"mine", TEXT)).status == 201
    for method in ("GET", "POST", "DELETE"):
        is_error(await second.call(method, path, b"x" if method == "POST" else None, TEXT), 404, "not_found:stream")
    for live in ("&live=long-poll", "&live=sse"):
        assert (await second.call("GET", f"{path}?offset=-1{live}")).status == 404
    assert (await second.call("HEAD", path)).status == 404
    fork = {**TEXT, "Stream-Forked-From": path}
    assert (await second.call("PUT", new_path(), headers=fork)).status == 404
    assert (await second.call("PUT", path, b"another", TEXT)).status == 201
    assert (await second.call("DELETE", path)).status == 204
    assert (await first.call("GET", path)).body == b"mine"


async def test_a_new_token_of_a_name_finds_what_the_one_before_has_made(house: House) -> None:
    path = new_path()
    await (await house.program("again")).call("PUT", path, b"kept", TEXT)
    assert (await (await house.program("again")).call("GET", path)).body == b"kept"


async def test_a_visitor_has_streams_by_his_session(house: House, visitor: Client) -> None:
    path = new_path()
    assert (await visitor.call("PUT", path, b"mine", TEXT)).status == 201
    assert (await visitor.call("GET", path)).body == b"mine"
    other = house.visitor()
    await other.get("/api/me")
    assert (await other.call("GET", path)).status == 404


async def test_open_streams_are_shared_by_all_who_have_no_token(open_own: Any) -> None:
    async with open_own(streams_open=True) as house:
        path, visitor = new_path(), house.visitor()
        await visitor.get("/api/me")
        assert (await house.visitor().call("PUT", path, b"ours", TEXT)).status == 201
        assert (await visitor.call("GET", path)).body == b"ours"
        assert (await (await house.program("own")).call("GET", path)).status == 404
        assert (await house.visitor(Authorization="Bearer tl_no").call("GET", path)).status == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 400), ("a//b", 404), ("/a", 404), ("a/", 404), (".", 404), ("a/../b", 404), ("a/%2e%2e/b", 404),
     ("a/./b", 404), ("x" * 1025, 400), ("%F0%9F%98%80" * 1025, 400), ("x" * 1024, 201), ("a/b/c.d", 201),
     ("with%20blank", 201), ("%F0%9F%98%80", 201), ("...", 201), ("runs", 405), ("runs/", 405), ("runs/run_1", 405)],
)  # fmt: skip
async def test_a_path_has_names_between_its_slashes(program: Client, path: str, status: int) -> None:
    reply = await program.call("PUT", f"/v1/stream/{path}", headers=TEXT)
    assert reply.status == status, reply.body
    read = await program.call("GET", f"/v1/stream/{path}")
    assert read.status == {201: 200, 405: 404}.get(status, status)
    if status == 201:
        assert reply.headers["location"].endswith(f"/v1/stream/{path}")


async def test_a_fork_is_made_of_a_path_as_it_stands_in_an_address(program: Client) -> None:
    source = f"{new_path()}/with%20blank"
    await program.call("PUT", source, b"one", TEXT)
    fork = new_path()
    assert (await program.call("PUT", fork, headers={**TEXT, "Stream-Forked-From": source})).status == 201
    assert (await program.call("GET", fork)).body == b"one"


BAD = [
    ("GET", "?offset=", {}, b"", 400, "bad_request"),
    ("GET", "?offset=bogus", {}, b"", 400, "bad_request"),
    ("GET", "?offset=0", {}, b"", 400, "bad_request"),
    ("GET", "?offset=-2", {}, b"", 400, "bad_request"),
    ("GET", f"?offset={'0' * 5000}", {}, b"", 400, "bad_request"),
    ("GET", "?offset=%D9%A0", {}, b"", 400, "bad_request"),
    ("GET", f"?offset={offset_text(2)}", {}, b"", 400, "bad_request"),
    ("GET", f"?offset={offset_text(2)}&live=long-poll", {}, b"", 400, "bad_request"),
    ("GET", f"?offset={offset_text(2)}&live=sse", {}, b"", 400, "bad_request"),
    ("GET", f"?offset={offset_text(10**16 - 1)}", {}, b"", 400, "bad_request"),
    ("GET", "?offset=-1&offset=-1", {}, b"", 400, "bad_request"),
    ("GET", "?live=sse", {}, b"", 400, "bad_request"),
    ("GET", "?offset=-1&live=websocket", {}, b"", 400, "bad_request"),
    ("POST", "", JSON, b"", 400, "bad_request"),
    ("POST", "", JSON, b"[]", 400, "bad_request"),
    ("POST", "", JSON, b'{"half":', 400, "bad_request"),
    ("POST", "", JSON, b"\xff\xfe", 400, "bad_request"),
    ("POST", "", JSON, b"[" * 5000 + b"]" * 5000, 400, "bad_request"),
    ("POST", "", TEXT, b"text", 409, "conflict"),
    ("POST", "", {"Content-Type": ""}, b"[1]", 400, "bad_request"),
    ("POST", "", {**JSON, "Stream-Seq": "a"}, b"[2]", 409, "conflict"),
    ("POST", "", {**JSON, "Producer-Id": "p"}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer(3, 1, "")}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer("x", 1)}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer(3, -1)}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer(2**53, 0)}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer("9" * 5000, 0)}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer(4, 1)}, b"[2]", 400, "bad_request"),
    ("POST", "", {**JSON, **producer(2, 0)}, b"[2]", 403, "fenced"),
    ("POST", "", {**JSON, **producer(3, 5)}, b"[2]", 409, "gap"),
    ("PUT", "", TEXT, b"", 409, "conflict"),
    ("PUT", "", {**JSON, "Stream-TTL": "60"}, b"", 409, "conflict"),
    ("PUT", "", {**JSON, "Stream-TTL": "060"}, b"", 400, "bad_request"),
    ("PUT", "", {**JSON, "Stream-TTL": "9" * 5000}, b"", 400, "bad_request"),
    ("PUT", "", {**JSON, "Stream-Expires-At": "soon"}, b"", 400, "bad_request"),
    ("PUT", "", {**JSON, "Stream-TTL": "1", "Stream-Expires-At": "2030-01-01T00:00:00Z"}, b"", 400, "bad_request"),
    ("PUT", "/fork", {**JSON, "Stream-Fork-Offset": "-1"}, b"", 400, "bad_request"),
    ("PUT", "/fork", {**JSON, "Stream-Forked-From": "/v1/stream/nothing"}, b"", 404, "not_found"),
    ("PUT", "/fork", {**JSON, "Stream-Forked-From": "/v1/stream/"}, b"", 400, "bad_request"),
    ("PUT", "/fork", {**JSON, "Stream-Forked-From": "/v1/stream/runs/run_1"}, b"", 405, "method_not_allowed"),
    ("PUT", "/new", {**JSON}, b"{", 400, "bad_request"),
    ("PATCH", "", JSON, b"[2]", 405, "method_not_allowed"),
    ("POST", "/nothing", JSON, b"[2]", 404, "not_found"),
    ("DELETE", "/nothing", {}, b"", 404, "not_found"),
]


@pytest.mark.parametrize(
    ("method", "rest", "headers", "body", "status", "code"),
    BAD,
    ids=[f"{method}{rest[:40]}-{status}-{number}" for number, (method, rest, *_, status, _) in enumerate(BAD)],
)
async def test_what_is_not_right_is_told_with_the_protocols_status_and_nothing_is_written(
    program: Client, method: str, rest: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    path = new_path()
    await program.call("PUT", path, headers=JSON)
    await program.call("POST", path, b"[1]", {**JSON, **producer(3, 0), "Stream-Seq": "b"})
    sent = None if method in ("GET", "DELETE") else body
    reply = await program.call(method, path + rest, sent, headers)
    surface = reply.json["error"]["code"].partition(":")[2]
    is_error(reply, status, f"{code}:{surface}")
    assert surface in ("stream", "api")
    kept = await program.call("GET", path)
    assert (kept.body, kept.headers["stream-next-offset"]) == (b"[1]", offset_text(1))
    assert (await program.call("HEAD", f"{path}/fork")).status == 404
    assert (await program.call("HEAD", f"{path}/new")).status == 404
    again = await program.call("POST", path, b"[2]", {**JSON, **producer(3, 1), "Stream-Seq": "c"})
    assert again.status == 200, "the producer's state is as it was"


async def test_a_refused_producer_is_told_what_was_expected(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    for epoch, seq in ((3, 0), (3, 1)):
        await program.call("POST", path, b"x", {**TEXT, **producer(epoch, seq)})
    gap = await program.call("POST", path, b"x", {**TEXT, **producer(3, 5)})
    assert (gap.headers["producer-expected-seq"], gap.headers["producer-received-seq"]) == ("2", "5")
    fenced = await program.call("POST", path, b"x", {**TEXT, **producer(1, 0)})
    assert fenced.headers["producer-epoch"] == "3"
    closed = await program.call("POST", path, b"y", {**TEXT, "Stream-Closed": "true"})
    assert (closed.status, closed.headers["stream-closed"]) == (204, "true")
    late = await program.call("POST", path, b"z", TEXT)
    is_error(late, 409, "closed:stream")
    assert (late.headers["stream-closed"], late.headers["stream-next-offset"]) == ("true", offset_text(3))
    assert (await program.call("GET", path)).body == b"xxy"


async def test_a_method_that_a_stream_does_not_take_is_told_which_are(program: Client) -> None:
    reply = await program.call("PATCH", new_path(), b"x")
    assert reply.headers["allow"] == "GET, HEAD, PUT, POST, DELETE, OPTIONS"
    reply = await program.call("DELETE", "/v1/stream/runs/run_1")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_an_append_may_be_larger_than_other_bodies_but_not_than_64_mib(program: Client) -> None:
    path, large = new_path(), bytes(5 << 20)
    await program.call("PUT", path, headers=OCTETS)
    assert (await program.call("POST", path, large, OCTETS)).status == 204
    is_error(await program.call("POST", path, bytes((64 << 20) + 1), OCTETS), 413, "too_large:api")
    is_error(await program.call("PUT", f"{path}/b", bytes((64 << 20) + 1), OCTETS), 413, "too_large:api")
    assert (await program.call("HEAD", path)).headers["stream-next-offset"] == offset_text(1)
    assert (await program.call("GET", path)).body == large
    assert (await program.call("HEAD", f"{path}/b")).status == 404


@pytest.mark.parametrize(
    "value",
    ["1.0", "1e2", "-0.0", "123456789012345678901234567890", "9" * 5000, r'"\u00e9\/"', '"é\u2028"', r'"\ud800"',
     '{"b": 1,\n "a": [1,  2]}', '{"a":1,"a":2}', "[[1.0], []]", "null", '""'],
)  # fmt: skip
async def test_json_is_kept_in_the_bytes_that_were_sent(program: Client, value: str) -> None:
    path = new_path()
    await program.call("PUT", path, headers=JSON)
    assert (await program.call("POST", path, f" [ {value} , {value}]".encode(), JSON)).status == 204
    reply = await program.call("GET", path)
    assert reply.body == f"[{value},{value}]".encode()
    assert reply.headers["stream-next-offset"] == offset_text(2)
    stream = await program.open("GET", f"{path}?offset=-1&live=sse")
    event = await anext(stream.sse())
    assert event.data == f"[{value},{value}]"
    stream.close()


async def test_a_page_of_any_origin_may_use_a_token_and_none_a_cookie(house: House, program: Client) -> None:
    elsewhere, path = {"Origin": "https://elsewhere.example"}, new_path()
    asking = {**elsewhere, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "producer-id"}
    preflight = await house.visitor().call("OPTIONS", path, headers=asking)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert {"PUT", "POST", "GET", "HEAD", "DELETE"} <= set(
        preflight.headers["access-control-allow-methods"].split(", ")
    )
    assert {"authorization", "producer-id", "if-none-match"} <= set(
        preflight.headers["access-control-allow-headers"].split(", ")
    )
    made = await program.call("PUT", path, b"x", {**TEXT, **elsewhere})
    assert (made.status, made.headers["access-control-allow-origin"]) == (201, "*")
    assert "stream-next-offset" in made.headers["access-control-expose-headers"]
    refused = await program.call("GET", f"{path}?offset=bogus", headers=elsewhere)
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (400, "*")
    assert "access-control-allow-credentials" not in made.headers


@pytest.mark.parametrize("authorization", [{}, {"Authorization": "Basic eDp5"}])
async def test_a_page_of_another_origin_writes_nothing_with_a_visitors_cookie(
    visitor: Client, authorization: dict[str, str]
) -> None:
    path = new_path()
    assert (await visitor.call("PUT", path, b"x", TEXT)).status == 201
    for method in ("PUT", "POST", "DELETE"):
        headers = {**TEXT, "Origin": "https://elsewhere.example", **authorization}
        reply = await visitor.call(method, path, b"y", headers)
        is_error(reply, 403, "forbidden:origin")
    assert (await visitor.call("GET", path)).body == b"x"
    own = {**TEXT, "Origin": f"http://127.0.0.1:{visitor.port}"}
    assert (await visitor.call("POST", path, b"y", own)).status == 204


async def test_an_origin_that_was_allowed_may_use_a_cookie(open_own: Any) -> None:
    async with open_own(origins=("https://friend.example",)) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        reply = await visitor.call("PUT", new_path(), b"x", {**TEXT, "Origin": "https://friend.example"})
        assert reply.status == 201
        assert reply.headers["access-control-allow-origin"] == "https://friend.example"
        assert reply.headers["access-control-allow-credentials"] == "true"
        assert "stream-next-offset" in reply.headers["access-control-expose-headers"]


async def test_what_was_read_is_not_sent_again_while_it_is_the_same(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, b"one", TEXT)
    first = await program.call("GET", path)
    tag = {"If-None-Match": first.headers["etag"]}
    again = await program.call("GET", path, headers=tag)
    assert (again.status, again.body, again.headers["stream-next-offset"]) == (304, b"", offset_text(1))
    await program.call("POST", path, headers={"Stream-Closed": "true"})
    closed = await program.call("GET", path, headers=tag)
    assert (closed.status, closed.body, closed.headers["stream-closed"]) == (200, b"one", "true")


async def test_a_page_of_a_long_stream_ends_where_the_next_begins(program: Client) -> None:
    path, piece = new_path(), b"0123456789abcdef" * 16384
    await program.call("PUT", path, headers=OCTETS)
    for _ in range(10):
        await program.call("POST", path, piece, OCTETS)
    found, offset, pages = b"", "-1", 0
    while True:
        page = await program.call("GET", f"{path}?offset={offset}")
        found, offset, pages = found + page.body, page.headers["stream-next-offset"], pages + 1
        assert ("stream-up-to-date" in page.headers) == (offset == offset_text(10))
        if "stream-up-to-date" in page.headers:
            break
    assert found == piece * 10
    assert 1 < pages < 10
