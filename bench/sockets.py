"""A thousand subscriptions on ten sockets: what an event costs that is delivered, and how far apart it arrives."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import orjson

from bench.answers import Pair
from bench.readers import cpu_seconds
from bench.report import Figure
from tests.fakes.answers import prompt
from tests.support.client import Client
from tests.support.websocket import Frames, handshake, pong, text

_RUNS = 100
_SOCKETS = 10
_FRAMES = 100
_PACE = 0.05
_GATHER_SECONDS = 8.0

_TEXT, _PING = 0x1, 0x9
_Seen = dict[tuple[str, int], list[float]]
"""When each event came, on whichever socket."""


class _Reader(asyncio.Protocol):
    """One socket that follows all runs; ``done`` when all of them have ended on it."""

    def __init__(self, request: bytes, runs: list[str], seen: _Seen) -> None:
        self._request, self._runs, self._seen = request, runs, seen
        self._frames: Frames | None = None
        self._head = b""
        self._left = len(runs)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._frames is None:
            self._head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in self._head, self._head
            self._frames = Frames()
            for run in self._runs:
                self._transport.write(text({"type": "subscribe", "id": run, "stream": f"runs/{run}"}))
        for opcode, payload in self._frames.feed(data):
            if opcode == _TEXT:
                self._take(orjson.loads(payload), now)
            elif opcode == _PING:
                self._transport.write(pong(payload))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"cut with {self._left} runs to go"))

    def _take(self, frame: dict[str, Any], now: float) -> None:
        match frame["type"]:
            case "events":
                for offset, _ in enumerate(frame["events"], frame["offset"]):
                    self._seen.setdefault((frame["id"], offset), []).append(now)
            case "end":
                self._left -= 1
                if not self._left:
                    self.done.set_result(None)
            case "ping":
                self._transport.write(text({"type": "pong"}))
            case "error":
                self.done.set_exception(AssertionError(frame))


async def _submit(client: Client, number: int) -> str:
    words = prompt(chunks=_FRAMES, pace=_PACE, first=_GATHER_SECONDS)
    message = {"role": "user", "parts": [{"type": "text", "text": words}]}
    body = {"id": f"sockets-{number}", "message": message, "trigger": "submit-message"}
    reply = await client.call("POST", "/api/chat", body, {"Prefer": "respond-async"})
    return str(reply.json["run_id"])


async def _round(pair: Pair) -> tuple[_Seen, float]:
    """When each event came on each socket, and the server's CPU seconds from the first word to the end."""
    client, seen = Client(pair.server.port), _Seen()
    await client.get("/api/me")
    runs = [await _submit(client, number) for number in range(_RUNS)]
    request = handshake(pair.server.port, "/api/live", {"Cookie": client.cookie})
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Reader(request, runs, seen), "127.0.0.1", pair.server.port)
        for _ in range(_SOCKETS)
    ]
    # The answers are about to begin; what it costs to take the subscriptions is not what is measured here.
    await asyncio.sleep(_GATHER_SECONDS / 2)
    before = cpu_seconds(pair.server.pid)
    async with asyncio.timeout(120):
        await asyncio.gather(*(reader.done for _, reader in opened))
    spent = cpu_seconds(pair.server.pid) - before
    for transport, _ in opened:
        transport.abort()
    assert all(len(times) == _SOCKETS for times in seen.values())
    return seen, spent


async def measure(folder: Path) -> list[Figure]:
    """One round."""
    pair = Pair.start(folder, max_runs=_RUNS)
    try:
        seen, spent = await _round(pair)
    finally:
        pair.stop()
    spread = sorted(max(times) - min(times) for times in seen.values())
    # The first events of a run come before its answer begins.
    words = [at for (_, offset), times in seen.items() if offset >= 4 for at in times]
    rate = len(words) / (max(words) - min(words))
    delivered = len(seen) * _SOCKETS
    what = f"{_RUNS * _SOCKETS:,} subscriptions on {_SOCKETS} WebSockets"
    p50, p99 = (spread[int(len(spread) * share)] * 1e3 for share in (0.5, 0.99))
    offered = _RUNS * _SOCKETS / _PACE
    return [
        Figure(
            f"{what}, events delivered/s", f"{rate:,.0f}", f"{offered:,.0f} offered", f"{rate / offered:.0%}", "–", True
        ),
        Figure(
            f"{what}, server CPU an event delivered, writing the {_RUNS} answers included",
            f"{spent / delivered * 1e6:.1f} µs",
            "–",
            "–",
            "–",
            True,
        ),
        Figure(
            f"{what}, an event on the first and on the last of them",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms apart",
            "–",
            "–",
            "–",
            True,
        ),
    ]
