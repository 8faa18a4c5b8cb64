"""Accounts: what it costs an answer that its user is known and brings his own key, and what sign-ins cost answers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.answers import Pair, ask_us, guest
from bench.client import median
from bench.report import Figure
from tests.fakes.answers import prompt
from tests.support.client import Client

_ROUNDS = 25
_STREAMS = 20
_PACE = 0.02
_CHUNKS = 250
_AT_ONCE = 4
_PASSWORD = "correct horse battery staple"


async def measure(folder: Path) -> list[Figure]:
    """Own keys against the server's, and logins beside streams."""
    pair = Pair.start(folder)
    try:
        return [await _own_key(pair), *await _logins(pair)]
    finally:
        pair.stop()


async def _own_key(pair: Pair) -> Figure:
    """The first token of who has an account and a key of his own, and of a guest with the server's, in alternation."""
    visitor = await guest(pair.server)
    user = await _registered(pair, "own@example.org")
    await _made(user, "PUT", "/api/keys/fake", {"key": "sk-benchmark-0123456789"})
    shared: list[float] = []
    own: list[float] = []
    for number in range(_ROUNDS + 5):
        first, _ = await ask_us(pair, visitor, 1, f"shared-{number}")
        second, _ = await ask_us(pair, user.cookie, 1, f"own-{number}")
        if number >= 5:
            shared.append(first[0].first)
            own.append(second[0].first)
    more = (median(own) - median(shared)) * 1000
    return Figure(
        "first token, account and own key",
        f"{median(own) * 1000:.1f} ms",
        f"{median(shared) * 1000:.1f} ms, guest and server's key",
        f"{more:+.1f} ms",
        "+ ≤ 0.5 ms",
        more <= 0.5,
    )


@dataclass
class _Gaps:
    """Seconds between one piece of an answer and the next, of all streams."""

    found: list[float] = field(default_factory=list)

    def p99(self) -> float:
        """What one gap in a hundred is longer than, in milliseconds."""
        return sorted(self.found)[len(self.found) * 99 // 100] * 1000


async def _logins(pair: Pair) -> list[Figure]:
    """Streams alone, and streams beside as many logins as come."""
    await _registered(pair, "many@example.org")
    alone = await _streamed(pair, "alone")
    done, stop = [0], asyncio.Event()
    workers = [asyncio.create_task(_log_in(pair, done, stop)) for _ in range(_AT_ONCE)]
    began = time.perf_counter()
    beside = await _streamed(pair, "beside")
    seconds = time.perf_counter() - began
    stop.set()
    await asyncio.gather(*workers)
    ratio = beside.p99() / alone.p99()
    return [
        Figure(
            f"p99 between chunks of {_STREAMS} streams, beside logins",
            f"{beside.p99():.0f} ms",
            f"{alone.p99():.0f} ms, alone",
            f"{ratio:.2f} ×",
            "≤ 2 ×",
            ratio <= 2,
        ),
        Figure(f"logins/s beside {_STREAMS} streams", f"{done[0] / seconds:.1f}", "–", "–", "–", reached=True),
    ]


async def _log_in(pair: Pair, done: list[int], stop: asyncio.Event) -> None:
    body = {"email": "many@example.org", "password": _PASSWORD}
    while not stop.is_set():
        await _made(Client(pair.server.port), "POST", "/api/auth/login", body)
        done[0] += 1


async def _registered(pair: Pair, email: str) -> Client:
    client = Client(pair.server.port)
    await _made(client, "POST", "/api/auth/register", {"email": email, "password": _PASSWORD})
    return client


async def _made(client: Client, method: str, path: str, body: dict[str, str]) -> None:
    reply = await client.call(method, path, body)
    assert reply.status in (200, 201, 204), (path, reply.status, reply.body[:500])


async def _streamed(pair: Pair, mark: str) -> _Gaps:
    """Answers at the pace of a fast model, read to their end."""
    client = Client(pair.server.port)
    await client.get("/api/me")
    gaps = _Gaps()
    await asyncio.gather(*[_one(client, f"{mark}-{number}", gaps) for number in range(_STREAMS)])
    return gaps


async def _one(client: Client, chat: str, gaps: _Gaps) -> None:
    message = {"role": "user", "parts": [{"type": "text", "text": prompt(chunks=_CHUNKS, pace=_PACE)}]}
    body = {"id": chat, "message": message, "trigger": "submit-message"}
    stream = await client.open("POST", "/api/chat", body)
    last = 0.0
    async for event in stream.sse():
        if '"text-delta"' not in (event.data or ""):
            continue
        now = time.perf_counter()
        if last:
            gaps.found.append(now - last)
        last = now
