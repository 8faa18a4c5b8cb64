"""A thousand readers of one stream: what the server spends on each event that it delivers, beside bare ASGI."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bench.answers import Pair
from bench.client import Timing, answer, get
from bench.report import ROOT, Figure
from tests.fakes.answers import prompt
from tests.support.client import Client
from tests.support.process import Child, free_port

_READERS = 1000
_FRAMES = 200
_PACE = 0.025
_GATHER_SECONDS = 6.0


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _read_all(port: int, request: bytes, end: bytes) -> list[Timing]:
    readers = [
        asyncio.create_task(answer(port, request, first=b'"delta":', each=b'"delta":', end=end))
        for _ in range(_READERS)
    ]
    return list(await asyncio.gather(*readers))


async def _bare(folder: Path) -> float:
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", "--port", str(port), "--frames", str(_FRAMES), "--pace", str(_PACE)]
    child = Child(command, folder / "bare.log", {"PYTHONPATH": str(ROOT)})
    child.start()
    try:
        child.until("/", port)
        reading = asyncio.create_task(_read_all(port, get("/feed"), b"[DONE]"))
        await asyncio.sleep(_GATHER_SECONDS)
        before = cpu_seconds(child.pid)
        going = asyncio.create_task(Client(port).call("POST", "/go"))
        found = await reading
        spent = cpu_seconds(child.pid) - before
        await going
        return spent / sum(one.chunks for one in found)
    finally:
        child.kill9()


async def _ours(folder: Path) -> float:
    pair = Pair.start(folder)
    try:
        client = Client(pair.server.port)
        await client.get("/api/me")
        text = prompt(chunks=_FRAMES, pace=_PACE, first=_GATHER_SECONDS)
        message = {"role": "user", "parts": [{"type": "text", "text": text}]}
        body = {"id": "readers", "message": message, "trigger": "submit-message"}
        run = (await client.call("POST", "/api/chat", body, {"Prefer": "respond-async"})).json["run_id"]
        request = get(f"/api/runs/{run}/events", {"Cookie": client.cookie})
        reading = asyncio.create_task(_read_all(pair.server.port, request, b"event: end"))
        # The answer is about to begin; what it costs to take a thousand connections is not what is compared here.
        await asyncio.sleep(_GATHER_SECONDS - 0.5)
        before = cpu_seconds(pair.server.pid)
        found = await reading
        spent = cpu_seconds(pair.server.pid) - before
        assert all(one.chunks == _FRAMES for one in found)
        return spent / sum(one.chunks for one in found)
    finally:
        pair.stop()


async def measure(folder: Path) -> list[Figure]:
    """Three rounds of each, in alternation; the better of each counts, as a busy machine only makes them worse."""
    bare, ours = [], []
    for number in range(3):
        place = folder / str(number)
        place.mkdir(parents=True)
        bare.append(await _bare(place))
        ours.append(await _ours(place))
    ratio = min(bare) / min(ours)
    return [
        Figure(
            f"{_READERS:,} readers of one stream, server CPU an event delivered",
            f"{min(ours) * 1e6:.1f} µs",
            f"{min(bare) * 1e6:.1f} µs, bare ASGI",
            f"{ratio:.0%} of bare ASGI's rate",
            "≥ 90 %",
            ratio >= 0.9,
        )
    ]
