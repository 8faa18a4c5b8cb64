"""Registration: a guest becomes somebody with an account, and keeps all that he made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from threadline.domain.errors import BadRequest, Conflict, Forbidden
from threadline.services.accounts import Accounts, Opened, Visit, open_session
from threadline.services.audit import record
from threadline.services.passwords import Passwords, check_new
from threadline.services.throttles import Limits, network_of, take
from threadline.store import ownership, sessions, users
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_LONGEST_EMAIL: Final = 254
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account begins with; checked by :func:`checked_email` and :func:`checked_name`. ``verified``: somebody
    who is trusted has said that the address is his. ``method`` is by what he came: password, or a provider's name."""

    email: str | None = None
    name: str | None = None
    password_hash: str | None = None
    verified: bool = False
    method: str = "password"


class Registration:
    """Makes accounts. ``is_open``: whoever comes may have one."""

    def __init__(
        self,
        store: Store,
        world: World,
        accounts: Accounts,
        passwords: Passwords,
        *,
        is_open: bool = True,
        limits: Limits = Limits(),
    ) -> None:
        self.is_open = is_open
        self._store = store
        self._world = world
        self._accounts = accounts
        self._passwords = passwords
        self._limits = limits

    async def register(
        self, user: UserRow | None, email: str, password: str, name: str | None = None, visit: Visit = Visit()
    ) -> Opened:
        """Make an account of a guest, or of nobody: the same user from then on, but all that opened him before is over,
        since somebody else may have it, too.

        Raises ``Forbidden`` where nobody may register, ``BadRequest`` for what cannot be, ``Conflict`` for an address
        that is taken and for who has an account, ``RateLimited``, and ``Unavailable``.
        """
        self.check_open()
        email, name = checked_email(email), checked_name(name)
        check_new(password, email, name)
        whose = network_of(visit.address)
        await self._store.write(lambda tx: take(tx, self._limits.registration, whose))
        new = NewAccount(email, name, await self._passwords.hash(password))

        def work(tx: Tx) -> Opened:
            return open_session(tx, self._world, begin_account(tx, user, new, visit), visit, new.method)

        opened = await self._store.write(work)
        self._accounts.forget(opened.user.id)
        return opened

    def check_open(self) -> None:
        """Raise ``Forbidden`` where nobody may register."""
        if not self.is_open:
            raise Forbidden(
                "Nobody can register here. Ask whoever runs this server for an account.", surface="registration"
            )


def begin_account(tx: Tx, user: UserRow | None, new: NewAccount, visit: Visit) -> UserRow:
    """Make an account of a guest, or of nobody, in the transaction of what goes with it. The first one of an
    installation is its admin's. Afterwards :meth:`Accounts.forget` him.

    Raises ``Conflict`` for an address that is taken, and for who is no guest any more.
    """
    now = users.add(tx, "guest") if user is None else users.get(tx, user.id)
    if now is None or now.kind != "guest" or now.disabled_at is not None:
        raise Conflict("You have an account already. Sign out to make another.", surface="account")
    check_free(tx, new.email, now.id)
    role = "user" if users.any_registered(tx) else "admin"
    users.change(
        tx,
        now.id,
        kind="registered",
        email=new.email,
        email_verified_at=tx.now if new.verified else None,
        password_hash=new.password_hash,
        name=new.name or now.name,
        role=role,
    )
    sessions.remove_all(tx, now.id)
    # Whoever had this browser before, or put his own cookie into it, reads on nowhere.
    ownership.cut_off(tx, now.id)
    record(tx, "account.registered", now.id, target=now.id, address=visit.address, method=new.method, role=role)
    made = users.get(tx, now.id)
    assert made is not None
    return made


def check_free(tx: Tx, email: str | None, user_id: str | None) -> None:
    """Raise ``Conflict`` for an address that somebody else than this user has."""
    other = users.by_email(tx, email) if email is not None else None
    if other is not None and other.id != user_id:
        raise Conflict("There is an account with this e-mail address. Sign in to it.", surface="account")


def checked_email(email: str) -> str:
    """An address as it is kept, in small letters. Raises ``BadRequest`` for what is none."""
    found = email.strip().lower()
    if len(found) > _LONGEST_EMAIL or not found.isprintable() or not _EMAIL.fullmatch(found):
        raise BadRequest("This is no e-mail address. It looks like ada@example.org.", surface="account")
    return found


def checked_name(name: str | None) -> str | None:
    """A person's name as it is kept. Raises ``BadRequest`` for what is none."""
    if name is None:
        return None
    found = " ".join(name.split())
    if not found or len(found) > _LONGEST_NAME or not found.isprintable():
        raise BadRequest(f"A name has between 1 and {_LONGEST_NAME} characters.", surface="account")
    return found
