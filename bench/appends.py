"""Durable appends over HTTP, beside the reference server in memory and on disk; and how soon a reader has them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from bench.client import get, median
from bench.report import ROOT, Figure
from tests.support.process import Child, free_port
from tests.support.server import Server

_SECONDS = 2.0
_ROUNDS = 3
_TAIL_EVENTS = 400
_TAIL_PACE = 0.005
_BODY = b'{"type":"text-delta","id":"p0","delta":" hello"}'
_JSON = {"Content-Type": "application/json"}


def request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request, as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Writer(asyncio.Protocol):
    """Appends on one kept connection, the next when the last is answered, until the time is over."""

    def __init__(self, payload: bytes, until: float) -> None:
        self._payload, self._until = payload, until
        self._rest = b""
        self.count = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._payload)

    def data_received(self, data: bytes) -> None:
        # A success has no body, so that its head is all of it.
        self._rest += data
        if not self._rest.endswith(b"\r\n\r\n"):
            return
        assert self._rest.startswith(b"HTTP/1.1 20"), self._rest
        self._rest = b""
        self.count += 1
        if time.perf_counter() < self._until:
            self._transport.write(self._payload)
        elif not self.over.done():
            self._transport.abort()
            self.over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(ConnectionError(f"cut: {self._rest!r}"))


async def once(port: int, payload: bytes) -> bytes:
    """One request on a connection of its own; returns the head of its answer and what came with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(payload)
    found = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return found


async def rate(port: int, writers: int, mark: str) -> float:
    """Appends a second of so many writers, each to a stream of its own."""
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    made: list[Writer] = []
    for number in range(writers):
        path = f"/v1/stream/bench/{mark}-{number}"
        await once(port, request("PUT", path, b"", _JSON))
        made.append(Writer(request("POST", path, _BODY, _JSON), began + _SECONDS))
    began = time.perf_counter()
    for one in made:
        one._until = began + _SECONDS
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(one.over for one in made))
    return sum(one.count for one in made) / (time.perf_counter() - began)


async def tail(port: int, live: str, mark: str) -> list[float]:
    """The seconds from the moment an append is sent to the moment a reader of the tail has it."""
    path = f"/v1/stream/bench/{mark}"
    await once(port, request("PUT", path, b"", _JSON))
    seen: dict[int, float] = {}
    reading = asyncio.create_task((_follow_sse if live == "sse" else _follow_polling)(port, path, seen))
    await asyncio.sleep(0.2)
    sent: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(_TAIL_EVENTS):
        sent.append(time.perf_counter())
        writer.write(request("POST", path, b'{"n":%d}' % number, _JSON))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(_TAIL_PACE)
    async with asyncio.timeout(20):
        while len(seen) < _TAIL_EVENTS:
            await asyncio.sleep(0.01)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    writer.close()
    return sorted(seen[number] - sent[number] for number in range(_TAIL_EVENTS))


def _note(data: bytes, seen: dict[int, float]) -> None:
    now = time.perf_counter()
    for piece in data.split(b'{"n":')[1:]:
        seen.setdefault(int(piece.partition(b"}")[0]), now)


async def _follow_sse(port: int, path: str, seen: dict[int, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(get(f"{path}?offset=-1&live=sse"))
    while data := await reader.readuntil(b"\n"):
        if data.startswith(b"data:"):
            _note(data, seen)


async def _follow_polling(port: int, path: str, seen: dict[int, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    offset = "-1"
    while True:
        writer.write(get(f"{path}?offset={offset}&live=long-poll"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        offset = fields["stream-next-offset"]
        if "content-length" in fields:
            _note(await reader.readexactly(int(fields["content-length"])), seen)
        elif fields.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                _note(await reader.readexactly(size + 2), seen)
            await reader.readexactly(2)


@asynccontextmanager
async def _reference(folder: Path, *more: str) -> AsyncIterator[int]:
    port, place = free_port(), ROOT / "tests" / "clients"
    child = Child(
        [str(ROOT / ".venv" / "bin" / "node"), str(place / "reference.mjs"), str(port), *more], folder / "log"
    )
    child.start()
    try:
        for _ in range(200):
            try:
                await once(port, request("HEAD", "/v1/stream/none"))
                break
            except OSError:
                await asyncio.sleep(0.05)
        yield port
    finally:
        child.kill9()


async def measure(folder: Path) -> list[Figure]:
    """All in alternation; the best of the rounds counts, as a busy machine only makes them worse."""
    server = Server(folder / "ours", settings={"streams_open": "on", "long_poll_seconds": 20})
    server.up()
    for name in ("memory", "file"):
        (folder / name).mkdir()
    found: dict[tuple[str, int], float] = {}
    tails: dict[str, list[float]] = {}
    try:
        async with (
            _reference(folder / "memory") as memory,
            _reference(folder / "file", str(folder / "file" / "d")) as file,
        ):
            for number in range(_ROUNDS):
                for who, port in (("memory", memory), ("file", file), ("ours", server.port)):
                    for writers in (1, 32):
                        got = await rate(port, writers, f"{number}-{writers}")
                        found[who, writers] = max(found.get((who, writers), 0.0), got)
            for live in ("sse", "long-poll"):
                tails[live] = await tail(server.port, live, live)
                tails[f"{live}, reference"] = await tail(memory, live, live)
    finally:
        server.kill9()
    figures = [figure for writers in (1, 32) for figure in _rates(found, writers)]
    return figures + [_tail(live, tails[live], tails[f"{live}, reference"]) for live in ("sse", "long-poll")]


def _rates(found: dict[tuple[str, int], float], writers: int) -> list[Figure]:
    named = f"durable appends/s over HTTP, {writers} writer{'s' if writers > 1 else ''}"
    ours = found["ours", writers]
    lines: list[tuple[str, str, float]] = [("memory", "> 1 ×", 1.0), ("file", "≥ 10 ×", 10.0)]
    return [
        Figure(
            named,
            f"{ours:,.0f}, fsynced",
            f"{found[kind, writers]:,.0f}, reference server ({kind})",
            f"{ours / found[kind, writers]:.2f} ×",
            aim,
            ours / found[kind, writers] >= least,
        )
        for kind, aim, least in lines
    ]


def _tail(live: str, ours: list[float], theirs: list[float]) -> Figure:
    def shown(values: list[float]) -> str:
        return f"{median(values) * 1000:.1f} / {values[int(len(values) * 0.99)] * 1000:.1f} ms"

    ratio = median(ours) / median(theirs)
    return Figure(
        f"append to reader of the tail, {live}, p50 / p99",
        f"{shown(ours)}, fsynced",
        f"{shown(theirs)}, reference server (memory)",
        f"{ratio:.2f} × at p50",
        "–",
        True,
    )
