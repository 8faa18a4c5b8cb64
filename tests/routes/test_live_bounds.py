"""``/api/live``: what one socket, and one user, may have the server hold."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus

from tests.routes.conftest import House
from tests.routes.test_live import say, socket_of, take
from tests.support.client import Client
from threadline.routes.outbox import Channel

pytestmark = pytest.mark.anyio


def waiting() -> int:
    """Bytes of events that are read and not sent, over all sockets of this process."""
    # By its type: to look into a weak proxy is an error once its object is gone.
    channels: list[Channel] = [each for each in gc.get_objects() if issubclass(type(each), Channel)]
    return sum(len(message) for channel in channels for batch in channel._pending for message in batch.messages)


async def test_a_socket_that_is_not_read_has_little_read_ahead_and_all_comes_in_the_end(visitor: Client) -> None:
    made = (await visitor.call("POST", "/api/conversations", {"title": "Large"})).json
    for number in range(20):
        changed = {"settings": {"system": str(number % 10) * 50_000}}
        assert (await visitor.call("PATCH", f"/api/conversations/{made['id']}", changed)).status == 200
    async with socket_of(visitor) as socket:
        left = {str(number): 21 for number in range(40)}
        for name in left:
            await say(socket, type="subscribe", id=name, stream="feed", after=-1)
        before, now = -1, waiting()
        async with asyncio.timeout(30):
            while now == 0 or now != before:
                await asyncio.sleep(0.25)
                before, now = now, waiting()
        assert now <= 5_000_000
        while any(left.values()):
            frame = await take(socket)
            if frame["type"] == "events":
                assert frame["offset"] == 21 - left[frame["id"]]
                left[frame["id"]] -= len(frame["events"])


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
        async with asyncio.timeout(10):
            while True:
                try:
                    await stack.enter_async_context(socket_of(visitor))
                except InvalidStatus:
                    await asyncio.sleep(0.01)
                else:
                    break
