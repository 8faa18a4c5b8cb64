"""A recording that the npm client of Durable Streams writes is read live by the AI SDK, also through a crash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.chunks import Sequence
from tests.clients.messages import shown
from tests.support.answers import state, stored_answer, until_come_to
from tests.support.client import Client
from tests.support.node import CLIENTS, Driver, installed_clients, node_path
from tests.support.server import Server

pytestmark = pytest.mark.anyio

CALL = {"toolCallId": "c", "toolName": "look"}
WORDS = [{"type": "text-delta", "id": "0", "delta": f"word{number} "} for number in range(100)]
ANSWER: list[dict[str, Any]] = [
    {"type": "start", "messageId": "theirs"},
    {"type": "start-step"},
    {"type": "reasoning-start", "id": "r"},
    {"type": "reasoning-delta", "id": "r", "delta": "Well."},
    {"type": "reasoning-end", "id": "r"},
    {"type": "tool-input-start", **CALL},
    {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"at":'},
    {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "1}"},
    {"type": "tool-input-available", **CALL, "input": {"at": 1}},
    {"type": "tool-output-available", "toolCallId": "c", "output": [1, 2]},
    {"type": "finish-step"},
    {"type": "start-step"},
    {"type": "text-start", "id": "0"},
    *WORDS,
    {"type": "text-end", "id": "0"},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "stop"},
]


@pytest.fixture(scope="module")
def node() -> str:
    found = node_path()
    if found is None:
        pytest.skip("missing tool: no Node.js")
    installed_clients()
    return found


@pytest.fixture(scope="module")
def seven(running: Server, node: str) -> Iterator[Driver]:
    with Driver(node, 7, running.url) as driver:
        yield driver


async def opened(server: Server, driver: Driver) -> tuple[Client, dict[str, Any]]:
    """A visitor whose cookie all have, and a recording of his."""
    client = server.client()
    message = {"role": "user", "parts": [{"type": "text", "text": "Tell me."}]}
    reply = await client.call("POST", "/api/recordings", {"message": message, "conversation_id": uuid4().hex})
    assert reply.status == 201, reply.body
    await driver.do("cookie", visitor=client.cookie, value=client.cookie)
    return client, reply.json


async def writes(server: Server, node: str, client: Client, told: dict[str, Any], chunks: list[Any]) -> list[str]:
    """What went wrong, in the writer's words."""
    given = {"url": f"{server.url}/v1/stream/{told['stream']}", "cookie": client.cookie, "producer": told["producer"]}
    process = await asyncio.create_subprocess_exec(
        node, "record.mjs", json.dumps({**given, "chunks": chunks}), cwd=CLIENTS, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    failures: list[str] = json.loads(output.splitlines()[-1])["failures"]
    return failures


async def reads(driver: Driver, client: Client, chat: str) -> dict[str, Any]:
    answer = await driver.do("reconnect", kind="default", visitor=client.cookie, declare=7, chat=chat)
    assert answer is not None
    return dict(answer)


async def test_what_one_published_client_writes_another_reads_live(server: Server, seven: Driver, node: str) -> None:
    client, told = await opened(server, seven)
    reading = asyncio.create_task(reads(seven, client, told["conversation_id"]))
    assert await writes(server, node, client, told, ANSWER) == []
    seen = await reading
    kept = await stored_answer(client, told["conversation_id"], told["run_id"])
    assert (seen["errors"], seen["valid"], kept["status"]) == ([], True, "completed")
    assert seen["text"] == "".join(word["delta"] for word in WORDS)
    assert (seen["last"]["id"], shown(seen["last"]["parts"], 7)) == (kept["id"], shown(kept["parts"], 7))
    assert seen["chunks"][1:-1] == ANSWER[1:-1]


async def test_the_idempotent_producer_loses_and_doubles_nothing_through_a_crash(
    server: Server, seven: Driver, node: str
) -> None:
    client, told = await opened(server, seven)
    writing = asyncio.create_task(writes(server, node, client, told, ANSWER))
    await until_come_to(client, told["conversation_id"], lambda run: run["next_offset"] >= 30)
    await asyncio.to_thread(server.restart)
    assert await writing == []
    seen = await reads(seven, client, told["conversation_id"])
    assert (seen["errors"], seen["chunks"][1:-1]) == ([], ANSWER[1:-1])


async def test_the_idempotent_producer_hears_of_the_stop_and_sends_no_more(
    server: Server, seven: Driver, node: str
) -> None:
    client, told = await opened(server, seven)
    writing = asyncio.create_task(writes(server, node, client, told, [*ANSWER[:13], *20 * WORDS]))
    await until_come_to(client, told["conversation_id"], lambda run: run["next_offset"] >= 30)
    await client.call("POST", f"/api/chat/{told['conversation_id']}/stop", {})
    failures = await asyncio.wait_for(writing, 180)
    assert failures
    assert all("ended" in failure for failure in failures)
    assert (await state(client, told["run_id"]))["status"] == "stopped"


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_a_program_may_say_the_ai_sdk_can_read(
    server: Server, seven: Driver, node: str, seed: int
) -> None:
    client, told = await opened(server, seven)
    chunks = Sequence(seed).made()
    reading = asyncio.create_task(reads(seven, client, told["conversation_id"]))
    assert await writes(server, node, client, told, chunks) == []
    seen = await reading
    kept = await stored_answer(client, told["conversation_id"], told["run_id"])
    assert seen["errors"] == []
    if kept["parts"]:
        assert shown(seen["last"]["parts"], 7) == shown(kept["parts"], 7)
