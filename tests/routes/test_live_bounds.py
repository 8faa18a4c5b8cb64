"""``/api/live``: what one socket, and one user, may have the server hold."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidStatus

from tests.routes.conftest import House
from tests.routes.test_live import say, socket_of, take
from tests.support.client import Client
from tests.support.websocket import RawSocket
from threadline.routes.outbox import Channel

pytestmark = pytest.mark.anyio


def waiting() -> int:
    """Bytes of events that are read and not sent, over all sockets of this process."""
    # By its type: to look into a weak proxy is an error once its object is gone.
    channels: list[Channel] = [each for each in gc.get_objects() if issubclass(type(each), Channel)]
    return sum(len(message) for channel in channels for batch in channel._pending for message in batch.messages)


async def large_feed(visitor: Client) -> int:
    """Make a visitor's feed about a megabyte; returns how many changes are in it."""
    made = (await visitor.call("POST", "/api/conversations", {"title": "Large"})).json
    for number in range(20):
        changed = {"settings": {"system": str(number % 10) * 50_000}}
        assert (await visitor.call("PATCH", f"/api/conversations/{made['id']}", changed)).status == 200
    return 21


async def until_waiting(low: int, high: int) -> None:
    """Until so much waits."""
    async with asyncio.timeout(120):
        while not low <= waiting() <= high:
            await asyncio.sleep(0.05)


async def test_a_socket_that_is_not_read_has_little_read_ahead_and_all_comes_in_the_end(visitor: Client) -> None:
    count = await large_feed(visitor)
    async with socket_of(visitor) as socket:
        left = {str(number): count for number in range(40)}
        for name in left:
            await say(socket, type="subscribe", id=name, stream="feed", after=-1)
        before, now = -1, waiting()
        async with asyncio.timeout(120):
            while now == 0 or now != before:
                await asyncio.sleep(0.25)
                before, now = now, waiting()
        assert now <= 5_000_000
        while any(left.values()):
            frame = await take(socket)
            if frame["type"] == "events":
                assert frame["offset"] == count - left[frame["id"]]
                left[frame["id"]] -= len(frame["events"])


@asynccontextmanager
async def taking_nothing(open_own: Any) -> AsyncIterator[tuple[House, RawSocket]]:
    """A socket to a server of its own, which reads nothing while megabytes wait for it."""
    async with open_own(send_buffer=8 * 1024) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        await large_feed(visitor)
        raw = await RawSocket.open(house.port, "/api/live", {"Cookie": visitor.cookie})
        for number in range(8):
            raw.say(type="subscribe", id=str(number), stream="feed", after=-1)
        await until_waiting(2_500_000, 5_000_000)
        yield house, raw
        raw.close()


def connections(house: House) -> list[WebSocketsSansIOProtocol]:
    """The sockets that a server has open."""
    found = [each for each in gc.get_objects() if issubclass(type(each), WebSocketsSansIOProtocol)]
    return [one for one in found if one.server == ("127.0.0.1", house.port) and not one.disconnected]


async def test_what_is_given_up_is_let_go_of_though_nothing_is_read(open_own: Any) -> None:
    async with taking_nothing(open_own) as (_, raw):
        for number in range(8):
            raw.say(type="unsubscribe", id=str(number))
        await until_waiting(0, 0)


@pytest.mark.parametrize("waits", [40_000, 1_000_000])
@pytest.mark.parametrize("why", ["turned away", "no pong"])
async def test_who_takes_nothing_is_cut_when_his_socket_is_over(
    open_own: Any, caplog: pytest.LogCaptureFixture, why: str, waits: int
) -> None:
    async with open_own(send_buffer=8 * 1024) as house:
        program = await house.program("robot")
        made = await program.call("PUT", "/v1/stream/s", b"x" * waits, {"Content-Type": "text/plain"})
        assert made.status == 201
        raw = await RawSocket.open(house.port, "/api/live", program.headers)
        raw.say(type="subscribe", id="s", stream="streams/s")
        (connection,) = connections(house)
        async with asyncio.timeout(30):
            while not connection.transport.get_write_buffer_size():
                await asyncio.sleep(0.05)
            connection.close_timeout = 0.5
            if why == "no pong":
                connection.keepalive_timeout()
                raw.say(type="ping")
            else:
                raw.say(type="auth", token="tl_unknown")
            while connections(house):
                await asyncio.sleep(0.05)
        raw.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_of_messages_that_are_larger_than_what_is_read_ahead_only_one_waits(open_own: Any) -> None:
    message = json.dumps("x" * 6_000_000).encode()
    async with open_own(send_buffer=8 * 1024) as house:
        program = await house.program("robot")
        for number in range(8):
            made = await program.call("PUT", f"/v1/stream/s{number}", message, {"Content-Type": "application/json"})
            assert made.status == 201
        raw = await RawSocket.open(house.port, "/api/live", program.headers)
        for number in range(8):
            raw.say(type="subscribe", id=str(number), stream=f"streams/s{number}")
        most = 0
        for _ in range(20):
            await asyncio.sleep(0.1)
            most = max(most, waiting())
        raw.close()
        assert most < 13_000_000


async def test_a_long_replay_gives_up_its_turn_after_about_128_kilobytes(visitor: Client) -> None:
    left = await large_feed(visitor)
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="f", stream="feed", after=-1)
        await take(socket)
        while left:
            frame = await take(socket)
            assert len(json.dumps(frame["events"])) < 256 * 1024
            left -= len(frame["events"])


async def test_a_user_has_so_many_sockets_and_another_has_his_own(house: House, visitor: Client) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(socket_of(visitor)) for _ in range(64)]
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(socket_of(visitor))
        assert refused.value.response.status_code == 429
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "rate_limited:live"
        other = house.visitor()
        await other.get("/api/me")
        await stack.enter_async_context(socket_of(other))
        await sockets[0].close()
        async with asyncio.timeout(60):
            while True:
                try:
                    await stack.enter_async_context(socket_of(visitor))
                except InvalidStatus:
                    await asyncio.sleep(0.01)
                else:
                    break
