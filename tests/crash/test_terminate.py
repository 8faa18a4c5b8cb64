"""SIGTERM in mid-answer: every kind of reader is handed over, and no token is lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.answers import Assembly, follow, new_id, stored_answer, submit, text_of, until
from tests.support.client import Client, Sse, Stream
from tests.support.fake import Fake
from tests.support.live import Live, open_live
from tests.support.process import note_figure
from tests.support.server import Server

pytestmark = pytest.mark.anyio
CHUNKS = 200
ANSWERS, NATIVE, SOCKETS = 40, 3, 1
"""Open streams: each answer has its POST, three native readers and one socket, which makes 200."""


@dataclass
class Handed:
    """One answer with its readers."""

    client: Client
    conversation: str
    run: str
    post: Stream
    by_post: Assembly = field(default_factory=Assembly)
    native: list[tuple[Stream, Assembly, list[Sse]]] = field(default_factory=list)
    live: Live | None = None

    @property
    def is_heard(self) -> bool:
        """Each reader has had some of its text."""
        assert self.live is not None
        readers = [self.by_post, *self.live.runs.values(), *(seen for _, seen, _ in self.native)]
        return all(seen.text for seen in readers)


async def read_native(stream: Stream, seen: Assembly, others: list[Sse]) -> None:
    async for event in stream.sse():
        if event.event == "message" and event.data is not None:
            assert event.id is not None
            seen.take(int(event.id), event.json)
        else:
            others.append(event)


async def with_readers(server: Server, model: str, group: asyncio.TaskGroup) -> Handed:
    client, conversation = server.client(), new_id()
    run, post = await submit(client, "Go on for a while.", conversation, model)
    one = Handed(client, conversation, run, post)
    group.create_task(one.by_post.drink(post))
    for _ in range(NATIVE):
        reader = (await client.open("GET", f"/api/runs/{run}/events"), Assembly(), list[Sse]())
        one.native.append(reader)
        group.create_task(read_native(*reader))
    one.live = await open_live(client)
    await one.live.subscribe(f"runs/{run}")
    group.create_task(one.live.read())
    return one


async def test_sigterm_with_two_hundred_open_streams_hands_each_reader_over_and_loses_no_token(
    server: Server, fake: Fake
) -> None:
    # Words come all the while, and none of the answers ends before the server does.
    model = fake.model(chunks=CHUNKS, pace=0.05, hold_at=CHUNKS - 1, again={"hold_at": None, "pace": 0})
    async with asyncio.timeout(180), asyncio.TaskGroup() as group:
        answers = [await with_readers(server, model, group) for _ in range(ANSWERS)]
        await until(lambda: all(one.is_heard for one in answers), 120, "a word to each reader")
        began = time.monotonic()
        code = await asyncio.to_thread(server.terminate)
        took = time.monotonic() - began
    note_figure(f"sigterm with {ANSWERS * (1 + NATIVE + SOCKETS)} open streams: gone in {took:.2f} s, code {code}")
    assert took < 30
    for one in answers:
        assert one.post.ended == "cut", "a UI message stream ended cleanly before finish"
        assert one.by_post.events
        for stream, seen, others in one.native:
            assert stream.ended == "clean"
            notice = [event for event in others if event.event == "reconnect"]
            assert len(notice) == 1, others
            assert notice[0].json["after_ms"] >= 0
            assert seen.events
            assert not seen.finished
        assert one.live is not None
        check_socket(one.live)
    await asyncio.to_thread(server.up)
    for one in answers:
        await check_the_rest(one, fake.text(chunks=CHUNKS))


def check_socket(live: Live) -> None:
    (notice,) = live.of("reconnect")
    assert notice["after_ms"] >= 0
    assert live.close_code == 1012


async def check_the_rest(one: Handed, text: str) -> None:
    assert one.live is not None
    readers = [one.by_post, *one.live.runs.values(), *(seen for _, seen, _ in one.native)]
    for seen in readers:
        await follow(one.client, one.run, seen)
        assert seen.text == text
    assert text_of(await stored_answer(one.client, one.conversation, one.run)) == text
    takeovers: list[Any] = [event for event in one.by_post.events if event["type"] == "data-recovery"]
    assert len(takeovers) <= 1


async def test_sigterm_without_readers_still_lets_the_answer_end_after_the_start(server: Server, fake: Fake) -> None:
    client, conversation = server.client(), new_id()
    run, stream = await submit(client, "Nobody watches.", conversation, fake.model(chunks=CHUNKS, hold_at=100, times=1))
    await Assembly().drink(stream, stop_at=30)
    await asyncio.to_thread(server.terminate)
    await asyncio.to_thread(server.up)
    seen = Assembly()
    await follow(client, run, seen)
    assert seen.text == fake.text(chunks=CHUNKS)


async def test_an_idle_server_ends_at_sigterm(server: Server) -> None:
    client = server.client()
    await client.get("/api/me")
    live = await open_live(client)
    reading = asyncio.create_task(live.read())
    await live.subscribe("feed")
    await until(lambda: bool(live.of("subscribed")))
    began = time.monotonic()
    await asyncio.to_thread(server.terminate)
    assert time.monotonic() - began < 30
    await reading
    check_socket(live)
