"""Durable Streams of much at once: nobody's large message, body or array holds up or fills up everybody's server."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from contextlib import aclosing
from uuid import uuid4

import pytest

from tests.routes.conftest import House
from tests.support.client import Client
from threadline.routes.streams import LARGE_BYTES
from threadline.wire.durable import MAX_VALUES, offset_text

pytestmark = pytest.mark.anyio
MIB = 1 << 20


def new_path() -> str:
    return f"/v1/stream/{uuid4().hex}"


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


async def made(client: Client, kind: str, content: bytes, *, close: bool = True) -> str:
    path = new_path()
    headers = {"Content-Type": kind, **({"Stream-Closed": "true"} if close else {})}
    assert (await client.call("PUT", path, content, headers)).status == 201
    return path


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", b"\n" * MIB),
        ("text/plain", b" \r\n\xc3\xa9" * (MIB // 4)),
        ("application/json", json.dumps([["x" * 100] * 4000, "\u00e9" * 50_000, 1]).encode()),
        ("application/octet-stream", bytes(range(256)) * 4000),
    ],
    ids=["breaks", "text", "json", "bytes"],
)
async def test_a_large_message_goes_out_in_pieces_of_which_none_takes_long(
    program: Client, kind: str, content: bytes
) -> None:
    path = await made(program, kind, content)
    async with asyncio.timeout(60):
        stream = await program.open("GET", f"{path}?offset=-1&live=sse")
        async with aclosing(stream.pieces()) as pieces:
            found = [piece async for piece in pieces]
    assert stream.ended == "clean"
    assert max(map(len, found)) <= 2 * LARGE_BYTES
    data, control = b"".join(found).split(b"\n\n")[:-1]
    lines = [line.removeprefix(b"data:").removeprefix(b" ") for line in data.split(b"\n")[1:]]
    if kind == "text/plain":
        assert b"\n".join(lines) == content.replace(b"\r\n", b"\n")
    elif kind == "application/json":
        assert json.loads(b"\n".join(lines)) == json.loads(content)
    else:
        [line] = lines
        assert b64decode(line, validate=True) == content
    last = 3 if kind == "application/json" else 1
    assert json.loads(control.split(b"data:")[1])["streamNextOffset"] == offset_text(last)


async def test_who_follows_gets_a_large_message_in_pieces_too_and_then_what_comes_after_it(program: Client) -> None:
    path = await made(program, "text/plain", b"", close=False)
    async with asyncio.timeout(60):
        stream = await program.open("GET", f"{path}?offset=-1&live=sse")
        async with aclosing(stream.pieces()) as pieces:
            assert b"upToDate" in await anext(pieces)
            for content, close in ((b"\n" * MIB, {}), (b"after", {"Stream-Closed": "true"})):
                await program.call("POST", path, content, {"Content-Type": "text/plain", **close})
            found = [piece async for piece in pieces]
    assert max(map(len, found)) <= 2 * LARGE_BYTES
    assert b"".join(found).count(b"data:") == MIB + 1 + 2 + 1
    assert found[-1].rstrip().endswith(b"}")


async def test_a_reader_that_takes_nothing_of_a_large_message_can_leave_and_come_back(program: Client) -> None:
    path = await made(program, "text/plain", b"\n" * (4 * MIB))
    for _ in range(3):
        stream = await program.open("GET", f"{path}?offset=-1&live=sse")
        stream.close()
    async with asyncio.timeout(60):
        whole = await (await program.open("GET", f"{path}?offset=-1&live=sse")).read()
    assert whole.count(b"\ndata:") == 4 * MIB + 1 + 1


async def test_an_array_of_too_many_values_is_refused_whole_with_what_to_do(program: Client) -> None:
    path = await made(program, "application/json", b"", close=False)
    body = b"[" + b",".join([b"{}"] * (MAX_VALUES + 1)) + b"]"
    for method, at in (("POST", path), ("PUT", new_path())):
        reply = await program.call(method, at, body)
        assert (reply.status, reply.json["error"]["code"]) == (413, "too_large:stream")
        assert "Send fewer at once" in reply.json["error"]["message"]
    assert (await program.call("HEAD", path)).headers["stream-next-offset"] == offset_text(0)
    assert (await program.call("POST", path, body.replace(b",{}", b"", 1))).status == 204
    assert (await program.call("HEAD", path)).headers["stream-next-offset"] == offset_text(MAX_VALUES)
