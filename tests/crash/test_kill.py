"""kill -9 and a cut of the power at a random moment of an answer, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.support.answers import (
    Assembly,
    follow,
    new_id,
    state,
    stored_answer,
    submit,
    text_of,
    until,
    until_ended,
)
from tests.support.client import BROKEN, Client
from tests.support.fake import Fake
from tests.support.server import Server

pytestmark = pytest.mark.anyio
CHUNKS, PACE = 200, 0.003
NORMAL, SOAK = 20, 200


@dataclass
class Watched:
    """One answer, and what two readers of it saw until the server died."""

    client: Client
    conversation: str
    run: str
    by_post: Assembly = field(default_factory=Assembly)
    by_events: Assembly = field(default_factory=Assembly)

    async def read_events(self) -> None:
        with contextlib.suppress(*BROKEN):
            await self.by_events.drink(await self.client.open("GET", f"/api/runs/{self.run}/events"))


async def killed_in_mid_answer(server: Server, fake: Fake, chance: random.Random, seed: int) -> list[Watched]:
    """Start three answers, kill the server at a random moment, cut the power; returns what had been seen."""
    model, watched, tasks = fake.model(chunks=CHUNKS, pace=PACE), list[Watched](), list[asyncio.Task[object]]()
    for _ in range(3):
        client, conversation = server.client(), new_id()
        run, stream = await submit(client, "Tell me all of it.", conversation, model)
        one = Watched(client, conversation, run)
        watched.append(one)
        tasks += [asyncio.create_task(one.by_post.drink(stream)), asyncio.create_task(one.read_events())]
    await asyncio.sleep(chance.uniform(0, CHUNKS * PACE * 1.2))
    await asyncio.to_thread(server.cut_power, seed if seed % 2 else None)
    await asyncio.gather(*tasks)
    return watched


@pytest.mark.parametrize(
    "seed", [*range(NORMAL), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(NORMAL, SOAK))]
)
async def test_an_answer_whose_server_is_killed_and_loses_power_ends_whole_and_once(
    server: Server, fake: Fake, seed: int
) -> None:
    watched = await killed_in_mid_answer(server, fake, random.Random(seed), seed)
    await asyncio.to_thread(server.up)
    for one in watched:
        final = await until_ended(one.client, one.run)
        assert final["status"] == "completed", final
    for one in watched:
        message = await stored_answer(one.client, one.conversation, one.run)
        assert text_of(message) == fake.text(chunks=CHUNKS)
        assert message["status"] == "completed"
        whole = Assembly()
        await follow(one.client, one.run, whole)
        assert whole.text == fake.text(chunks=CHUNKS)
        for seen in (one.by_post, one.by_events):
            assert seen.events == whole.events[: seen.next], "what was seen is not what is kept"
            await follow(one.client, one.run, seen)
            assert seen.text == whole.text


def said_more(seen: Assembly, takeover: int) -> bool:
    """Whether some words came after the takeover of this number, which is 0 for the start."""
    places = [-1, *(at for at, event in enumerate(seen.events) if event["type"] == "data-recovery")]
    if len(places) <= takeover:
        return False
    said = [event["delta"] for event in seen.events[places[takeover] + 1 :] if event["type"] == "text-delta"]
    return len("".join(said)) > 20


async def test_a_server_killed_four_times_in_one_answer_still_ends_it_whole_and_once(
    server: Server, fake: Fake
) -> None:
    client, conversation, seen = server.client(), new_id(), Assembly()
    # Each life says a hundred words and waits.
    model = fake.model(chunks=600, pace=0.002, hold_at=100)
    run, stream = await submit(client, "Tell me all of it.", conversation, model)
    stream.close()
    for life in range(5):
        opened = await client.open("GET", f"/api/runs/{run}/events?after={seen.next - 1}")
        reading = asyncio.create_task(seen.drink(opened))
        await until(partial(said_more, seen, life))
        if life < 4:
            await asyncio.to_thread(server.cut_power)
            await reading
            await asyncio.to_thread(server.up)
    fake.go()
    await reading
    assert seen.finished
    assert seen.text == fake.text(chunks=600)
    assert text_of(await stored_answer(client, conversation, run)) == seen.text
    assert sum(event["type"] == "data-recovery" for event in seen.events) == 4


async def test_answers_that_wait_for_their_turn_are_given_after_a_crash(server: Server, fake: Fake) -> None:
    client, conversation, model = server.client(), new_id(), fake.model(chunks=CHUNKS, pace=PACE)
    first, one = await submit(client, "First.", conversation, model)
    second, two = await submit(client, "Second.", conversation, model)
    await asyncio.to_thread(server.cut_power)
    one.close()
    two.close()
    await asyncio.to_thread(server.up)
    for run in (first, second):
        assert (await until_ended(client, run))["status"] == "completed"
        assert text_of(await stored_answer(client, conversation, run)) == fake.text(chunks=CHUNKS)
    began = [(await stored_answer(client, conversation, run))["parent_id"] for run in (first, second)]
    assert began[0] != began[1]


async def test_a_stop_before_the_crash_is_still_a_stop_after_it(server: Server, fake: Fake) -> None:
    client, conversation, seen = server.client(), new_id(), Assembly()
    run, stream = await submit(client, "Stop me.", conversation, fake.model(chunks=CHUNKS, pace=0.05))
    await seen.drink(stream, stop_at=20)
    assert (await client.call("POST", f"/api/chat/{conversation}/stop", {"run": run})).status < 300
    await asyncio.to_thread(server.cut_power)
    await asyncio.to_thread(server.up)
    assert (await until_ended(client, run))["status"] == "stopped"
    await follow(client, run, seen)
    assert seen.text
    assert fake.text(chunks=CHUNKS).startswith(seen.text)
    assert seen.events[-1]["type"] == "finish"
    assert (await state(client, run))["text"] == seen.text
