"""A desk at which people sign in through two providers that do as they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.identity import FakeIdentity, state_in
from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Person
from threadline.services.accounts import Identified, Opened, Visit
from threadline.services.deletion import Deletion
from threadline.services.identities import Asked, Begun, Callback, Finished, Identities
from threadline.services.passwords import Passwords
from threadline.services.registration import NewAccount, Registration, begin_account
from threadline.services.signing_in import SigningIn
from threadline.services.tokens import Tokens
from threadline.store import audit
from threadline.store.users import UserRow

if TYPE_CHECKING:
    from tests.services.conftest import Base

HERE = "https://chat.example.org/api/auth/office/callback"
ADA = Person("ada-1", "ada@example.org", True, "Ada")


@dataclass
class Desk:
    """Where people sign in: two providers, and what is behind them."""

    base: Base
    office: FakeIdentity
    home: FakeIdentity
    identities: Identities

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
    return Desk(base, office, home, service)


def refused(code: str) -> Any:
    return pytest.raises(LoginFailed, match=f"^{code}$")
