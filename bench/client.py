"""The lightest client that can still tell: raw sockets on asyncio, counting marks in the bytes as they come."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, cast


@dataclass(slots=True)
class Timing:
    """One answer as a client saw it: seconds to the first token and to the end, and how many chunks came."""

    first: float
    whole: float
    chunks: int


class _Counter(asyncio.Protocol):
    def __init__(self, request: bytes, first: bytes, each: bytes, end: bytes, done: asyncio.Future[Timing]) -> None:
        self._request, self._first, self._each, self._end, self._done = request, first, each, end, done
        self._began = self._at = 0.0
        self._count = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own.
        self._transport = cast(asyncio.Transport, transport)
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._at and self._first in self._rest + data:
            self._at = time.perf_counter()
        # A mark may be cut in two by the network; what is kept back is shorter than any mark.
        self._count += (self._rest + data).count(self._each)
        if self._end in self._rest + data:
            now = time.perf_counter()
            if not self._done.done():
                self._done.set_result(Timing(self._at - self._began, now - self._began, self._count))
            self._transport.abort()
        self._rest = data[-(len(self._each) - 1) :]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError(f"cut after {self._count} chunks: {self._rest!r}"))


async def answer(port: int, request: bytes, *, first: bytes, each: bytes, end: bytes = b"data: [DONE]") -> Timing:
    """Send ``request`` and read its answer to ``end``."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Timing] = loop.create_future()
    await loop.create_connection(lambda: _Counter(request, first, each, end, done), "127.0.0.1", port)
    async with asyncio.timeout(120):
        return await done


def post(path: str, body: Any, headers: dict[str, str] | None = None) -> bytes:
    """A POST request, as bytes."""
    return _request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    """A GET request, as bytes."""
    return _request("GET", path, b"", headers or {})


def _request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]
