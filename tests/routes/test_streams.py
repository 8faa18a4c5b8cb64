"""How streams over HTTP end, wait and let go, seen on a bare socket."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.routes.conftest import House, asking, begun, chunks
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live_life import HALF_A_MINUTE, revoke_token
from tests.support.answers import Assembly, new_id, submit, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
SLOW = "A long story, slowly."


async def raw(house: House, visitor: Client, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A GET, byte by byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
    await writer.drain()
    return reader, writer


async def test_a_ui_message_stream_is_cut_when_the_server_goes_and_no_last_chunk_is_sent(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        run, post = await submit(visitor, SLOW, model=DEMO)
        reader, writer = await raw(house, visitor, f"/api/chat/{run}/stream")
        await reader.readuntil(b"text-delta")
        house.app.draining.set()
        rest = await reader.read()
        assert b"\r\n0\r\n" not in rest
        assert b"[DONE]" not in rest
        writer.close()
        seen = Assembly()
        await seen.drink(post)
        assert post.ended == "cut"
        assert not seen.finished
        await house.task


async def test_native_readers_are_told_to_come_back_and_their_body_is_whole(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        run = await begun(visitor, SLOW)
        native = await visitor.open("GET", f"/api/runs/{run}/events")
        feed = await visitor.open("GET", "/api/feed/events")
        house.app.draining.set()
        for stream in (native, feed):
            last = [event async for event in stream.sse()][-1]
            assert stream.ended == "clean"
            assert last.event == "reconnect"
            assert last.retry == last.json["after_ms"]
        await house.task


async def test_who_waits_for_a_whole_message_is_told_that_the_server_goes(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        waiting = asyncio.create_task(visitor.call("POST", "/api/chat", asking(SLOW), {"Accept": "application/json"}))
        async with asyncio.timeout(60):
            feed = await visitor.open("GET", "/api/feed/events?after=-1")
            async for event in feed.sse():
                if event.event == "message" and event.json["type"] == "run.started":
                    break
            feed.close()
        house.app.draining.set()
        reply = await waiting
        assert reply.status == 503
        assert reply.json["error"]["retryable"] is True
        assert int(reply.headers["retry-after"]) >= 1
        await house.task


async def test_the_head_goes_out_before_there_is_anything_to_send(visitor: Client) -> None:
    chat = new_id()
    _, first = await submit(visitor, SLOW, chat, model=DEMO)
    second = await visitor.open("POST", "/api/chat", asking("And then?", chat))
    assert second.status == 200
    first.close()
    await visitor.call("POST", f"/api/chat/{chat}/stop", {"run": first.headers["x-threadline-run"]})
    assert (await chunks(second))[-1][1]["type"] == "finish"


async def test_a_quiet_stream_shows_signs_of_life(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        feed = await visitor.open("GET", "/api/feed/events")
        comments = 0
        async for event in feed.sse():
            comments += event.comment == "keep-alive"
            if comments == 2:
                break
        feed.close()


async def test_a_reader_who_leaves_ends_nothing_but_his_own_reading(visitor: Client) -> None:
    run, stream = await submit(visitor, "A story, fast.", model=DEMO)
    stream.close()
    assert (await until_ended(visitor, run))["status"] == "completed"


async def test_a_reader_who_takes_nothing_holds_back_neither_the_answer_nor_the_end(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        run, stream = await submit(visitor, "A story of 5000 words, at once.", model=DEMO)
        stuck = []
        for _ in range(3):
            mute = socket.socket()
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            mute.connect(("127.0.0.1", house.port))
            mute.sendall(
                f"GET /api/runs/{run}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.cookie}\r\n\r\n".encode()
            )
            stuck.append(mute)
        assert (await chunks(stream))[-1][1]["type"] == "finish"
        house.app.draining.set()
        async with asyncio.timeout(60):
            await house.task
        for mute in stuck:
            mute.close()


async def test_every_reader_of_an_answer_is_sent_the_same_bytes(visitor: Client) -> None:
    run, stream = await submit(visitor, "A story, fast.", model=DEMO)
    readers = [await visitor.open("GET", f"/api/chat/{run}/stream") for _ in range(10)]
    bodies = await asyncio.gather(*(reader.read() for reader in [stream, *readers]))
    assert len(set(bodies)) == 1


async def test_a_connection_goes_on_with_the_next_request_after_a_stream(house: House, visitor: Client) -> None:
    run, stream = await submit(visitor, "Say it at once.", model=DEMO)
    await chunks(stream)
    reader, writer = await raw(house, visitor, f"/api/runs/{run}/events")
    await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("comes_back", [False, True])
async def test_a_ui_message_stream_is_cut_when_the_token_that_it_was_asked_by_is_revoked(
    open_own: Any, comes_back: bool
) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=0.3, world=world) as house:
        program = await house.program("robot")
        run, stream = await submit(program, "A long story, very slowly.", model=DEMO)
        if comes_back:
            stream.close()
            stream = await program.open("GET", f"/api/chat/{run}/stream")
        events = stream.sse()
        await anext(events)
        await revoke_token(house, "robot")
        world.ahead = HALF_A_MINUTE
        async with asyncio.timeout(60):
            rest = [event.data async for event in events]
        assert stream.ended == "cut"
        assert "[DONE]" not in rest
