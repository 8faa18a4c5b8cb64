"""Stewards: what whoever runs the server does with accounts from outside, so that there is always a way in."""

from __future__ import annotations

from collections.abc import Callable

from threadline.domain.errors import NotFound
from threadline.services.accounts import Visit
from threadline.services.admin import keep_an_admin, set_disabled, set_role
from threadline.services.passwords import Passwords, check_new
from threadline.services.profile import set_password
from threadline.services.registration import NewAccount, begin_account, checked_email, checked_name
from threadline.store import users
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow

_OUTSIDE = Visit()


class Stewards:
    """Accounts of an installation, named by their e-mail addresses or ids. Nobody is asked for a password who can read
    the database anyway. A server that runs knows of a change within half a minute."""

    def __init__(self, store: Store, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    async def listed(self) -> list[UserRow]:
        """Every account, the oldest first."""
        return await self._store.read(users.registered)

    async def create(self, email: str, password: str, *, name: str | None = None, admin: bool = False) -> UserRow:
        """Make an account, also where nobody may register. The first one is an admin's in any case.

        Raises ``BadRequest`` for what cannot be, and ``Conflict`` for an address that is taken.
        """
        email, name = checked_email(email), checked_name(name)
        check_new(password, email, name)
        new = NewAccount(email, name, await self._passwords.hash(password))

        def work(tx: Tx) -> UserRow:
            made = begin_account(tx, None, new, _OUTSIDE)
            if admin and made.role != "admin":
                set_role(tx, None, made, "admin", _OUTSIDE)
            return users.get(tx, made.id) or made

        return await self._store.write(work)

    async def set_role(self, who: str, role: str) -> UserRow:
        """Make somebody an admin, or a user again. Raises ``NotFound``, and ``Conflict`` where he is the only admin."""

        def work(tx: Tx, user: UserRow) -> None:
            set_role(tx, None, user, role, _OUTSIDE)
            if user.role == "admin":
                keep_an_admin(tx)

        return await self._change(who, work)

    async def set_disabled(self, who: str, disabled: bool) -> UserRow:
        """Shut somebody out, or let him in again. Raises ``NotFound``, and ``Conflict`` where he is the only admin."""

        def work(tx: Tx, user: UserRow) -> None:
            set_disabled(tx, None, user, disabled, _OUTSIDE)
            if disabled and user.role == "admin":
                keep_an_admin(tx)

        return await self._change(who, work)

    async def set_password(self, who: str, password: str) -> UserRow:
        """Set a password; all sessions are over. Raises ``NotFound``, and ``BadRequest`` for what cannot be."""
        user = await self._store.read(lambda tx: _found(tx, who))
        check_new(password, user.email, user.name)
        kept = await self._passwords.hash(password)
        return await self._change(who, lambda tx, found: set_password(tx, found.id, kept, None, _OUTSIDE))

    async def _change(self, who: str, change: Callable[[Tx, UserRow], None]) -> UserRow:
        def work(tx: Tx) -> UserRow:
            user = _found(tx, who)
            change(tx, user)
            return _found(tx, user.id)

        return await self._store.write(work)


def _found(tx: Tx, who: str) -> UserRow:
    user = users.by_email(tx, who.strip().lower()) or users.get(tx, who)
    if user is None or user.kind != "registered":
        raise NotFound(f"There is no account {who!r}. See `threadline user list`.", surface="account")
    return user
