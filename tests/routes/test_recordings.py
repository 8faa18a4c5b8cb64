"""Recordings over HTTP: opened, written by either address, followed by every reader, stopped, and refused."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.routes.conftest import House, begun
from tests.routes.test_identity import AdvancingWorld
from tests.support.answers import Assembly, state, stored, stored_answer, text_of
from tests.support.client import Client, Reply
from threadline.wire.durable import offset_text

pytestmark = pytest.mark.anyio
BEGUN = [{"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "Half of"}]
REST = [{"type": "text-delta", "id": "0", "delta": " it."}, {"type": "text-end", "id": "0"}]


def question(text: str = "What?") -> dict[str, Any]:
    return {"id": uuid4().hex, "role": "user", "parts": [{"type": "text", "text": text}]}


class Program:
    """A client, its recording, and the number of its next append."""

    def __init__(self, client: Client, told: dict[str, Any], *, durable: bool = False) -> None:
        self.client, self.run, self.chat = client, told["run_id"], told["conversation_id"]
        self.producer, self.seq = told["producer"], 0
        self.path = f"/v1/stream/{told['stream']}" if durable else f"/api/runs/{self.run}/events"

    def headers(self, seq: int | None = None, **more: str) -> dict[str, str]:
        told = {"Producer-Id": self.producer["id"], "Producer-Epoch": str(self.producer["epoch"])}
        return {**told, "Producer-Seq": str(self.seq if seq is None else seq), **more}

    async def say(self, *chunks: Any, seq: int | None = None, close: bool = False) -> Reply:
        more = {"Stream-Closed": "true"} if close else {}
        body = list(chunks) if chunks or not self.path.startswith("/v1") else b""
        reply = await self.client.call("POST", self.path, body, self.headers(seq, **more))
        if reply.status < 300 and seq is None:
            self.seq += 1
        return reply


async def opened(client: Client, *, durable: bool = False, **more: Any) -> Program:
    reply = await client.call("POST", "/api/recordings", {"message": question(), **more})
    assert reply.status == 201, reply.body
    return Program(client, reply.json, durable=durable)


@pytest.mark.parametrize("durable", [False, True])
async def test_a_recording_is_followed_live_by_every_reader_and_is_stored(
    house: House, visitor: Client, durable: bool
) -> None:
    program = await opened(visitor, durable=durable, model="home/one")
    native, chat = Assembly(), Assembly()
    readers = [
        asyncio.create_task(native.drink(await visitor.open("GET", f"/api/runs/{program.run}/events"))),
        asyncio.create_task(chat.drink(await visitor.open("GET", f"/api/chat/{program.chat}/stream?sdk=7"))),
    ]
    reply = await program.say(*BEGUN)
    assert reply.status == 200
    assert reply.headers["stream-next-offset"] == offset_text(3)
    assert (reply.headers["producer-epoch"], reply.headers["producer-seq"]) == ("1", "0")
    if not durable:
        assert reply.json == {"next_offset": 3, "closed": False, "duplicate": False}
    poll = f"/v1/stream/runs/{program.run}?offset={offset_text(3)}&live=long-poll"
    waiting = asyncio.create_task(visitor.call("GET", poll))
    await program.say(REST[0])
    assert (await waiting).json == [REST[0]]
    done = await program.say(REST[1], close=True)
    assert done.headers["stream-closed"] == "true"
    assert all(await asyncio.gather(*readers))
    assert native.events == chat.events
    assert native.text == "Half of it."
    answer = await stored_answer(visitor, program.chat, program.run)
    assert (text_of(answer), answer["status"], answer["metadata"]["model"]) == ("Half of it.", "completed", "home/one")
    assert [one["role"] for one in await stored(visitor, program.chat)] == ["user", "assistant"]
    shown = await visitor.get(f"/api/conversations/{program.chat}")
    assert (shown["status"], shown["title"]) == ("completed", "About What")
    assert (await state(visitor, program.run))["provider"] == "home"


@pytest.mark.parametrize("durable", [False, True])
async def test_a_retry_is_answered_a_gap_and_an_old_epoch_are_refused_in_the_protocols_words(
    house: House, visitor: Client, durable: bool
) -> None:
    program = await opened(visitor, durable=durable, key=uuid4().hex)
    await program.say(*BEGUN)
    again = await program.say(*BEGUN, seq=0)
    assert again.status == (204 if durable else 200)
    assert again.headers["stream-next-offset"] == offset_text(3)
    gap = await program.say(*REST, seq=2)
    assert (gap.status, gap.json["error"]["code"]) == (409, "gap:stream")
    assert (gap.headers["producer-expected-seq"], gap.headers["producer-received-seq"]) == ("1", "2")
    body = {"message": question(), "key": uuid4().hex}
    first, second = [await visitor.call("POST", "/api/recordings", body) for _ in range(2)]
    assert (first.status, second.status) == (201, 200)
    assert first.json["run_id"] == second.json["run_id"]
    old, new = Program(visitor, first.json, durable=durable), Program(visitor, second.json, durable=durable)
    fenced = await old.say(*BEGUN)
    assert (fenced.status, fenced.headers["producer-epoch"]) == (403, "2")
    assert (await new.say(*BEGUN, *REST, close=True)).status < 300
    assert (await new.say(close=True)).headers["stream-closed"] == "true"


@pytest.mark.parametrize("durable", [False, True])
async def test_a_stop_is_told_to_the_program_with_its_next_append(house: House, visitor: Client, durable: bool) -> None:
    program = await opened(visitor, durable=durable)
    await program.say(*BEGUN)
    stopped = await visitor.call("POST", f"/api/chat/{program.chat}/stop", {})
    assert stopped.json == {"stopped": [program.run]}
    assert (await state(visitor, program.run))["status"] == "stopped"
    reply = await program.say(*REST)
    assert (reply.status, reply.json["error"]["code"]) == (409, "closed:stream")
    assert reply.headers["stream-closed"] == "true"
    seen = Assembly()
    await seen.drink(await visitor.open("GET", f"/api/runs/{program.run}/events"))
    assert seen.types[-3:] == ["text-end", "abort", "finish"]
    assert reply.headers["stream-next-offset"] == offset_text(seen.next)


async def test_a_program_that_is_silent_has_lost_its_recording_without_anybody_asking(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(recording_seconds=8, world=world) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        program, seen = await opened(visitor), Assembly()
        reading = asyncio.create_task(seen.drink(await visitor.open("GET", f"/api/runs/{program.run}/events")))
        for seq, chunk in enumerate(BEGUN):
            world.ahead += 5
            assert (await program.say(chunk, seq=seq)).status == 200
        assert await asyncio.wait_for(reading, 60)
        assert (seen.text, seen.events[-1]["finishReason"]) == ("Half of", "interrupted")
        assert (await program.say(*REST, seq=2)).status == 409
        assert (await stored_answer(visitor, program.chat, program.run))["status"] == "interrupted"


@pytest.mark.parametrize("durable", [False, True])
async def test_a_program_that_opens_what_has_ended_is_refused_at_both_addresses(open_own: Any, durable: bool) -> None:
    async with open_own(recording_seconds=3) as house:
        visitor = house.visitor()
        body = {"message": question(), "key": uuid4().hex}
        first = await visitor.call("POST", "/api/recordings", body)
        assert (first.json["text"], first.json["next_offset"], first.json["open_parts"]) == ("", 1, [])
        await Program(visitor, first.json, durable=durable).say(*BEGUN)
        while (await state(visitor, first.json["run_id"]))["status"] == "running":
            await asyncio.sleep(0.05)
        again = await visitor.call("POST", "/api/recordings", body)
        assert (again.status, again.json["status"], again.json["text"]) == (200, "interrupted", "Half of")
        program = Program(visitor, again.json, durable=durable)
        for seq in range(3):
            reply = await program.say(*REST, seq=seq)
            assert (reply.status, reply.headers["stream-closed"]) == (409, "true")


BAD_OPENINGS: list[tuple[Any, int]] = [
    (b"{", 400), ([], 400), ({}, 400), ({"message": question(), "more": 1}, 400), ({"message": "Hello"}, 400),
    ({"message": {"role": "assistant", "parts": []}}, 400), ({"message": question(""), "key": "k"}, 400),
    ({"message": question(), "timeout_seconds": 4}, 400), ({"message": question(), "timeout_seconds": 3601}, 400),
    ({"message": question(), "timeout_seconds": "60"}, 400), ({"message": question(), "model": "x" * 201}, 400),
    ({"message": question(), "conversation_id": "conv_nothing"}, 404), ({"conversation_id": "nothing"}, 400),
    ({"message": question(), "conversation_id": "a/b"}, 400), ({"message": question("x" * 3_000_000)}, 413),
    ({"message": question(), "parent_id": "nothing"}, 404), (b"x" * 5_000_000, 413),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status"), BAD_OPENINGS, ids=range(len(BAD_OPENINGS)))
async def test_an_opening_that_cannot_be_is_refused_and_nothing_is_written(
    visitor: Client, body: Any, status: int
) -> None:
    reply = await visitor.call("POST", "/api/recordings", body)
    assert (reply.status, reply.json["error"]["status"]) == (status, status), reply.body
    assert (await visitor.get("/api/conversations"))["items"] == []


BAD_APPENDS: list[tuple[Any, dict[str, str], int]] = [
    (b"[", {}, 400), ({"type": "text-start", "id": "1"}, {}, 400), ([1], {}, 400), ([{"type": "no"}], {}, 400),
    ([{"type": "text-end", "id": "1"}], {}, 400), (BEGUN, {"Producer-Id": "other"}, 400), (b"[NaN]", {}, 400),
    (BEGUN, {"Producer-Epoch": "x"}, 400), (BEGUN, {"Producer-Seq": "-1"}, 400), (BEGUN, {"Producer-Id": ""}, 400),
    (BEGUN, {"Producer-Epoch": "0"}, 403), (BEGUN, {"Producer-Epoch": "2", "Producer-Seq": "3"}, 400),
    (REST, {"Producer-Seq": "5"}, 409), (b"x" * 5_000_000, {}, 413), (b'[{"type": "x\\ud800"}]', {}, 400),
]  # fmt: skip


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(("body", "headers", "status"), BAD_APPENDS, ids=range(len(BAD_APPENDS)))
async def test_an_append_that_cannot_be_is_refused_and_nothing_is_written(
    visitor: Client, body: Any, headers: dict[str, str], status: int, durable: bool
) -> None:
    program = await opened(visitor, durable=durable)
    reply = await visitor.call("POST", program.path, body, program.headers(**headers))
    if durable and (isinstance(body, dict) or status == 413):
        # One value is an append there, and a larger body may be read.
        assert reply.status in (200, 400)
        return
    assert (reply.status, reply.json["error"]["status"]) == (status, status), reply.body
    assert (await state(visitor, program.run))["next_offset"] == 1
    assert (await program.say(*BEGUN)).status == 200


async def test_who_says_no_number_is_told_to(visitor: Client) -> None:
    program = await opened(visitor)
    for path in (program.path, f"/v1/stream/runs/{program.run}"):
        reply = await visitor.call("POST", path, BEGUN)
        assert (reply.status, "Producer-Seq" in reply.json["error"]["message"]) == (400, True)
    durable = f"/v1/stream/runs/{program.run}"
    assert (await visitor.call("POST", durable, BEGUN, program.headers(**{"Stream-Seq": "1"}))).status == 400
    assert (await visitor.call("POST", durable, b"x", program.headers(**{"Content-Type": "text/plain"}))).status == 409
    assert (await visitor.call("PUT", durable, b"[]")).status == 405
    assert (await visitor.call("DELETE", durable)).status == 405


async def test_anothers_recording_is_not_there_and_a_models_run_is_not_written(house: House, visitor: Client) -> None:
    program = await opened(visitor)
    other = house.visitor()
    await other.get("/api/me")
    for path in (program.path, f"/v1/stream/runs/{program.run}", "/api/runs/run_none/events"):
        assert (await other.call("POST", path, BEGUN, program.headers())).status == 404
    body = {"message": question(), "conversation_id": program.chat}
    assert (await other.call("POST", "/api/recordings", body)).status == 404
    run = await begun(visitor, "Hello, fast.")
    for path in (f"/api/runs/{run}/events", f"/v1/stream/runs/{run}"):
        reply = await visitor.call("POST", path, BEGUN, program.headers())
        assert (reply.status, "GET" in reply.headers["allow"]) == (405, True)


async def test_pages_hear_of_a_recording_as_of_any_other_answer(visitor: Client) -> None:
    feed = await visitor.open("GET", "/api/feed/events?after=-1")
    program = await opened(visitor)
    await program.say(*BEGUN, *REST, close=True)
    heard: list[str] = []
    async for event in feed.sse():
        if event.data is not None and event.event == "message":
            heard.append(event.json["type"])
        if heard and heard[-1] == "run.finished":
            break
    feed.close()
    assert heard == ["conversation.created", "message.added", "run.started", "run.finished"]
