"""Durable Streams under readers who take nothing, streams that are made anew, logs that fail and tokens that end."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from starlette.requests import ClientDisconnect

from tests.routes.conftest import House, until_waited_for
from tests.routes.test_durable import JSON, TEXT, is_error, new_path
from tests.routes.test_durable_live import listened, name_of
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live_life import HALF_A_MINUTE, context_of, revoke_token
from tests.support.answers import until
from tests.support.client import Client, Stream
from threadline.log.protocol import Batch, StreamInfo
from threadline.routes.durable import DurableStreams, answering
from threadline.routes.exchange import begin

pytestmark = pytest.mark.anyio
MIB = 1 << 20
VALUE = b"1" * 60
AT_ONCE = 100_000
VALUES = 2 * AT_ONCE
"""Far more than a step reads, so that what it finds is made for its reader alone."""
ONE_STEP = 2 * MIB
"""What a step takes of memory."""
READERS = 40


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


def held() -> int:
    """What all batches in this process take of memory, each message as often as a batch has it."""
    gc.collect()
    return sum(one.size for one in gc.get_objects() if isinstance(one, Batch))


async def small_values(client: Client) -> str:
    """A stream of the smallest messages."""
    path, body = new_path(), b"[" + b",".join([VALUE] * AT_ONCE) + b"]"
    await client.call("PUT", path, headers=JSON)
    for _ in range(VALUES // AT_ONCE):
        assert (await client.call("POST", path, body, JSON, seconds=60)).status == 204
    return path


class Mute:
    """A reader who takes nothing of what it has asked for."""

    def __init__(self, house: House, program: Client, path: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        self._socket.connect(("127.0.0.1", house.port))
        asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {program.headers['Authorization']}\r\n\r\n"
        self._socket.sendall(asked.encode())

    def leave(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("live", ["", "&live=sse"])
async def test_readers_who_take_nothing_have_a_bounded_share_of_memory_and_hold_up_nobody_else(
    open_own: Any, live: str
) -> None:
    async with open_own(send_buffer=4096) as house, asyncio.timeout(600):
        program, other = await house.program("one"), await house.program("other")
        path, its_own = await small_values(program), await small_values(other)
        before = held()
        mute = []
        for _ in range(READERS):
            mute.append(Mute(house, program, f"{path}?offset=-1{live}"))
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert held() - before < 64 * MIB + 2 * ONE_STEP
        whole = len((await other.call("GET", its_own, seconds=60)).json)
        assert whole > AT_ONCE // 10
        for one in mute:
            one.leave()
        assert len((await program.call("GET", path, seconds=60)).json) == whole


async def test_who_has_taken_everything_keeps_nothing_of_it_while_it_waits_for_more(
    house: House, program: Client
) -> None:
    path, before = await small_values(program), held()
    readers: list[Stream] = []
    for _ in range(3):
        stream, live = await listened(program, path)
        count = 0
        async for data, control in live:
            count += len(json.loads(data))
            if "upToDate" in control:
                break
        assert count == VALUES
        readers.append(stream)
    await until(lambda: held() - before < MIB, what="the memory that was taken")
    for stream in readers:
        stream.close()


class Connection:
    """The server's side of one request whose answer's head waits until it may go out."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.room = asyncio.Event()
        self.body = b""
        self.complete = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.asked.set()
        await self.room.wait()
        if message["type"] == "http.response.body":
            self.body += message["body"]
            self.complete = not message.get("more_body", False)

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError


@asynccontextmanager
async def asked(house: House, program: Client, path: str) -> AsyncIterator[tuple[Connection, asyncio.Task[None]]]:
    """A request that has come so far that its answer may begin."""
    connection = Connection()
    address, _, query = path.partition("?")
    scope: dict[str, Any] = {
        **{"type": "http", "method": "GET", "path": address, "raw_path": address.encode(), "scheme": "http"},
        **{"query_string": query.encode(), "headers": [(b"authorization", program.headers["Authorization"].encode())]},
    }
    begin(scope, "req_1").send = connection.send
    streams = DurableStreams(context_of(house))
    task = asyncio.create_task(streams(scope, connection.receive, connection.send))
    try:
        await asyncio.wait_for(connection.asked.wait(), 60)
        yield connection, task
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("live", ["", "&live=sse"])
async def test_who_does_not_even_take_the_head_of_an_answer_keeps_no_share_for_long(
    house: House, program: Client, monkeypatch: pytest.MonkeyPatch, live: str
) -> None:
    monkeypatch.setattr(answering, "_PATIENCE_SECONDS", 0.05)
    path = new_path()
    await program.call("PUT", path, b"x", TEXT)
    async with asked(house, program, f"{path}?offset=-1{live}") as (_, task):
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(task, 60)


@pytest.mark.parametrize("more", [1, 3])
async def test_a_reader_of_events_never_goes_over_to_a_stream_that_was_made_anew(
    house: House, program: Client, more: int
) -> None:
    path = new_path()
    await program.call("PUT", path, b"OLD-0", TEXT)
    async with asked(house, program, f"{path}?offset=-1&live=sse") as (connection, task):
        assert (await program.call("DELETE", path)).status == 204
        assert (await program.call("PUT", path, headers=TEXT)).status == 201
        for number in range(more):
            await program.call("POST", path, f"NEW-{number}".encode(), TEXT)
        connection.room.set()
        await asyncio.wait_for(task, 60)
        assert b"OLD-0" in connection.body
        assert b"NEW-" not in connection.body
        assert not connection.complete, "a clean end would say that there is more to come"


async def test_now_is_where_the_stream_ends_also_when_it_is_closed_meanwhile(
    house: House, program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, head = new_path(), house.log.head
    await program.call("PUT", path, b"before", TEXT)

    async def overtaken(name: str) -> StreamInfo:
        found = await head(name)
        if not found.closed:
            await house.log.append(name, [b"the last words"], close=True)
        return found

    monkeypatch.setattr(house.log, "head", overtaken)
    now = await program.call("GET", f"{path}?offset=now")
    assert (now.status, now.body, now.headers["stream-closed"]) == (200, b"", "true")
    rest = await program.call("GET", f"{path}?offset={now.headers['stream-next-offset']}")
    assert (rest.body, rest.headers["stream-closed"]) == (b"", "true"), "it said that nothing comes after this"


async def test_a_long_poll_that_cannot_read_the_log_does_not_say_that_there_is_nothing(open_own: Any) -> None:
    async with open_own() as house:
        program, path = await house.program("waiting"), new_path()
        await program.call("PUT", path, b"x", TEXT)
        waiting = asyncio.create_task(program.call("GET", f"{path}?offset=now&live=long-poll"))
        await until_waited_for(house, await name_of(program, path))
        await house.log.close()
        is_error(await waiting, 503, "unavailable:stream")


async def test_events_end_with_the_token_that_they_were_asked_by(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=0.3, world=world) as house:
        program, other, path = await house.program("robot"), await house.program("other"), new_path()
        for one in (program, other):
            await one.call("PUT", path, b"x", TEXT)
        stream, live = await listened(program, path)
        its_own, others = await listened(other, path)
        await anext(live)
        await anext(others)
        await revoke_token(house, "robot")
        world.ahead = HALF_A_MINUTE
        async with asyncio.timeout(60):
            assert [one async for one in live] == []
        assert stream.ended == "clean"
        assert (await program.call("GET", path)).status == 401
        await other.call("POST", path, b"y", TEXT)
        assert (await anext(others))[0] == "y"
        its_own.close()
