"""A whole server in this process, on a free loopback port, with its log in memory."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import new_id, submit, until
from tests.support.client import Client, Stream
from threadline.app import tokens
from threadline.app.compose import App, Seams, open_app
from threadline.app.running import run_app
from threadline.log.memory import MemoryLog
from threadline.server import bind
from threadline.settings import Settings
from threadline.world import SystemWorld, World

PASSWORD = "four words that nobody tries"
PAGE = "<!doctype html><title>Threadline</title>"


@dataclass
class House:
    """A server that runs. ``folder`` is where its page is."""

    app: App
    port: int
    folder: Path
    task: asyncio.Task[None]
    log: MemoryLog
    said: list[str] = field(default_factory=list)

    def visitor(self, **headers: str) -> Client:
        """Somebody without a cookie."""
        return Client(self.port, headers=headers)

    async def program(self, name: str) -> Client:
        """A program with an access token, which speaks for a service user of its name."""
        said: list[str] = []
        await tokens.create(self.app.settings, name, None, said.append)
        return self.visitor(Authorization=f"Bearer {said[-1]}")

    async def account(self, name: str) -> Client:
        """Somebody who has just registered; who is the first is the admin."""
        client = self.visitor()
        email = f"{name}@example.org"
        made = await client.call("POST", "/api/auth/register", {"email": email, "password": PASSWORD, "name": name})
        assert made.status == 201, made.body
        return client

    async def script(self, client: Client, *scopes: str, **more: Any) -> Client:
        """A program with a token that this user has made for it."""
        made = await client.call("POST", "/api/tokens", {"name": "script", "scopes": scopes, **more})
        assert made.status == 201, made.body
        return self.visitor(Authorization=f"Bearer {made.json['token']}")

    async def drain(self) -> None:
        """Tell it to go, and wait until it is gone."""
        self.app.draining.set()
        await self.task


@asynccontextmanager
async def open_house(
    folder: Path, *, heartbeat: float = 15.0, world: World | None = None, send_buffer: int = 0, **settings: Any
) -> AsyncIterator[House]:
    """A server for the time of the block; the machine keeps ``send_buffer`` bytes of a connection, or as it likes."""
    static = folder / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text(PAGE)
    (static / "assets" / "page-1a2b3c.js").write_text("console.log('page')\n" * 200)
    world = world or SystemWorld()
    log = MemoryLog(world)
    seams = Seams(world=world, log=log, static=static, heartbeat=heartbeat)
    # What has just ended is still replayed, however long a test takes, and a guest may send as many messages as it has.
    usual = {"drain_seconds": 3.0, "replay_seconds": 600.0, "limit_guest": None}
    chosen = Settings(data=folder / "data", **{**usual, **settings})
    async with open_app(chosen, seams) as app:
        sockets = bind("127.0.0.1", 0)
        if send_buffer:
            sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        said: list[str] = []
        up = asyncio.Event()

        def say(line: str) -> None:
            said.append(line)
            up.set()

        task = asyncio.create_task(run_app(app, sockets, say))
        await up.wait()
        house = House(app, sockets[0].getsockname()[1], static, task, log, said)
        try:
            yield house
        finally:
            app.draining.set()
            await task


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server for a file's tests; each of them is a visitor of its own."""
    async with open_house(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture
def open_own(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[House]]:
    """Opens a server of the test's own, with settings."""
    return lambda **settings: open_house(tmp_path, **settings)


async def until_waited_for(house: House, stream: str) -> None:
    """Wait until somebody waits for what comes to a stream of the log."""
    await until(lambda: bool(house.log._channels.open(stream)._waiters), what=f"a reader at the tail of {stream}")


@pytest.fixture
async def visitor(house: House) -> Client:
    """A guest who has been here before."""
    client = house.visitor()
    await client.get("/api/me")
    return client


def asking(text: str, chat: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of a submit."""
    message = {"id": os.urandom(8).hex(), "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": chat or new_id(), "messages": [message], "trigger": "submit-message", **more}


async def begun(visitor: Client, text: str, chat: str | None = None) -> str:
    """Submit to the demo model and leave at once; returns the run's id."""
    run, stream = await submit(visitor, text, chat, model="demo/demo")
    stream.close()
    return run


async def chunks(stream: Stream) -> list[tuple[int, dict[str, Any]]]:
    """The numbered chunks of a stream that ends cleanly with ``[DONE]``."""
    events = [event async for event in stream.sse() if event.data is not None]
    assert stream.ended == "clean"
    assert events[-1].data == "[DONE]"
    return [(int(event.id or -1), event.json) for event in events[:-1]]


def text_of(found: list[tuple[int, dict[str, Any]]]) -> str:
    """The text of an answer's chunks."""
    return "".join(chunk["delta"] for _, chunk in found if chunk["type"] == "text-delta")
