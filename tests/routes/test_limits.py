"""Limits over HTTP: exactly the allowed number passes, at every entrance, and everybody is told where he stands."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.routes.conftest import PASSWORD, House, asking, begun, open_house
from tests.routes.test_chat_socket import send, socket_of, take
from tests.support.answers import until_ended
from tests.support.client import Client, Reply

pytestmark = pytest.mark.anyio

QUICK = "Say it at once, please."
DEMO = "demo/demo"
DAY = 86_400


async def say(client: Client, address: str = "/api/chat") -> Reply | None:
    """Submit a message of its own conversation and leave; the answer where it was refused."""
    stream = await client.open("POST", address, asking(QUICK, model=DEMO))
    if stream.status == 429:
        return Reply(stream.status, stream.headers, await stream.read())
    assert stream.status in (200, 201), stream.status
    stream.close()
    return None


async def refused(client: Client, address: str = "/api/chat") -> Reply:
    reply = await say(client, address)
    assert reply is not None
    return reply


async def limits(client: Client) -> Any:
    return (await client.get("/api/usage"))["limits"]


async def test_of_two_hundred_at_once_exactly_twenty_pass(tmp_path: Any) -> None:
    # What a guest may send where nobody set anything.
    async with open_house(tmp_path, limit_guest=20) as house:
        guest, another = house.visitor(), house.visitor()
        for client in (guest, another):
            await client.get("/api/me")
        addresses = ["/api/chat", "/api/durable/chat"] * 100
        done = await asyncio.gather(*(say(guest, address) for address in addresses), say(another))
        statuses = Counter(200 if reply is None else reply.status for reply in done)
        assert statuses == {200: 21, 429: 180}
        assert len((await guest.get("/api/conversations?limit=100"))["items"]) == 20
        told = (await limits(guest))["messages"]
        assert (told["used"], told["limit"]) == (20, 20)
        assert (await limits(another))["messages"]["used"] == 1


async def test_a_refusal_says_what_when_and_what_to_do_and_writes_nothing(tmp_path: Any) -> None:
    async with open_house(tmp_path, limit_guest=1, limit_registered=3) as house:
        guest = house.visitor()
        await until_ended(guest, await begun(guest, QUICK))
        body = asking(QUICK, model=DEMO)
        reply = await guest.call("POST", "/api/chat", body)
        error = reply.json["error"]
        assert (reply.status, error["code"], error["retryable"]) == (429, "rate_limited:chat", True)
        assert error["message"] == (
            "Guests may send 1 message in 24 hours. The next one is free in 24 hours. Register to send more."
        )
        assert DAY - 60 < int(reply.headers["retry-after"]) <= DAY
        assert error["details"]["resets_at"] == (await limits(guest))["messages"]["resets_at"]
        assert (await guest.call("GET", f"/api/conversations/{body['id']}")).status == 404
        # Who registers has more, and has used one of it.
        account = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}
        assert (await guest.call("POST", "/api/auth/register", account)).status == 201
        assert [await say(guest), await say(guest)] == [None, None]
        assert (await refused(guest)).json["error"]["message"].startswith("You may send 3 messages in 24 hours.")


async def test_every_entrance_refuses_in_its_own_words(tmp_path: Any) -> None:
    async with open_house(tmp_path, limit_registered=1) as house:
        person = await house.account("ada")
        program = await house.script(person, "all")
        assert await say(person) is None
        for address in ("/api/chat", "/api/durable/chat"):
            assert (await refused(program, address)).headers["retry-after"]
        response = {"model": DEMO, "input": QUICK}
        completion = {"model": DEMO, "messages": [{"role": "user", "content": QUICK}]}
        for address, wanted in (("/v1/responses", response), ("/v1/chat/completions", completion)):
            for streams in (False, True):
                reply = await program.call("POST", address, {**wanted, "stream": streams})
                assert (reply.status, reply.json["error"]["type"]) == (429, "rate_limit_error"), reply.body
                assert int(reply.headers["retry-after"]) > DAY - 60
        async with socket_of(person) as socket:
            await send(socket, "r1")
            frame = await take(socket)
            assert (frame["type"], frame["error"]["code"]) == ("error", "rate_limited:chat")


async def test_an_admin_sets_limits_that_hold_at_once(house: House) -> None:
    boss, guest = await house.account("boss"), house.visitor()
    me = (await guest.get("/api/me"))["id"]
    row = {"subject": me, "model": "*", "messages": 1, "tokens_day": None, "tokens_month": None}
    row |= {"cost_day": 2.5, "cost_month": "off"}
    put = await boss.call(
        "PUT", "/api/admin/limits", {"subject": me, "messages": 1, "cost_day": 2.5, "cost_month": "off"}
    )
    assert (put.status, put.json) == (200, row)
    assert await boss.get("/api/admin/limits") == {"items": [row], "next": None}
    assert await say(guest) is None
    await refused(guest)
    told = await limits(guest)
    assert (told["messages"]["limit"], told["cost_day"]["limit"], told["cost_month"]["limit"]) == (1, 2.5, None)
    assert (await boss.call("DELETE", f"/api/admin/limits?subject={me}&model=*")).status == 204
    assert await say(guest) is None
    assert (await boss.call("DELETE", f"/api/admin/limits?subject={me}")).status == 404
    nobody = await boss.call("PUT", "/api/admin/limits", {"subject": "nobody", "messages": 1})
    assert (nobody.status, nobody.json["error"]["code"]) == (404, "not_found:limits")
    [removed, changed] = (await boss.get("/api/admin/audit?limit=2"))["items"]
    assert [removed["action"], changed["action"], changed["target"]] == ["limits.removed", "limits.changed", me]


async def test_what_was_used_is_told_by_day_and_model(house: House) -> None:
    guest = house.visitor()
    run = await until_ended(guest, await begun(guest, QUICK))
    found = await guest.get("/api/usage?days=1")
    [item] = found["items"]
    assert {name: item[name] for name in ("model", "key_owner", "runs", "input_tokens", "output_tokens")} == {
        "model": DEMO,
        "key_owner": "server",
        "runs": 1,
        "input_tokens": run["usage"]["inputTokens"],
        "output_tokens": run["usage"]["outputTokens"],
    }
    assert found["limits"]["tokens_month"]["used"] == item["input_tokens"] + item["output_tokens"]
    assert found["limits"]["messages"]["limit"] is None
    assert run["cost"] == item["cost"]
    assert run["key_owner"] == "server"
