"""A webhook on loopback: keeps what it is sent, and answers as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One request."""

    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        raise KeyError(name)


Answer = Callable[[Call], tuple[int, Any]]


@dataclass
class Receiver:
    """``answer`` gives a status and a JSON body; ``go`` holds all answers back while it is not set."""

    answer: Answer
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def until(self, count: int, seconds: float = 60) -> list[Call]:
        """The calls, once there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:
                self._more.clear()
                await self._more.wait()
        return self.calls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                call = Call(head, b"")
                call.body = await reader.readexactly(int(call.header("content-length")))
                self.calls.append(call)
                self._more.set()
                await self.go.wait()
                status, value = self.answer(call)
                body = json.dumps(value).encode()
                place = f"Location: {self.url}\r\n" if 300 <= status < 400 else ""
                writer.write(f"HTTP/1.1 {status} Yes\r\n{place}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def receiving(answer: Answer = lambda _call: (200, {})) -> AsyncIterator[Receiver]:
    """A receiver for the time of the block."""
    receiver = Receiver(answer)
    receiver.go.set()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def done(_call: Call) -> tuple[int, Any]:
    """All that it told is done."""
    return 200, {"done": True}
