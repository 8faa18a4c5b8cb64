"""Durable Streams that are followed: runs, texts in pieces, slow readers, ends and retention."""

from __future__ import annotations

import asyncio
import json
import socket
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.routes.conftest import House, begun, until_waited_for
from tests.support.answers import until, until_ended
from tests.support.client import Client, Sse, Stream
from threadline.domain.ids import run_stream
from threadline.wire.durable import offset_text
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}


class HastyWorld(SystemWorld):
    """The machine's world, in which nobody sleeps long."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


def new_path() -> str:
    return f"/v1/stream/{uuid4().hex}"


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


async def name_of(program: Client, path: str) -> str:
    """What the log calls a stream of this program."""
    return f"streams/{(await program.get('/api/me'))['id']}/{path.removeprefix('/v1/stream/')}"


async def pairs(stream: Stream) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The data of each control event's events, and the control event."""
    data: list[str] = []
    async for event in stream.sse():
        if event.event == "data":
            data.append(event.data or "")
        elif event.event == "control":
            yield "".join(data), event.json
            data = []


async def listened(
    client: Client, path: str, offset: str = "-1"
) -> tuple[Stream, AsyncIterator[tuple[str, dict[str, Any]]]]:
    stream = await client.open("GET", f"{path}?offset={offset}&live=sse")
    assert stream.status == 200
    return stream, pairs(stream)


async def polled(client: Client, path: str, offset: str = "-1") -> tuple[list[Any], str]:
    """Everything up to the end of a JSON stream, by long-polls, and the offset of the end."""
    found: list[Any] = []
    while True:
        reply = await client.call("GET", f"{path}?offset={offset}&live=long-poll", seconds=60)
        assert reply.status in (200, 204), reply.body
        found += reply.json if reply.status == 200 else []
        offset = reply.headers["stream-next-offset"]
        if reply.headers.get("stream-closed"):
            return found, offset


async def events_of(visitor: Client, run: str) -> list[Any]:
    """A run's events as our own readers have them."""
    stream = await visitor.open("GET", f"/api/runs/{run}/events")
    return [event.json async for event in stream.sse() if event.event == "message" and event.data]


async def test_a_run_is_a_stream_of_its_events_for_every_kind_of_reader(visitor: Client) -> None:
    run = await begun(visitor, "A story of 60 words, fast.")
    path = f"/v1/stream/runs/{run}"
    stream, live = await listened(visitor, path)
    by_poll = asyncio.create_task(polled(visitor, path))
    seen = [(json.loads(data) if data else [], control) async for data, control in live]
    assert stream.ended == "clean"
    events = await events_of(visitor, run)
    assert [event for part, _ in seen for event in part] == events
    assert seen[-1][1]["streamClosed"] is True
    assert seen[-1][1]["streamNextOffset"] == offset_text(len(events))
    assert await by_poll == (events, offset_text(len(events)))
    whole = await visitor.call("GET", path)
    assert (whole.json, whole.headers["stream-closed"]) == (events, "true")
    head = await visitor.call("HEAD", path)
    assert head.headers["stream-next-offset"] == offset_text(len(events))
    assert (head.headers["stream-closed"], head.headers["content-type"]) == ("true", "application/json")
    part = await visitor.call("GET", f"{path}?offset={offset_text(5)}")
    assert part.json == events[5:]
    assert (await visitor.call("GET", f"{path}?offset={offset_text(len(events) + 1)}")).status == 400


async def test_a_run_is_read_in_the_same_way_after_its_stream_was_trimmed(house: House, visitor: Client) -> None:
    run = await begun(visitor, "Say it at once.")
    path = f"/v1/stream/runs/{run}"
    await until_ended(visitor, run)
    before = await visitor.call("GET", path)
    await house.log.delete(run_stream(run))
    after = await visitor.call("GET", path)
    assert (after.body, after.headers["stream-next-offset"]) == (before.body, before.headers["stream-next-offset"])
    assert after.headers["stream-closed"] == "true"
    tail = await visitor.call("GET", f"{path}?offset={offset_text(3)}")
    assert tail.json == before.json[3:]
    _, live = await listened(visitor, path, offset_text(3))
    seen = [(data, control) async for data, control in live]
    assert json.loads(seen[0][0]) == before.json[3:]
    assert seen[-1][1]["streamClosed"] is True
    end = await visitor.call("GET", f"{path}?offset={before.headers['stream-next-offset']}&live=long-poll")
    assert (end.status, end.headers["stream-closed"]) == (204, "true")


async def test_nobody_writes_to_a_run_and_nobody_else_reads_it(house: House, visitor: Client) -> None:
    run = await begun(visitor, "A long story, slowly.")
    path = f"/v1/stream/runs/{run}"
    for name in (path, "/v1/stream/runs/mine", "/v1/stream/runs/"):
        for method in ("PUT", "DELETE"):
            reply = await visitor.call(method, name, None if method == "DELETE" else b"[1]", JSON)
            assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    chunk = {"type": "text-delta", "id": "0", "delta": "mine"}
    posted = await visitor.call("POST", path, [chunk], JSON)
    assert (posted.status, posted.headers.get("allow")) == (405, "GET, HEAD, OPTIONS")
    assert (await visitor.call("POST", "/v1/stream/runs/mine", [chunk], JSON)).status == 404
    other = house.visitor()
    await other.get("/api/me")
    for client in (other, await house.program("curious")):
        for method, how in (
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "?offset=-1&live=sse"),
            ("GET", "?offset=-1&live=long-poll"),
        ):
            assert (await client.call(method, path + how)).status == 404
    assert (await house.visitor().call("GET", path)).status == 401
    assert (await visitor.call("GET", "/v1/stream/runs/run_none")).status == 404


async def test_a_text_that_is_cut_within_a_character_goes_out_when_it_is_whole(program: Client) -> None:
    path, text = new_path(), "é€😀"
    await program.call("PUT", path, headers=TEXT)
    _, live = await listened(program, path)
    _, control = await anext(live)
    assert (control["streamNextOffset"], control["upToDate"]) == (offset_text(0), True)
    for byte in text.encode():
        assert (await program.call("POST", path, bytes([byte]), TEXT)).status == 204
    seen = ""
    while seen != text:
        data, control = await anext(live)
        seen += data
        assert text.startswith(seen)
        assert control["streamNextOffset"] == offset_text(len(seen.encode()))
    assert (await program.call("GET", path)).body == text.encode()


async def test_who_is_told_of_a_character_that_is_not_whole_yet_comes_back_before_it(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    for piece in (b"abc", b"d\xe2", b"\x82"):
        await program.call("POST", path, piece, TEXT)
    stream, live = await listened(program, path)
    data, control = await anext(live)
    assert (data, control["streamNextOffset"]) == ("abc", offset_text(1))
    assert "upToDate" not in control
    stream.close()
    again, live = await listened(program, path, control["streamNextOffset"])
    first, control = await anext(live)
    assert (first, control["streamNextOffset"], "upToDate" in control) == ("", offset_text(1), False)
    await program.call("POST", path, b"\xacz", {**TEXT, "Stream-Closed": "true"})
    data, control = await anext(live)
    assert (data, control["streamNextOffset"], control["streamClosed"]) == ("d€z", offset_text(4), True)
    assert again.ended in ("open", "clean")


async def test_a_text_that_ends_within_a_character_is_ended_all_the_same(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, b"ab\xe2\x82", {**TEXT, "Stream-Closed": "true"})
    stream = await program.open("GET", f"{path}?offset=-1&live=sse")
    body = await stream.read()
    assert stream.ended == "clean"
    assert b"event: data\ndata:ab\xe2\x82\n\nevent: control\n" in body
    assert b'"streamClosed":true' in body


async def test_a_text_of_another_encoding_goes_out_as_base64(program: Client) -> None:
    path, kind = new_path(), {"Content-Type": "text/plain; charset=iso-8859-1"}
    await program.call("PUT", path, "né".encode("latin-1"), kind)
    stream, live = await listened(program, path)
    assert stream.headers["stream-sse-data-encoding"] == "base64"
    assert b64decode((await anext(live))[0]) == "né".encode("latin-1")
    stream.close()


async def test_a_line_may_begin_with_a_blank(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, b" one\n  two\n", TEXT)
    stream, live = await listened(program, path)
    assert (await anext(live))[0] == " one\n  two\n"
    stream.close()


async def test_every_reader_of_events_has_the_same_at_the_same_offsets(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=JSON)
    readers = [(await listened(program, path))[1] for _ in range(5)]
    for number in range(20):
        await program.call("POST", path, f"[{number}, {number}]".encode(), JSON)
    await program.call("POST", path, headers={"Stream-Closed": "true"})
    for reader in readers:
        seen, at = [], 0
        async for data, control in reader:
            seen += json.loads(data) if data else []
            assert control["streamNextOffset"] == offset_text(len(seen))
            at = len(seen)
        assert at == 40
        assert seen == [number for number in range(20) for _ in range(2)]


async def test_a_reader_who_takes_nothing_holds_back_no_writer_and_no_other_reader(
    house: House, program: Client
) -> None:
    path, piece = new_path(), json.dumps("x" * 100_000).encode()
    await program.call("PUT", path, headers=JSON)
    mute = socket.socket()
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    mute.connect(("127.0.0.1", house.port))
    token = program.headers["Authorization"]
    asked = f"GET {path}?offset=-1&live=sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n"
    mute.sendall(asked.encode())
    _, live = await listened(program, path)
    async with asyncio.timeout(60):
        for _ in range(100):
            assert (await program.call("POST", path, piece, JSON)).status == 204
        await program.call("POST", path, headers={"Stream-Closed": "true"})
        count = 0
        async for data, _ in live:
            count += len(json.loads(data)) if data else 0
    assert count == 100
    mute.close()


async def test_a_long_poll_is_answered_when_the_server_goes(open_own: Any) -> None:
    async with open_own() as house:
        program, path = await house.program("waiting"), new_path()
        await program.call("PUT", path, b"x", TEXT)
        waiting = asyncio.create_task(program.call("GET", f"{path}?offset=now&live=long-poll"))
        stream, live = await listened(program, path)
        await anext(live)
        house.app.draining.set()
        reply = await waiting
        assert (reply.status, reply.headers["stream-next-offset"]) == (204, offset_text(1))
        assert {"stream-cursor", "stream-up-to-date"} <= set(reply.headers)
        assert [one async for one in live] == []
        assert stream.ended == "clean"
        await house.task


async def test_a_long_poll_hears_of_what_comes(house: House, program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    waiting = asyncio.create_task(program.call("GET", f"{path}?offset=-1&live=long-poll"))
    await until_waited_for(house, await name_of(program, path))
    await program.call("POST", path, b"news", TEXT)
    reply = await waiting
    assert (reply.body, reply.headers["stream-next-offset"]) == (b"news", offset_text(1))


async def test_a_long_poll_ends_after_its_time(open_own: Any) -> None:
    async with open_own(long_poll_seconds=0.3) as house:
        program, path = await house.program("waiting"), new_path()
        await program.call("PUT", path, headers=TEXT)
        reply = await program.call("GET", f"{path}?offset=-1&live=long-poll")
        assert (reply.status, reply.headers["stream-next-offset"]) == (204, offset_text(0))
        again = await program.call("GET", f"{path}?offset=-1&live=long-poll&cursor={reply.headers['stream-cursor']}")
        assert int(again.headers["stream-cursor"]) > int(reply.headers["stream-cursor"])


async def test_an_answer_of_events_ends_after_a_minute_and_tells_where_to_come_back(open_own: Any) -> None:
    async with open_own(world=HastyWorld(), heartbeat=60.0) as house:
        program, path = await house.program("patient"), new_path()
        await program.call("PUT", path, b"x", TEXT)
        stream = await program.open("GET", f"{path}?offset=-1&live=sse")
        seen: list[Sse] = [event async for event in stream.sse()]
        assert stream.ended == "clean"
        assert [event.event for event in seen if event.data is not None] == ["data", "control"]
        assert seen[1].json["streamNextOffset"] == offset_text(1)


async def test_what_is_past_retention_is_gone_for_every_kind_of_reader(house: House, program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    for piece in (b"a", b"b", b"c"):
        await program.call("POST", path, piece, TEXT)
    await house.log.trim(await name_of(program, path), 2)
    for how in ("", "&live=long-poll", "&live=sse"):
        reply = await program.call("GET", f"{path}?offset={offset_text(1)}{how}")
        assert (reply.status, reply.json["error"]["code"]) == (410, "gone:stream")
    assert (await program.call("GET", f"{path}?offset={offset_text(2)}")).body == b"c"
    assert (await program.call("HEAD", path)).headers["stream-next-offset"] == offset_text(3)


async def test_who_follows_a_stream_that_is_deleted_is_cut_and_then_told(house: House, program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, b"x", TEXT)
    stream, live = await listened(program, path)
    await anext(live)
    waiting = asyncio.create_task(program.call("GET", f"{path}?offset=now&live=long-poll"))
    channel = house.log._channels.open(await name_of(program, path))
    await until(lambda: len(channel._waiters) == 2, what="two readers at the tail")
    assert (await program.call("DELETE", path)).status == 204
    assert [one async for one in live] == []
    assert stream.ended == "cut", "a clean end would say that there is more to come"
    assert (await waiting).status == 410
    assert (await program.call("GET", f"{path}?offset=-1&live=sse")).status == 404
