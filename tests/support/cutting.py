"""A door before a server on loopback that cuts one connection, once, in the middle of a chunk of an answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

CHUNK: Final = re.compile(rb'(?:data: ?|"chunk":|[\[,])\{"type":"')
"""How each chunk of an answer begins: as an event, in a frame of a socket, in a list."""

_LONGEST: Final = 32


class Cutter:
    """Passes bytes on both ways until the ``at``-th chunk has begun; then it cuts that connection, and no other."""

    def __init__(self, port: int, at: int) -> None:
        self.at = at
        self.seen = 0
        self.fired = False
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        ends = [writer]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            inner, outer = await asyncio.open_connection("127.0.0.1", self._port)
            ends.append(outer)
            both = [asyncio.create_task(_copy(reader, outer)), asyncio.create_task(self._answer(inner, writer, ends))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        for end in ends:
            end.close()
        self._open.discard(task)

    async def _answer(
        self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: list[asyncio.StreamWriter]
    ) -> None:
        kept = b""
        while data := await inner.read(65536):
            # A chunk's beginning may come in two pieces; what was counted before is passed on already.
            window = kept + data
            begins = [found.end() for found in CHUNK.finditer(window) if found.end() > len(kept)]
            if not self.fired and self.seen + len(begins) >= self.at:
                self.fired = True
                writer.write(data[: begins[self.at - self.seen - 1] - len(kept)])
                await writer.drain()
                # Closed, and not aborted: else what was written is lost with the connection, and the cut comes too
                # early.
                for end in ends:
                    end.close()
                return
            self.seen += len(begins)
            kept = window[-_LONGEST:]
            writer.write(data)
            await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def cutters(port: int, count: int) -> AsyncIterator[list[Cutter]]:
    """One door for each chunk of an answer of ``count`` chunks."""
    async with AsyncExitStack() as stack:
        doors = [Cutter(port, at) for at in range(1, count + 1)]
        for door in doors:
            await door.start()
            stack.push_async_callback(door.stop)
        yield doors
