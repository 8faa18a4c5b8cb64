"""``/api/auth`` and ``/api/me``: registering, signing in and out, where one is signed in, and going for good."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.routes.conftest import PASSWORD, House, asking, begun
from tests.support.answers import until_ended
from tests.support.client import Client
from tests.support.live import open_live

pytestmark = pytest.mark.anyio


def account(email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "password": PASSWORD, **more}


async def registered(house: House, email: str) -> Client:
    """Somebody with an account, who was a guest before."""
    visitor = house.visitor()
    await visitor.get("/api/me")
    reply = await visitor.call("POST", "/api/auth/register", account(email))
    assert reply.status == 201, reply.body
    return visitor


async def signed_in(house: House, email: str) -> Client:
    """The same one in another browser."""
    visitor = house.visitor()
    reply = await visitor.call("POST", "/api/auth/login", account(email))
    assert reply.status == 200, reply.body
    return visitor


async def test_a_guest_registers_signs_out_and_in_and_has_his_chat(house: House) -> None:
    visitor = house.visitor()
    guest, chat = await visitor.get("/api/me"), asking("Say it at once.")["id"]
    await until_ended(visitor, await begun(visitor, "Say it at once.", chat))
    before = visitor.cookie
    reply = await visitor.call("POST", "/api/auth/register", account(" Way@Example.org", name="Ada"))
    me = reply.json
    assert reply.status == 201
    assert (me["id"], me["kind"], me["email"], me["name"]) == (guest["id"], "registered", "way@example.org", "Ada")
    assert (me["email_verified"], me["has_password"]) == (False, True)
    assert visitor.cookie != before
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(reply.headers["set-cookie"].split("; "))
    assert await visitor.get("/api/me") == me
    assert (await house.visitor(Cookie=before).get("/api/me"))["id"] != me["id"]
    reply = await visitor.call("POST", "/api/auth/logout")
    assert reply.status == 204
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert (await house.visitor(Cookie=visitor.cookie).get("/api/me"))["id"] != me["id"]
    again = house.visitor()
    assert (await again.call("POST", "/api/auth/login", account("way@example.org"))).json == me
    assert (await again.get(f"/api/conversations/{chat}"))["id"] == chat


async def test_what_a_guest_made_follows_him_also_while_it_is_written(house: House) -> None:
    account_of = await registered(house, "follows@example.org")
    me = await account_of.get("/api/me")
    visitor = house.visitor()
    await visitor.get("/api/me")
    chat = asking("")["id"]
    run = await begun(visitor, "A long story, slowly.", chat)
    feed = await account_of.open("GET", "/api/feed/events")
    events = feed.sse()
    assert (await visitor.call("POST", "/api/auth/login", account("follows@example.org"))).json["id"] == me["id"]
    assert (await visitor.get(f"/api/conversations/{chat}"))["status"] == "streaming"
    assert (await account_of.get(f"/api/runs/{run}"))["status"] == "running"
    assert (await account_of.call("POST", f"/api/chat/{chat}/stop", {"run": run})).json == {"stopped": [run]}
    assert (await until_ended(account_of, run))["status"] == "stopped"
    told = []
    async for event in events:
        if event.event == "message" and event.data is not None:
            told.append(event.json["type"])
        if "run.finished" in told:
            break
    feed.close()
    assert told[0] == "conversation.created"


async def test_a_guests_key_follows_him(house: House) -> None:
    await registered(house, "key@example.org")
    visitor = house.visitor()
    await visitor.get("/api/me")
    reply = await visitor.call("PUT", "/api/keys/openai", {"key": "sk-a-key-of-his-own-4711"})
    assert reply.status == 200, reply.body
    # Where it leads may be another's choice, who had this browser before.
    elsewhere = {"key": "sk-a-key-for-elsewhere", "base_url": "https://93.184.216.34/v1"}
    assert (await visitor.call("PUT", "/api/keys/mistral", elsewhere)).status == 200
    await visitor.call("POST", "/api/auth/login", account("key@example.org"))
    (key,) = (await visitor.get("/api/keys"))["items"]
    assert (key["provider"], key["last_four"]) == ("openai", "4711")


async def test_signing_in_makes_no_guest(house: House) -> None:
    await registered(house, "noguest@example.org")
    reply = await house.visitor().call("POST", "/api/auth/login", account("noguest@example.org", password="wrong"))
    assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized:login")
    assert "set-cookie" not in reply.headers
    assert (await house.visitor().call("POST", "/api/auth/logout")).status == 204
    assert (await house.visitor().call("GET", "/api/auth/sessions")).status == 401


async def test_where_guests_are_off_people_sign_in(open_own: Any) -> None:
    async with open_own(guests=False) as house:
        visitor = house.visitor()
        assert (await visitor.call("GET", "/api/me")).status == 401
        reply = await visitor.call("POST", "/api/auth/register", account("ada@example.org"))
        assert (reply.status, reply.json["role"]) == (201, "admin")
        assert (await visitor.get("/api/me"))["kind"] == "registered"
        assert (await (await signed_in(house, "ada@example.org")).get("/api/me"))["email"] == "ada@example.org"


async def test_where_registration_is_off_it_is_said(open_own: Any) -> None:
    async with open_own(registration=False) as house:
        reply = await house.visitor().call("POST", "/api/auth/register", account("ada@example.org"))
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:registration")


async def test_a_taken_address_is_said_and_a_weak_password_too(house: House) -> None:
    await registered(house, "taken@example.org")
    for body, status, code in (
        (account("TAKEN@example.org"), 409, "conflict:account"),
        (account("other@example.org", password="short"), 400, "bad_request:password"),
        (account("other@example.org", password="password1"), 400, "bad_request:password"),
        (account("nonsense"), 400, "bad_request:account"),
    ):
        reply = await house.visitor().call("POST", "/api/auth/register", body)
        assert (reply.status, reply.json["error"]["code"]) == (status, code)


async def test_too_many_tries_are_told_when_to_come_again(house: House) -> None:
    await registered(house, "throttled@example.org")
    wrong = account("elsewhere@example.org", password="wrong")
    replies = await asyncio.gather(*(house.visitor().call("POST", "/api/auth/login", wrong) for _ in range(12)))
    refused = [reply for reply in replies if reply.status == 429]
    assert len(refused) == 2
    assert refused[0].json["error"]["code"] == "rate_limited:login"
    assert 0 < int(refused[0].headers["retry-after"]) <= 900


async def test_sessions_are_listed_and_ended_one_by_one_and_all_others(house: House) -> None:
    first = await registered(house, "sessions@example.org")
    second, third = await signed_in(house, "sessions@example.org"), house.visitor(**{"User-Agent": "A phone"})
    await third.call("POST", "/api/auth/login", account("sessions@example.org"))
    listed = (await first.get("/api/auth/sessions"))["items"]
    assert [one["current"] for one in listed] == [False, False, True]
    assert (listed[0]["agent"], listed[0]["address"]) == ("A phone", "127.0.0.1")
    assert (await first.call("DELETE", f"/api/auth/sessions/{listed[0]['id']}")).status == 204
    assert (await third.call("GET", "/api/auth/sessions")).status == 401
    other = await registered(house, "other.sessions@example.org")
    theirs = (await other.get("/api/auth/sessions"))["items"][0]["id"]
    assert (await first.call("DELETE", f"/api/auth/sessions/{theirs}")).status == 404
    assert (await first.call("DELETE", "/api/auth/sessions")).status == 204
    assert (await second.call("GET", "/api/auth/sessions")).status == 401
    assert len((await first.get("/api/auth/sessions"))["items"]) == 1
    assert len((await other.get("/api/auth/sessions"))["items"]) == 1


async def test_who_signs_out_of_a_session_that_another_process_ended_is_out(house: House) -> None:
    visitor = await registered(house, "out@example.org")
    cookie = visitor.cookie
    with closing(sqlite3.connect(house.app.settings.store_path)) as base, base:
        base.execute("DELETE FROM sessions WHERE user_id = ?", ((await visitor.get("/api/me"))["id"],))
    reply = await visitor.call("POST", "/api/auth/logout")
    assert reply.status == 204
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert (await house.visitor(Cookie=cookie).call("GET", "/api/auth/sessions")).status == 401


async def test_what_a_revoked_session_has_open_ends(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        first = await registered(house, "streams@example.org")
        second = await signed_in(house, "streams@example.org")
        stream = await second.open("GET", "/api/feed/events")
        assert stream.status == 200
        live = await open_live(second)
        await live.subscribe("feed")
        assert (await first.call("DELETE", "/api/auth/sessions")).status == 204
        async with asyncio.timeout(60):
            await live.read()
            await stream.read()
        assert live.of("error")[0]["error"]["code"].startswith("unauthorized")
        assert stream.ended == "clean"
        assert (await first.get("/api/me"))["email"] == "streams@example.org"


async def test_a_new_password_ends_the_other_sessions(house: House) -> None:
    first = await registered(house, "change@example.org")
    second = await signed_in(house, "change@example.org")
    wrong = {"current": "wrong", "password": "quite another one"}
    reply = await first.call("PUT", "/api/auth/password", wrong)
    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:password")
    right = {"current": PASSWORD, "password": "quite another one"}
    assert (await first.call("PUT", "/api/auth/password", right)).status == 204
    assert (await second.call("GET", "/api/auth/sessions")).status == 401
    assert (await first.call("GET", "/api/auth/sessions")).status == 200
    reply = await house.visitor().call("POST", "/api/auth/login", account("change@example.org"))
    assert reply.status == 401


async def test_an_account_is_changed(house: House) -> None:
    visitor = await registered(house, "before@example.org")
    assert (await visitor.call("PATCH", "/api/me", {"name": "Grace"})).json["name"] == "Grace"
    reply = await visitor.call("PATCH", "/api/me", {"email": "after@example.org"})
    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:password")
    reply = await visitor.call("PATCH", "/api/me", {"email": "after@example.org", "password": PASSWORD})
    assert (reply.json["email"], reply.json["name"]) == ("after@example.org", "Grace")
    assert await visitor.get("/api/me") == reply.json


async def test_an_account_goes_in_mid_run_with_all_that_is_its_own(open_own: Any) -> None:
    async with open_own(lease_seconds=0.5) as house:
        await registered(house, "admin@example.org")
        visitor = await registered(house, "gone@example.org")
        me, chat = await visitor.get("/api/me"), asking("")["id"]
        run = await begun(visitor, "A long story, slowly.", chat)
        await visitor.call("PUT", "/v1/stream/mine", b"", {"Content-Type": "application/json"})
        for password, status in ((None, 403), ("wrong", 403)):
            reply = await visitor.call("DELETE", "/api/me", None if password is None else {"password": password})
            assert reply.status == status, reply.body
        reply = await visitor.call("DELETE", "/api/me", {"password": PASSWORD})
        assert reply.status == 204, reply.body
        assert "Max-Age=0" in reply.headers["set-cookie"]
        assert (await house.visitor(Cookie=visitor.cookie).get("/api/me"))["id"] != me["id"]
        reply = await house.visitor().call("POST", "/api/auth/login", account("gone@example.org"))
        assert reply.status == 401

        async with asyncio.timeout(60):
            while me["id"] in (told := await everything(house)):
                await asyncio.sleep(0.05)
        assert not [name for name in (chat, run, "gone@example.org") if name in told]


async def everything(house: House) -> str:
    """The rows of the store, but for what was written down of who did what, and the names of all streams."""
    with closing(sqlite3.connect(house.app.settings.store_path)) as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for name in tables if name != "audit" for row in base.execute(f"SELECT * FROM {name}")]
    return f"{rows}{[info.name async for page in house.log.listed('streams/') for info in page]}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/logout"),
        ("PUT", "/api/auth/password"),
        ("DELETE", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions/x"),
        ("PATCH", "/api/me"),
        ("DELETE", "/api/me"),
    ],
)
async def test_no_page_of_another_site_does_any_of_it(house: House, visitor: Client, method: str, path: str) -> None:
    body = account("csrf@example.org")
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        reply = await visitor.call(method, path, body, {"Origin": origin})
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:origin")
    assert (await visitor.get("/api/me"))["kind"] == "guest"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_can_send_is_no_body(house: House, visitor: Client, kind: str) -> None:
    """A browser sends these without asking first."""
    for method, path in (("POST", "/api/auth/register"), ("POST", "/api/auth/login"), ("PATCH", "/api/me")):
        reply = await visitor.call(method, path, account("form@example.org"), {"Content-Type": kind})
        assert (reply.status, reply.json["error"]["code"]) == (400, "bad_request:api"), (path, kind)


async def test_no_answer_and_no_log_line_repeats_a_password(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    visitor, canary = house.visitor(), "canary-0815"
    for path, body in (
        ("/api/auth/login", {"email": "a@b.c", "password": canary}),
        ("/api/auth/login", {"email": 7, "password": canary}),
        ("/api/auth/register", {"email": "a@b.c", "password": canary, "more": canary}),
        ("/api/auth/register", {"email": "a@b.c", "password": [canary]}),
        ("/api/auth/register", {"email": canary, "password": canary}),
    ):
        reply = await visitor.call("POST", path, body)
        assert reply.status >= 400
        assert canary.encode() not in reply.body
    assert canary not in caplog.text
