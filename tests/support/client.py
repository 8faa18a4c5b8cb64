"""Light raw HTTP and SSE over asyncio with cookies, which tells how a body ended and can be cut at will."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Ended = Literal["open", "clean", "cut"]
BROKEN = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, OSError)
"""What a client sees of a server that goes away."""


@dataclass(slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Sse:
    """One server-sent event; a comment has only ``comment``."""

    id: str | None = None
    event: str = "message"
    data: str | None = None
    retry: int | None = None
    comment: str | None = None

    @property
    def json(self) -> Any:
        assert self.data is not None
        return json.loads(self.data)


class Stream:
    """An answer whose body is still coming. ``ended`` is ``clean`` only after the last chunk of the body's framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, head: bool = False) -> None:
        self._reader, self._writer, self._head = reader, writer, head
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended: Ended = "open"

    async def _open(self) -> None:
        line = await self._reader.readuntil(b"\r\n")
        self.status = int(line.split(b" ", 2)[1])
        while (line := await self._reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            old = self.headers.get(name.lower())
            self.headers[name.lower()] = value.strip() if old is None else f"{old}\n{value.strip()}"

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes; ends without an exception also when the connection broke: see ``ended``."""
        try:
            if self._head:
                pass
            elif self.headers.get("transfer-encoding") == "chunked":
                while size := int(await self._reader.readuntil(b"\r\n"), 16):
                    yield (await self._reader.readexactly(size + 2))[:-2]
                await self._reader.readuntil(b"\r\n")
            else:
                left = int(self.headers.get("content-length", "0"))
                if left:
                    yield await self._reader.readexactly(left)
            self.ended = "clean"
        except BROKEN:
            self.ended = "cut"
        finally:
            self.close()

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def sse(self) -> AsyncGenerator[Sse, None]:
        """The body as server-sent events; what stood after the last blank line when it broke is dropped."""
        rest = b""
        async with contextlib.aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                *frames, rest = (rest + piece).split(b"\n\n")
                for frame in frames:
                    yield _sse(frame.decode())

    def close(self) -> None:
        """Cut the connection; harmless when it is closed."""
        if not self._writer.is_closing():
            self._writer.transport.abort()


def _sse(frame: str) -> Sse:
    out = Sse()
    data: list[str] = []
    for line in frame.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id":
            out.id = value
        elif name == "event":
            out.event = value
        elif name == "retry":
            out.retry = int(value)
        elif not name:
            out.comment = value
    if data:
        out.data = "\n".join(data)
    return out


@dataclass
class Client:
    """One visitor: keeps the cookies that the server sets."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def open(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Stream:
        """Send a request; returns when the answer's headers are there, at the latest after ``seconds``."""
        payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close", **self.headers, **(headers or {})}
        if self.cookies:
            lines["Cookie"] = self.cookie
        if body is not None:
            lines = {"Content-Type": "application/json", "Content-Length": str(len(payload)), **lines}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            stream = Stream(reader, writer, head=method == "HEAD")
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + payload)
                await writer.drain()
                await stream._open()
            except BaseException:
                stream.close()
                raise
        self._keep(stream.headers.get("set-cookie", ""))
        return stream

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Reply:
        """A request with its whole answer."""
        async with asyncio.timeout(seconds):
            stream = await self.open(method, path, body, headers)
            content = await stream.read()
        if stream.ended != "clean":
            raise ConnectionResetError(f"{method} {path} was cut")
        return Reply(stream.status, stream.headers, content)

    async def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        reply = await self.call("GET", path)
        assert reply.status == 200, (path, reply.status, reply.body[:500])
        return reply.json

    def _keep(self, header: str) -> None:
        for line in filter(None, header.split("\n")):
            name, _, value = line.split(";", 1)[0].partition("=")
            self.cookies[name.strip()] = value.strip()
