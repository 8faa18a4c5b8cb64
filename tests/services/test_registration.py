"""Registration: a guest becomes somebody, keeps all that he has, and nothing that others may know opens him then."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.conftest import Base
from tests.services.front_desk import ELSEWHERE, EMAIL, HOME, PASSWORD, Desk
from threadline.domain.errors import BadRequest, Conflict, Forbidden, RateLimited
from threadline.services.accounts import LONGEST_SECONDS, SIGNED_IN_SECONDS, Visit
from threadline.services.throttles import Limit, Limits

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(base: Base) -> Desk:
    return Desk(base)


async def test_a_guest_becomes_registered_in_place(base: Base, desk: Desk) -> None:
    guest = await base.accounts.guest()
    chat = await base.conversations.create(guest.user.id, title="From before")
    opened = await desk.registration.register(guest.user, " Ada@Example.ORG ", PASSWORD, "Ada  Lovelace", HOME)
    assert opened.user.id == guest.user.id
    assert (opened.user.kind, opened.user.email, opened.user.name) == ("registered", EMAIL, "Ada Lovelace")
    assert (opened.user.email_verified, opened.user.has_password) == (False, True)
    assert (await base.conversations.page(opened.user.id))["items"][0]["id"] == chat["id"]
    assert (await base.feed.read(opened.user.id)).next == 1
    assert (await desk.known(opened)).user == opened.user


async def test_what_opened_the_guest_opens_nobody_any_more(base: Base, desk: Desk) -> None:
    """Somebody may have put his own session into another's browser."""
    guest = await base.accounts.guest()
    assert await base.accounts.identify(guest.token) is not None
    heard: list[bool] = []
    base.accounts.watch(lambda: heard.append(True))
    opened = await desk.registration.register(guest.user, EMAIL, PASSWORD, None, HOME)
    assert await base.accounts.identify(guest.token) is None
    assert heard
    (session,) = await base.accounts.sessions(opened.user.id)
    assert (session.address, session.agent) == (HOME.address, HOME.agent)


async def test_who_is_nobody_yet_may_register_too(desk: Desk) -> None:
    opened = await desk.register()
    assert (opened.user.kind, opened.user.email) == ("registered", EMAIL)


async def test_the_first_account_is_the_admins_and_no_other(desk: Desk) -> None:
    roles = [(await desk.register(f"{name}@example.org")).user.role for name in ("ada", "grace", "alan")]
    assert roles == ["admin", "user", "user"]


async def test_of_those_who_come_first_at_once_one_is_admin(desk: Desk) -> None:
    opened = await asyncio.gather(*(desk.register(f"{name}@example.org") for name in range(8)))
    assert sorted(one.user.role for one in opened) == ["admin", *["user"] * 7]


async def test_one_address_has_one_account_also_where_two_want_it_at_once(base: Base, desk: Desk) -> None:
    results = await asyncio.gather(
        *(desk.register(email) for email in (EMAIL, EMAIL.upper(), f" {EMAIL}")), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, Conflict)]
    assert len(refused) == 2
    assert refused[0].code == "conflict:account"
    guest = await base.accounts.guest()
    with pytest.raises(Conflict):
        await desk.registration.register(guest.user, EMAIL, PASSWORD)
    assert (await desk.known(guest)).user.kind == "guest"


async def test_who_has_an_account_makes_no_other_of_it(base: Base, desk: Desk) -> None:
    opened = await desk.register()
    with pytest.raises(Conflict):
        await desk.registration.register(opened.user, "other@example.org", PASSWORD)
    guest = await base.accounts.guest()
    results = await asyncio.gather(
        *(desk.registration.register(guest.user, f"{name}@example.org", PASSWORD) for name in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in results) == 3


@pytest.mark.parametrize("email", ["", "ada", "@example.org", "ada@", "a@b@c", "a b@c.org", "a@b..org", "a\x00@b.org"])
async def test_what_is_no_address_is_refused(desk: Desk, email: str) -> None:
    with pytest.raises(BadRequest):
        await desk.register(email)
    assert desk.hasher.hashed == 0


async def test_where_registration_is_off_nobody_registers(base: Base) -> None:
    desk = Desk(base, is_open=False)
    with pytest.raises(Forbidden) as refused:
        await desk.register()
    assert refused.value.code == "forbidden:registration"
    assert desk.hasher.hashed == 0


async def test_from_one_address_not_too_many_register(base: Base) -> None:
    desk = Desk(base, limits=Limits(registration=Limit("register:address", 5, 3600)))
    for number in range(10):
        with pytest.raises(BadRequest):
            await desk.register(f"{number}@example.org", "password")
    await desk.register()
    results = await asyncio.gather(*(desk.register() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in results) == 4
    assert sum(isinstance(one, RateLimited) for one in results) == 6
    await desk.register("elsewhere@example.org", visit=ELSEWHERE)


async def test_an_accounts_session_slides_but_not_for_ever(base: Base, desk: Desk) -> None:
    opened = await desk.register()
    assert opened.expires_at == pytest.approx(base.world.now() + SIGNED_IN_SECONDS, abs=60)
    for _ in range(int(LONGEST_SECONDS / (0.8 * SIGNED_IN_SECONDS))):
        base.world.ahead += SIGNED_IN_SECONDS * 0.8
        found = await base.accounts.identify(opened.token)
        assert found is not None
        assert found.renewed
    base.world.ahead += SIGNED_IN_SECONDS * 0.8
    assert await base.accounts.identify(opened.token) is None


async def test_an_accounts_session_that_is_not_used_is_over_after_a_month(base: Base, desk: Desk) -> None:
    opened = await desk.register()
    base.world.ahead += SIGNED_IN_SECONDS + 60
    assert await base.accounts.identify(opened.token) is None


async def test_it_is_written_down_without_the_address_of_anybodys_mail(desk: Desk) -> None:
    opened = await desk.register()
    (made,), (session,) = await desk.audited("account.registered"), await desk.audited("session.opened")
    assert (made["actor_id"], made["target"], made["address"]) == (opened.user.id, opened.user.id, HOME.address)
    assert session["actor_id"] == opened.user.id
    assert EMAIL not in str([made, session])


async def test_what_a_browser_calls_itself_is_kept_at_a_bound(base: Base, desk: Desk) -> None:
    opened = await desk.register(visit=Visit("2001:db8::1", "x" * 5000))
    (session,) = await base.accounts.sessions(opened.user.id)
    assert len(session.agent or "") == 300
