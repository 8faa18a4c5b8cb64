"""``/api/live``: a user's own streams, beside his answers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.routes.conftest import House
from tests.routes.test_live import say, socket_of, take, until
from tests.support.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


async def make(client: Client, path: str, kind: str, body: bytes | None = None, **headers: str) -> None:
    reply = await client.call("PUT", f"/v1/stream/{path}", body, {"Content-Type": kind, **headers})
    assert reply.status == 201, reply.body


async def append(client: Client, path: str, kind: str, body: bytes, **headers: str) -> None:
    reply = await client.call("POST", f"/v1/stream/{path}", body, {"Content-Type": kind, **headers})
    assert reply.status in (200, 204), reply.body


async def test_a_json_stream_is_followed_from_its_start_live_to_its_end(program: Client) -> None:
    await make(program, "shop/orders", "application/json", b'[{"n": 0}, [1]]')
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="o", stream="streams/shop/orders")
        assert await take(socket) == {
            "type": "subscribed",
            "id": "o",
            "stream": "streams/shop/orders",
            "content_type": "application/json",
            "after": -1,
        }
        assert await take(socket) == {"type": "events", "id": "o", "offset": 0, "events": [{"n": 0}, [1]]}
        await append(program, "shop/orders", "application/json", b'"live"', **{"Stream-Closed": "true"})
        assert await take(socket) == {"type": "events", "id": "o", "offset": 2, "events": ["live"]}
        assert await take(socket) == {"type": "end", "id": "o", "next": 3}
        await say(socket, type="subscribe", id="o", stream="streams/shop/orders", after=1)
        frames = await until(socket, "end")
        assert [frame.get("events") for frame in frames] == [None, ["live"], None]


@pytest.mark.parametrize(
    ("kind", "sent", "events"),
    [
        ("text/plain", [b"h\xc3\xa9llo", b'"\n'], ["héllo", '"\n']),
        ("text/plain", [b"h\xc3", b"\xa9llo"], [{"base64": "aMM="}, {"base64": "qWxsbw=="}]),
        ("text/plain; charset=latin-1", [b"h\xe9llo"], [{"base64": "aOlsbG8="}]),
        ("application/octet-stream", [b"\0\1", b"ab"], [{"base64": "AAE="}, {"base64": "YWI="}]),
        ("Application/JSON; charset=utf-8", [b"1", b' {"a" : 2} '], [1, {"a": 2}]),
    ],
)
async def test_messages_of_every_type_become_events(
    program: Client, kind: str, sent: list[bytes], events: list[Any]
) -> None:
    path = uuid4().hex
    await make(program, path, kind)
    for message in sent:
        await append(program, path, kind, message)
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="s", stream=f"streams/{path}")
        assert (await take(socket))["content_type"] == kind
        found: list[Any] = []
        while len(found) < len(events):
            found += (await take(socket))["events"]
        assert found == events


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("streams/nobody-made-this", "not_found:stream"),
        ("streams/", "bad_request:stream"),
        ("streams/a//b", "not_found:stream"),
        ("streams/" + "x" * 1025, "bad_request:stream"),
        ("streams/runs/run_1", "bad_request:live"),
        ("streams/runs", "bad_request:live"),
        ("stream/x", "bad_request:live"),
    ],
)
async def test_a_stream_that_is_not_there_is_refused_and_the_name_is_free_again(
    program: Client, stream: str, code: str
) -> None:
    await make(program, path := uuid4().hex, "text/plain", b"here")
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="s", stream=stream)
        refused = await take(socket)
        assert (refused["type"], refused["id"], refused["error"]["code"]) == ("error", "s", code)
        await say(socket, type="subscribe", id="s", stream=f"streams/{path}")
        assert (await until(socket, "events"))[-1]["events"] == ["here"]


async def test_a_stream_of_another_is_not_there(house: House, program: Client) -> None:
    other = await house.program(uuid4().hex)
    await make(other, "mine", "text/plain", b"secret")
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="s", stream="streams/mine")
        assert (await take(socket))["error"]["code"] == "not_found:stream"
        await make(program, "mine", "text/plain", b"own")
        await say(socket, type="subscribe", id="s", stream="streams/mine")
        assert (await until(socket, "events"))[-1]["events"] == ["own"]


async def test_a_place_that_a_stream_has_not_come_to_is_refused(program: Client) -> None:
    await make(program, path := uuid4().hex, "application/json", b"[1, 2]")
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="s", stream=f"streams/{path}", after=2)
        refused = (await take(socket))["error"]
        assert (refused["code"], refused["details"]) == ("conflict:stream", {"tail": 2})
        await say(socket, type="subscribe", id="s", stream=f"streams/{path}", after=1)
        assert (await take(socket))["type"] == "subscribed"


async def test_a_stream_that_is_deleted_ends_with_an_error_and_the_socket_stays(program: Client) -> None:
    await make(program, path := uuid4().hex, "text/plain", b"here")
    async with socket_of(program, **program.headers) as socket:
        await say(socket, type="subscribe", id="s", stream=f"streams/{path}")
        await until(socket, "events")
        await program.call("DELETE", f"/v1/stream/{path}")
        refused = await take(socket)
        assert (refused["id"], refused["error"]["code"]) == ("s", "gone:stream")
        await say(socket, type="ping")
        assert (await take(socket))["type"] == "pong"


async def test_where_streams_are_open_to_all_a_socket_finds_the_same_ones(open_own: Any) -> None:
    async with open_own(streams_open=True) as house:
        visitor = house.visitor()
        await make(visitor, "shared", "text/plain", b"for all")
        async with socket_of(house.visitor()) as socket:
            await say(socket, type="subscribe", id="s", stream="streams/shared")
            assert (await until(socket, "events"))[-1]["events"] == ["for all"]
