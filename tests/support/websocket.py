"""A raw WebSocket client over asyncio: it reads as many bytes as it is told to, when it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from typing import Any

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class Frames:
    """Cuts a server's bytes into frames; messages here are never in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are whole by now: each an opcode and its payload."""
        rest, at, found = self._rest + data, 0, []
        while len(rest) >= at + 2:
            size, head = rest[at + 1] & 0x7F, at + 2
            if size > 125:
                head += 2 if size == 126 else 8
                if len(rest) < head:
                    break
                size = int.from_bytes(rest[at + 2 : head])
            if len(rest) < head + size:
                break
            found.append((rest[at] & 0xF, rest[head : head + size]))
            at = head + size
        self._rest = rest[at:]
        return found


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2)
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def text(frame: Mapping[str, Any]) -> bytes:
    """A JSON frame of a client."""
    return masked(_TEXT, json.dumps(frame).encode())


def pong(payload: bytes) -> bytes:
    """The answer to a ping of the transport."""
    return masked(_PONG, payload)


def handshake(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    """The request that opens a socket."""
    lines = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


class RawSocket:
    """One open socket with small buffers on this side, so that the server soon feels what is not read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Frames()
        self.close_code: int | None = None

    @classmethod
    async def open(cls, port: int, path: str, headers: Mapping[str, str]) -> RawSocket:
        """Connect and shake hands."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=own, limit=1024)
        writer.write(handshake(port, path, headers))
        lines = []
        while (line := await reader.readline()) != b"\r\n":
            lines.append(line)
        assert b" 101 " in lines[0], lines
        return cls(reader, writer)

    def say(self, **frame: Any) -> None:
        """Send a JSON frame."""
        self._writer.write(text(frame))

    async def read(self, size: int = 1 << 16) -> list[dict[str, Any]]:
        """Take at most so many bytes; the frames that they make whole. Pings of the transport are answered."""
        found = []
        data = await self._reader.read(size)
        if not data:
            raise ConnectionResetError("closed")
        for opcode, payload in self._frames.feed(data):
            if opcode == _TEXT:
                found.append(json.loads(payload))
            elif opcode == _PING:
                self._writer.write(pong(payload))
            elif opcode == _CLOSE:
                self.close_code = int.from_bytes(payload[:2])
        return found

    def close(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()
