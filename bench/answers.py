"""Answers of 200 chunks without delay: first token and chunks a second, straight from the provider and through us."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.client import Timing, answer, median, post
from bench.report import Figure
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.server import Server

_CHUNKS = 200
_ROUNDS = 9


@dataclass
class Pair:
    """A server and the provider behind it."""

    server: Server
    provider: Fake

    @classmethod
    def start(cls, folder: Path, **settings: object) -> Pair:
        """Both as processes of their own."""
        provider = Fake(folder).__enter__()
        # Providers flush each token by itself; to write many at once would measure another kind of provider.
        urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{provider.port}/_control", b'{"group": 1}', method="PUT")
        ).close()
        server = Server(folder / "server", provider.tables(), default_model="fake/fake-model", settings=settings)
        server.up()
        return cls(server, provider)

    def stop(self) -> None:
        """End both."""
        self.server.kill9()
        self.provider.kill9()


def straight() -> bytes:
    """The provider's own request."""
    body = {"model": "fake-model", "stream": True, "messages": [{"role": "user", "content": "go"}]}
    return post("/v1/chat/completions", body)


def ours(cookie: str, chat: str, text: str = "go") -> bytes:
    """The same question to us, in a chat of its own."""
    message = {"id": f"m-{chat}-{time.monotonic_ns()}", "role": "user", "parts": [{"type": "text", "text": text}]}
    return post("/api/chat", {"id": chat, "message": message, "trigger": "submit-message"}, {"Cookie": cookie})


async def guest(server: Server) -> str:
    """A visitor's cookie."""
    client = Client(server.port)
    await client.get("/api/me")
    return client.cookie


async def ask_provider(pair: Pair, streams: int) -> tuple[list[Timing], float]:
    """``streams`` answers at once; their timings and the seconds that all of them took."""
    began = time.perf_counter()
    port = pair.provider.port
    asked = [answer(port, straight(), first=b't0"', each=b'"content":"') for _ in range(streams)]
    return list(await asyncio.gather(*asked)), time.perf_counter() - began


async def ask_us(pair: Pair, cookie: str, streams: int, mark: str) -> tuple[list[Timing], float]:
    """The same through the server."""
    began = time.perf_counter()
    asked = [
        answer(pair.server.port, ours(cookie, f"{mark}-{at}"), first=b't0"', each=b'"delta":"') for at in range(streams)
    ]
    found = list(await asyncio.gather(*asked))
    assert all(timing.chunks == _CHUNKS for timing in found), [timing.chunks for timing in found]
    return found, time.perf_counter() - began


async def measure(folder: Path) -> list[Figure]:
    """TTFT and throughput at 1 and 20 streams, in alternation."""
    pair = Pair.start(folder)
    try:
        cookie = await guest(pair.server)
        figures: list[Figure] = []
        for streams in (1, 20):
            bare: list[tuple[float, float]] = []
            through: list[tuple[float, float]] = []
            for number in range(_ROUNDS + 2):
                limit = await ask_provider(pair, streams)
                got = await ask_us(pair, cookie, streams, f"s{streams}-{number}")
                if number >= 2:
                    bare.append((median([one.first for one in limit[0]]), streams * _CHUNKS / limit[1]))
                    through.append((median([one.first for one in got[0]]), streams * _CHUNKS / got[1]))
            figures += _figures(streams, bare, through)
        return figures
    finally:
        pair.stop()


def _figures(streams: int, bare: list[tuple[float, float]], through: list[tuple[float, float]]) -> list[Figure]:
    first, limit_first = median([one[0] for one in through]) * 1000, median([one[0] for one in bare]) * 1000
    rate, limit_rate = median([one[1] for one in through]), median([one[1] for one in bare])
    named = f"{streams} stream{'s' if streams > 1 else ''}"
    return [
        Figure(
            f"first token, {named}",
            f"{first:.1f} ms",
            f"{limit_first:.1f} ms, bare provider",
            f"+ {first - limit_first:.1f} ms",
            "+ ≤ 5 ms",
            first - limit_first <= 5,
        ),
        Figure(
            f"chunks/s, {named}",
            f"{rate:,.0f}",
            f"{limit_rate:,.0f}, bare provider",
            f"{rate / limit_rate:.0%}",
            "≥ 40 %" if streams > 1 else "–",
            streams == 1 or rate / limit_rate >= 0.4,
        ),
    ]
