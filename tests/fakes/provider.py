"""A light OpenAI-compatible provider on loopback: raw asyncio, in the test's own loop or a process of its own.

Run it with ``python -m tests.fakes.provider --port 9901``; it prints its address on one line once it listens.

| path | what |
|---|---|
| ``POST /v1/chat/completions`` | an answer, streamed or whole, as ``answers.Control`` says |
| ``GET /v1/models`` | the names given as ``models`` |
| ``GET /api/tags``, ``POST /api/show`` | Ollama's, with the names given as ``ollama`` (404 without) |
| ``GET /_calls``, ``DELETE /_calls`` | what was asked: ``{count, calls: [{body, partial, title, sent, ended}]}`` |
| ``PUT /_control`` | another default control, as JSON |
| ``POST /_go`` | once an answer holds: all that have begun go on |

``sent`` counts frames; ``ended`` is ``open``, ``done``, ``refused``, ``cut`` or, when the client went away, ``gone``.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, cast

import orjson

from tests.fakes.answers import Control, Cut, Hold, Item, Reply, Request, Stall, completion, control_of, read, reply


@dataclass
class Call:
    """One request for an answer, and what became of it."""

    body: dict[str, Any]
    partial: str
    title: bool
    headers: dict[str, str]
    sent: int = 0
    ended: str = "open"

    def shown(self) -> dict[str, Any]:
        shown = asdict(self)
        del shown["headers"]
        return shown


class FakeProvider:
    """``async with FakeProvider() as fake`` listens on a free port (or ``port``) of loopback."""

    def __init__(
        self,
        control: Control | None = None,
        *,
        port: int = 0,
        api_key: str | None = None,
        models: Iterable[str] = ("fake-model",),
        ollama: Sequence[str] | None = None,
    ) -> None:
        self.control = control or Control()
        self.api_key = api_key
        self.models = tuple(models)
        self.ollama = ollama
        self.calls: list[Call] = []
        self.connections: set[_Connection] = set()
        self.accepted = 0
        self.gate = asyncio.Event()
        self.held = set[_Connection]()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL for a provider's configuration."""
        return f"{self.root}/v1"

    async def __aenter__(self) -> FakeProvider:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self.connections):
            connection.cut()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    def begin(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[Call, Reply]:
        """Note a call, and plan its answer."""
        request: Request = read(body)
        call = Call(body, request.partial, request.is_title, headers)
        self.calls.append(call)
        kind = (str(body.get("model")), request.asked)
        self._kinds[kind] += not request.is_title
        control = control_of(self.control, body, request)
        return call, reply(control, body, request, self._kinds[kind])

    async def go(self) -> None:
        """Wait until an answer holds, and let every answer that has begun go on."""
        while not self.held:
            await asyncio.sleep(0.01)
        self.held.clear()
        self.gate.set()
        self.gate = asyncio.Event()

    def forget(self) -> None:
        """Forget all calls."""
        self.calls.clear()
        self._kinds.clear()


class _Connection(asyncio.Protocol):
    """One keep-alive connection: a request at a time."""

    def __init__(self, fake: FakeProvider) -> None:
        self._fake = fake
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own.
        self._transport = cast(asyncio.Transport, transport)
        self._fake.connections.add(self)
        self._fake.accepted += 1

    def connection_lost(self, _error: Exception | None) -> None:
        self._fake.connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def cut(self) -> None:
        """Cut the connection, as a machine that loses its power."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def _next(self) -> None:
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank or self._task is not None:
            return
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = line.split(" ")
        self._task = asyncio.get_running_loop().create_task(self._serve(method, path, headers, rest[:length]))
        self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled():
            task.result()
            self._next()

    async def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        fake, path = self._fake, path.partition("?")[0]
        if path == "/v1/chat/completions" and method == "POST":
            await self._answer(orjson.loads(body), headers)
        elif path == "/v1/models":
            self._json({"object": "list", "data": [{"id": name, "object": "model"} for name in fake.models]})
        elif path == "/api/tags" and fake.ollama is not None:
            self._json({"models": [{"name": name} for name in fake.ollama]})
        elif path == "/api/show" and fake.ollama is not None:
            self._json({"capabilities": ["completion", "tools"], "model_info": {"fake.context_length": 4096}})
        elif path == "/_calls":
            if method == "DELETE":
                fake.forget()
            self._json({"count": len(fake.calls), "calls": [call.shown() for call in fake.calls]})
        elif path == "/_control":
            fake.control = Control(**orjson.loads(body))
            self._json({"ok": True})
        elif path == "/_go":
            await fake.go()
            self._json({"ok": True})
        else:
            self._json({"error": {"message": f"There is no {path} here."}}, 404)

    async def _answer(self, body: dict[str, Any], headers: dict[str, str]) -> None:
        fake, gate = self._fake, self._fake.gate
        call, planned = fake.begin(body, headers)
        if fake.api_key is not None and headers.get("authorization") != f"Bearer {fake.api_key}":
            call.ended = "refused"
            told = headers.get("authorization", "").removeprefix("Bearer ")
            self._json({"error": {"message": f"Incorrect API key provided: {told}.", "code": "invalid_api_key"}}, 401)
        elif planned.status != 200:
            call.ended = "refused"
            self._bytes(planned.body, planned.status, planned.headers)
        elif not body.get("stream"):
            call.ended = "done"
            self._bytes(completion(planned.items))
        else:
            await self._stream(call, planned.items, gate)

    async def _stream(self, call: Call, items: Sequence[Item], gate: asyncio.Event) -> None:
        group = self._fake.control.group
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        ready: list[bytes] = []
        call.ended = "gone"
        for item in items:
            if isinstance(item, bytes):
                ready.append(b"%x\r\n%b\r\n" % (len(item), item))
                call.sent += 1
                if len(ready) < group:
                    continue
            await self._flush(ready)
            if isinstance(item, float | int):
                await asyncio.sleep(item)
            elif isinstance(item, Hold):
                await self._hold(gate)
            elif isinstance(item, Cut):
                call.ended = "cut"
                # The frames before it must get out: an abort would throw them away with the rest.
                self._transport.close()
                return
            elif isinstance(item, Stall):
                await asyncio.get_running_loop().create_future()
        await self._flush(ready)
        self._transport.write(b"0\r\n\r\n")
        call.ended = "done"

    async def _hold(self, gate: asyncio.Event) -> None:
        self._fake.held.add(self)
        try:
            await gate.wait()
        finally:
            self._fake.held.discard(self)

    async def _flush(self, ready: list[bytes]) -> None:
        if ready:
            self._transport.write(b"".join(ready))
            ready.clear()
        await self._can_write.wait()
        await asyncio.sleep(0)

    def _json(self, value: Any, status: int = 200) -> None:
        self._bytes(orjson.dumps(value), status)

    def _bytes(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} Fake", "content-type: application/json", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A fake OpenAI-compatible provider on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", default="{}", help="the default control, as JSON")
    parser.add_argument("--ollama", nargs="*", help="answer as an Ollama with these models, too")
    options = parser.parse_args()
    async with FakeProvider(Control(**orjson.loads(options.control)), port=options.port, ollama=options.ollama) as fake:
        print(fake.url, flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    import uvloop

    with suppress(KeyboardInterrupt):
        uvloop.run(_main())
