"""The written protocol: the shared scripts of frames, replayed against a real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.house.tree import ROOT
from tests.support.answers import submit, until_ended
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.server import Server
from threadline.domain.fold import Fold

pytestmark = pytest.mark.anyio
FOLDER = ROOT / "protocol" / "fixtures" / "live"
FIXTURES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
OURS = [name for name, fixture in FIXTURES.items() if "server" in fixture["sides"]]


@pytest.fixture(scope="module")
def running(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server before the fake provider."""
    server = Server(tmp_path_factory.mktemp("protocol"), fake.tables(), default_model="fake/fake-model")
    server.up()
    yield server
    server.kill9()


class Names:
    """What the words with a dollar in a script stand for: bound by what comes first, ``$_`` by anything."""

    def __init__(self, **known: str) -> None:
        self._known: dict[str, Any] = dict(known)

    def filled(self, value: Any) -> Any:
        """A frame of the client's, with what is known put in."""
        text = re.sub(r"\$([a-z]+)", lambda found: str(self._known[found[1]]), json.dumps(value))
        return json.loads(text)

    def check(self, wanted: Any, found: Any) -> None:
        """What came has all that is wanted; it may have more fields."""
        if isinstance(wanted, str) and (name := re.fullmatch(r"\$(\w+)", wanted)):
            assert name[1] == "_" or self._known.setdefault(name[1], found) == found, (wanted, found)
        elif isinstance(wanted, dict):
            assert isinstance(found, dict)
            assert wanted.keys() <= found.keys(), (wanted, found)
            for key, value in wanted.items():
                self.check(value, found[key])
        elif isinstance(wanted, list):
            assert isinstance(found, list)
            assert len(wanted) == len(found), (wanted, found)
            for one, other in zip(wanted, found, strict=True):
                self.check(one, other)
        else:
            assert (self.filled(wanted), type(wanted)) == (found, type(found))


class Replay:
    """Plays the client of a script, and checks the server's part of it."""

    def __init__(self, client: Client, names: Names, stack: AsyncExitStack) -> None:
        self._client, self._names, self._stack = client, names, stack
        self._socket: ClientConnection | None = None
        self._came: dict[str | None, deque[dict[str, Any]]] = defaultdict(deque)
        self.events: list[dict[str, Any]] = []

    async def play(self, step: dict[str, Any]) -> None:
        async with asyncio.timeout(60):
            match step:
                case {"server": {"type": "hello"} as frame}:
                    await self._open()
                    await self._expect(frame)
                case {"server": frame}:
                    await self._expect(frame)
                case {"client": frame}:
                    await self._open_socket.send(json.dumps(self._names.filled(frame)))
                case {"do": request}:
                    await self._do(request)
                case {"cut": True}:
                    self._open_socket.transport.abort()
                    self._socket = None
                    self._came.clear()
                case {"close": code}:
                    with pytest.raises(ConnectionClosed):
                        await self._open_socket.recv()
                    assert self._open_socket.close_code == code
                case _:
                    raise AssertionError(step)

    @property
    def _open_socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    async def _open(self) -> None:
        url = f"ws://127.0.0.1:{self._client.port}/api/live"
        headers = {"Cookie": self._client.cookie}
        opening = connect(url, additional_headers=headers, compression=None, proxy=None, close_timeout=1)
        self._socket = await self._stack.enter_async_context(opening)

    async def _expect(self, wanted: dict[str, Any]) -> None:
        if wanted["type"] != "events":
            self._names.check(wanted, await self._next(wanted.get("id")))
            return
        # Where a frame of events ends means nothing.
        for offset, event in enumerate(wanted["events"], wanted["offset"]):
            found = await self._next(wanted["id"])
            assert (found["type"], found["offset"]) == ("event", offset), found
            self._names.check(event, found["event"])
            self.events.append(found["event"])

    async def _next(self, lane: str | None) -> dict[str, Any]:
        """The next frame of a subscription, or of none; its events one by one."""
        while not self._came[lane]:
            frame = json.loads(await self._open_socket.recv())
            into = self._came[frame.get("id")]
            if frame["type"] == "events":
                for offset, event in enumerate(frame["events"], frame["offset"]):
                    into.append({"type": "event", "offset": offset, "event": event})
            elif frame["type"] != "ping":
                into.append(frame)
        return self._came[lane].popleft()

    async def _do(self, request: dict[str, Any]) -> None:
        body, headers = request.get("body"), dict(request.get("headers", {}))
        if "text" in request:
            body, headers["Content-Type"] = request["text"].encode(), request["type"]
        reply = await self._client.call(request["method"], request["path"], body, headers)
        assert reply.status < 300, reply.body


async def begun(client: Client, fake: Fake, fixture: dict[str, Any]) -> Names:
    """What a script needs to be there already."""
    await client.get("/api/me")
    if "run" not in fixture:
        return Names()
    run, stream = await submit(client, "Hi", model=fake.model(**fixture["run"]))
    stream.close()
    await until_ended(client, run)
    return Names(run=run)


@pytest.mark.parametrize("name", OURS)
async def test_the_server_says_what_the_script_has_it_say(name: str, fake: Fake, server: Server) -> None:
    client, fixture = server.client(), FIXTURES[name]
    names = await begun(client, fake, fixture)
    async with AsyncExitStack() as stack:
        replay = Replay(client, names, stack)
        for step in fixture["steps"]:
            await replay.play(step)
    if "parts" in fixture:
        fold = Fold()
        fold.apply_all(replay.events)
        assert fold.snapshot() == fixture["parts"]


async def test_event_streams_and_long_polls_tell_of_a_run_what_its_script_tells(fake: Fake, server: Server) -> None:
    client, fixture = server.client(), FIXTURES["run"]
    names = await begun(client, fake, fixture)
    (run,) = [names.filled("$run")]
    (wanted,) = [step["server"]["events"] for step in fixture["steps"] if "events" in step.get("server", {})]
    polled = await client.get(f"/api/runs/{run}/events?live=poll")
    names.check(wanted, polled["events"])
    stream = await client.open("GET", f"/api/runs/{run}/events")
    events = [event async for event in stream.sse()]
    assert [(event.event, event.id) for event in events[:-1]] == [("message", str(at)) for at in range(len(wanted))]
    assert [event.json for event in events[:-1]] == polled["events"]
    assert (events[-1].event, events[-1].json) == ("end", {"next": len(wanted)})


@pytest.mark.parametrize("name", FIXTURES)
def test_every_script_says_what_it_is_for_and_makes_the_message_that_it_names(name: str) -> None:
    fixture = FIXTURES[name]
    assert fixture["about"].endswith(".")
    assert set(fixture["sides"]) <= {"server", "client"}
    assert fixture["sides"]
    assert f"| `{name}` | {fixture['about']} |" in (ROOT / "protocol" / "PROTOCOL.md").read_text()
    if "parts" not in fixture:
        return
    fold, current = Fold(), ""
    for frame in (step.get("server", step.get("client", {})) for step in fixture["steps"]):
        current = frame["id"] if frame.get("type") == "subscribe" else current
        if frame.get("type") == "events" and frame["id"] == current and frame["offset"] <= fold.count:
            fold.apply_all(frame["events"][fold.count - frame["offset"] :])
    assert fold.snapshot() == fixture["parts"]
