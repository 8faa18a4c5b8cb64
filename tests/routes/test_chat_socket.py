"""``/api/chat/ws``: the protocol of the AI SDK's WebSocket chat transport."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.routes.conftest import House, asking
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live_life import HALF_A_MINUTE, revoke_token
from tests.support.answers import new_id, settled, text_of, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
QUICK = "Say it at once, please."
LONG = "A long story, slowly."


@asynccontextmanager
async def socket_of(visitor: Client, query: str = "", **headers: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{visitor.port}/api/chat/ws{query}"
    given = {**visitor.headers, **({"Cookie": visitor.cookie} if visitor.cookies else {}), **headers}
    options: dict[str, Any] = {"compression": None, "proxy": None, "max_size": None, "close_timeout": 1}
    async with connect(url, additional_headers=given, **options) as socket:
        yield socket


async def say(socket: ClientConnection, kind: str, request: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, "requestId": request, "headers": {}, "body": {}, **fields}))


async def send(socket: ClientConnection, request: str, text: str = QUICK, chat: str | None = None, **more: Any) -> str:
    body = asking(text, chat)
    await say(socket, "send", request, **{**body, "body": {"model": DEMO}, **more})
    return str(body["id"])


async def take(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        frame: dict[str, Any] = json.loads(await socket.recv())
    return frame


async def until(socket: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    """Frames up to the first of these types."""
    frames = [await take(socket)]
    while frames[-1]["type"] not in kinds:
        frames.append(await take(socket))
    return frames


async def rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """Frames until the server closes, and the code that it closes with."""
    frames = []
    try:
        while True:
            frames.append(await take(socket))
    except ConnectionClosed:
        return frames, socket.close_code


def chunks_of(frames: list[dict[str, Any]], request: str, first: int = 0) -> list[dict[str, Any]]:
    """A request's chunks, whose sequences have no gap from ``first`` on."""
    found = [frame for frame in frames if frame["type"] == "chunk" and frame["requestId"] == request]
    assert [frame["sequence"] for frame in found] == list(range(first, first + len(found)))
    return [frame["chunk"] for frame in found]


def said(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")


async def test_what_is_sent_is_answered_with_a_start_numbered_chunks_and_an_end(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1")
        frames = await until(socket, "end")
    assert frames[0] == {"type": "start", "requestId": "r1"}
    assert frames[-1] == {"type": "end", "requestId": "r1"}
    chunks = chunks_of(frames, "r1")
    assert len(chunks) == len(frames) - 2
    assert (chunks[0]["type"], chunks[-1]["type"]) == ("start", "finish")
    (answer,) = [one for one in await settled(visitor, chat) if one["role"] == "assistant"]
    assert text_of(answer) == said(chunks)


async def test_a_resume_is_the_active_answer_from_its_start_or_exactly_after_the_last_sequence(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1")
        whole = chunks_of(await until(socket, "end"), "r1")
        await say(socket, "resume", "r2", id=chat)
        assert chunks_of(await until(socket, "end"), "r2") == whole
        for last in (0, 7, len(whole) - 2, len(whole) - 1):
            await say(socket, "resume", f"after {last}", id=chat, lastSequence=last)
            frames = await until(socket, "end")
            assert frames[0]["type"] == "start"
            assert chunks_of(frames, f"after {last}", last + 1) == whole[last + 1 :]
        await say(socket, "resume", "behind", id=chat, lastSequence=len(whole))
        assert (await take(socket))["type"] == "error"


async def test_a_sequence_that_a_running_answer_has_not_come_to_is_refused(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1", LONG)
        await until(socket, "chunk")
        await say(socket, "resume", "ahead", id=chat, lastSequence=99999)
        refused = (await until(socket, "error"))[-1]
        assert (refused["requestId"], refused["error"]["code"]) == ("ahead", "conflict:stream")
        await visitor.call("POST", f"/api/chat/{chat}/stop", {})


async def test_nothing_active_is_told_so(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        await say(socket, "resume", "r", id=new_id())
        assert await take(socket) == {"type": "no-active", "requestId": "r"}


async def test_an_abort_is_a_reader_who_leaves_and_the_answer_goes_on(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1", "A story, fast.")
        await until(socket, "chunk")
        await say(socket, "abort", "r1")
        await say(socket, "resume", "r2", id=chat)
        frames = await until(socket, "end")
        assert frames[-1]["requestId"] == "r2"
        assert chunks_of(frames, "r2")[-1] == {**chunks_of(frames, "r2")[-1], "finishReason": "stop"}
        await say(socket, "abort", "nothing")
        await say(socket, "resume", "r3", id=new_id())
        assert (await take(socket))["type"] == "no-active"


async def test_many_answers_share_one_socket_and_none_starves(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        names = [f"r{number}" for number in range(8)]
        for name in names:
            await send(socket, name, "A story of 300 words, fast.")
        frames: list[dict[str, Any]] = []
        while sum(frame["type"] == "end" for frame in frames) < len(names):
            frames.append(await take(socket))
    for name in names:
        assert chunks_of(frames, name)[-1]["type"] == "finish"
        assert [one["type"] for one in frames if one["requestId"] == name][-1] == "end"


async def test_a_socket_follows_so_many_answers_at_once(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "first", LONG)
        await until(socket, "chunk")
        for number in range(63):
            await say(socket, "resume", str(number), id=chat)
        await say(socket, "resume", "one too many", id=chat)
        refused = (await until(socket, "error"))[-1]
        assert refused["requestId"] == "one too many"
        assert refused["error"]["code"] == "conflict:chat"
        await say(socket, "resume", "first", id=chat)
        assert (await until(socket, "error"))[-1]["requestId"] == "first"
        await say(socket, "abort", "5")
        await say(socket, "resume", "there is room", id=chat)
        frames = await until(socket, "start")
        while frames[-1]["requestId"] != "there is room":
            frames += await until(socket, "start", "error")
        await visitor.call("POST", f"/api/chat/{chat}/stop", {})


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", "bad_request:chat"),
        ("[]", "bad_request:chat"),
        ('{"type": "send"}', "bad_request:chat"),
        ('{"type": "dance", "requestId": "r"}', "bad_request:chat"),
        ('{"type": {"a": 1}, "requestId": "r"}', "bad_request:chat"),
        ('{"type": "send", "requestId": 5}', "bad_request:chat"),
        ('{"type": "send", "requestId": "' + "r" * 201 + '"}', "bad_request:chat"),
        ('{"type": "send", "requestId": "r", "id": "c", "messages": 5}', "bad_request:chat"),
        ('{"type": "send", "requestId": "r", "id": "c", "messages": [], "headers": {"a": 1}}', "bad_request:chat"),
        ('{"type": "send", "requestId": "r", "id": "c", "messages": [], "body": []}', "bad_request:chat"),
        ('{"type": "resume", "requestId": "r"}', "bad_request:chat"),
        ('{"type": "resume", "requestId": "r", "id": "c", "lastSequence": -2}', "bad_request:chat"),
        ('{"type": "resume", "requestId": "r", "id": "c", "lastSequence": true}', "bad_request:chat"),
        ('{"type": "resume", "requestId": "r", "id": "c", "body": {"run": 5}}', "bad_request:chat"),
        ('{"type": "resume", "requestId": "r", "id": "run_none"}', "not_found:run"),
        (
            '{"type": "resume", "requestId": "r", "id": "c", "headers": {"Authorization": "Bearer tl_no"}}',
            "unauthorized:token",
        ),
    ],
)
async def test_a_frame_that_is_wrong_is_answered_in_words_and_the_socket_stays(
    visitor: Client, frame: str, code: str
) -> None:
    async with socket_of(visitor) as socket:
        await socket.send(frame)
        refused = await take(socket)
        assert refused["type"] == "error"
        assert refused["requestId"] in ("r", "")
        assert refused["errorText"] == refused["error"]["message"]
        assert refused["error"]["code"] == code
        await say(socket, "resume", "after it", id=new_id())
        assert (await take(socket))["type"] == "no-active"
    assert (await visitor.get("/api/conversations"))["items"] == []


async def test_another_users_answers_are_not_there(house: House, visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1")
        await until(socket, "end")
    (run,) = {one["run_id"] for one in await settled(visitor, chat) if one["run_id"]}
    async with socket_of(house.visitor()) as socket:
        for place in (chat, run):
            await say(socket, "resume", "r", id=place)
            assert (await take(socket))["error"]["code"].startswith("not_found:")


async def test_a_frame_may_bring_a_token_and_speaks_for_its_user(house: House, visitor: Client) -> None:
    program = await house.program("frames")
    token = {"authorization": program.headers["Authorization"]}
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1", headers=token)
        await until(socket, "end")
        await say(socket, "resume", "r2", id=chat)
        assert (await take(socket))["error"]["code"] == "not_found:conversation"
        await say(socket, "resume", "r3", id=chat, headers=token)
        assert (await take(socket))["type"] == "start"
    assert len(await settled(program, chat)) == 2
    async with socket_of(program) as socket:
        await say(socket, "resume", "r", id=chat)
        assert (await take(socket))["type"] in ("start", "no-active")


async def test_a_socket_ends_with_a_token_that_a_frame_brought_while_its_answer_goes_on(
    open_own: Callable[..., Any],
) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=2.0, world=world) as house:
        program = await house.program("robot")
        async with socket_of(house.visitor()) as socket:
            await send(
                socket,
                "r1",
                "A long story, very slowly.",
                headers={"authorization": str(program.headers["Authorization"])},
            )
            await until(socket, "chunk")
            await revoke_token(house, "robot")
            world.ahead = HALF_A_MINUTE
            frames, code = await rest(socket)
            assert (code, frames[-1]["error"]["code"]) == (4401, "unauthorized:session")


async def test_a_token_in_an_address_is_not_looked_at(house: House, open_own: Callable[..., Any]) -> None:
    own: Callable[..., AbstractAsyncContextManager[House]] = open_own
    async with own(guests=False) as closed:
        program = await closed.program("addressed")
        token = program.headers["Authorization"].removeprefix("Bearer ")
        with pytest.raises(InvalidStatus) as refused:
            async with socket_of(closed.visitor(), f"?token={token}"):
                pass
        assert refused.value.response.status_code == 401
        async with socket_of(program) as socket:
            await say(socket, "resume", "r", id=new_id())
            assert (await take(socket))["type"] == "no-active"


async def test_the_handshake_of_another_site_is_refused(visitor: Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket_of(visitor, Origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_a_whole_history_fits_into_a_frame_and_more_than_a_body_does_not(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        old = [{"id": f"old-{n}", "role": "user", "parts": [{"type": "text", "text": "x" * 50_000}]} for n in range(70)]
        last = asking(QUICK)["messages"]
        chat = await send(socket, "r1", messages=[*old, *last])
        assert chunks_of(await until(socket, "end", "error"), "r1")[-1]["type"] == "finish"
        assert len(await settled(visitor, chat)) == 2
        await send(socket, "r2", "x" * (4 << 20))
        _, code = await rest(socket)
        assert code == 1009


def pieces_held() -> int:
    """Of how many pieces the unfinished messages are kept that some socket here has begun to take."""
    kept = (one.frames for one in gc.get_objects() if issubclass(type(one), WebSocketsSansIOProtocol))
    return sum(map(len, kept))


async def test_a_frame_that_comes_in_many_pieces_is_not_kept_as_many(visitor: Client) -> None:
    words = json.dumps({"type": "resume", "requestId": "r", "id": new_id()}).ljust(20_000)
    most = 0

    async def pieces() -> AsyncIterator[str]:
        nonlocal most
        for at in range(0, len(words), 2):
            yield words[at : at + 2]
            if at % 2_000 == 0:
                await asyncio.sleep(0)
                most = max(most, pieces_held())

    async with socket_of(visitor) as socket:
        await socket.send(pieces())
        assert (await take(socket))["type"] == "no-active"
    assert most <= 1


async def test_a_server_that_goes_away_closes_with_1012_and_ends_no_answer(open_own: Callable[..., Any]) -> None:
    own: Callable[..., AbstractAsyncContextManager[House]] = open_own
    async with own() as house, socket_of(house.visitor()) as socket:
        await send(socket, "r1", LONG)
        await until(socket, "chunk")
        draining = asyncio.create_task(house.drain())
        frames, code = await rest(socket)
        await draining
    assert code == 1012
    assert {frame["type"] for frame in frames} <= {"chunk"}


async def test_a_stop_is_the_chats_own_and_the_stream_finishes(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        chat = await send(socket, "r1", LONG)
        frames = await until(socket, "chunk")
        assert (await visitor.call("POST", f"/api/chat/{chat}/stop", {})).status < 300
        frames += await until(socket, "end")
    assert [chunk["type"] for chunk in chunks_of(frames, "r1")][-2:] == ["abort", "finish"]
    (run,) = {one["run_id"] for one in await settled(visitor, chat) if one["run_id"]}
    assert (await until_ended(visitor, run))["status"] == "stopped"
