"""The process itself: how soon it is ready, what it weighs, how fast it leaves with 200 open streams."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

from bench.answers import Pair
from bench.client import median
from bench.report import Figure
from tests.fakes.answers import prompt
from tests.support.client import Client
from tests.support.server import Server

_STREAMS = 200


async def start(folder: Path) -> list[Figure]:
    """Start to ready on data that is there already, and the memory of the idle process."""
    server = Server(folder / "start")
    server.up()
    taken, weights = [], []
    for _ in range(5):
        taken.append(server.restart())
        await asyncio.sleep(0.5)
        weights.append(_resident(server.pid))
    server.kill9()
    ready, weight = median(taken), median(weights)
    return [
        Figure("start to ready", f"{ready:.2f} s", "–", "–", "≤ 1.5 s", ready <= 1.5),
        Figure("memory, idle", f"{weight:.0f} MB", "–", "–", "≤ 100 MB", weight <= 100),
    ]


async def drain(folder: Path) -> list[Figure]:
    """SIGTERM with 200 streams open."""
    pair = Pair.start(folder)
    try:
        client = Client(pair.server.port)
        await client.get("/api/me")
        text = prompt(chunks=2000, pace=0.05)
        streams = []
        for number in range(_STREAMS):
            message = {"role": "user", "parts": [{"type": "text", "text": text}]}
            body = {"id": f"drain-{number}", "message": message, "trigger": "submit-message"}
            streams.append(await client.open("POST", "/api/chat", body))
        reading = [asyncio.create_task(stream.read()) for stream in streams]
        await asyncio.sleep(2)
        began = time.perf_counter()
        pair.server.send(signal.SIGTERM)
        await asyncio.to_thread(pair.server.wait)
        taken = time.perf_counter() - began
        await asyncio.gather(*reading)
        return [
            Figure(
                f"SIGTERM with {_STREAMS} open streams, until gone", f"{taken:.2f} s", "–", "–", "≤ 1.5 s", taken <= 1.5
            )
        ]
    finally:
        pair.stop()


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")
