"""Accounts: who a cookie speaks for, and a guest for everyone who comes without one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Final

from threadline.domain.errors import NotFound, Unavailable
from threadline.services.audit import record
from threadline.services.bearers import LONGEST, Bearers, hashed, new_secret
from threadline.services.throttles import Limits, is_near, network_of, take
from threadline.store import sessions, users
from threadline.store.database import Store
from threadline.store.sessions import SessionRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

__all__ = ["SESSION_SECONDS", "Accounts", "Identified", "Opened", "UserRow", "Visit", "lifetime", "open_session"]

SESSION_SECONDS: Final = 365 * 86_400.0
"""How long a guest's session lives without being used: it is the only way back to what he made."""

SIGNED_IN_SECONDS: Final = 30 * 86_400.0
"""How long the session of an account does: there is always a way to sign in again."""

LONGEST_SECONDS: Final = 365 * 86_400.0
"""After this time whoever has an account signs in again, however much he used his session."""

MOST_SESSIONS: Final = 100
"""In how many places an account may be signed in: who signs in once more is out where he was longest ago."""

_RENEW_SECONDS: Final = 86_400.0
_LONGEST_AGENT: Final = 300


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody asks: his address, and what his browser calls itself."""

    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: whose it is, the token to hand out once, and when it ends (Unix seconds)."""

    user: UserRow
    token: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class Identified:
    """Who a token speaks for. ``renewed``: its session lives for the whole time again from now on, and so must the
    cookie that holds it."""

    user: UserRow
    renewed: bool = False
    session_id: str = field(default="", compare=False)


@dataclass(slots=True)
class _Known:
    user: UserRow
    session_id: str
    seen_at: float
    ends_at: float
    """When its session is over, however much it is used."""


class Accounts:
    """Users and their sessions.

    Who was identified is remembered for at most 25 s, so that a request costs no read. What is revoked here is
    forgotten at once; what another process revokes, when that time is over.
    """

    def __init__(self, store: Store, world: World, limits: Limits = Limits()) -> None:
        self._store = store
        self._world = world
        self._limits = limits
        self._bearers: Bearers[_Known] = Bearers(world)

    def watch(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever a session was revoked here."""
        self._bearers.watch(listener)

    async def guest(self, visit: Visit = Visit()) -> Opened:
        """Make a guest with a session. Raises ``RateLimited`` where too many have come from there of late."""
        token = new_secret(self._world)

        def work(tx: Tx) -> tuple[SessionRow, UserRow]:
            if not is_near(visit.address):
                take(tx, self._limits.guests, network_of(visit.address), "session")
            user = users.add(tx, "guest")
            return _add_session(tx, user, token, visit), user

        session, user = await self._store.write(work)
        self._bearers.keep(hashed(token), *self._known(session, user))
        return Opened(user, token, session.expires_at)

    async def identify(self, token: str | None) -> Identified | None:
        """The user for whom a cookie's token speaks, and a use of his session; None where it is unknown, revoked or
        over."""
        known = await self._look_up(token)
        if known is None:
            return None
        now = self._world.now()
        if now - known.seen_at <= _RENEW_SECONDS:
            return Identified(known.user, session_id=known.session_id)
        renewed = False
        left = min(lifetime(known.user), known.ends_at - now)
        # A full disk is no reason to turn away who only wants to read: another request tries again.
        with suppress(Unavailable):
            await self._store.write(lambda tx: sessions.renew(tx, known.session_id, left))
            renewed = True
        known.seen_at = now
        return Identified(known.user, renewed, known.session_id)

    async def lives(self, token: str) -> bool:
        """Whether a cookie's token speaks for somebody. No use of the session, which a socket that stays open for long
        would keep from ever being renewed together with its cookie."""
        return await self._look_up(token) is not None

    def remembers(self, token: str) -> bool:
        """Whether :meth:`lives` would be true without a look into the database."""
        return self._bearers.remembers(hashed(token))

    async def get(self, user_id: str) -> UserRow:
        """A user as he is now. Raises ``NotFound``."""
        user = await self._store.read(lambda tx: users.get(tx, user_id))
        if user is None:
            raise NotFound(surface="account")
        return user

    async def sessions(self, user_id: str) -> list[SessionRow]:
        """The user's living sessions, the newest first."""
        return await self._store.read(lambda tx: sessions.of_user(tx, user_id))

    async def revoke(self, user_id: str, session_id: str, visit: Visit = Visit()) -> None:
        """End one session of the user; on return its token speaks for nobody. Raises ``NotFound``."""

        def work(tx: Tx) -> None:
            if not sessions.remove(tx, user_id, session_id):
                raise NotFound(surface="session")
            record(tx, "session.revoked", user_id, target=session_id, address=visit.address)

        try:
            await self._store.write(work)
        finally:
            # Also where another process has ended it.
            self._bearers.revoke(lambda known: (known.user.id, known.session_id) == (user_id, session_id))

    async def revoke_others(self, user_id: str, kept: str | None, visit: Visit = Visit()) -> None:
        """End all sessions of the user but the one that is ``kept``."""
        await self._store.write(lambda tx: end_sessions(tx, user_id, kept, visit))
        self.forget(user_id)

    def forget(self, user_id: str) -> None:
        """Look this user up anew wherever he is: he changed, his sessions were removed, or he may not come in."""
        self._bearers.revoke(lambda known: known.user.id == user_id)

    async def _look_up(self, token: str | None) -> _Known | None:
        if not token or len(token) > LONGEST:
            return None
        key = hashed(token)

        async def look() -> tuple[_Known, float] | None:
            found = await self._store.read(lambda tx: sessions.by_token(tx, key))
            return None if found is None else self._known(*found)

        return await self._bearers.find(key, look)

    def _known(self, session: SessionRow, user: UserRow) -> tuple[_Known, float]:
        ends_at = inf if user.kind == "guest" else session.created_at + LONGEST_SECONDS
        known = _Known(user, session.id, session.seen_at, ends_at)
        return known, session.expires_at - self._world.now()


def lifetime(user: UserRow) -> float:
    """For how many seconds a user's session lives without being used."""
    return SESSION_SECONDS if user.kind == "guest" else SIGNED_IN_SECONDS


def open_session(tx: Tx, world: World, user: UserRow, visit: Visit, method: str) -> Opened:
    """Let a user in, who came by ``method``, and write it down; then ``Accounts.forget`` him: a session may be over."""
    token = new_secret(world)
    session = _add_session(tx, user, token, visit)
    sessions.remove_oldest(tx, user.id, MOST_SESSIONS)
    record(tx, "session.opened", user.id, target=session.id, address=visit.address, method=method)
    return Opened(user, token, session.expires_at)


def end_sessions(tx: Tx, user_id: str, kept: str | None, visit: Visit) -> None:
    """End all sessions of a user but the one that is ``kept``, and write it down; then :meth:`Accounts.forget` him."""
    count = sessions.remove_all(tx, user_id, kept)
    if count:
        record(tx, "session.revoked", user_id, target=user_id, address=visit.address, count=count)


def _add_session(tx: Tx, user: UserRow, token: str, visit: Visit) -> SessionRow:
    agent = visit.agent and visit.agent[:_LONGEST_AGENT]
    return sessions.add(tx, user.id, hashed(token), lifetime(user), agent=agent, address=visit.address)
