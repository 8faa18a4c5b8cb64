"""What grows with length, and what must not: long conversations, long answers, and the bytes that are kept."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

from bench.answers import Pair, guest, ours
from bench.client import answer, get, median
from bench.report import Figure
from tests.fakes.answers import prompt
from tests.support.client import Client
from tests.support.seed import long_conversation

_LONG = 10_000
_ROUNDS = 10


async def replay(folder: Path) -> list[Figure]:
    """A finished answer of 10,000 events, read again from the start."""
    pair = Pair.start(folder)
    try:
        cookie = await guest(pair.server)
        whole = await answer(
            pair.server.port, ours(cookie, "long", prompt(chunks=_LONG)), first=b'"delta"', each=b'"delta":"'
        )
        assert whole.chunks == _LONG
        client = Client(pair.server.port)
        client.headers["Cookie"] = cookie
        messages = (await client.get("/api/conversations/long/messages"))["items"]
        request = get(f"/api/runs/{messages[-1]['run_id']}/events", {"Cookie": cookie})
        taken = []
        for _ in range(9):
            read = await answer(pair.server.port, request, first=b'"delta"', each=b'"delta":"', end=b"event: end")
            assert read.chunks == _LONG
            taken.append(read.whole * 1000)
        return [
            Figure(
                f"replay of a finished answer of {_LONG:,} events",
                f"{median(taken):.0f} ms",
                "–",
                f"{_LONG / median(taken) * 1000:,.0f} events/s",
                "≤ 50 ms",
                median(taken) <= 50,
            )
        ]
    finally:
        pair.stop()


async def history(folder: Path) -> list[Figure]:
    """First token in a conversation of 2,000 messages beside one of 2, in alternation."""
    pair = Pair.start(folder)
    try:
        cookie = await guest(pair.server)
        client = Client(pair.server.port)
        client.headers["Cookie"] = cookie
        user = (await client.get("/api/me"))["id"]
        first: dict[int, list[float]] = {2: [], 2000: []}
        pair.server.terminate()
        chats = {
            size: [long_conversation(pair.server.data, user, size, "fake/fake-model") for _ in range(_ROUNDS)]
            for size in first
        }
        pair.server.up()
        for number in range(_ROUNDS):
            for size, taken in first.items():
                request = ours(cookie, chats[size][number])
                timing = await answer(pair.server.port, request, first=b't0"', each=b'"delta":"')
                if number >= 1:
                    taken.append(timing.first * 1000)
        short, long = median(first[2]), median(first[2000])
        ratio = long / short
        return [
            Figure(
                "first token at 2,000 messages of history",
                f"{long:.1f} ms",
                f"{short:.1f} ms at 2 messages",
                f"{ratio:.2f} ×",
                "≤ 1.3 ×",
                ratio <= 1.3,
            )
        ]
    finally:
        pair.stop()


async def kept(folder: Path) -> list[Figure]:
    """Payload bytes on disk for each byte of an answer: live, and after the events were folded away."""
    text = " ".join(f"word{number % 89}" for number in range(4000))
    pair = Pair.start(folder, retention_seconds=0)
    try:
        cookie = await guest(pair.server)
        request = ours(cookie, "kept", prompt(text=text))
        await answer(pair.server.port, request, first=b'"delta"', each=b'"delta":"')
        live = _payload(pair.server.data)
        deadline = time.monotonic() + 90
        while _payload(pair.server.data) > 0 and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        with sqlite3.connect(f"file:{pair.server.data}/threadline.db?mode=ro", uri=True) as store:
            after = sum(
                store.execute(query).fetchone()[0]
                for query in (
                    "SELECT sum(length(CAST(parts AS BLOB)) + length(metadata)) FROM messages WHERE role = 'assistant'",
                    "SELECT sum(coalesce(length(trail), 0)) FROM runs",
                )
            )
        ratio = (after + _payload(pair.server.data)) / len(text)
        return [
            Figure(
                "payload bytes kept for each byte of an answer",
                f"{ratio:.2f}",
                f"{live / len(text):.1f} while live",
                f"{len(text):,} bytes of text",
                "≤ 1.5 after folding",
                ratio <= 1.5,
            )
        ]
    finally:
        pair.stop()


def _payload(data: Path) -> int:
    with sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True) as log:
        return int(log.execute("SELECT coalesce(sum(length(payload)), 0) FROM batches").fetchone()[0])
