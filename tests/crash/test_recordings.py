"""Recordings through the death of the server, and of the program that writes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.support.answers import Assembly, follow, state, stored, stored_answer, text_of, until_ended
from tests.support.client import BROKEN, Client, Reply
from tests.support.server import Server

pytestmark = pytest.mark.anyio
COUNT = 150
WORDS = [f"word{number} " for number in range(COUNT)]
NORMAL, SOAK = 4, 60


async def opened(client: Client, **more: Any) -> dict[str, Any]:
    message = {"id": uuid4().hex, "role": "user", "parts": [{"type": "text", "text": "Tell me all of it."}]}
    reply = await client.call("POST", "/api/recordings", {"message": message, "timeout_seconds": 30, **more})
    assert reply.status in (200, 201), reply.body
    return dict(reply.json)


async def persistent(client: Client, path: str, chunks: list[Any], headers: dict[str, str]) -> Reply:
    """The same append until it is answered, as a program does that does not know whether it arrived."""
    while True:
        with contextlib.suppress(*BROKEN):
            reply = await client.call("POST", path, chunks, headers)
            if reply.status < 500:
                return reply
        await asyncio.sleep(0.05)


class Program:
    """Writes a recording a word at a time."""

    def __init__(self, client: Client, told: dict[str, Any]) -> None:
        self.client, self.told, self.seq = client, told, 0

    async def say(self, *chunks: Any, close: bool = False) -> Reply:
        producer = self.told["producer"]
        headers = {"Producer-Id": producer["id"], "Producer-Epoch": str(producer["epoch"])}
        headers |= {"Producer-Seq": str(self.seq), **({"Stream-Closed": "true"} if close else {})}
        reply = await persistent(self.client, f"/api/runs/{self.told['run_id']}/events", list(chunks), headers)
        self.seq += 1
        return reply

    async def all_of_it(self) -> None:
        await self.say({"type": "text-start", "id": "0"})
        for word in WORDS:
            reply = await self.say({"type": "text-delta", "id": "0", "delta": word})
            assert reply.status == 200, reply.body
        await self.say({"type": "text-end", "id": "0"}, close=True)


@pytest.mark.parametrize(
    "seed", [*range(NORMAL), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(NORMAL, SOAK))]
)
async def test_a_recording_goes_on_where_it_was_when_the_server_was_killed_and_lost_power(
    server: Server, seed: int
) -> None:
    chance, client, seen = random.Random(seed), server.client(), Assembly()
    told = await opened(client)
    writing = asyncio.create_task(Program(client, told).all_of_it())
    reading = asyncio.create_task(follow(client, told["run_id"], seen))
    for _ in range(2):
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        await asyncio.to_thread(server.cut_power, seed if seed % 2 else None)
        await asyncio.to_thread(server.up)
    await writing
    await reading
    assert seen.text == "".join(WORDS)
    assert seen.types == ["start", "text-start", "text-delta", "text-end", "finish"]
    message = await stored_answer(client, told["conversation_id"], told["run_id"])
    assert (text_of(message), message["status"]) == (seen.text, "completed")


async def test_an_opening_that_is_sent_again_after_a_crash_makes_one_answer(server: Server) -> None:
    client, chat = server.client(), uuid4().hex
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Once."}]}
    body = {"message": message, "conversation_id": chat}
    first = await client.call("POST", "/api/recordings", body)
    await asyncio.to_thread(server.restart)
    again = await client.call("POST", "/api/recordings", body)
    assert (first.status, again.status) == (201, 200)
    assert first.json["run_id"] == again.json["run_id"]
    await Program(client, again.json).all_of_it()
    assert [one["role"] for one in await stored(client, chat)] == ["user", "assistant"]


async def test_a_server_that_is_told_to_go_leaves_the_recording_to_its_program(server: Server) -> None:
    client = server.client()
    told = await opened(client)
    program = Program(client, told)
    await program.say({"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "Half of"})
    assert await asyncio.to_thread(server.terminate) == 0
    await asyncio.to_thread(server.up)
    await program.say({"type": "text-delta", "id": "0", "delta": " it."}, close=True)
    assert (await until_ended(client, told["run_id"]))["text"] == "Half of it."


PROGRAM = """
import json, sys, time, urllib.request
url, cookie, epoch = sys.argv[1:]
for seq in range(1000):
    chunks = [{"type": "text-delta", "id": "0", "delta": f"word{seq} "}]
    chunks = chunks if seq else [{"type": "text-start", "id": "0"}, *chunks]
    headers = {"Cookie": cookie, "Producer-Id": "program", "Producer-Epoch": epoch, "Producer-Seq": str(seq)}
    request = urllib.request.Request(url, json.dumps(chunks).encode(), headers)
    urllib.request.urlopen(request).close()
    print(seq, flush=True)
    time.sleep(0.01)
"""


async def test_a_program_that_dies_leaves_its_text_and_an_answer_that_says_so(server: Server) -> None:
    client = server.client()
    told = await opened(client, timeout_seconds=10)
    url = f"{server.url}/api/runs/{told['run_id']}/events"
    command = [sys.executable, "-c", PROGRAM, url, client.cookie, str(told["producer"]["epoch"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            await asyncio.to_thread(process.stdout.readline)
        process.kill()
        last = 19 + len(process.stdout.read().split())
    seen = Assembly()
    assert (await state(client, told["run_id"]))["status"] == "running"
    await follow(client, told["run_id"], seen)
    assert seen.text.startswith("".join(f"word{number} " for number in range(last + 1)))
    assert seen.types == ["start", "text-start", "text-delta", "text-end", "finish"]
    assert seen.events[-1]["finishReason"] == "interrupted"
    message = await stored_answer(client, told["conversation_id"], told["run_id"])
    assert (text_of(message), message["status"]) == (seen.text, "interrupted")


async def test_a_program_and_a_server_that_die_together_leave_an_answer_that_ends(server: Server) -> None:
    client = server.client()
    told = await opened(client, timeout_seconds=5)
    said = time.time()
    await Program(client, told).say(
        {"type": "start-step"}, {"type": "text-start", "id": "0"}, {"type": "text-delta", "id": "0", "delta": "Half"}
    )
    await asyncio.to_thread(server.restart)
    ended = await until_ended(client, told["run_id"])
    assert (ended["status"], ended["text"]) == ("interrupted", "Half")
    assert ended["last_updated"] - said >= 5, "the start of the server took the program's time"
    seen = Assembly()
    await follow(client, told["run_id"], seen)
    assert "data-recovery" not in seen.types
