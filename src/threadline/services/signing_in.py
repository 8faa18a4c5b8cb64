"""Signing in: a session for whom a password, or somebody who is trusted, has told apart from all others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from threadline.domain.errors import BadRequest, Forbidden, Unauthorized
from threadline.services import throttles
from threadline.services.accounts import Accounts, Identified, Opened, Visit, open_session
from threadline.services.audit import record
from threadline.services.deletion import Deletion
from threadline.services.handover import Mover, hand_over
from threadline.services.passwords import Passwords
from threadline.services.registration import checked_email
from threadline.services.throttles import Limits, network_of
from threadline.store import sessions, users
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

_REFUSED: Final = "The e-mail address or the password is not right."


@dataclass(frozen=True, slots=True)
class Entered:
    """A session that was opened. ``came_as`` is the user whose browser it was before; ``moved``: a guest, and all that
    he had is its account's now."""

    opened: Opened
    came_as: str | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class _Try:
    """Whom somebody says that he is, what is kept of that one's password, and as whose it was counted."""

    user: UserRow | None
    kept: str | None
    counted: str


class SigningIn:
    """Lets users in by their passwords. What a guest made before is his account's from then on.

    ``movers`` give what a guest has and only others can give.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        *,
        accounts: Accounts,
        passwords: Passwords,
        deletion: Deletion,
        movers: Sequence[Mover] = (),
        limits: Limits = Limits(),
    ) -> None:
        self._store = store
        self._world = world
        self._accounts = accounts
        self._passwords = passwords
        self._deletion = deletion
        self._movers = movers
        self._limits = limits

    async def login(self, visitor: Identified | None, email: str, password: str, visit: Visit = Visit()) -> Opened:
        """Open a session for the account of an address. Every try costs the same, whether there is such an account, it
        has a password, and may come in, or not; and is answered alike.

        Raises ``Unauthorized``, ``RateLimited``, and ``Unavailable``.
        """
        with suppress(BadRequest):
            email = checked_email(email)
        tried = await self._store.write(lambda tx: self._try(tx, email, visit))
        fits, update = await self._passwords.fits(password, tried.kept)

        def work(tx: Tx) -> Entered | None:
            now = users.get(tx, tried.user.id) if tried.user is not None and fits else None
            if now is None or now.disabled_at is not None or users.password_hash(tx, now.id) != tried.kept:
                target = None if tried.user is None else tried.user.id
                record(tx, "session.failed", None, target=target, address=visit.address, method="password")
                return None
            if update is not None:
                users.change(tx, now.id, password_hash=update)
            throttles.reset(tx, self._limits.login_account, tried.counted)
            throttles.give_back(tx, self._limits.login_address, network_of(visit.address))
            return self.enter(tx, visitor, now, visit, "password")

        entered = await self._store.write(work)
        if entered is None:
            raise Unauthorized(_REFUSED, surface="login")
        await self.entered(entered)
        return entered.opened

    def enter(self, tx: Tx, visitor: Identified | None, user: UserRow, visit: Visit, method: str) -> Entered:
        """Let a user in, by whatever proved who he is, in the transaction in which that is found. The session with
        which he came is over. After the commit call :meth:`entered`. Raises ``Forbidden`` for who may not come in."""
        if user.disabled_at is not None:
            raise Forbidden("This account is disabled. Ask whoever runs this server.", surface="account")
        came_as = None if visitor is None else visitor.user.id
        moved = came_as is not None and came_as != user.id and hand_over(tx, came_as, user.id, self._movers)
        if visitor is not None:
            sessions.remove(tx, visitor.user.id, visitor.session_id)
        return Entered(open_session(tx, self._world, user, visit, method), came_as, moved)

    async def entered(self, entered: Entered) -> None:
        """What is left to do after the commit: whose browser it was is known no more, and what a guest had beside his
        conversations goes where these are."""
        self._accounts.forget(entered.opened.user.id)
        if entered.came_as is not None:
            self._deletion.forget(entered.came_as)
        if entered.came_as is not None and entered.moved:
            await self._deletion.finish(entered.came_as)

    async def sweep(self) -> int:
        """Forget tries that count no more; returns how many went."""
        return await self._store.write(lambda tx: throttles.sweep(tx, self._limits))

    def _try(self, tx: Tx, email: str, visit: Visit) -> _Try:
        """Count a try, and tell what it is for. Who tries from where somebody is signed in is counted by himself, so
        that nobody else can keep him out."""
        user, network = users.by_email(tx, email), network_of(visit.address)
        throttles.take(tx, self._limits.login_address, network)
        is_at_home = user is not None and any(
            network_of(one.address) == network for one in sessions.of_user(tx, user.id)
        )
        counted = f"{email} {network}" if is_at_home else email
        throttles.take(tx, self._limits.login_account, counted)
        return _Try(user, None if user is None else users.password_hash(tx, user.id), counted)
