"""Where accounts are made, entered and left, over the base services; it counts how often a password is worked on."""

from __future__ import annotations

from typing import Any

from tests.services.conftest import Base
from threadline.services.accounts import Identified, Opened, Visit
from threadline.services.deletion import Deletion
from threadline.services.passwords import Argon2, Passwords
from threadline.services.profile import Profile
from threadline.services.registration import Registration
from threadline.services.signing_in import SigningIn
from threadline.services.throttles import Limits
from threadline.services.tokens import Tokens
from threadline.store import users
from threadline.store.users import UserRow

EMAIL = "ada@example.org"
PASSWORD = "four words that nobody tries"
HOME = Visit("192.0.2.1", "A browser")
ELSEWHERE = Visit("198.51.100.7", "Another browser")


class Counting(Argon2):
    """The real thing; says how often it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.hashed, self.compared = 0, 0

    def hash(self, password: str) -> str:
        self.hashed += 1
        return super().hash(password)

    def verify_and_update(self, password: str, hash: str) -> tuple[bool, str | None]:
        self.compared += 1
        return super().verify_and_update(password, hash)


class Desk:
    """All that has to do with accounts."""

    def __init__(self, base: Base, *, is_open: bool = True, guest_days: int = 30, limits: Limits = Limits()) -> None:
        self.base, self.hasher = base, Counting()
        self.tokens = Tokens(base.store, base.world)
        self.passwords = Passwords(self.hasher)
        self.registration = Registration(
            base.store, base.world, base.accounts, self.passwords, is_open=is_open, limits=limits
        )
        self.deletion = Deletion(
            base.store,
            base.log,
            base.world,
            accounts=base.accounts,
            tokens=self.tokens,
            conversations=base.conversations,
            guest_days=guest_days,
        )
        self.signing_in = SigningIn(
            base.store,
            base.world,
            accounts=base.accounts,
            passwords=self.passwords,
            deletion=self.deletion,
            limits=limits,
        )
        self.profile = Profile(base.store, base.accounts, self.passwords, limits)

    async def register(self, email: str = EMAIL, password: str = PASSWORD, visit: Visit = HOME) -> Opened:
        """Somebody with an account, who was nobody before."""
        return await self.registration.register(None, email, password, None, visit)

    async def login(
        self, visitor: Opened | None = None, email: str = EMAIL, password: str = PASSWORD, visit: Visit = HOME
    ) -> Opened:
        """Sign in, in the browser of whoever has that session."""
        known = None if visitor is None else await self.known(visitor)
        return await self.signing_in.login(known, email, password, visit)

    async def known(self, opened: Opened) -> Identified:
        """Who a session speaks for; somebody it must be."""
        found = await self.base.accounts.identify(opened.token)
        assert found is not None
        return found

    async def user(self, user_id: str) -> UserRow:
        found = await self.base.store.read(lambda tx: users.get(tx, user_id))
        assert found is not None
        return found

    async def change(self, user_id: str, **values: Any) -> None:
        """Change a user as nobody but the tests does."""
        await self.base.store.write(lambda tx: users.change(tx, user_id, **values))

    async def audited(self, action: str) -> list[dict[str, Any]]:
        """What was written down of this, the oldest first."""

        def read(tx: Any) -> list[dict[str, Any]]:
            rows = tx.conn.exec_driver_sql("SELECT * FROM audit WHERE action = ? ORDER BY id", (action,))
            return [dict(row._mapping) for row in rows]

        return await self.base.store.read(read)
