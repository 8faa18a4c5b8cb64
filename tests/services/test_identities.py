"""Identities: whose account somebody signs in to, what ties an answer to its sign-in, and what unlinks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from tests.fakes.identity import FakeIdentity, state_in
from tests.services.conftest import Base, Full
from threadline.domain.errors import Conflict, NotFound
from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Person
from threadline.services.accounts import Identified, Opened, Visit
from threadline.services.deletion import Deletion
from threadline.services.identities import LOGIN_SECONDS, Asked, Begun, Callback, Finished, Identities, local
from threadline.services.passwords import Passwords
from threadline.services.registration import NewAccount, Registration, begin_account
from threadline.services.signing_in import SigningIn
from threadline.services.tokens import Tokens
from threadline.store import audit, identities, users
from threadline.store.users import UserRow

pytestmark = pytest.mark.anyio

HERE = "https://chat.example.org/api/auth/office/callback"
ADA = Person("ada-1", "ada@example.org", True, "Ada")


@dataclass
class Desk:
    """Where people sign in: two providers, and what is behind them."""

    base: Base
    office: FakeIdentity
    home: FakeIdentity
    identities: Identities
    registration: Registration

    async def begin(self, name: str = "office", **more: Any) -> Begun:
        return await self.identities.begin(name, Asked(HERE, more.pop("return_to", "/"), **more))

    async def end(
        self, begun: Begun, person: Person | None = ADA, visitor: Identified | None = None, **more: Any
    ) -> Finished:
        name = more.pop("name", "office")
        code = f"code-{begun.browser}-{person}"
        if person is not None:
            (self.office if name == "office" else self.home).people[code] = person
        came = {"browser": begun.browser, "state": state_in(begun.url), "code": code, **more}
        return await self.identities.finish(name, Callback(HERE, **came), visitor, Visit("127.0.0.1", "Browser"))

    async def come(
        self, person: Person = ADA, visitor: Identified | None = None, name: str = "office", **more: Any
    ) -> Opened:
        """Sign in from the beginning to the end."""
        finished = await self.end(await self.begin(name, **more), person, visitor, name=name)
        assert finished.opened is not None
        return finished.opened

    async def link(self, user: UserRow, person: Person = ADA, visitor: Identified | None = None) -> Finished:
        begun = await self.begin(user=user, links=True)
        return await self.end(begun, person, visitor or Identified(user))

    async def account(self, email: str | None, *, verified: bool = False, password: bool = True) -> UserRow:
        new = NewAccount(email, password_hash="x" if password else None, verified=verified)
        return await self.base.store.write(lambda tx: begin_account(tx, None, new, Visit()))

    async def guest(self) -> Identified:
        opened = await self.base.accounts.guest()
        found = await self.base.accounts.identify(opened.token)
        assert found is not None
        return found

    async def user(self, user_id: str) -> UserRow:
        return await self.base.accounts.get(user_id)

    async def told(self, action: str) -> list[dict[str, Any]]:
        rows, _ = await self.base.store.read(lambda tx: audit.page(tx, None, 50, actor=None, action=action))
        return [dict(row.details) for row in rows]


@pytest.fixture
def desk(base: Base) -> Desk:
    return desk_of(base)


def desk_of(base: Base, *, is_open: bool = True) -> Desk:
    accounts, store, world = base.accounts, base.store, base.world
    passwords = Passwords()
    registration = Registration(store, world, accounts, passwords, is_open=is_open)
    deletion = Deletion(
        store,
        base.log,
        world,
        accounts=accounts,
        tokens=Tokens(store, world),
        conversations=base.conversations,
        guest_days=30,
    )
    signing_in = SigningIn(store, world, accounts=accounts, passwords=passwords, deletion=deletion)
    office, home = FakeIdentity("office"), FakeIdentity("home")
    service = Identities(
        store,
        world,
        accounts=accounts,
        registration=registration,
        signing_in=signing_in,
        providers={"office": office, "home": home},
    )
    return Desk(base, office, home, service, registration)


def refused(code: str) -> Any:
    return pytest.raises(LoginFailed, match=f"^{code}$")


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


async def test_a_state_is_good_once_and_exactly_one_of_two_at_once_wins(desk: Desk) -> None:
    begun = await desk.begin()
    results = await asyncio.gather(
        *(desk.end(begun, ADA if n == 0 else None, code=f"code-{begun.browser}-{ADA}") for n in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in results) == ["Finished", "LoginFailed"]
    assert {one.code for one in results if isinstance(one, LoginFailed)} == {"state_used"}
    assert len(desk.office.attempts) == 1
    with refused("state_used"):
        await desk.end(begun)


async def test_a_state_is_good_in_its_browser_and_for_its_provider_alone(desk: Desk) -> None:
    begun, other = await desk.begin(), await desk.begin()
    for browser in (None, "", other.browser):
        with refused("other_browser"):
            await desk.end(begun, browser=browser)
    with refused("state_unknown"):
        await desk.end(begun, name="home")
    for state in (None, "", "unknown"):
        with refused("state_unknown"):
            await desk.end(begun, state=state)
    # Nothing of that has used it up.
    assert (await desk.end(begun)).opened is not None


async def test_a_browser_may_begin_several_side_by_side(desk: Desk) -> None:
    first = await desk.begin()
    second = await desk.begin(browser=first.browser)
    assert second.browser == first.browser
    assert (await desk.end(second)).opened is not None
    assert (await desk.end(first)).opened is not None


async def test_a_sign_in_must_be_over_in_ten_minutes(desk: Desk) -> None:
    begun = await desk.begin()
    desk.base.world.ahead += LOGIN_SECONDS + 1
    with refused("state_expired"):
        await desk.end(begun)


async def test_the_secrets_of_a_sign_in_are_kept_as_hashes_and_dropped_with_its_use(desk: Desk) -> None:
    begun = await desk.begin()
    await desk.end(begun)
    attempt = desk.office.attempts[0]
    rows = await desk.base.store.read(lambda tx: str(tx.conn.execute(text("SELECT * FROM logins")).all()))
    for secret in (state_in(begun.url), begun.browser, attempt.verifier, attempt.nonce):
        assert len(secret) >= 43
        assert secret not in rows
        assert secret not in repr((begun, attempt))


async def test_sign_ins_that_nobody_ends_are_forgotten(desk: Desk) -> None:
    await desk.begin()
    desk.base.world.ahead += 2 * 86_400
    await desk.begin()
    count = await desk.base.store.read(lambda tx: tx.conn.execute(text("SELECT count(*) FROM logins")).scalar())
    assert count == 1


@pytest.mark.parametrize(("error", "code"), [("access_denied", "denied"), ("server_error", "provider_refused")])
async def test_what_the_provider_says_is_told_in_its_own_words(desk: Desk, error: str, code: str) -> None:
    begun = await desk.begin(return_to="/chat/1")
    with refused(code) as caught:
        await desk.end(begun, None, code=None, error=error, words="No.\x1b[31m " + "x" * 1000)
    assert caught.value.words is not None
    assert caught.value.words.startswith("No. [31m xxx")
    assert len(caught.value.words) == 300
    with refused("state_used"):
        await desk.end(begun)
    assert await desk.told("session.failed") == [{"method": "office", "reason": code}]


async def test_a_failure_is_written_down_without_what_was_typed(desk: Desk) -> None:
    begun = await desk.begin()
    with refused("code_refused") as caught:
        await desk.end(begun, None)
    assert caught.value.words == "The code passed is incorrect or expired."
    assert await desk.told("session.failed") == [{"method": "office", "reason": "code_refused"}]
    await desk.come()
    assert await desk.told("identity.linked") == [{"provider": "office"}]
    assert await desk.told("session.opened") == [{"method": "office"}]


async def test_a_provider_that_is_away_or_not_there_is_told(desk: Desk) -> None:
    with refused("provider_unknown"):
        await desk.begin("nobody")
    desk.office.fault = LoginFailed("provider_unreachable")
    with refused("provider_unreachable"):
        await desk.begin()


async def test_a_disk_that_is_full_is_a_failure_like_others(desk: Desk) -> None:
    desk.identities._store = Full(desk.base.store)  # type: ignore[assignment]
    with refused("unavailable"):
        await desk.begin()


async def test_begin_as_often_as_you_like_but_not_without_end(desk: Desk) -> None:
    for _ in range(200):
        await desk.begin()
    with refused("too_many"):
        await desk.begin()
    desk.base.world.ahead += 901
    await desk.begin()


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


@pytest.mark.parametrize("path", ["/", "/chat/1", "/settings/account?tab=1#x", "/a//b", "/%2f%2fevil.example"])
def test_a_path_of_this_server_is_gone_back_to(path: str) -> None:
    assert local(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "chat",
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /chat",
        "/chat\r\nset-cookie: a=b",
        "/api/auth/office/login?link=1",
        "/v1/models",
        "/" + "x" * 3000,
    ],
)
def test_nobody_is_sent_elsewhere(path: str) -> None:
    assert local(path) == "/"
