"""Signing in: the same work and the same answer for all who may not, and not too often."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.services.conftest import Base
from tests.services.front_desk import ELSEWHERE, EMAIL, HOME, PASSWORD, Desk
from threadline.domain.errors import RateLimited, ThreadlineError, Unauthorized
from threadline.services.accounts import MOST_SESSIONS, Visit, open_session
from threadline.services.throttles import Limit, Limits
from threadline.store.database import Tx

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(base: Base) -> Desk:
    return Desk(base)


async def refused(desk: Desk, email: str, password: str = PASSWORD, visit: Visit = HOME) -> ThreadlineError:
    """How a try is refused, and that it was compared once."""
    compared = desk.hasher.compared
    with pytest.raises(Unauthorized) as fault:
        await desk.login(None, email, password, visit)
    assert desk.hasher.compared == compared + 1
    assert desk.hasher.hashed <= 1
    return fault.value


async def test_who_has_the_password_comes_in(desk: Desk) -> None:
    user = (await desk.register()).user
    opened = await desk.login(None, " ADA@example.org", PASSWORD, ELSEWHERE)
    assert opened.user == user
    assert (await desk.known(opened)).user == user
    assert len(await desk.base.accounts.sessions(user.id)) == 2


async def test_every_refusal_costs_one_comparison_and_sounds_alike(desk: Desk) -> None:
    user = (await desk.register()).user
    faults = [await refused(desk, EMAIL, "another password")]
    faults.append(await refused(desk, "nobody@example.org"))
    faults.append(await refused(desk, "no address at all"))
    await desk.change(user.id, disabled_at=1.0)
    faults.append(await refused(desk, EMAIL))
    faults.append(await refused(desk, EMAIL, "another password"))
    await desk.change(user.id, disabled_at=None, password_hash=None)
    faults.append(await refused(desk, EMAIL))
    assert {(fault.code, fault.message) for fault in faults} == {(faults[0].code, faults[0].message)}
    assert len(await desk.audited("session.failed")) == 6
    assert await desk.base.accounts.sessions(user.id)


async def test_of_fifty_wrong_tries_at_once_exactly_the_allowed_are_compared(desk: Desk) -> None:
    await desk.register()
    before = desk.hasher.compared
    tries = [desk.login(None, EMAIL, f"wrong {number}", Visit(f"203.0.113.{number}")) for number in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Unauthorized) for one in results) == 10
    assert sum(isinstance(one, RateLimited) for one in results) == 40
    assert desk.hasher.compared == before + 10
    with pytest.raises(RateLimited) as told:
        await desk.login(None, EMAIL, PASSWORD, ELSEWHERE)
    assert 0 < (told.value.retry_after or 0) <= 900
    desk.base.world.ahead += 901
    await desk.login(None, EMAIL, PASSWORD, ELSEWHERE)


async def test_an_address_that_nobody_has_is_counted_the_same_way(desk: Desk) -> None:
    for number in range(10):
        await refused(desk, "nobody@example.org", visit=Visit(f"203.0.113.{number}"))
    with pytest.raises(RateLimited):
        await desk.login(None, "nobody@example.org", PASSWORD, ELSEWHERE)


async def test_who_is_signed_in_somewhere_cannot_be_kept_out_of_there_by_others(desk: Desk) -> None:
    await desk.register(visit=HOME)
    for _ in range(10):
        await refused(desk, EMAIL, "wrong", ELSEWHERE)
    with pytest.raises(RateLimited):
        await desk.login(None, EMAIL, PASSWORD, ELSEWHERE)
    await desk.login(None, EMAIL, PASSWORD, HOME)


async def test_one_address_goes_not_through_many_accounts(base: Base) -> None:
    desk = Desk(base, limits=Limits(login_address=Limit("login:address", 20, 900)))
    tries = [desk.login(None, f"{number}@example.org", PASSWORD, ELSEWHERE) for number in range(50)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, RateLimited) for one in results) == 30
    assert desk.hasher.compared == 20
    await desk.register()
    await desk.login(visit=HOME)


async def test_coming_in_forgets_the_tries_before_and_is_none(base: Base) -> None:
    desk = Desk(base, limits=Limits(login_address=Limit("login:address", 30, 900)))
    await desk.register()
    for number in range(3):
        for _ in range(9):
            await refused(desk, EMAIL, "wrong", ELSEWHERE)
        await desk.login(visit=Visit(f"203.0.113.{number}"))
    for _ in range(30):
        await desk.login(visit=HOME)


async def test_whoever_was_signed_in_in_this_browser_is_not_any_more(desk: Desk) -> None:
    ada, grace = await desk.register(), await desk.register("grace@example.org")
    again = await desk.login(ada, "grace@example.org")
    assert again.user == grace.user
    assert await desk.base.accounts.identify(ada.token) is None
    assert (await desk.known(grace)).user == grace.user
    once_more = await desk.login(again, "grace@example.org")
    assert await desk.base.accounts.identify(again.token) is None
    assert (await desk.known(once_more)).user == grace.user


async def test_who_is_disabled_is_nobody_at_once(desk: Desk) -> None:
    opened = await desk.register()
    assert (await desk.known(opened)).user == opened.user
    await desk.change(opened.user.id, disabled_at=1.0)
    desk.deletion.forget(opened.user.id)
    assert await desk.base.accounts.identify(opened.token) is None
    await desk.change(opened.user.id, disabled_at=None)
    assert await desk.base.accounts.identify(opened.token) is not None


async def test_a_password_that_changes_while_it_is_compared_lets_nobody_in(desk: Desk) -> None:
    user = (await desk.register()).user
    other = await desk.passwords.hash("a password of later")
    login = asyncio.create_task(desk.login())
    while desk.hasher.compared == 0:
        await asyncio.sleep(0)
    await desk.change(user.id, password_hash=other)
    results = await asyncio.gather(login, return_exceptions=True)
    sessions = await desk.base.accounts.sessions(user.id)
    assert len(sessions) == 1 + (not isinstance(results[0], Unauthorized))


async def test_a_password_is_in_no_file_no_log_and_no_error(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-4711 in the mine"
    await desk.register(EMAIL, canary)
    opened = await desk.login(None, EMAIL, canary)
    fault = await refused(desk, "nobody@example.org", canary)
    await desk.profile.change_password(opened.user, "", canary, canary + " two")
    told = f"{caplog.text}{fault!r}{fault.message}{opened!r}"
    assert "canary" not in told
    assert opened.token not in told
    for path in tmp_path.iterdir():
        if path.is_file():
            assert b"canary" not in path.read_bytes(), path
            assert opened.token.encode() not in path.read_bytes(), path


async def test_who_signs_in_everywhere_is_out_where_he_was_longest_ago(desk: Desk) -> None:
    base, first = desk.base, await desk.register()

    def everywhere(tx: Tx) -> None:
        for _ in range(MOST_SESSIONS - 1):
            open_session(tx, base.world, first.user, HOME, "password")

    base.world.ahead += 1
    await base.store.write(everywhere)
    assert await base.accounts.identify(first.token) is not None
    last = await desk.login()
    assert [await base.accounts.identify(one.token) is not None for one in (first, last)] == [False, True]
    assert len(await base.accounts.sessions(first.user.id)) == MOST_SESSIONS
