"""``/api/admin``: for an admin all of it, for everybody else nothing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.routes.conftest import PASSWORD, House, begun, open_house
from tests.routes.test_live import socket_of
from tests.routes.test_live_life import turned_away
from tests.support.answers import until_ended
from tests.support.client import Client
from threadline.routes import RESOURCES

pytestmark = pytest.mark.anyio

ADDRESSES = [(method, path) for method, path, *_ in RESOURCES if path.startswith("/api/admin")]


@pytest.fixture(scope="module")
async def boss(house: House) -> Client:
    """The admin."""
    return await house.account("boss")


async def one(boss: Client, name: str) -> dict[str, Any]:
    """A user as the admin sees him."""
    [found] = (await boss.get(f"/api/admin/users?q={name}@example.org"))["items"]
    return found  # type: ignore[no-any-return]


async def change(boss: Client, user_id: str, **values: Any) -> dict[str, Any]:
    reply = await boss.call("PATCH", f"/api/admin/users/{user_id}", values)
    assert reply.status == 200, reply.body
    return reply.json  # type: ignore[no-any-return]


async def newest(boss: Client, action: str) -> dict[str, Any]:
    """The last act of this kind."""
    return (await boss.get(f"/api/admin/audit?action={action}&limit=1"))["items"][0]  # type: ignore[no-any-return]


async def test_for_everybody_but_an_admin_it_is_not_there(house: House, boss: Client) -> None:
    nobody, guest, member = house.visitor(), house.visitor(), await house.account("member")
    await guest.get("/api/me")
    program, service = await house.script(member, "all"), await house.program("service")
    assert len(ADDRESSES) >= 6
    for method, path in ADDRESSES:
        for client in (nobody, guest, member, program, service):
            reply = await client.call(method, re.sub(r"\{[^}]+\}", "x", path))
            assert (reply.status, reply.json["error"]["code"]) == (404, "not_found:api"), path
    assert nobody.cookies == {}
    await boss.get("/api/admin/users")


async def test_an_admin_finds_everybody(house: House, boss: Client) -> None:
    await house.account("grace")
    found = await one(boss, "GRACE")
    assert {**found, "id": 0, "created_at": 0, "seen_at": 0} == {
        "id": 0,
        "kind": "registered",
        "name": "grace",
        "email": "grace@example.org",
        "role": "user",
        "disabled": False,
        "created_at": 0,
        "seen_at": 0,
        "messages": 0,
        "cost": 0.0,
    }
    first = await boss.get("/api/admin/users?limit=1")
    assert len(first["items"]) == 1
    rest = await boss.get(f"/api/admin/users?limit=1&cursor={first['next']}")
    assert rest["items"][0]["id"] != first["items"][0]["id"]
    for path in ("users?cursor=mine", "users?kind=king", "users?limit=0", "usage?days=0", "audit?action=tea.made"):
        assert (await boss.call("GET", f"/api/admin/{path}")).status == 400, path


async def test_who_is_made_an_admin_administers_and_who_is_none_any_more_does_not(house: House, boss: Client) -> None:
    helper = await house.account("helper")
    user_id = (await one(boss, "helper"))["id"]
    assert (await helper.call("POST", "/api/tokens", {"name": "x", "scopes": ["admin"]})).status == 403
    assert (await change(boss, user_id, role="admin"))["role"] == "admin"
    await helper.get("/api/admin/users")
    program = await house.script(helper, "admin")
    await program.get("/api/admin/users")
    assert (await newest(boss, "user.role_changed"))["details"] == {"was": "user", "role": "admin"}
    await change(boss, user_id, role="user")
    for client in (helper, program):
        assert (await client.call("GET", "/api/admin/users")).status == 404
    told = await newest(boss, "user.role_changed")
    assert (told["target"], told["address"], told["actor_id"]) == (
        user_id,
        "127.0.0.1",
        (await one(boss, "boss"))["id"],
    )


@pytest.mark.parametrize("values", [{"role": "king"}, {"disabled": "yes"}, {"kind": "guest"}, {"email": "x@y.z"}])
async def test_what_cannot_be_of_a_user_is_refused(boss: Client, values: dict[str, Any]) -> None:
    user_id = (await one(boss, "boss"))["id"]
    assert (await boss.call("PATCH", f"/api/admin/users/{user_id}", values)).status == 400


async def test_the_last_admin_stays(house: House, boss: Client) -> None:
    await house.account("another")
    user_id = (await one(boss, "boss"))["id"]
    for values in ({"role": "user"}, {"disabled": True}):
        reply = await boss.call("PATCH", f"/api/admin/users/{user_id}", values)
        assert (reply.status, reply.json["error"]["code"]) == (409, "conflict:account")
    assert (await boss.call("DELETE", f"/api/admin/users/{user_id}")).status == 400
    assert (await one(boss, "boss"))["role"] == "admin"


async def test_who_is_shut_out_is_out_with_all_that_is_open(tmp_path: Any) -> None:
    # Nothing beats here while the test lasts.
    async with open_house(tmp_path, heartbeat=3600) as house:
        boss, mallory = await house.account("boss"), await house.account("mallory")
        program = await house.script(mallory, "chat")
        user_id = (await one(boss, "mallory"))["id"]
        run = await begun(mallory, "A long story that never ends, please.")
        feed = await program.open("GET", "/api/feed/events")
        async with socket_of(mallory) as socket:
            assert (await change(boss, user_id, disabled=True))["disabled"] is True
            async with asyncio.timeout(60):
                await turned_away(socket)
                await feed.read()
        assert (await program.call("GET", "/api/me")).status == 401
        assert (await mallory.get("/api/me"))["kind"] == "guest"
        login = {"email": "mallory@example.org", "password": PASSWORD}
        assert (await house.visitor().call("POST", "/api/auth/login", login)).status in (401, 403)
        await change(boss, user_id, disabled=False)
        back = house.visitor()
        assert (await back.call("POST", "/api/auth/login", login)).status == 200
        ended = await until_ended(back, run)
        assert ended["status"] == "stopped"
        assert (await program.call("GET", "/api/me")).status == 401
        assert (await back.get("/api/tokens"))["items"] == []


async def test_usage_is_shown_by_day_and_by_user(house: House, boss: Client) -> None:
    member = await house.account("spender")
    await until_ended(member, await begun(member, "Say it at once, please."))
    days = (await boss.get("/api/admin/usage?days=1"))["items"]
    assert [(one["model"], one["key_owner"], one["runs"]) for one in days] == [("demo/demo", "server", 1)]
    user_id = (await one(boss, "spender"))["id"]
    assert (await boss.get(f"/api/admin/usage?user={user_id}"))["items"] == days
    assert (await boss.get("/api/admin/usage?user=usr_x"))["items"] == []
    page = await boss.get("/api/admin/usage/users?days=1&key_owner=server")
    [found] = page["items"]
    assert (found["user"]["email"], found["runs"], page["next"]) == ("spender@example.org", 1, None)
    assert (await one(boss, "spender"))["messages"] == 1


async def test_the_audit_log_tells_what_was_done_and_no_secret(house: House, boss: Client) -> None:
    member = await house.account("logged")
    token = (await member.call("POST", "/api/tokens", {"name": "its name", "scopes": ["read"]})).json
    user_id = (await one(boss, "logged"))["id"]
    log = await boss.get(f"/api/admin/audit?actor={user_id}&limit=1")
    [made] = log["items"]
    assert (made["action"], made["target"], made["details"]["scopes"]) == ("token.created", token["id"], ["read"])
    rest = await boss.get(f"/api/admin/audit?actor={user_id}&cursor={log['next']}")
    assert {entry["action"] for entry in rest["items"]} >= {"account.registered", "session.opened"}
    whole = str(await boss.get("/api/admin/audit?limit=200"))
    for secret in (token["token"], PASSWORD, "logged@example.org", "its name"):
        assert secret not in whole


async def test_a_user_who_is_deleted_is_gone_and_his_entries_stay(house: House, boss: Client) -> None:
    leaver = await house.account("leaver")
    user_id = (await one(boss, "leaver"))["id"]
    assert (await boss.call("DELETE", f"/api/admin/users/{user_id}")).status == 204
    assert (await leaver.get("/api/me"))["kind"] == "guest"
    assert (await boss.get("/api/admin/users?q=leaver"))["items"] == []
    assert (await boss.call("DELETE", f"/api/admin/users/{user_id}")).status == 404
    assert (await newest(boss, "account.deleted"))["target"] == user_id
    assert (await boss.get(f"/api/admin/audit?actor={user_id}"))["items"] != []
