"""``/v1/stream/__ds/*`` over HTTP: subscriptions, a real webhook, and a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.support.client import Client, Reply
from tests.support.receiver import done, receiving
from tests.support.server import Server

pytestmark = pytest.mark.anyio

ROOT = "/v1/stream/"
DS = f"{ROOT}__ds/"
SUB = f"{DS}subscriptions/sub"
PULL: dict[str, Any] = {"type": "pull-wake", "pattern": "events/*", "wake_stream": "wakes", "lease_ttl_ms": 60_000}


def hook(url: str) -> dict[str, Any]:
    return {"type": "webhook", "pattern": "events/*", "webhook": {"url": url}}


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]["code"]


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def append(visitor: Client, path: str, count: int = 1) -> None:
    assert (await visitor.call("PUT", ROOT + path, b"")).status in (200, 201)
    assert (await visitor.call("POST", ROOT + path, [{"n": number} for number in range(count)])).status == 204


async def until_acked(visitor: Client, path: str, offset: str, name: str = "sub") -> None:
    async with asyncio.timeout(120):
        while True:
            shown = (await visitor.call("GET", f"{DS}subscriptions/{name}")).json
            if any(one["path"] == path and one["acked_offset"] == offset for one in shown["streams"]):
                return
            await asyncio.sleep(0.02)


async def test_a_subscription_is_made_shown_and_forgotten(visitor: Client) -> None:
    made = await visitor.call("PUT", SUB, {**PULL, "streams": ["/a/"], "description": "mine"})
    assert made.status == 201
    shown = await visitor.call("GET", SUB)
    assert shown.json == made.json
    assert shown.headers["cache-control"] == "no-store"
    created = made.json.pop("created_at")
    assert created.endswith("Z")
    assert {key: value for key, value in made.json.items() if key != "created_at"} == {
        "id": "sub",
        "subscription_id": "sub",
        "owner": (await visitor.call("GET", "/api/me")).json["id"],
        **PULL,
        "streams": [{"path": "a", "link_type": "explicit", "acked_offset": "0000000000000000_0000000000000000"}],
        "status": "active",
        "description": "mine",
    }
    assert (await visitor.call("PUT", SUB, {**PULL, "streams": ["a"], "description": "mine"})).status == 200
    assert code(await visitor.call("PUT", SUB, PULL)) == (409, "SUBSCRIPTION_ALREADY_EXISTS")
    assert (await visitor.call("DELETE", SUB)).status == 204
    assert code(await visitor.call("GET", SUB)) == (404, "SUBSCRIPTION_NOT_FOUND")


async def test_it_is_its_owners_alone(house: House, visitor: Client) -> None:
    other = house.visitor()
    await other.call("GET", "/api/me")
    assert (await visitor.call("PUT", SUB, PULL)).status == 201
    for reply in (await other.call("GET", SUB), await other.call("POST", f"{SUB}/claim", {"worker": "w"})):
        assert code(reply) == (404, "SUBSCRIPTION_NOT_FOUND")
    assert code(await other.call("POST", f"{SUB}/streams", {"streams": ["a"]})) == (404, "SUBSCRIPTION_NOT_FOUND")
    assert (await other.call("DELETE", SUB)).status == 204
    assert (await other.call("PUT", SUB, {**PULL, "pattern": "**"})).status == 201
    assert (await visitor.call("GET", SUB)).json["pattern"] == "events/*"
    stranger = house.visitor()
    for reply in (
        await stranger.call("GET", SUB),
        await stranger.call("PUT", SUB, PULL),
        await stranger.call("DELETE", SUB),
    ):
        assert reply.status == 401


async def test_the_keys_are_everybodys(house: House) -> None:
    keys = await house.visitor().call("GET", f"{DS}jwks.json")
    assert keys.status == 200
    assert keys.headers["content-type"] == "application/jwk-set+json"
    assert keys.headers["access-control-allow-origin"] == "*"
    assert [sorted(key) for key in keys.json["keys"]] == [["alg", "crv", "kid", "kty", "use", "x"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "INVALID_REQUEST"),
        (b"[]", "INVALID_REQUEST"),
        (b"", "INVALID_REQUEST"),
        (json.dumps({**PULL, "lease_ttl_ms": 5}).encode(), "INVALID_REQUEST"),
        (json.dumps(hook("http://10.0.0.1/hook")).encode(), "WEBHOOK_URL_REJECTED"),
        (json.dumps(hook("http://127.0.0.1/hook")).encode(), "WEBHOOK_URL_REJECTED"),
        (json.dumps(hook("https://localhost/hook")).encode(), "WEBHOOK_URL_REJECTED"),
        (json.dumps(hook("https://[::1]/hook")).encode(), "WEBHOOK_URL_REJECTED"),
        (json.dumps(hook("https://me:word@example.org/hook")).encode(), "WEBHOOK_URL_REJECTED"),
    ],
)
async def test_what_cannot_be_is_refused_in_the_protocols_words(visitor: Client, body: bytes, expected: str) -> None:
    assert code(await visitor.call("PUT", SUB, body)) == (400, expected)
    assert code(await visitor.call("GET", SUB)) == (404, "SUBSCRIPTION_NOT_FOUND")


async def test_an_address_that_is_none_is_said_to_be(visitor: Client) -> None:
    for path in ("", "nothing", "subscriptions", "subscriptions/", "subscriptions/a/b", "subscriptions/a/claim/b"):
        assert code(await visitor.call("GET", DS + path)) == (404, "SUBSCRIPTION_NOT_FOUND")
    assert (await visitor.call("POST", SUB, {})).status == 405
    assert (await visitor.call("PUT", f"{ROOT}__ds", b"")).status == 404


async def test_workers_claim_report_and_give_back(house: House, visitor: Client) -> None:
    await visitor.call("PUT", SUB, PULL)
    await visitor.call("PUT", f"{ROOT}wakes", b"")
    await append(visitor, "events/a", 2)
    told = await visitor.call("GET", f"{ROOT}wakes?offset=-1&live=long-poll")
    assert [(one["type"], one["stream"], one["generation"]) for one in told.json] == [("wake", "events/a", 1)]
    assert code(await visitor.call("POST", f"{SUB}/claim", {})) == (400, "INVALID_REQUEST")
    claimed = (await visitor.call("POST", f"{SUB}/claim", {"worker": "w1"})).json
    busy = await visitor.call("POST", f"{SUB}/claim", {"worker": "w2"})
    assert code(busy) == (409, "ALREADY_CLAIMED")
    assert (busy.json["error"]["current_holder"], busy.json["error"]["generation"]) == ("w1", 1)
    tail = claimed["streams"][0]["tail_offset"]
    report = {"wake_id": claimed["wake_id"], "generation": 1, "acks": [{"stream": "events/a", "offset": tail}]}
    # The token speaks alone: whoever was given it needs no session.
    worker = house.visitor()
    for bad in ("-1", "nothing", "0000000000000009_0000000000000000"):
        wrong = {**report, "acks": [{"stream": "events/a", "offset": bad}]}
        assert code(await worker.call("POST", f"{SUB}/ack", wrong, bearing(claimed["token"]))) == (
            409,
            "INVALID_OFFSET",
        )
    assert code(await worker.call("POST", f"{SUB}/ack", report)) == (401, "TOKEN_INVALID")
    assert code(await worker.call("POST", f"{SUB}/ack", report, bearing("tl_x"))) == (401, "TOKEN_INVALID")
    assert code(await worker.call("POST", f"{SUB}/callback", report, bearing(claimed["token"]))) == (
        400,
        "INVALID_REQUEST",
    )
    assert code(await worker.call("POST", f"{SUB}/ack", {}, bearing(claimed["token"]))) == (400, "INVALID_REQUEST")
    done = await worker.call("POST", f"{SUB}/ack", report, bearing(claimed["token"]))
    assert done.json == {"ok": True, "next_wake": False}
    assert (await worker.call("POST", f"{SUB}/release", report, bearing(claimed["token"]))).status == 204
    assert code(await worker.call("POST", f"{SUB}/release", report, bearing(claimed["token"]))) == (409, "FENCED")
    assert code(await visitor.call("POST", f"{SUB}/claim", {"worker": "w2"})) == (409, "NO_PENDING_WORK")


async def test_names_and_paths_may_have_any_character(visitor: Client) -> None:
    address = f"{DS}subscriptions/a%2Fb%20%C3%A9"
    assert (await visitor.call("PUT", address, PULL)).json["id"] == "a/b é"
    assert (await visitor.call("POST", f"{address}/streams", {"streams": ["x/y é", "x"]})).status == 204
    assert (await visitor.call("DELETE", f"{address}/streams/x%2Fy%20%C3%A9")).status == 204
    assert [one["path"] for one in (await visitor.call("GET", address)).json["streams"]] == ["x"]


async def test_a_webhook_is_called_and_reports_back(
    open_own: Callable[..., AbstractAsyncContextManager[House]],
) -> None:
    async with receiving() as receiver, open_own(streams_open=True) as house:
        visitor = house.visitor()
        made = await visitor.call("PUT", SUB, hook(receiver.url))
        signing = made.json["webhook"]["signing"]
        assert signing["jwks_url"] == f"http://127.0.0.1:{house.port}{DS}jwks.json"
        await append(visitor, "events/a", 3)
        told = (await receiver.until(1))[0].json
        assert told["callback_url"] == f"http://127.0.0.1:{house.port}{SUB}/callback"
        tail = told["streams"][0]["tail_offset"]
        report = {
            "wake_id": told["wake_id"],
            "generation": told["generation"],
            "acks": [{"path": "events/a", "offset": tail}],
            "done": True,
        }
        reply = await visitor.call("POST", f"{SUB}/callback", report, bearing(told["callback_token"]))
        assert reply.json == {"ok": True, "next_wake": False}
        await until_acked(visitor, "events/a", tail)
        stale = await visitor.call("POST", f"{SUB}/callback", report, bearing(told["callback_token"]))
        assert code(stale) == (409, "FENCED")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("203.0.113.9", "https://chat.example.org"),
        ("chat.example.org:443", "https://chat.example.org"),
        ("other.example.org:8443", "https://other.example.org:8443"),
    ],
)
async def test_who_is_woken_is_told_an_address_that_the_server_knows(
    open_own: Callable[..., AbstractAsyncContextManager[House]], host: str, expected: str
) -> None:
    origins = ("https://chat.example.org", "https://other.example.org:8443")
    async with receiving() as receiver, open_own(streams_open=True, origins=origins) as house:
        visitor = house.visitor()
        made = await visitor.call("PUT", SUB, hook(receiver.url), {"Host": host})
        assert made.json["webhook"]["signing"]["jwks_url"] == f"{expected}{DS}jwks.json"
        await append(visitor, "events/a")
        told = (await receiver.until(1))[0].json
        assert told["callback_url"] == f"{expected}{SUB}/callback"
        assert (told["owner"], told["webhook_url"]) == (made.json["owner"], receiver.url)


async def test_a_subscription_says_that_it_is_full(visitor: Client) -> None:
    made = await visitor.call("PUT", SUB, {**PULL, "streams": [f"named/{number}" for number in range(1000)]})
    assert made.json["full"] is True
    assert code(await visitor.call("POST", f"{SUB}/streams", {"streams": ["one/more"]})) == (409, "LIMIT_REACHED")
    assert (await visitor.call("DELETE", f"{SUB}/streams/named%2F0")).status == 204
    assert "full" not in (await visitor.call("GET", SUB)).json
    assert (await visitor.call("POST", f"{SUB}/streams", {"streams": ["one/more"]})).status == 204


async def test_a_server_that_is_killed_in_mid_wake_delivers_it_when_it_is_back(tmp_path: Path) -> None:
    async with receiving(done) as receiver:
        server = Server(tmp_path, settings={"streams_open": "on"})
        server.up()
        try:
            visitor = server.client()
            await visitor.call("PUT", SUB, hook(receiver.url))
            receiver.go.clear()
            await append(visitor, "events/a")
            await receiver.until(1)
            server.restart()
            await append(visitor, "events/a", 2)
            receiver.go.set()
            await receiver.until(2)
            await until_acked(visitor, "events/a", "0000000000000003_0000000000000000")
            shown = (await visitor.call("GET", SUB)).json
        finally:
            server.kill9()
        first, second = (call.json for call in receiver.calls[:2])
        for name in ("wake_id", "generation", "callback_token"):
            assert first[name] == second[name]
        assert shown["webhook"]["signing"]["kid"] in receiver.calls[0].header("webhook-signature")
        assert shown["webhook"]["signing"]["kid"] in receiver.calls[1].header("webhook-signature")
        assert server.data.joinpath("secret").stat().st_mode & 0o777 == 0o600
