"""Isolation: whoever walks every address with another's ids finds nothing of that one's, and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.fakes.provider import FakeProvider
from tests.routes.conftest import PASSWORD, House, asking, open_house
from tests.support.answers import new_id, submit, until_ended
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig

pytestmark = pytest.mark.anyio

SECRET = "marigold-4711"
"""In everything that the owner wrote, named or was given."""
SYSTEM = "system-prompt-of-marigold"
KEY = "sk-marigold-key-0123456789abcd"

FOREIGN = (401, 403, 404)


@dataclass(frozen=True)
class Walked:
    """How an operation answers somebody to whom nothing of it belongs: with one of these. ``body`` is one that would be
    good, so that nothing is refused for its form alone. ``observer``: what who may read the conversation is told."""

    statuses: tuple[int, ...]
    body: Any = None
    observer: tuple[int, ...] | None = None
    query: str = ""


def mine(*statuses: int, body: Any = None, query: str = "") -> Walked:
    """An address of the caller's own things."""
    return Walked(statuses, body, query=query)


def read() -> Walked:
    """What of a conversation whoever may see it may read."""
    return Walked(FOREIGN, observer=(200,))


def ruled(body: Any = None, **more: Any) -> Walked:
    """What of a conversation only its owner, or who writes in it, may do."""
    return Walked(FOREIGN, body, observer=(403, 404, 409), **more)


def foreign(body: Any = None, **more: Any) -> Walked:
    """What is nobody's but the owner's."""
    return Walked(FOREIGN, body, **more)


# Every operation of the OpenAPI document; one that is missing here fails the walk.
WALK: dict[str, Walked] = {
    "GET /healthz": mine(200),
    "GET /readyz": mine(200),
    "GET /api/me": mine(200),
    "PATCH /api/me": mine(200, 403, body={"name": "Somebody"}),
    "POST /api/auth/register": mine(409, 403, 429, body={"email": "owner@example.org", "password": PASSWORD}),
    "POST /api/auth/login": mine(401, 403, 429, body={"email": "owner@example.org", "password": "not this one"}),
    "PUT /api/auth/password": mine(
        400, 401, 403, 409, body={"current": "not this one", "password": "another of four words"}
    ),
    "GET /api/auth/sessions": mine(200, 403),
    "DELETE /api/auth/sessions/{session_id}": foreign(),
    "GET /api/auth/providers": mine(200),
    "GET /api/auth/errors": mine(200),
    "GET /api/auth/errors/{code}": mine(200),
    "GET /api/auth/identities": mine(200, 403),
    "DELETE /api/auth/identities/{provider}": foreign(),
    "GET /api/auth/{provider}/login": mine(303, 404),
    "GET /api/auth/{provider}/callback": mine(303, 404),
    "GET /api/models": mine(200),
    "GET /api/models/validate": mine(200, query="?model=demo/demo"),
    "PUT /api/models/favourites": mine(204, query="?model=demo/demo"),
    "DELETE /api/models/favourites": mine(204, query="?model=demo/demo"),
    "GET /api/models/slots": mine(200),
    "PUT /api/models/slots": mine(200, body={}),
    "GET /api/keys": mine(200, 403),
    "GET /api/keys/providers": mine(200, 403),
    "PUT /api/keys/{provider}": mine(200, 403, body={"key": "sk-of-somebody-else-0123456789"}),
    "POST /api/keys/{provider}/test": mine(200, 403, 404, body={}),
    "DELETE /api/keys/{provider}": mine(204, 403, 404),
    "GET /api/tokens": mine(200, 403),
    "POST /api/tokens": mine(201, 403, body={"name": "mine", "scopes": ["read"]}),
    "DELETE /api/tokens/{token_id}": foreign(),
    "GET /api/conversations": mine(200),
    "POST /api/conversations": mine(201),
    "GET /api/conversations/{conversation_id}": read(),
    "PATCH /api/conversations/{conversation_id}": ruled({"title": "stolen"}),
    "GET /api/conversations/{conversation_id}/messages": read(),
    "GET /api/conversations/{conversation_id}/shares": ruled(),
    "POST /api/conversations/{conversation_id}/shares": ruled({"role": "participant"}),
    "DELETE /api/conversations/{conversation_id}/shares/{share_id}": ruled(),
    "GET /api/conversations/{conversation_id}/participants": read(),
    "DELETE /api/conversations/{conversation_id}/participants/{user_id}": ruled(),
    "GET /api/shares/{token}": mine(404),
    "POST /api/shares/{token}/accept": mine(404),
    "POST /api/chat": Walked(FOREIGN, "chat", observer=(403,)),
    "GET /api/chat/{chat_id}/stream": Walked(FOREIGN, observer=(200, 204)),
    "POST /api/chat/{conversation_id}/stop": ruled({}),
    "POST /api/durable/chat": Walked(FOREIGN, "chat", observer=(403,)),
    "GET /api/durable/chat/{chat_id}/stream": Walked(FOREIGN, observer=(200, 204)),
    "GET /api/runs/{run_id}": read(),
    "GET /api/runs/{run_id}/events": read(),
    "POST /api/runs/{run_id}/events": foreign([{"type": "text-delta", "id": "p0", "delta": "stolen"}]),
    "GET /api/feed/events": mine(200, query="?live=poll&after=0"),
    "POST /api/recordings": mine(
        404,
        403,
        body={
            "conversation_id": "{conversation_id}",
            "model": "any/model",
            "message": {"role": "user", "parts": [{"type": "text", "text": "stolen"}]},
        },
    ),
    "GET /api/usage": mine(200),
    "GET /api/admin/users": foreign(),
    "PATCH /api/admin/users/{user_id}": foreign({"role": "admin"}),
    "DELETE /api/admin/users/{user_id}": foreign(),
    "GET /api/admin/usage": foreign(),
    "GET /api/admin/usage/users": foreign(),
    "GET /api/admin/audit": foreign(),
    "GET /api/admin/limits": foreign(),
    "PUT /api/admin/limits": foreign({"subject": "guest", "model": "*", "messages": 1}),
    "DELETE /api/admin/limits": foreign(query="?subject=guest&model=*"),
    "POST /v1/responses": Walked(
        (401, 403, 404), {"model": "demo/demo", "input": "go on", "previous_response_id": "{response_id}"}
    ),
    "GET /v1/responses/{response_id}": foreign(),
    "DELETE /v1/responses/{response_id}": foreign(),
    "POST /v1/responses/{response_id}/cancel": foreign(),
    "GET /v1/responses/{response_id}/input_items": foreign(),
    "POST /v1/chat/completions": Walked(
        (401, 200), {"model": "demo/demo", "messages": [{"role": "user", "content": "instantly: 10 words"}]}
    ),
    "GET /v1/models": Walked((401, 200)),
    "GET /v1/models/{model}": Walked((401, 200, 404)),
    # At last, what ends the caller himself; who may only see a conversation leaves it.
    "DELETE /api/conversations/{conversation_id}": Walked(FOREIGN, observer=(204,)),
    "DELETE /api/auth/sessions": mine(204, 403),
    "DELETE /api/conversations": mine(204),
    "POST /api/auth/logout": mine(204, 403),
    "DELETE /api/me": mine(204, 400, 401, 403, body={"password": "not this one"}),
}
STREAMS = re.compile(r"\w+ /v1/stream/")
"""Streams have names of their owner's own, but for runs; see the walk of those."""


@dataclass
class Owner:
    """Somebody who has everything that one can have."""

    client: Client
    ids: dict[str, str]

    async def everything(self) -> dict[str, Any]:
        """All that he can see of his own."""
        chat, run = self.ids["conversation_id"], self.ids["run_id"]
        paths = ["/api/keys", "/api/tokens", "/api/models/slots", "/api/conversations", f"/api/runs/{run}"]
        paths += [f"/api/conversations/{chat}{more}" for more in ("", "/messages", "/shares")]
        found = {path: await self.client.get(path) for path in paths}
        found["sessions"] = [one["id"] for one in (await self.client.get("/api/auth/sessions"))["items"]]
        found["me"] = await self.client.get("/api/me")
        return found


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider(models=["one"], api_key=KEY) as provider:
        yield provider


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> AsyncIterator[House]:
    """A provider of its own, for which users bring their keys."""
    folder, providers = tmp_path_factory.mktemp("house"), (ProviderConfig("fake", base_url=fake.url),)
    async with open_house(folder, providers=providers, long_poll_seconds=0.05) as running:
        yield running


@pytest.fixture(scope="module")
async def owner(house: House) -> Owner:
    boss = await house.account("boss")
    client = await house.account("owner")
    assert (await client.get("/api/me"))["role"] == "user"
    del boss
    kept = await client.call("PUT", "/api/keys/fake", {"key": KEY})
    assert kept.status == 200, kept.body
    token = await client.call("POST", "/api/tokens", {"name": SECRET, "scopes": ["all"]})
    chat = new_id()
    run, stream = await submit(client, f"Say it once. {SECRET}", chat, model="fake/one", settings={"system": SYSTEM})
    await stream.read()
    await until_ended(client, run)
    renamed = await client.call(
        "PATCH", f"/api/conversations/{chat}", {"title": f"About {SECRET}", "settings": {"system": SYSTEM}}
    )
    assert renamed.status == 200, renamed.body
    share = await client.call("POST", f"/api/conversations/{chat}/shares", {"role": "observer"})
    program = house.visitor(Authorization=f"Bearer {token.json['token']}")
    response = await program.call("POST", "/v1/responses", {"model": "fake/one", "input": SECRET})
    assert response.status == 200, response.body
    session = (await client.get("/api/auth/sessions"))["items"][0]
    me = await client.get("/api/me")
    await program.call("PUT", f"/v1/stream/{SECRET}", b"x", {"Content-Type": "text/plain"})
    return Owner(
        client,
        {
            "conversation_id": chat,
            "chat_id": chat,
            "run_id": run,
            "response_id": response.json["id"],
            "session_id": session["id"],
            "token_id": (await client.get("/api/tokens"))["items"][0]["id"],
            "share_id": share.json["id"],
            "user_id": me["id"],
            "token": "not-a-token-of-any-share",
            "provider": "fake",
            "model": "demo/demo",
            "code": "denied",
            "_share": share.json["token"],
        },
    )


async def operations(house: House) -> list[str]:
    """Every method and address of the document."""
    document = await house.visitor().get("/openapi.json")
    return [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method in ("get", "put", "post", "patch", "delete")
    ]


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The same with the owner's ids in it."""
    text = json.dumps(value)
    for name, found in ids.items():
        text = text.replace("{" + name + "}", found)
    return json.loads(text)


async def ask(client: Client, operation: str, walked: Walked, ids: dict[str, str]) -> Any:
    method, _, path = operation.partition(" ")
    for name, found in ids.items():
        path = path.replace("{" + name + "}", quote(found, safe=""))
    body = asking("stolen", ids["conversation_id"]) if walked.body == "chat" else filled(walked.body, ids)
    return await client.call(method, path + walked.query, body)


def shows_nothing(reply: Any, operation: str, *, may_read: bool) -> None:
    told = reply.body.decode("utf-8", "replace") + json.dumps(dict(reply.headers))
    assert KEY not in told, operation
    assert KEY[-4:] not in told, operation
    assert SYSTEM not in told, operation
    assert "owner@example.org" not in told, operation
    if not may_read:
        assert SECRET not in told, operation


async def walk(house: House, client: Client, owner: Owner, *, observes: bool = False) -> None:
    """All of it, and the owner has what he had."""
    before = await owner.everything()
    missing = [one for one in await operations(house) if one not in WALK and not STREAMS.match(one)]
    assert not missing, f"say in WALK what others find there: {missing}"
    for operation, walked in WALK.items():
        reply = await ask(client, operation, walked, owner.ids)
        statuses = walked.observer if observes and walked.observer is not None else walked.statuses
        assert reply.status in statuses, (operation, reply.status, reply.body[:300])
        lists = operation in ("GET /api/conversations", "GET /api/feed/events", "DELETE /api/conversations")
        shows_nothing(reply, operation, may_read=observes and (walked.observer is not None or lists))
    for path in (f"runs/{owner.ids['run_id']}", SECRET):
        for method in ("GET", "POST", "DELETE") if not observes else ("POST", "DELETE"):
            reply = await client.call(method, f"/v1/stream/{path}", None if method == "GET" else b"x")
            assert reply.status in (400, 401, 403, 404, 405), (method, path, reply.status, reply.body[:300])
            shows_nothing(reply, f"{method} /v1/stream/{path}", may_read=False)
    assert await owner.everything() == before


async def test_another_user_finds_nothing_and_changes_nothing(house: House, owner: Owner) -> None:
    await walk(house, await house.account("other"), owner)


async def test_a_guest_finds_nothing_and_changes_nothing(house: House, owner: Owner) -> None:
    guest = house.visitor()
    await guest.get("/api/me")
    await walk(house, guest, owner)


async def test_another_users_token_finds_nothing_and_changes_nothing(house: House, owner: Owner) -> None:
    await walk(house, await house.script(await house.account("maker"), "all"), owner)


async def test_an_observer_reads_the_conversation_and_nothing_else_and_changes_nothing(
    house: House, owner: Owner
) -> None:
    observer = await house.account("observer")
    taken = await observer.call("POST", f"/api/shares/{owner.ids['_share']}/accept")
    assert (taken.status, taken.json["role"]) == (200, "observer"), taken.body
    messages = await observer.get(f"/api/conversations/{owner.ids['conversation_id']}/messages")
    assert SECRET in json.dumps(messages)
    await walk(house, observer, owner, observes=True)


async def test_a_revoked_token_is_nobodys_at_every_address(house: House, owner: Owner) -> None:
    made = await owner.client.call("POST", "/api/tokens", {"name": "to go", "scopes": ["all"]})
    program = house.visitor(Authorization=f"Bearer {made.json['token']}")
    assert (await program.call("GET", f"/api/conversations/{owner.ids['conversation_id']}")).status == 200
    gone = await owner.client.call("DELETE", f"/api/tokens/{made.json['id']}")
    assert gone.status == 204
    before = await owner.everything()
    for operation, walked in WALK.items():
        path = operation.partition(" ")[2]
        reply = await ask(program, operation, walked, owner.ids)
        if path in ("/healthz", "/readyz") or path.startswith(
            ("/api/auth/providers", "/api/auth/errors", "/api/auth/{")
        ):
            continue
        assert reply.status == 401, (operation, reply.status, reply.body[:300])
        shows_nothing(reply, operation, may_read=False)
    assert await owner.everything() == before
