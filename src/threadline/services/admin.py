"""Administration: everybody's accounts, and what they spend; each change is written down with who made it."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain.errors import BadRequest, Conflict, NotFound
from threadline.domain.limits import day_of
from threadline.services.accounts import Accounts, Visit
from threadline.services.audit import record
from threadline.services.deletion import Deletion, check_admin
from threadline.services.tokens import Tokens
from threadline.services.usage import view
from threadline.store import admin, ownership, sessions, spending, tokens, users
from threadline.store.admin import Overview, Spender
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow

__all__ = ["Admin", "Overview", "Spender"]

_PAGE: Final = (50, 200)


class Admin:
    """What an admin may do. To show things to one alone is left to the callers."""

    def __init__(self, store: Store, accounts: Accounts, tokens: Tokens, deletion: Deletion) -> None:
        self._store = store
        self._accounts = accounts
        self._tokens = tokens
        self._deletion = deletion

    async def users(
        self, *, cursor: str | None = None, limit: int | None = None, words: str | None = None, kind: str | None = None
    ) -> tuple[list[Overview], str | None]:
        """Users, the newest first, and the cursor of older ones; with ``words`` those whose address or name holds
        them."""
        most = _most(limit)
        return await self._store.read(lambda tx: admin.page(tx, cursor, most, words=words or None, kind=kind))

    async def usage(self, *, days: int, user_id: str | None = None) -> list[dict[str, Any]]:
        """What was used on each of the last ``days`` days, today included, by a user or (None) by all together; see
        :func:`threadline.services.usage.view`."""
        found = await self._store.read(lambda tx: spending.since(tx, _first_day(tx, days), user_id))
        return [view(spent) for spent in found]

    async def spenders(
        self, *, days: int, cursor: str | None = None, limit: int | None = None, key_owner: str | None = None
    ) -> tuple[list[Spender], str | None]:
        """What each user spent in the last ``days`` days, the dearest first, and the cursor of what follows."""
        most = _most(limit)
        return await self._store.read(
            lambda tx: admin.spenders(tx, _first_day(tx, days), cursor, most, key_owner=key_owner)
        )

    async def change(
        self,
        actor_id: str,
        user_id: str,
        *,
        role: str | None = None,
        disabled: bool | None = None,
        visit: Visit = Visit(),
    ) -> Overview:
        """Make a user an admin or none any more, shut him out or let him in again; None leaves it as it is.

        Who is shut out is so on return: his sessions and access tokens are gone, what they kept open ends, and so do
        his answers. Raises ``NotFound``, ``BadRequest`` for an admin who has no account, and ``Conflict`` where nobody
        would be left to administer.
        """

        def work(tx: Tx) -> Overview:
            check_admin(tx, actor_id)
            before = _present(tx, user_id)
            if role is not None and role != before.role:
                set_role(tx, actor_id, before, role, visit)
            if disabled is not None and disabled != (before.disabled_at is not None):
                set_disabled(tx, actor_id, before, disabled, visit)
            keep_an_admin(tx)
            after = admin.one(tx, user_id)
            assert after is not None
            return after

        after = await self._store.write(work)
        self._accounts.forget(user_id)
        self._tokens.forget(user_id)
        return after

    async def delete(self, actor_id: str, user_id: str, visit: Visit = Visit()) -> None:
        """Delete a user with all that is his; see :meth:`threadline.services.deletion.Deletion.delete`. Raises
        ``BadRequest`` for the one who asks: his own account he deletes in his settings."""
        if user_id == actor_id:
            raise BadRequest("This is your own account. Delete it in your settings.", surface="account")
        await self._deletion.delete(user_id, visit, actor_id)


def _present(tx: Tx, user_id: str) -> UserRow:
    found = admin.one(tx, user_id)
    if found is None:
        raise NotFound(surface="account")
    return found.user


def keep_an_admin(tx: Tx) -> None:
    """Raises ``Conflict`` where nobody is left to administer."""
    if users.count_admins(tx) == 0:
        raise Conflict("This is the only admin. Make somebody else one first.", surface="account")


def set_role(tx: Tx, actor_id: str | None, user: UserRow, role: str, visit: Visit) -> None:
    """Make a user an admin or none any more. Raises ``BadRequest`` for who has no account."""
    if user.kind != "registered":
        raise BadRequest("Only somebody with an account can be an admin.", surface="account")
    users.change(tx, user.id, role=role)
    record(tx, "user.role_changed", actor_id, target=user.id, address=visit.address, was=user.role, role=role)


def set_disabled(tx: Tx, actor_id: str | None, user: UserRow, disabled: bool, visit: Visit) -> None:
    """Shut a user out, or let him in again."""
    users.change(tx, user.id, disabled_at=tx.now if disabled else None)
    if not disabled:
        record(tx, "user.enabled", actor_id, target=user.id, address=visit.address)
        return
    # Gone, not only refused: whoever had got hold of one must not come back with him.
    sessions.remove_all(tx, user.id)
    tokens.remove_all(tx, user.id)
    ownership.stop_answers(tx, user.id)
    record(tx, "user.disabled", actor_id, target=user.id, address=visit.address)


def _first_day(tx: Tx, days: int) -> int:
    return day_of(tx.now) - days + 1


def _most(limit: int | None) -> int:
    usual, most = _PAGE
    return max(1, min(limit or usual, most))
