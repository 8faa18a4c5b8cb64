"""A light client of ``/api/live``: one socket, any number of subscriptions, assembled by offset."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.answers import Assembly
from tests.support.client import Client


@dataclass
class Live:
    """What came over one socket until it closed; ``close_code`` is 1006 where it broke without a close frame."""

    socket: ClientConnection
    runs: dict[str, Assembly] = field(default_factory=dict)
    feed: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    close_code: int | None = None

    async def subscribe(self, stream: str, after: int | None = None, seen: Assembly | None = None) -> None:
        """Follow ``runs/{run}`` or ``feed``; the subscription's id is the stream's name."""
        if stream != "feed":
            self.runs[stream] = seen or Assembly()
        frame: dict[str, Any] = {"type": "subscribe", "id": stream, "stream": stream}
        await self.socket.send(json.dumps(frame if after is None else {**frame, "after": after}))

    async def read(self) -> None:
        """Take frames until the socket closes."""
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame["type"] == "ping":
                    await self.socket.send('{"type":"pong"}')
                self._take(frame)
        except ConnectionClosed:
            pass
        self.close_code = self.socket.close_code

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "events" and frame["id"] in self.runs:
            for offset, event in enumerate(frame["events"], frame["offset"]):
                self.runs[frame["id"]].take(offset, event)
        elif kind == "events":
            self.feed += frame["events"]
        else:
            self.frames.append(frame)
            if kind == "end":
                self.ended.add(frame["id"])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The frames of one type that came."""
        return [frame for frame in self.frames if frame["type"] == kind]


async def open_live(client: Client, origin: str | None = None) -> Live:
    """A socket of this visitor."""
    headers = {"Cookie": client.cookie} | ({"Origin": origin} if origin else {})
    url = f"ws://127.0.0.1:{client.port}/api/live"
    return Live(await connect(url, additional_headers=headers, compression=None, proxy=None, max_size=None))
