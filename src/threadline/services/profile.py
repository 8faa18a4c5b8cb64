"""The profile: what somebody with an account changes of it himself, and his password, which much of that takes."""

from __future__ import annotations

from threadline.domain.errors import Conflict, Forbidden
from threadline.services import throttles
from threadline.services.accounts import Accounts, Visit, end_sessions
from threadline.services.audit import record
from threadline.services.passwords import Passwords, check_new
from threadline.services.registration import check_free, checked_email, checked_name
from threadline.services.throttles import Limits
from threadline.store import users
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow


class Profile:
    """Accounts as their own users change them. Whoever only found a browser open knows no password: he cannot take the
    account over."""

    def __init__(self, store: Store, accounts: Accounts, passwords: Passwords, limits: Limits = Limits()) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = passwords
        self._limits = limits

    async def change(
        self,
        user: UserRow,
        *,
        name: str | None = None,
        email: str | None = None,
        password: str | None = None,
        visit: Visit = Visit(),
    ) -> UserRow:
        """Change what is given. A new address takes the password, and is nobody's that has been proved.

        Raises ``BadRequest`` for what cannot be, ``Conflict`` for an address that is taken and for a guest's,
        ``Forbidden`` for a wrong password, ``RateLimited``, and ``Unavailable``.
        """
        values = {} if name is None else {"name": checked_name(name)}
        if email is not None and (email := checked_email(email)) != user.email:
            _check_account(user)
            await self.confirm(user, password, visit)
            values |= {"email": email, "email_verified_at": None}

        def work(tx: Tx) -> None:
            check_free(tx, values.get("email"), user.id)
            if values:
                users.change(tx, user.id, **values)
            if "email" in values:
                record(tx, "account.changed", user.id, target=user.id, address=visit.address)

        await self._store.write(work)
        self._accounts.forget(user.id)
        return await self._accounts.get(user.id)

    async def change_password(
        self, user: UserRow, session_id: str, current: str | None, password: str, visit: Visit = Visit()
    ) -> None:
        """Set the password; every session but this one is over. Access tokens stay: they are programs'. Raises as
        :meth:`change` does."""
        _check_account(user)
        check_new(password, user.email, user.name)
        await self.confirm(user, current, visit)
        kept = await self._passwords.hash(password)
        await self._store.write(lambda tx: set_password(tx, user.id, kept, session_id, visit))
        self._accounts.forget(user.id)

    async def confirm(self, user: UserRow, password: str | None, visit: Visit = Visit()) -> None:
        """Raise ``Forbidden`` where a user has a password, and this is not it; ``RateLimited``, and ``Unavailable``."""
        kept = await self._store.read(lambda tx: users.password_hash(tx, user.id))
        if kept is None:
            return
        if password is None:
            raise Forbidden("This takes your password. Type it, and try again.", surface="password")
        await self._store.write(lambda tx: throttles.take(tx, self._limits.login_account, user.id))
        fits, _ = await self._passwords.fits(password, kept)

        def work(tx: Tx) -> None:
            if fits:
                throttles.reset(tx, self._limits.login_account, user.id)
            else:
                record(tx, "session.failed", user.id, target=user.id, address=visit.address, method="password")

        await self._store.write(work)
        if not fits:
            raise Forbidden("The password is not right.", surface="password")


def set_password(tx: Tx, user_id: str, kept: str, session_id: str | None, visit: Visit) -> None:
    """Keep a new password, end all sessions but one, and write it down; then ``Accounts.forget`` him."""
    users.change(tx, user_id, password_hash=kept)
    record(tx, "password.changed", user_id, target=user_id, address=visit.address)
    end_sessions(tx, user_id, session_id, visit)


def _check_account(user: UserRow) -> None:
    if user.kind != "registered":
        raise Conflict("You have no account yet. Make one first.", surface="account")
