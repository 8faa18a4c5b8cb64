"""Sharing over HTTP: whoever was let in follows live at every address, for exactly as long as he may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.routes import test_chat_socket, test_live
from tests.routes.conftest import House, asking, chunks, until_waited_for
from tests.routes.test_chat_socket import socket_of as chat_socket
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live import socket_of as live_socket
from tests.routes.test_live_life import context_of
from tests.routes.test_recordings import BEGUN, REST, Program, opened
from tests.support.client import Client
from threadline.domain.errors import NotFound, Unavailable
from threadline.domain.ids import run_stream
from threadline.routes.run_events import _present
from threadline.routes.site import Site
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
QUICK = "Say it at once, please."
DAY = 86_400.0


class Shared:
    """An owner's conversation in which a program of his writes an answer, and somebody who comes by a link."""

    def __init__(self, owner: Client, program: Program, reader: Client) -> None:
        self.owner, self.program, self.reader = owner, program, reader
        self.chat, self.run = program.chat, program.run
        self.one = f"/api/conversations/{self.chat}"
        self.link: dict[str, Any] = {}

    async def let_in(self, role: str = "observer", reader: Client | None = None) -> None:
        reply = await self.owner.call("POST", f"{self.one}/shares", {"role": role})
        assert reply.status == 201, reply.body
        self.link = reply.json
        accepted = await (reader or self.reader).call("POST", f"/api/shares/{self.link['token']}/accept")
        assert accepted.json == {"conversation_id": self.chat, "role": role}

    async def revoke(self) -> None:
        assert (await self.owner.call("DELETE", f"{self.one}/shares/{self.link['id']}")).status == 204


@pytest.fixture
async def shared(house: House) -> Shared:
    owner, reader = house.visitor(), house.visitor()
    for one in (owner, reader):
        await one.get("/api/me")
    return Shared(owner, await opened(owner), reader)


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


WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/api/chat", {}),
    ("POST", "/api/durable/chat", {}),
    ("POST", "/api/chat/{chat}/stop", {}),
    ("PATCH", "/api/conversations/{chat}", {"title": "Mine"}),
    ("GET", "/api/conversations/{chat}/shares", None),
    ("POST", "/api/conversations/{chat}/shares", {"role": "participant"}),
    ("DELETE", "/api/conversations/{chat}/shares/shr_none", None),
    ("DELETE", "/api/conversations/{chat}/participants/usr_none", None),
    ("POST", "/api/recordings", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_what_an_observer_may_not_do_is_said_in_words_and_what_a_stranger_may_not_is_not_there(
    house: House, shared: Shared, method: str, path: str, body: Any
) -> None:
    stranger = house.visitor()
    await stranger.get("/api/me")
    await shared.let_in()
    if path.endswith("/chat"):
        body = asking(QUICK, shared.chat, model=DEMO)
    if path.endswith("/recordings"):
        body = {"conversation_id": shared.chat, "message": asking(QUICK)["messages"][0]}
    before = await shared.owner.get(f"{shared.one}/messages")
    for one, status in ((shared.reader, 403), (stranger, 404)):
        reply = await one.call(method, path.format(chat=shared.chat), body)
        assert reply.status == status, reply.body
        assert "owner" in reply.json["error"]["message"] or status == 404
    assert await shared.owner.get(f"{shared.one}/messages") == before


async def test_an_observer_says_nothing_on_a_socket_either(shared: Shared) -> None:
    await shared.let_in()
    async with chat_socket(shared.reader) as socket:
        await test_chat_socket.send(socket, "r", chat=shared.chat)
        frame = await test_chat_socket.take(socket)
    assert (frame["type"], frame["error"]["code"]) == ("error", "forbidden:conversation")


async def test_a_participant_asks_and_everybody_follows_his_answer(house: House, shared: Shared) -> None:
    await shared.program.say(close=True)
    writer, me = shared.reader, (await shared.reader.get("/api/me"))["id"]
    observer = house.visitor()
    await observer.get("/api/me")
    await shared.let_in("participant")
    await shared.let_in(reader=observer)
    stream = await writer.open("POST", "/api/chat", asking(QUICK, shared.chat, model=DEMO))
    run = stream.headers["x-threadline-run"]
    whole = await chunks(stream)
    for one in (shared.owner, observer):
        followed = await chunks(await one.open("GET", f"/api/chat/{shared.chat}/stream?run={run}&after=-1"))
        assert followed == whole
        tree = (await one.get(f"{shared.one}/messages"))["items"]
        assert [node["author_id"] for node in tree if node["role"] == "user"] == [None, me]
    assert (await writer.call("GET", f"/api/runs/{run}")).json["settings"] == {}


async def test_a_participant_may_wait_for_the_whole_answer(shared: Shared) -> None:
    await shared.program.say(close=True)
    await shared.let_in("participant")
    body = asking(QUICK, shared.chat, model=DEMO, settings={"temperature": 1})
    reply = await shared.reader.call("POST", "/api/chat", body, {"Accept": "application/json"})
    assert reply.status == 200
    assert "settings" not in reply.json["metadata"]


async def test_a_link_tells_whose_it_is_to_whoever_has_it_and_makes_a_guest_of_him(
    house: House, shared: Shared
) -> None:
    await shared.owner.call("PATCH", shared.one, {"title": "The plan"})
    made = (await shared.owner.call("POST", f"{shared.one}/shares", {"role": "observer"})).json
    passer = house.visitor()
    told = await passer.get(f"/api/shares/{made['token']}")
    assert told == {
        "conversation": {"id": shared.chat, "title": "The plan"},
        "role": "observer",
        "owner": {"name": None},
        "accepts": True,
    }
    assert passer.cookies
    listed = await shared.owner.get(f"{shared.one}/shares")
    assert listed == {"items": [{key: made[key] for key in listed["items"][0]}], "next": None}
    assert "token" not in listed["items"][0]
    await passer.call("POST", f"/api/shares/{made['token']}/accept")
    people = (await shared.owner.get(f"{shared.one}/participants"))["items"]
    assert [one["role"] for one in people] == ["owner", "observer"]


async def test_a_link_that_is_none_is_not_there(shared: Shared) -> None:
    for token in ("x", "y" * 199, "%00"):
        for method, path in (("GET", f"/api/shares/{token}"), ("POST", f"/api/shares/{token}/accept")):
            reply = await shared.reader.call(method, path)
            assert reply.status == 404
            assert reply.json["error"]["code"] == "not_found:share"


@pytest.mark.parametrize("path", ["/api/shares/{}", "/api/shares/{}/accept", "/share/{}"])
async def test_what_is_in_a_link_never_reaches_the_log(caplog: pytest.LogCaptureFixture, path: str) -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise Unavailable

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    address = path.format("the-secret-of-the-link")
    scope = {"type": "http", "method": "GET", "path": address, "headers": [(b"host", b"localhost")], "scheme": "http"}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    await Site(broken, [], (), None, SystemWorld())(scope, receive, send)
    assert sent[0]["status"] == 503
    assert "unavailable" in caplog.text
    assert "the-secret" not in caplog.text + repr(sent)


@pytest.mark.parametrize(
    "body", [{}, {"role": "owner"}, {"role": "observer", "email": "nobody"}, {"role": "observer", "expires_in_days": 0}]
)
async def test_a_link_that_makes_no_sense_is_refused(shared: Shared, body: Any) -> None:
    reply = await shared.owner.call("POST", f"{shared.one}/shares", body)
    assert reply.status == 400
    assert reply.json["error"]["code"].startswith("bad_request")


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
