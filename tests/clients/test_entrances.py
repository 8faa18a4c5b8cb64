"""An answer that was started through one entrance is followed through all the others, at the same time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.answers import chat_body, new_id, state, stored, text_of, until_ended, user_message
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.server import Server

pytestmark = pytest.mark.anyio
CONTROL = {"chunks": 60, "pace": 0.01, "hold_at": 40}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), fake.tables(), settings={"long_poll_seconds": 2}) as server:
        server.up()
        yield server


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    return running.token("everywhere")


@pytest.fixture
def program(running: Server, token: str) -> Client:
    """A program, which may use every entrance."""
    return Client(running.port, headers={"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def socket_of(program: Client, path: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{program.port}{path}"
    async with connect(url, additional_headers=program.headers, compression=None, proxy=None, max_size=None) as socket:
        yield socket


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "text-delta")


async def by_chat(program: Client, model: str) -> str:
    stream = await program.open("POST", "/api/chat", chat_body("Go.", new_id(), model))
    stream.close()
    return stream.headers["x-threadline-run"]


async def by_socket(program: Client, model: str) -> str:
    asked = {"id": new_id(), "trigger": "submit-message", "messages": [user_message("Go.")], "body": {"model": model}}
    async with socket_of(program, "/api/chat/ws") as socket:
        await socket.send(json.dumps({"type": "send", "requestId": "r", "headers": {}, **asked}))
        while True:
            told = json.loads(await socket.recv())
            assert told["type"] != "error", told
            if told["type"] == "chunk":
                return str(told["chunk"]["messageMetadata"]["run"])


async def by_workflow(program: Client, model: str) -> str:
    body = json.dumps({"messages": [user_message("Go.")], "model": model}).encode()
    stream = await program.open("POST", "/api/chat", body, {"Content-Type": "text/plain;charset=UTF-8"})
    stream.close()
    return stream.headers["x-workflow-run-id"]


async def by_durable_chat(program: Client, model: str) -> str:
    reply = await program.call("POST", "/api/durable/chat", chat_body("Go.", new_id(), model))
    assert reply.status == 201
    return reply.headers["x-threadline-run"]


async def by_responses(program: Client, model: str) -> str:
    stream = await program.open("POST", "/v1/responses", {"model": model, "input": "Go.", "stream": True})
    stream.close()
    return stream.headers["x-threadline-run"]


async def by_background(program: Client, model: str) -> str:
    reply = await program.call("POST", "/v1/responses", {"model": model, "input": "Go.", "background": True})
    assert reply.status == 200, reply.body
    return reply.headers["x-threadline-run"]


async def by_completions(program: Client, model: str) -> str:
    asked = {"model": model, "messages": [{"role": "user", "content": "Go."}], "stream": True}
    stream = await program.open("POST", "/v1/chat/completions", asked)
    stream.close()
    return stream.headers["x-threadline-run"]


async def as_ui_messages(program: Client, run: str) -> str:
    stream = await program.open("GET", f"/api/chat/{run}/stream?sdk=7")
    return said([event.json async for event in stream.sse() if event.data not in (None, "[DONE]")])


async def as_workflow(program: Client, run: str) -> str:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["type"] != "finish":
        stream = await program.open("GET", f"/api/chat/{run}/stream?startIndex={len(found)}")
        async for event in stream.sse():
            if event.data not in (None, "[DONE]"):
                found.append(event.json)
                if len(found) % 7 == 0:
                    break
        stream.close()
    return said(found)


async def as_chat_socket(program: Client, run: str) -> str:
    found = []
    async with socket_of(program, "/api/chat/ws") as socket:
        await socket.send(json.dumps({"type": "resume", "requestId": "r", "id": run}))
        while (told := json.loads(await socket.recv()))["type"] != "end":
            assert told["type"] in ("start", "chunk"), told
            if told["type"] == "chunk":
                assert told["sequence"] == len(found)
                found.append(told["chunk"])
    return said(found)


async def as_native_events(program: Client, run: str) -> str:
    stream = await program.open("GET", f"/api/runs/{run}/events")
    return said([event.json async for event in stream.sse() if event.event == "message" and event.data is not None])


async def as_live(program: Client, run: str) -> str:
    found: list[dict[str, Any]] = []
    async with socket_of(program, "/api/live") as socket:
        await socket.send(json.dumps({"type": "subscribe", "id": "s", "stream": f"runs/{run}"}))
        while (told := json.loads(await socket.recv()))["type"] != "end":
            assert told["type"] != "error", told
            if told["type"] == "events":
                assert told["offset"] == len(found)
                found += told["events"]
    return said(found)


async def as_stream_events(program: Client, run: str) -> str:
    stream = await program.open("GET", f"/v1/stream/runs/{run}?offset=-1&live=sse")
    return said([one async for event in stream.sse() if event.event == "data" for one in event.json])


async def as_stream_polls(program: Client, run: str) -> str:
    found: list[dict[str, Any]] = []
    offset, closed = "-1", False
    while not closed:
        reply = await program.call("GET", f"/v1/stream/runs/{run}?sdk=7&offset={offset}&live=long-poll")
        found += reply.json if reply.status == 200 else []
        offset, closed = reply.headers["stream-next-offset"], "stream-closed" in reply.headers
    return said(found)


async def as_an_address(program: Client, run: str) -> str:
    """By whoever has the address, without a word about who he is."""
    url = (await program.get(f"/api/durable/chat/{run}/stream"))["streamUrl"]
    stream = await Client(program.port).open("GET", f"{url}&offset=-1&live=sse")
    return said([one async for event in stream.sse() if event.event == "data" for one in event.json])


async def as_a_response(program: Client, run: str) -> str:
    stream = await program.open("GET", f"/v1/responses/resp_{run.removeprefix('run_')}?stream=true")
    assert stream.status == 200, await stream.read()
    events = [event.json async for event in stream.sse() if event.data not in (None, "[DONE]")]
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


ENTRANCES = [by_chat, by_socket, by_workflow, by_durable_chat, by_responses, by_background, by_completions]
EXITS: list[Callable[[Client, str], Awaitable[str]]] = [
    as_ui_messages,
    as_workflow,
    as_chat_socket,
    as_native_events,
    as_live,
    as_stream_events,
    as_stream_polls,
    as_an_address,
    as_a_response,
]


@pytest.mark.parametrize("begin", ENTRANCES, ids=[one.__name__ for one in ENTRANCES])
async def test_an_answer_is_the_same_through_every_exit(
    program: Client, fake: Fake, begin: Callable[[Client, str], Awaitable[str]]
) -> None:
    run = await begin(program, fake.model(**CONTROL))
    assert (await state(program, run))["status"] in ("queued", "running"), "it has ended before anyone followed it"
    async with asyncio.timeout(180):
        following = asyncio.gather(*[follow(program, run) for follow in EXITS])
        await asyncio.to_thread(fake.go)
        texts = await following
    assert dict(zip([one.__name__ for one in EXITS], texts, strict=True)) == dict.fromkeys(
        [one.__name__ for one in EXITS], fake.text(**CONTROL)
    )
    ended = await until_ended(program, run)
    (kept,) = [one for one in await stored(program, ended["conversation_id"]) if one["run_id"] == run]
    assert text_of(kept) == fake.text(**CONTROL)
