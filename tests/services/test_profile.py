"""The profile: what somebody changes of his account, and what takes his password."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.conftest import Base
from tests.services.front_desk import ELSEWHERE, EMAIL, HOME, PASSWORD, Desk
from threadline.domain.errors import BadRequest, Conflict, Forbidden, RateLimited, Unauthorized
from threadline.services.tokens import Wanted

pytestmark = pytest.mark.anyio

NEW = "four other words of hers"


@pytest.fixture
def desk(base: Base) -> Desk:
    return Desk(base)


async def test_a_name_is_changed_at_once_wherever_one_is_signed_in(desk: Desk) -> None:
    opened = await desk.register()
    assert (await desk.known(opened)).user.name is None
    changed = await desk.profile.change(opened.user, name=" Ada  Lovelace ")
    assert changed.name == "Ada Lovelace"
    assert (await desk.known(opened)).user == changed
    with pytest.raises(BadRequest):
        await desk.profile.change(opened.user, name="a\x00b")


async def test_a_new_address_takes_the_password_and_is_proved_to_be_nobodys(desk: Desk) -> None:
    opened = await desk.register()
    await desk.register("grace@example.org")
    await desk.change(opened.user.id, email_verified_at=1.0)
    for password in (None, "wrong"):
        with pytest.raises(Forbidden):
            await desk.profile.change(opened.user, email="new@example.org", password=password)
    with pytest.raises(Conflict):
        await desk.profile.change(opened.user, email="grace@example.org", password=PASSWORD)
    with pytest.raises(BadRequest):
        await desk.profile.change(opened.user, email="nonsense", password=PASSWORD)
    assert (await desk.user(opened.user.id)).email_verified
    changed = await desk.profile.change(opened.user, email=" New@Example.org", password=PASSWORD, visit=HOME)
    assert (changed.email, changed.email_verified) == ("new@example.org", False)
    assert await desk.profile.change(changed, email="new@example.org") == changed
    assert len(await desk.audited("account.changed")) == 1
    await desk.login(None, "new@example.org")
    with pytest.raises(Unauthorized):
        await desk.login(None, EMAIL)


async def test_of_two_who_want_an_address_at_once_one_has_it(desk: Desk) -> None:
    ada, grace = await desk.register(), await desk.register("grace@example.org")
    results = await asyncio.gather(
        *(desk.profile.change(one.user, email="new@example.org", password=PASSWORD) for one in (ada, grace)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in results) == 1


async def test_a_new_password_ends_every_other_session_and_no_token(desk: Desk) -> None:
    first, second = await desk.register(), await desk.login(visit=ELSEWHERE)
    issued = await desk.tokens.create(first.user.id, Wanted("program"))
    here = (await desk.known(first)).session_id
    for current in (None, "wrong"):
        with pytest.raises(Forbidden):
            await desk.profile.change_password(first.user, here, current, NEW)
    with pytest.raises(BadRequest):
        await desk.profile.change_password(first.user, here, PASSWORD, "password1")
    assert await desk.base.accounts.identify(second.token) is not None
    await desk.profile.change_password(first.user, here, PASSWORD, NEW, HOME)
    assert (await desk.known(first)).user.id == first.user.id
    assert await desk.base.accounts.identify(second.token) is None
    assert await desk.tokens.identify(issued.token) is not None
    await desk.login(password=NEW)
    with pytest.raises(Unauthorized):
        await desk.login(password=PASSWORD)
    (changed,) = await desk.audited("password.changed")
    assert (changed["actor_id"], changed["address"]) == (first.user.id, HOME.address)
    assert await desk.audited("session.revoked")


async def test_who_came_in_otherwise_sets_a_first_password_without_one(desk: Desk) -> None:
    opened = await desk.register()
    await desk.change(opened.user.id, password_hash=None)
    await desk.profile.change_password(opened.user, (await desk.known(opened)).session_id, None, NEW)
    await desk.login(password=NEW)


async def test_a_guest_has_neither_password_nor_address(desk: Desk) -> None:
    guest = (await desk.base.accounts.guest()).user
    with pytest.raises(Conflict):
        await desk.profile.change_password(guest, "", None, NEW)
    with pytest.raises(Conflict):
        await desk.profile.change(guest, email=EMAIL)
    assert (await desk.profile.change(guest, name="Somebody")).name == "Somebody"
    await desk.profile.confirm(guest, None)


async def test_whoever_found_a_browser_open_cannot_try_for_long(desk: Desk) -> None:
    opened = await desk.register()
    before = desk.hasher.compared
    results = await asyncio.gather(
        *(desk.profile.confirm(opened.user, f"wrong {number}") for number in range(30)), return_exceptions=True
    )
    assert sum(isinstance(one, Forbidden) for one in results) == 10
    assert sum(isinstance(one, RateLimited) for one in results) == 20
    assert desk.hasher.compared == before + 10
    # Its user comes in elsewhere all the same.
    await desk.login(visit=ELSEWHERE)
