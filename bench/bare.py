"""The peer of the fan-out: an ASGI application that does nothing but send, on the server that we stand on."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]


class Bare:
    """``GET /feed`` waits for ``POST /go`` and is then sent each frame in one ``send``, as it becomes due."""

    def __init__(self, frames: int, pace: float) -> None:
        self._frames = [
            b'id: %d\ndata: {"type":"text-delta","id":"p0","delta":" t%d"}\n\n' % (number, number)
            for number in range(frames)
        ]
        self._pace = pace
        self._bells: set[asyncio.Event] = set()
        self._ready = 0

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/feed":
            await self._feed(send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        if scope["path"] == "/go":
            await self._go()

    async def _go(self) -> None:
        for number in range(len(self._frames)):
            self._ready = number + 1
            for bell in self._bells:
                bell.set()
            await asyncio.sleep(self._pace)

    async def _feed(self, send: Callable[[Message], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        bell, at = asyncio.Event(), 0
        self._bells.add(bell)
        while at < len(self._frames):
            await bell.wait()
            bell.clear()
            for frame in self._frames[at : self._ready]:
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            at = self._ready
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def main() -> None:
    """Serve on the given port until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--pace", type=float, required=True)
    options = parser.parse_args()
    app = Bare(options.frames, options.pace)
    uvicorn.run(app, port=options.port, log_level="warning", loop="uvloop", http="httptools", lifespan="off")


if __name__ == "__main__":
    main()
