"""Hundreds of readers who come and go: each ends with the text that is stored."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from tests.support.answers import Assembly, follow, new_id, stored, stored_answer, submit, text_of, until_ended
from tests.support.client import BROKEN, Client
from tests.support.fake import Fake
from tests.support.server import Server

pytestmark = pytest.mark.anyio
ANSWERS, READERS, CUTS, CHUNKS = 20, 15, 10, 200


async def reader_who_is_cut(client: Client, conversation: str, run: str, chance: random.Random) -> Assembly:
    """Read an answer in eleven pieces, cut off at random places, by one of three doors each time."""
    seen = Assembly()
    for place in sorted(chance.choices(range(1, CHUNKS), k=CUTS)):
        door = chance.randrange(3)
        with contextlib.suppress(*BROKEN):
            if door == 0:
                stream = await client.open("GET", f"/api/runs/{run}/events?after={seen.next - 1}")
            elif door == 1:
                header = {"Last-Event-ID": str(seen.next - 1)} if seen.next else {}
                stream = await client.open("GET", f"/api/runs/{run}/events", headers=header)
            else:
                stream = await client.open("GET", f"/api/chat/{conversation}/stream?run={run}&after={seen.next - 1}")
            await seen.drink(stream, stop_at=max(place, seen.next + 1))
    await follow(client, run, seen)
    return seen


async def test_three_hundred_readers_cut_ten_times_each_all_assemble_the_stored_text(
    server: Server, fake: Fake
) -> None:
    model = fake.model(chunks=CHUNKS, pace=0.01)
    answers: list[tuple[Client, str, str, list[asyncio.Task[Assembly]]]] = []
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        for number in range(ANSWERS):
            owner, conversation = server.client(), new_id()
            run, stream = await submit(owner, f"Answer number {number}.", conversation, model)
            stream.close()
            chances = [random.Random(number * 1000 + reader) for reader in range(READERS)]
            readers = [group.create_task(reader_who_is_cut(owner, conversation, run, chance)) for chance in chances]
            answers.append((owner, conversation, run, readers))
    for owner, conversation, run, readers in answers:
        kept = text_of(await stored_answer(owner, conversation, run))
        assert kept == fake.text(chunks=CHUNKS)
        assert {reader.result().text for reader in readers} == {kept}


async def test_two_tabs_that_submit_at_the_same_moment_both_keep_their_message_and_get_an_answer(
    server: Server, fake: Fake
) -> None:
    client, model = server.client(), fake.model(chunks=20, pace=0.002)
    await client.get("/api/me")
    for _ in range(10):
        conversation = new_id()
        texts = ["From the first tab.", "From the second tab."]
        both = await asyncio.gather(*(submit(client, text, conversation, model) for text in texts))
        for run, stream in both:
            await Assembly().drink(stream)
            assert (await until_ended(client, run))["status"] == "completed"
        messages = await stored(client, conversation)
        asked = {message["id"]: text_of(message) for message in messages if message["role"] == "user"}
        assert sorted(asked.values()) == sorted(texts)
        answers = [message for message in messages if message["role"] == "assistant"]
        assert {answer["parent_id"] for answer in answers} == set(asked)
        assert [text_of(answer) for answer in answers] == [fake.text(chunks=20)] * 2


async def test_the_same_message_submitted_twice_at_the_same_moment_gets_one_answer(server: Server, fake: Fake) -> None:
    client, conversation, model = server.client(), new_id(), fake.model(chunks=20, pace=0.002)
    await client.get("/api/me")
    both = await asyncio.gather(*(submit(client, "Once.", conversation, model, message_id="u-1") for _ in range(2)))
    seen = [Assembly(), Assembly()]
    for one, (_, stream) in zip(seen, both, strict=True):
        await one.drink(stream)
    assert both[0][0] == both[1][0], "two runs for one message"
    assert seen[0].events == seen[1].events
    assert [message["role"] for message in await stored(client, conversation)] == ["user", "assistant"]
