"""Bad input, at every address: the protocol's own error, and nothing is written."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from starlette.routing import Route, WebSocketRoute

from tests.routes import bad_accounts, bad_dialects, bad_keys, bad_providers, bad_rows, bad_shares, bad_sign_in
from tests.routes.bad_rows import JSON, MALFORMED, Bad, Row, text
from tests.routes.conftest import PASSWORD, House, asking, open_house
from tests.routes.test_errors import check
from tests.support.answers import until_ended
from tests.support.client import Client, Reply
from threadline.domain.addresses import LOOPBACK
from threadline.routes import RESOURCES, pages
from threadline.routes.openai.errors import speaks
from threadline.routes.site import Site

pytestmark = pytest.mark.anyio

TABLE: dict[tuple[str, str], Row] = {
    **bad_rows.TABLE,
    **bad_accounts.TABLE,
    **bad_sign_in.TABLE,
    **bad_providers.TABLE,
    **bad_dialects.TABLE,
    **bad_keys.TABLE,
    **bad_shares.TABLE,
}
STREAMS = ("GET", "PUT", "POST", "DELETE")
OPEN_TO_ALL = {"/healthz", "/readyz", "/docs", "/openapi.json", *pages.ADDRESSES, "/assets/{file}", "/{file}"}
OPEN_TO_ALL |= bad_providers.OPEN_TO_ALL
SPEAK_BY_WAKE = ("callback", "ack", "release", "jwks.json")
TOO_LARGE = object()
UNSEEN = {"tokens", "sessions", "throttles", "lease_until"}
"""What a bad request may note: that somebody was here."""
WITHOUT_A_FAULT = {
    ("POST", "/v1/stream/__ds/subscriptions/{name}/claim"): 409,
    **{("POST", f"/v1/stream/__ds/subscriptions/{{name}}/{one}"): 401 for one in ("callback", "ack", "release")},
    **{("WS", path): 404 for path in ("/api/live", "/api/chat/ws")},
    ("DELETE", "/api/auth/sessions/{session_id}"): 404,
    ("DELETE", "/api/me"): 409,
    **bad_providers.WITHOUT_A_FAULT,
}
"""What is refused though nothing is wrong with it: nobody is awake, what is asked is no socket, the session has ended
with the password before, and the only admin of others stays."""


@dataclass
class Ground:
    """A server, two programs of it that each have one thing of every kind, and its admin."""

    house: House
    mine: Client
    boss: Client
    names: dict[str, str]

    async def ask(self, method: str, bad: Bad, row: Row) -> Reply:
        """Send a bad request, with what the row has in all places that it does not name."""
        address = self.filled(row.address if bad.address is None else bad.address, quoted=True)
        body = row.body if bad.body is None else bad.body
        if body is TOO_LARGE:
            body = b'{"a": "' + b"x" * row.limit + b'"}'
        if body is not None and not isinstance(body, bytes):
            body = json.loads(self.filled(json.dumps(body)))
        headers = {**row.headers, **{name: self.filled(value) for name, value in bad.headers.items()}}
        client = self.boss if row.by_session else self.house.visitor() if row.by_nobody else self.mine
        stream = await client.open(bad.method or method.replace("WS", "GET"), address, body, headers)
        async with asyncio.timeout(60):
            return Reply(stream.status, stream.headers, await stream.read())

    def filled(self, given: str, *, quoted: bool = False) -> str:
        for name, value in self.names.items():
            given = given.replace(f"{{{name}}}", quote(value) if quoted else value)
        return given

    async def written(self) -> dict[str, Any]:
        """All that the store and the log hold."""
        with closing(sqlite3.connect(self.house.app.settings.store_path)) as base:
            tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            base.row_factory = sqlite3.Row
            found: dict[str, Any] = {}
            for table in set(tables) - UNSEEN:
                rows = map(dict, base.execute(f"SELECT * FROM {table}"))
                found[table] = [{name: value for name, value in row.items() if name not in UNSEEN} for row in rows]
        async for infos in self.house.log.listed(""):
            found |= {f"log of {info.name}": (info.tail, info.closed) for info in infos}
        return found


@pytest.fixture(scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with standing(tmp_path_factory.mktemp("bad")) as found:
        yield found


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Ground]:
    async with open_house(
        folder, long_poll_seconds=0.05, logins=bad_providers.LOGINS, private_addresses=LOOPBACK
    ) as house:
        mine, other = await house.program("mine"), await house.program("other")
        names = {f"foreign.{name}": value for name, value in (await belongings(other, "theirs")).items()}
        names |= await belongings(mine, "own")
        boss, member = await house.account("boss"), await house.account("member")
        names |= {"token": await token_of(boss), "foreign.token": await token_of(member)}
        names |= {"session": await session_of(boss), "foreign.session": await session_of(member)}
        names["user"] = (await member.get("/api/me"))["id"]
        names["person"] = (await boss.get("/api/me"))["id"]
        await boss.call("POST", f"/api/shares/{names['link']}/accept")
        nobody = {"chat": "chat-none", "run": "run_none", "resp": "resp_none", "rec": "run_none"}
        nobody |= {"token": "tok_none", "user": "usr_none", "link": "none", "session": "ses_none"}
        names |= {f"no.{name}": value for name, value in {**nobody, "path": "none", "sub": "none"}.items()}
        yield Ground(house, mine, boss, names)


async def session_of(client: Client) -> str:
    """The id of a session that a user has somewhere else."""
    email = (await client.get("/api/me"))["email"]
    elsewhere = Client(client.port)
    await elsewhere.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    listed = (await client.get("/api/auth/sessions"))["items"]
    return str(next(one["id"] for one in listed if not one["current"]))


async def token_of(client: Client) -> str:
    """The id of an access token that a user has made."""
    made = await client.call("POST", "/api/tokens", {"name": "script", "scopes": ["all"]})
    return str(made.json["id"])


async def belongings(client: Client, word: str) -> dict[str, str]:
    """One thing of every kind, which somebody has."""
    body = asking("Say it at once.", f"chat-{word}", model="demo/demo")
    reply = await client.call("POST", "/api/chat", body, {"Accept": "application/json"})
    run = reply.headers["x-threadline-run"]
    await until_ended(client, run)
    async with asyncio.timeout(60):
        # What is still to be written of it is its name.
        while not (await client.get(f"/api/conversations/{body['id']}"))["title"]:
            await asyncio.sleep(0.02)
    recording = await client.call("POST", "/api/recordings", {"message": text(), "timeout_seconds": 3600})
    assert recording.status == 201, recording.body
    await client.call("PUT", f"/v1/stream/{word}", b"", JSON)
    producer = {"Producer-Id": "p", "Producer-Epoch": "2", "Producer-Seq": "0"}
    assert (await client.call("POST", f"/v1/stream/{word}", {"n": 0}, producer)).status == 200
    shares = f"/api/conversations/{body['id']}/shares"
    links = [(await client.call("POST", shares, {"role": "observer"})).json for _ in range(2)]
    wanted = {"type": "pull-wake", "pattern": "a/*", "wake_stream": word}
    assert (await client.call("PUT", f"/v1/stream/__ds/subscriptions/{word}", wanted)).status == 201
    return {
        "chat": body["id"],
        "message": str(reply.json["id"]),
        "run": run,
        "resp": run.replace("run_", "resp_"),
        "rec": str(recording.json["run_id"]),
        "share": str(links[0]["id"]),
        "link": str(links[1]["token"]),
        "path": word,
        "sub": word,
    }


def cases() -> Iterator[Any]:
    """All bad requests, by what is wrong with them."""
    for (method, path), row in TABLE.items():
        found = [*((f"{number}", bad) for number, bad in enumerate(row.bad)), *_usual(path, row)]
        for words, bad in found:
            yield pytest.param(method, path, row, bad, id=f"{method} {path} {words}")


def _usual(path: str, row: Row) -> Iterator[tuple[str, Bad]]:
    """What can be wrong everywhere: a body that is none or too large, and what is not there or another's."""
    below = "/__ds/" in path
    if row.form is not None:
        for words, body in MALFORMED.items():
            if not (row.form == "array" and words == "an array"):
                yield words, Bad(400, "INVALID_REQUEST" if below else "bad_request", body=body)
    if row.body is not None:
        yield "too large", Bad(413, "too_large", body=TOO_LARGE)
    for word, status in (("no", row.missing), ("foreign", row.foreign)):
        if status is not None:
            code = "SUBSCRIPTION_NOT_FOUND" if below else "not_found"
            yield word, Bad(status, code, address=row.address.replace("{", f"{{{word}.", 1))


def code_of(reply: Reply, path: str) -> str:
    """The code of an error, which has the shape that this address speaks in."""
    error: dict[str, Any] = reply.json["error"]
    if speaks(path):
        assert set(error) == {"message", "type", "param", "code"}
    elif "/__ds/" in path and error["code"].isupper():
        assert {"code", "message"} <= set(error) <= {"code", "message", "current_holder", "generation"}
    else:
        check(reply)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    return str(error["code"])


@pytest.mark.parametrize(("method", "path", "row", "bad"), list(cases()))
async def test_it_is_refused_and_nothing_is_written(ground: Ground, method: str, path: str, row: Row, bad: Bad) -> None:
    before = await ground.written()
    reply = await ground.ask(method, bad, row)
    assert reply.status == bad.status, (reply.status, reply.body[:500])
    if reply.status >= 400:
        assert code_of(reply, path).startswith(bad.code), reply.body
    assert await ground.written() == before


async def test_what_is_asked_without_a_fault_is_taken(tmp_path: Path) -> None:
    """Else the requests above would be refused for something else than what is wrong with them."""
    async with standing(tmp_path) as ground:
        for (method, path), row in sorted(TABLE.items(), key=_last_of_all):
            asked = Bad(WITHOUT_A_FAULT.get((method, path), 200), "", headers={"Accept": "application/json"})
            if path == "/api/feed/events":
                asked = replace(asked, address=f"{path}?live=poll")
            reply = await ground.ask(method, asked, row)
            assert reply.status in range(asked.status, asked.status + 5), (method, path, reply.body)


def _last_of_all(one: tuple[tuple[str, str], Row]) -> tuple[bool, bool, int]:
    """What deletes comes after all else, and what deletes more after what deletes less."""
    (method, path), _ = one
    return method == "DELETE", path.startswith("/api/"), -len(path)


async def test_every_route_has_a_row(ground: Ground) -> None:
    wanted = {(method, re.sub(r":\w+}", "}", path)) for method, path, _, _ in RESOURCES}
    for route in cast("Site", ground.house.app.site).routes:
        if isinstance(route, WebSocketRoute):
            wanted.add(("WS", route.path))
        elif isinstance(route, Route):
            path = re.sub(r":\w+}", "}", route.path)
            wanted |= {(method, path) for method in route.methods or STREAMS if method != "HEAD"}
    below = (await ground.mine.get("/openapi.json"))["paths"].items()
    wanted |= {(method.upper(), path) for path, operations in below if "/__ds/" in path for method in operations}
    assert wanted == set(TABLE)


@pytest.mark.parametrize(("method", "path"), [key for key in TABLE if key[0] != "WS"])
async def test_a_token_that_is_none_is_refused(ground: Ground, method: str, path: str) -> None:
    if path in OPEN_TO_ALL or path.endswith(SPEAK_BY_WAKE):
        return
    row = TABLE[method, path]
    before = await ground.written()
    reply = await ground.ask(method, Bad(401, "", headers={"Authorization": "Bearer none"}), row)
    assert reply.status == 401, reply.body
    code_of(reply, path)
    assert await ground.written() == before
