"""No secret is anywhere in clear: neither in what a server answers and writes down, nor in what a crash leaves."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.routes.conftest import asking
from tests.support.answers import until, until_ended
from tests.support.client import Client, Reply
from tests.support.process import free_port
from tests.support.server import Server

pytestmark = pytest.mark.anyio


def canary(name: str) -> str:
    """A secret of its own, of which every long piece is looked for."""
    return f"canary-{name}-0f1e2d3c4b5a69788796"


MASTER, SERVERS, ELSEWHERE, GITHUB = (canary(name) for name in ("master", "servers", "elsewhere", "github"))
MINE, WRONG, MALFORMED, TYPED, IN_URL, UNKNOWN = (
    canary(name) for name in ("mine", "wrong", "malformed", "typed", "in-url", "unknown")
)
PASSWORD, BAD_PASSWORD, BAD_TOKEN = (canary(name) for name in ("password", "bad-password", "bad-token"))


@dataclass
class Walk:
    """Somebody who uses a server, and keeps all that it answers. ``once``: secrets that are told to who made them, by
    the path that tells them."""

    server: Server
    fake: FakeProvider
    client: Client
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    once: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Reply:
        reply = await self.client.call(method, path, body, headers)
        assert reply.status == status, (method, path, reply.status, reply.body[:500])
        self.answers.append((path, repr(reply.headers).encode() + reply.body))
        return reply

    async def answer(self, model: str, becomes: str, **control: Any) -> str:
        """Have an answer written, and read it whole; returns the run's id."""
        self.fake.control = Control(chunks=3, **control)
        reply = await self.ask("POST", "/api/chat", asking("Hello", model=model))
        run = reply.headers["x-threadline-run"]
        ended = await until_ended(self.client, run)
        assert ended["status"] == becomes, ended
        self.answers.append((f"/api/runs/{run}", orjson.dumps(ended)))
        return run

    def clear(self) -> list[str]:
        """Where a secret stands in clear."""
        secrets = [MASTER, SERVERS, ELSEWHERE, GITHUB, MINE, WRONG, MALFORMED, TYPED, IN_URL, UNKNOWN]
        secrets += [PASSWORD, BAD_PASSWORD, BAD_TOKEN, *self.once]
        files = [path for path in self.server.data.rglob("*") if path.is_file()]
        places = [(path.name, path.read_bytes()) for path in [*files, self.server.log]]
        assert {"threadline.db", "threadline.db-wal", "log.db", "server.log"} <= {name for name, _ in places}
        found = [f"{secret} in {name}" for name, content in places for secret in secrets if _within(secret, content)]
        for path, content in self.answers:
            found += [f"{one} from {path}" for one in secrets if self.once.get(one) != path and _within(one, content)]
        return found


def _within(secret: str, content: bytes) -> bool:
    """Also where only a piece of it is: its end may be told."""
    return secret[:-4].encode() in content or secret[8:-4].encode() in content


@pytest.fixture
async def walk(tmp_path: Path) -> AsyncIterator[Walk]:
    async with FakeProvider(api_key=MINE, models=["m"]) as fake:
        settings = {
            "secret": MASTER,
            "private_addresses": "127.0.0.0/8",
            "github_client_id": "threadline",
            "github_client_secret": GITHUB,
        }
        tables = [{"name": "home", "kind": "openai-compatible", "base_url": fake.url, "api_key": SERVERS}]
        server = Server(tmp_path, tables, settings=settings)
        server.environment["ANTHROPIC_API_KEY"] = ELSEWHERE
        with server:
            server.up()
            yield Walk(server, fake, server.client())


async def accounts(walk: Walk) -> None:
    """Somebody registers, mistypes, signs in, makes a token, and shares a conversation."""
    await walk.ask("GET", "/api/me")
    someone = {"email": "someone@example.org", "password": PASSWORD}
    await walk.ask("POST", "/api/auth/register", {**someone, "name": "Someone"}, 201)
    await walk.ask("POST", "/api/auth/register", {**someone, "more": BAD_PASSWORD}, 400)
    await walk.ask("POST", "/api/auth/login", {**someone, "password": BAD_PASSWORD}, 401)
    await walk.ask("POST", "/api/auth/login", {**someone, "password": [BAD_PASSWORD]}, 400)
    await walk.ask("POST", "/api/auth/login", someone)
    walk.once |= dict.fromkeys(walk.client.cookies.values(), "/api/auth/login")
    made = await walk.ask("POST", "/api/tokens", {"name": "script", "scopes": ["all"]}, 201)
    walk.once[made.json["token"]] = "/api/tokens"
    await walk.ask("GET", "/api/tokens")
    await walk.ask("GET", "/v1/models", authorization=f"Bearer {made.json['token']}")
    await walk.ask("GET", "/v1/models", None, 401, authorization=f"Bearer tl_{BAD_TOKEN}")
    chat = (await walk.ask("POST", "/api/conversations", {}, 201)).json["id"]
    path = f"/api/conversations/{chat}/shares"
    shared = (await walk.ask("POST", path, {"role": "observer"}, 201)).json
    walk.once[shared["token"]] = path
    await walk.ask("GET", path)


async def keys(walk: Walk) -> None:
    """Keys are brought, of which some are wrong, in every way that they can be."""
    url = walk.fake.url
    await walk.ask("PUT", "/api/keys/openai", {"key": MINE, "base_url": url})
    await walk.ask("PUT", "/api/keys/groq", {"key": WRONG, "base_url": url})
    await walk.ask("PUT", "/api/keys/nobody", {"key": UNKNOWN}, 404)
    await walk.ask("PUT", "/api/keys/mistral", {"key": [TYPED]}, 400)
    await walk.ask("PUT", "/api/keys/mistral", {"key": f"{TYPED} blank"}, 400)
    await walk.ask("PUT", "/api/keys/mistral", f'{{"key": "{MALFORMED}'.encode(), 400)
    await walk.ask("PUT", "/api/keys/mistral", {"key": TYPED, "base_url": f"https://u:{IN_URL}@example.org"}, 400)
    await walk.ask("GET", "/api/keys")
    for body in (None, {"key": WRONG, "base_url": url}, {"key": TYPED, "base_url": f"https://127.0.0.1:{free_port()}"}):
        await walk.ask("POST", "/api/keys/openai/test", body)
    await walk.ask("GET", "/api/models")


async def answers(walk: Walk) -> None:
    """Answers come, and are refused by providers that repeat the key in their words, before the first of them and in
    mid-stream."""
    await walk.answer("openai/m", "completed")
    await walk.answer("groq/m", "error")
    await walk.answer("home/m", "error")
    await walk.answer("openai/m", "error", error=f"Your key {MINE} is worn out.", status=400, times=0)
    await walk.answer("openai/m", "error", error=f"Your key {MINE} is worn out.", error_at=2, times=0)


async def breakdown(walk: Walk) -> None:
    """The database fails while secrets are on their way to it, which is told with a trace."""
    tables = ("keys", "tokens")
    with closing(sqlite3.connect(walk.server.data / "threadline.db", isolation_level=None)) as own:
        for table in tables:
            own.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        await walk.ask("PUT", "/api/keys/mistral", {"key": TYPED}, 500)
        await walk.ask("POST", "/api/tokens", {"name": "lost", "scopes": ["all"]}, 500)
        for table in tables:
            own.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


async def test_no_secret_stands_anywhere_in_clear(walk: Walk) -> None:
    await accounts(walk)
    await keys(walk)
    await answers(walk)
    await breakdown(walk)
    assert '"trace"' in walk.server.log.read_text()
    assert {call.headers["authorization"] for call in walk.fake.calls} == {
        f"Bearer {one}" for one in (MINE, WRONG, SERVERS)
    }
    walk.fake.control = Control(chunks=3, hold_at=1)
    stream = await walk.client.open("POST", "/api/chat", asking("Hello", model="openai/m"))
    run = stream.headers["x-threadline-run"]
    await until(lambda: bool(walk.fake.held), what="an answer that is held")
    walk.server.kill9()
    stream.close()
    assert not (found := walk.clear()), found
    walk.fake.control = Control(chunks=3)
    walk.fake.forget()
    walk.server.up()
    ended = await until_ended(walk.client, run)
    assert (ended["status"], ended["key_owner"]) == ("completed", "user")
    assert [call.headers["authorization"] for call in walk.fake.calls] == [f"Bearer {MINE}"]
    walk.server.kill9()
    assert not (found := walk.clear()), found
