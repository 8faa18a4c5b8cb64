"""Following what is another's: at every address live, and for exactly as long as one may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.routes import test_chat_socket, test_live
from tests.routes.conftest import House, until_waited_for
from tests.routes.sharing import Shared, share
from tests.routes.test_chat_socket import socket_of as chat_socket
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live import socket_of as live_socket
from tests.routes.test_live_life import context_of
from tests.routes.test_recordings import BEGUN, REST, opened
from tests.support.client import Client
from threadline.domain.errors import NotFound
from threadline.domain.ids import run_stream
from threadline.routes.run_events import _present
from threadline.store import users

pytestmark = pytest.mark.anyio
DAY = 86_400.0


@pytest.fixture
async def shared(house: House) -> Shared:
    return await share(house)


Told = AsyncGenerator[str, None]
"""The texts that a reader is told as they come, then how it ended."""


async def events_of(reader: Client, path: str) -> Told:
    stream = await reader.open("GET", path)
    assert stream.status == 200, await stream.read()
    last = ""
    try:
        async for event in stream.sse():
            if event.data is None or event.event == "control":
                continue
            last = event.event
            found = event.json
            for one in found if isinstance(found, list) else [found]:
                if one.get("type") == "text-delta":
                    yield one["delta"]
        yield f"{last}, {stream.ended}"
    finally:
        stream.close()


async def native(shared: Shared) -> Told:
    async with aclosing(events_of(shared.reader, f"/api/runs/{shared.run}/events")) as told:
        async for one in told:
            yield one


async def chat_stream(shared: Shared) -> Told:
    async with aclosing(events_of(shared.reader, f"/api/chat/{shared.chat}/stream")) as told:
        async for one in told:
            yield one


async def workflow(shared: Shared) -> Told:
    async with aclosing(events_of(shared.reader, f"/api/chat/{shared.run}/stream?startIndex=0")) as told:
        async for one in told:
            yield one


async def durable(shared: Shared) -> Told:
    async with aclosing(events_of(shared.reader, f"/v1/stream/runs/{shared.run}?offset=-1&live=sse")) as told:
        async for one in told:
            yield one


async def durable_address(shared: Shared) -> Told:
    """By the address with a key, which needs nothing else."""
    url = (await shared.reader.get(f"/api/durable/chat/{shared.chat}/stream"))["streamUrl"]
    nobody = Client(shared.reader.port)
    async with aclosing(events_of(nobody, f"{url}&offset=-1&live=sse")) as told:
        async for one in told:
            yield one
    yield str((await nobody.call("GET", f"{url}&offset=-1")).status)


async def polls(shared: Shared) -> Told:
    after = -1
    while True:
        reply = await shared.reader.call("GET", f"/api/runs/{shared.run}/events?live=poll&after={after}")
        if reply.status != 200:
            yield str(reply.status)
            return
        after = reply.json["next"] - 1
        for event in reply.json["events"]:
            if event["type"] == "text-delta":
                yield event["delta"]


async def durable_polls(shared: Shared) -> Told:
    offset = "-1"
    while True:
        path = f"/v1/stream/runs/{shared.run}?offset={offset}&live=long-poll"
        reply = await shared.reader.call("GET", path)
        if reply.status != 200:
            yield str(reply.status)
            return
        offset = reply.headers["stream-next-offset"]
        for event in reply.json:
            if event["type"] == "text-delta":
                yield event["delta"]


async def live(shared: Shared) -> Told:
    async with live_socket(shared.reader) as socket:
        await test_live.say(socket, type="subscribe", id="s", stream=f"runs/{shared.run}")
        while (frame := await test_live.take(socket))["type"] != "error":
            for event in frame.get("events", []):
                if event["type"] == "text-delta":
                    yield event["delta"]
        assert frame["id"] == "s"
        yield frame["error"]["code"]
        # The socket stays, for whatever else is his.
        await test_live.say(socket, type="subscribe", id="f", stream="feed", after=-1)
        heard = (await test_live.until(socket, "events"))[-1]["events"]
        yield heard[-1]["type"]


async def chats(shared: Shared) -> Told:
    async with chat_socket(shared.reader) as socket:
        await test_chat_socket.say(socket, "resume", "r", id=shared.chat)
        while (frame := await test_chat_socket.take(socket))["type"] != "error":
            if frame["type"] == "chunk" and frame["chunk"]["type"] == "text-delta":
                yield frame["chunk"]["delta"]
        assert frame["requestId"] == "r"
        yield frame["error"]["code"]


TRANSPORTS: list[tuple[Callable[[Shared], Told], list[str]]] = [
    (native, ["reconnect, clean"]),
    (chat_stream, ["message, cut"]),
    (workflow, ["message, cut"]),
    (durable, ["data, clean"]),
    (durable_address, ["data, clean", "404"]),
    (polls, ["404"]),
    (durable_polls, ["404"]),
    (live, ["not_found:run", "conversation.deleted"]),
    (chats, ["not_found:run"]),
]


@pytest.mark.parametrize(("transport", "ending"), TRANSPORTS, ids=lambda one: getattr(one, "__name__", ""))
async def test_an_observer_reads_live_until_he_may_not_any_more(
    house: House, shared: Shared, transport: Callable[[Shared], Told], ending: list[str]
) -> None:
    await shared.let_in()
    await shared.program.say(*BEGUN)
    async with asyncio.timeout(60), aclosing(transport(shared)) as told:
        assert await anext(told) == "Half of"
        await shared.program.say(REST[0])
        assert await anext(told) == " it."
        # Who waits for what comes next is sent away while nothing comes.
        waiting = asyncio.create_task(anext(told))
        await until_waited_for(house, run_stream(shared.run))
        await shared.revoke()
        assert [await waiting, *[one async for one in told]] == ending
    for path in (f"/api/runs/{shared.run}", f"/api/runs/{shared.run}/events", f"/api/chat/{shared.chat}/stream"):
        assert (await shared.reader.call("GET", path)).status == 404
    assert (await shared.program.say(REST[1], close=True)).status == 200


@pytest.mark.parametrize("how", ["removed", "left", "private", "deleted"])
async def test_however_one_loses_it_what_one_follows_ends_at_once(house: House, shared: Shared, how: str) -> None:
    me = (await shared.reader.get("/api/me"))["id"]
    await shared.let_in()
    await shared.program.say(*BEGUN)
    async with asyncio.timeout(60), aclosing(native(shared)) as told:
        assert await anext(told) == "Half of"
        waiting = asyncio.create_task(anext(told))
        await until_waited_for(house, run_stream(shared.run))
        match how:
            case "removed":
                reply = await shared.owner.call("DELETE", f"{shared.one}/participants/{me}")
            case "left":
                reply = await shared.reader.call("DELETE", shared.one)
            case "private":
                reply = await shared.owner.call("PATCH", shared.one, {"visibility": "private"})
            case _:
                reply = await shared.owner.call("DELETE", shared.one)
        assert reply.status < 300
        assert await waiting == "reconnect, clean"
    assert (await shared.reader.call("GET", shared.one)).status == 404
    assert (await shared.owner.call("GET", shared.one)).status == (404 if how == "deleted" else 200)


async def test_what_is_public_is_read_by_whoever_knows_where_it_is_until_it_is_not(
    house: House, shared: Shared
) -> None:
    assert (await shared.reader.call("GET", shared.one)).status == 404
    assert (await shared.owner.call("PATCH", shared.one, {"visibility": "public"})).status == 200
    await shared.program.say(*BEGUN)
    seen = await shared.reader.get(shared.one)
    assert (seen["role"], seen["visibility"], seen["settings"]) == ("observer", "public", {})
    async with asyncio.timeout(60), aclosing(native(shared)) as told:
        assert await anext(told) == "Half of"
        waiting = asyncio.create_task(anext(told))
        await until_waited_for(house, run_stream(shared.run))
        await shared.owner.call("PATCH", shared.one, {"visibility": "private"})
        assert await waiting == "reconnect, clean"
    assert (await shared.reader.get("/api/conversations"))["items"] == []


async def test_nothing_more_is_told_after_the_time_of_a_link(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(world=world) as house:
        owner, reader = house.visitor(), house.visitor()
        await owner.get("/api/me")
        shared = Shared(owner, await opened(owner, timeout_seconds=3600), reader)
        made = await owner.call("POST", f"{shared.one}/shares", {"role": "observer", "expires_in_days": 1})
        await reader.call("POST", f"/api/shares/{made.json['token']}/accept")
        await shared.program.say(*BEGUN)
        async with asyncio.timeout(60), aclosing(polls(shared)) as told:
            assert await anext(told) == "Half of"
            waiting = asyncio.create_task(anext(told))
            await until_waited_for(house, run_stream(shared.run))
            world.ahead += 2 * DAY
            await shared.program.say(REST[0])
            assert await waiting == "404"


async def test_an_address_with_a_key_is_shut_with_the_account_of_whom_it_was_given_to(
    house: House, shared: Shared
) -> None:
    await shared.let_in()
    await shared.program.say(*BEGUN)
    me = (await shared.reader.get("/api/me"))["id"]
    url = (await shared.reader.get(f"/api/durable/chat/{shared.chat}/stream"))["streamUrl"] + "&offset=-1"
    nobody = Client(shared.reader.port)
    assert (await nobody.call("GET", url)).status == 200
    store = context_of(house).accounts._store
    await store.write(lambda tx: users.change(tx, me, disabled_at=tx.now))
    assert (await nobody.call("GET", url)).status == 401


async def test_who_takes_his_time_over_what_is_there_reads_on_only_while_he_may(house: House, shared: Shared) -> None:
    await shared.let_in()
    await shared.program.say(*BEGUN)
    for _ in range(3):
        assert (await shared.program.say({**REST[0], "delta": "x" * 900_000})).status == 200
    answers, me = context_of(house).answers, (await shared.reader.get("/api/me"))["id"]
    async with aclosing(_present(answers, me, await answers.run(me, shared.run), 0)) as steps:
        await anext(steps)
        await shared.revoke()
        with pytest.raises(NotFound):
            await anext(steps)


async def test_who_is_not_meant_goes_on_reading(house: House, shared: Shared) -> None:
    await shared.let_in()
    other = house.visitor()
    await other.get("/api/me")
    await shared.let_in(reader=other)
    await shared.program.say(*BEGUN)
    owns = events_of(shared.owner, f"/api/runs/{shared.run}/events")
    async with asyncio.timeout(60), aclosing(native(shared)) as told, aclosing(owns) as own:
        assert [await anext(told), await anext(own)] == ["Half of", "Half of"]
        await shared.revoke()
        await shared.program.say(*REST, close=True)
        assert [one async for one in told] == [" it.", "end, clean"]
        assert [one async for one in own] == [" it.", "end, clean"]
