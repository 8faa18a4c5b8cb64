"""Accounts: a guest for every visitor, known by his token until it is revoked or over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import text

from tests.services.conftest import Base, Full
from threadline.domain.errors import NotFound, RateLimited
from threadline.services.accounts import SESSION_SECONDS, Accounts, Identified, Visit
from threadline.services.throttles import Limits
from threadline.store.database import Store

pytestmark = pytest.mark.anyio


async def test_a_guest_is_known_by_his_token_also_after_a_restart(base: Base) -> None:
    opened = await base.accounts.guest()
    assert len(opened.token) >= 43
    for accounts in (base.accounts, Accounts(base.store, base.world)):
        assert await accounts.identify(opened.token) == Identified(opened.user)
    assert await base.accounts.get(opened.user.id) == opened.user


@pytest.mark.parametrize("token", [None, "", "unknown", "x" * 100_000, "ä\ud800"])
async def test_a_token_that_is_not_known_speaks_for_nobody(base: Base, token: str | None) -> None:
    assert await base.accounts.identify(token) is None


async def test_a_token_is_kept_only_as_a_hash(base: Base) -> None:
    opened = await base.accounts.guest()
    rows = await base.store.read(lambda tx: tx.conn.execute(text("SELECT * FROM sessions")).all())
    assert opened.token not in str(rows)
    assert opened.token.encode() not in [value for row in rows for value in row]


async def test_one_network_is_only_so_many_new_guests(base: Base) -> None:
    accounts = Accounts(base.store, base.world, Limits(guests=replace(Limits().guests, most=2)))
    for last in "12":
        await accounts.guest(Visit(f"2001:db8::{last}"))
    with pytest.raises(RateLimited, match="Too many guests came from this network"):
        await accounts.guest(Visit("2001:db8::3"))
    await accounts.guest(Visit("2001:db8:0:1::3"))
    for near in ("127.0.0.1", "::1", "::ffff:127.0.0.1", None) * 3:
        await accounts.guest(Visit(near))
    base.world.ahead += 3601
    await accounts.guest(Visit("2001:db8::3"))


async def test_a_request_of_someone_known_costs_no_read(base: Base) -> None:
    opened = await base.accounts.guest()
    await base.store.close()
    assert await base.accounts.identify(opened.token) == Identified(opened.user)


async def test_a_revoked_session_is_over_at_once(base: Base) -> None:
    opened, other = await base.accounts.guest(), await base.accounts.guest()
    (session,) = await base.accounts.sessions(opened.user.id)
    with pytest.raises(NotFound):
        await base.accounts.revoke(other.user.id, session.id)
    assert await base.accounts.identify(opened.token) == Identified(opened.user)
    await base.accounts.revoke(opened.user.id, session.id)
    assert await base.accounts.identify(opened.token) is None
    assert await base.accounts.identify(other.token) == Identified(other.user)
    with pytest.raises(NotFound):
        await base.accounts.revoke(opened.user.id, session.id)


async def test_a_revocation_beside_a_look_up_is_not_forgotten(base: Base) -> None:
    for _ in range(20):
        opened = await base.accounts.guest()
        (session,) = await base.accounts.sessions(opened.user.id)
        fresh = Accounts(base.store, base.world)
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(fresh.identify(opened.token))
            group.create_task(fresh.revoke(opened.user.id, session.id))
        assert await fresh.identify(opened.token) is None


async def test_what_another_process_revokes_is_noticed_after_a_while(base: Base) -> None:
    opened = await base.accounts.guest()
    (session,) = await base.accounts.sessions(opened.user.id)
    await Accounts(base.store, base.world).revoke(opened.user.id, session.id)
    base.world.ahead += 31
    assert await base.accounts.identify(opened.token) is None


async def test_a_session_lives_as_long_as_it_is_used(base: Base) -> None:
    used, unused = await base.accounts.guest(), await base.accounts.guest()
    for _ in range(4):
        base.world.ahead += SESSION_SECONDS * 0.4
        assert await base.accounts.identify(used.token) == Identified(used.user, renewed=True)
        assert await base.accounts.identify(used.token) == Identified(used.user)
    assert await base.accounts.identify(unused.token) is None


async def test_to_look_whether_a_session_lives_is_no_use_of_it_and_hides_none(base: Base) -> None:
    opened = await base.accounts.guest()
    base.world.ahead += SESSION_SECONDS * 0.4
    assert await base.accounts.lives(opened.token)
    assert base.accounts.remembers(opened.token)
    assert await base.accounts.identify(opened.token) == Identified(opened.user, renewed=True)
    base.world.ahead += SESSION_SECONDS * 0.9
    assert await base.accounts.lives(opened.token)
    base.world.ahead += SESSION_SECONDS * 0.2
    assert not base.accounts.remembers(opened.token)
    assert not await base.accounts.lives(opened.token)


async def test_who_watches_hears_of_what_is_revoked_here(base: Base) -> None:
    opened, heard = await base.accounts.guest(), list[bool]()
    (session,) = await base.accounts.sessions(opened.user.id)
    base.accounts.watch(lambda: heard.append(base.accounts.remembers(opened.token)))
    await base.accounts.revoke(opened.user.id, session.id)
    assert heard == [False]


async def test_who_is_known_may_read_while_the_disk_has_no_room_to_renew_his_session(base: Base) -> None:
    opened = await base.accounts.guest()
    base.world.ahead += SESSION_SECONDS * 0.4
    full = Accounts(cast(Store, Full(base.store)), base.world)
    assert await full.identify(opened.token) == Identified(opened.user)
    base.world.ahead += 31
    assert await full.identify(opened.token) == Identified(opened.user)
    base.world.ahead += 31
    assert await base.accounts.identify(opened.token) == Identified(opened.user, renewed=True)


async def test_nobody_is_nobody(base: Base) -> None:
    with pytest.raises(NotFound):
        await base.accounts.get("usr_unknown")
