"""``/api/live``: what happens while a socket is being opened, seen from the server's side of the connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.routes.test_live_life import context_of
from threadline.routes.context import Context
from threadline.routes.exchange import begin
from threadline.routes.live import Live
from threadline.routes.pulse import Pulse
from threadline.routes.sockets import Sockets
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


class Peer:
    """A client of whom the server hears only the handshake; ``room`` is where its answer waits to be sent."""

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie
        self._asked = False
        self.room = asyncio.Event()
        self.accepting = asyncio.Event()
        self.frames: list[dict[str, Any]] = []
        self.code: int | None = None

    async def receive(self) -> MutableMapping[str, Any]:
        if self._asked:
            await asyncio.Event().wait()
        self._asked = True
        return {"type": "websocket.connect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.accepting.set()
            await self.room.wait()
        elif message["type"] == "websocket.send":
            self.frames.append(json.loads(message["text"]))
        else:
            self.code = message["code"]

    async def meet(self, context: Context) -> None:
        headers = [(b"host", b"127.0.0.1"), (b"cookie", self._cookie.encode())]
        scope: dict[str, Any] = {"type": "websocket", "scheme": "ws", "path": "/api/live", "headers": headers}
        begin(scope, "req_1")
        async with asyncio.timeout(20):
            await Live(Sockets(context))(scope, self.receive, self.send)


async def test_a_server_that_goes_away_says_hello_and_farewell_to_who_comes_just_then(house: House) -> None:
    visitor = house.visitor()
    await visitor.get("/api/me")
    draining = asyncio.Event()
    draining.set()
    peer = Peer(visitor.cookie)
    peer.room.set()
    await peer.meet(replace(context_of(house), pulse=Pulse(SystemWorld(), draining)))
    assert [frame["type"] for frame in peer.frames] == ["hello", "reconnect"]
    assert peer.code == 1012


async def test_a_session_that_is_revoked_during_the_handshake_ends_the_socket_at_once(house: House) -> None:
    visitor = house.visitor()
    me = (await visitor.get("/api/me"))["id"]
    # No beat comes, which would find it out later.
    context = replace(context_of(house), pulse=Pulse(SystemWorld(), asyncio.Event()))
    peer = Peer(visitor.cookie)
    meeting = asyncio.create_task(peer.meet(context))
    await peer.accepting.wait()
    (session,) = await context.accounts.sessions(me)
    await context.accounts.revoke(me, session.id)
    peer.room.set()
    await meeting
    assert peer.frames[-1]["error"]["code"] == "unauthorized:session"
    assert peer.code == 4401
