"""Identities: whose account it is that somebody signs in to, and what links and unlinks."""

from __future__ import annotations

import pytest

from tests.services.conftest import Base
from tests.services.desk import ADA, Desk, desk_of, refused
from threadline.domain.errors import Conflict, NotFound
from threadline.domain.logins import Person
from threadline.services.accounts import Identified
from threadline.store import identities, users

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(base: Base) -> Desk:
    return desk_of(base)


async def test_a_guest_becomes_an_account_in_place_and_its_old_session_is_over(desk: Desk) -> None:
    guest = await desk.base.accounts.guest()
    visitor = await desk.base.accounts.identify(guest.token)
    opened = await desk.come(visitor=visitor)
    user = await desk.user(guest.user.id)
    assert (opened.user.id, user.kind, user.name) == (guest.user.id, "registered", "Ada")
    assert (user.email, user.email_verified, user.has_password) == ("ada@example.org", True, False)
    assert await desk.base.accounts.identify(guest.token) is None
    found = await desk.base.accounts.identify(opened.token)
    assert found is not None
    assert found.user.id == user.id


async def test_somebody_known_comes_back_to_his_account_whatever_his_address_is_now(desk: Desk) -> None:
    first = await desk.come()
    other = await desk.account("new@example.org", verified=True)
    moved = Person("ada-1", "new@example.org", True, "Ada")
    again = await desk.come(moved)
    assert again.user.id == first.user.id != other.id
    assert (await desk.user(first.user.id)).email == "ada@example.org"
    assert [one["email"] for one in (await desk.identities.listed(first.user.id))["items"]] == ["new@example.org"]
    assert (await desk.identities.listed(other.id))["items"] == []


async def test_each_sign_in_opens_a_session_and_ends_the_one_that_was_brought(desk: Desk) -> None:
    first = await desk.come()
    visitor = await desk.base.accounts.identify(first.token)
    second = await desk.come(visitor=visitor)
    assert second.token != first.token
    assert await desk.base.accounts.identify(first.token) is None
    assert len(await desk.base.accounts.sessions(first.user.id)) == 1


@pytest.mark.parametrize(
    "person",
    [
        Person("x-1"),
        Person("x-2", "ada@example.org", False),
        Person("x-3", "no address", True),
        Person("x-4", "", True),
    ],
)
async def test_an_address_that_is_hidden_or_not_verified_is_nobodys(desk: Desk, person: Person) -> None:
    owner = await desk.account("ada@example.org", verified=True)
    opened = await desk.come(person)
    assert opened.user.id != owner.id
    assert (await desk.user(opened.user.id)).email is None


async def test_a_verified_address_leads_to_the_account_that_has_proved_it(desk: Desk) -> None:
    owner = await desk.account("ada@example.org", verified=True)
    assert (await desk.come()).user.id == owner.id
    assert [row.subject for row in await desk.base.store.read(lambda tx: identities.of_user(tx, owner.id))] == ["ada-1"]


async def test_an_account_that_has_not_proved_the_address_is_not_given_away(desk: Desk) -> None:
    owner = await desk.account("ada@example.org")
    with refused("email_taken"):
        await desk.come()
    assert (await desk.identities.listed(owner.id))["items"] == []
    # With the password first, then linked, which proves the address.
    assert (await desk.link(owner)).opened is None
    assert (await desk.user(owner.id)).email_verified
    assert (await desk.come()).user.id == owner.id


async def test_a_second_person_of_a_provider_does_not_slip_into_an_account_by_its_address(desk: Desk) -> None:
    first = await desk.come()
    with refused("provider_linked"):
        await desk.come(Person("somebody-else", "ada@example.org", True))
    assert len((await desk.identities.listed(first.user.id))["items"]) == 1


async def test_an_identity_of_somebody_else_is_not_linked(desk: Desk) -> None:
    await desk.come()
    other = await desk.account("bob@example.org")
    with refused("identity_taken"):
        await desk.link(other)


async def test_to_link_one_must_be_signed_in_as_the_same_from_the_beginning_to_the_end(desk: Desk) -> None:
    guest, owner = await desk.guest(), await desk.account("bob@example.org")
    for user in (None, guest.user):
        with refused("not_signed_in"):
            await desk.begin(user=user, links=True)
    for visitor in (None, guest):
        begun = await desk.begin(user=owner, links=True)
        with refused("not_signed_in") as caught:
            await desk.end(begun, ADA, visitor)
        assert caught.value.linking
    assert (await desk.identities.listed(owner.id))["items"] == []


async def test_what_is_linked_already_may_be_linked_again(desk: Desk) -> None:
    owner = await desk.account("bob@example.org")
    for _ in range(2):
        await desk.link(owner)
    assert len((await desk.identities.listed(owner.id))["items"]) == 1
    with refused("provider_linked"):
        await desk.link(owner, Person("another"))


async def test_nobody_new_comes_where_nobody_may_register(base: Base) -> None:
    desk = desk_of(base, is_open=False)
    with refused("registration_off"):
        await desk.come()
    owner = await desk.account("ada@example.org", verified=True)
    assert (await desk.come()).user.id == owner.id


async def test_who_is_disabled_does_not_come_in_by_any_way(desk: Desk) -> None:
    opened = await desk.come()
    owner = await desk.account("bob@example.org", verified=True)
    for user_id in (opened.user.id, owner.id):
        await desk.base.store.write(lambda tx, one=user_id: users.change(tx, one, disabled_at=tx.now))
    for person in (ADA, Person("bob-1", "bob@example.org", True)):
        with refused("account_disabled"):
            await desk.come(person)
    with refused("not_signed_in"):
        await desk.link(owner, Person("bob-1"))


async def test_the_last_way_in_is_not_taken_away(desk: Desk) -> None:
    opened = await desk.come()
    user_id = opened.user.id
    with pytest.raises(NotFound):
        await desk.identities.unlink(user_id, "home")
    with pytest.raises(Conflict, match="only way"):
        await desk.identities.unlink(user_id, "office")
    # A password without an address to sign in with is no way in.
    await desk.base.store.write(lambda tx: users.change(tx, user_id, password_hash="x", email=None))
    with pytest.raises(Conflict):
        await desk.identities.unlink(user_id, "office")
    await desk.base.store.write(lambda tx: users.change(tx, user_id, email="ada@example.org"))
    await desk.identities.unlink(user_id, "office")
    assert (await desk.identities.listed(user_id))["items"] == []
    assert await desk.told("identity.unlinked") == [{"provider": "office"}]


async def test_another_provider_is_a_way_in_too(desk: Desk) -> None:
    opened = await desk.come()
    user = await desk.user(opened.user.id)
    begun = await desk.begin("home", user=user, links=True)
    await desk.end(begun, Person("at-home"), Identified(user), name="home")
    await desk.identities.unlink(user.id, "office")
    assert [one["title"] for one in (await desk.identities.listed(user.id))["items"]] == ["Home"]
    with pytest.raises(Conflict):
        await desk.identities.unlink(user.id, "home")


async def test_the_first_account_of_all_is_the_admins(desk: Desk) -> None:
    first, second = await desk.come(), await desk.come(Person("bob-1"))
    assert [(await desk.user(one.user.id)).role for one in (first, second)] == ["admin", "user"]


async def test_a_guest_goes_with_what_he_made_into_the_account_he_signs_in_to(desk: Desk) -> None:
    owner = await desk.come()
    guest = await desk.guest()
    made = await desk.base.conversations.create(guest.user.id)
    assert (await desk.come(visitor=guest)).user.id == owner.user.id
    assert (await desk.base.conversations.get(owner.user.id, made["id"]))["id"] == made["id"]
