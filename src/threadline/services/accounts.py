"""Accounts: who a cookie speaks for, and a guest for everyone who comes without one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from threadline.domain.errors import NotFound, Unavailable
from threadline.services.bearers import LONGEST, Bearers, hashed, new_secret
from threadline.store import sessions, users
from threadline.store.database import Store
from threadline.store.sessions import SessionRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

__all__ = ["SESSION_SECONDS", "Accounts", "Identified", "Opened", "UserRow"]

SESSION_SECONDS: Final = 365 * 86_400.0
"""How long a session lives without being used; for a guest it is the only way back to what he made."""

_RENEW_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: whose it is, the token to hand out once, and when it ends (Unix seconds)."""

    user: UserRow
    token: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Identified:
    """Who a token speaks for. ``renewed``: its session lives for the whole time again from now on, and so must the
    cookie that holds it."""

    user: UserRow
    renewed: bool = False


@dataclass(slots=True)
class _Known:
    user: UserRow
    session_id: str
    seen_at: float


class Accounts:
    """Users and their sessions.

    Who was identified is remembered for at most 25 s, so that a request costs no read. What is revoked here is
    forgotten at once; what another process revokes, when that time is over.
    """

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._bearers: Bearers[_Known] = Bearers(world)

    def watch(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever a session was revoked here."""
        self._bearers.watch(listener)

    async def guest(self) -> Opened:
        """Make a guest with a session."""
        token = new_secret(self._world)
        key = hashed(token)

        def work(tx: Tx) -> tuple[SessionRow, UserRow]:
            user = users.add(tx, "guest")
            return sessions.add(tx, user.id, key, SESSION_SECONDS), user

        session, user = await self._store.write(work)
        self._bearers.keep(key, *self._known(session, user))
        return Opened(user, token, session.expires_at)

    async def identify(self, token: str | None) -> Identified | None:
        """The user for whom a cookie's token speaks, and a use of his session; None where it is unknown, revoked or
        over."""
        known = await self._look_up(token)
        if known is None:
            return None
        now = self._world.now()
        if now - known.seen_at <= _RENEW_SECONDS:
            return Identified(known.user)
        renewed = False
        # A full disk is no reason to turn away who only wants to read: another request tries again.
        with suppress(Unavailable):
            await self._store.write(lambda tx: sessions.renew(tx, known.session_id, SESSION_SECONDS))
            renewed = True
        known.seen_at = now
        return Identified(known.user, renewed)

    async def lives(self, token: str) -> bool:
        """Whether a cookie's token speaks for somebody. No use of the session, which a socket that stays open for long
        would keep from ever being renewed together with its cookie."""
        return await self._look_up(token) is not None

    def remembers(self, token: str) -> bool:
        """Whether :meth:`lives` would be true without a look into the database."""
        return self._bearers.remembers(hashed(token))

    async def me(self, user_id: str) -> dict[str, Any]:
        """``{id, kind, name}``. Raises ``NotFound``."""
        user = await self._store.read(lambda tx: users.get(tx, user_id))
        if user is None:
            raise NotFound(surface="account")
        return {"id": user.id, "kind": user.kind, "name": user.name}

    async def sessions(self, user_id: str) -> list[SessionRow]:
        """The user's living sessions, the newest first."""
        return await self._store.read(lambda tx: sessions.of_user(tx, user_id))

    async def revoke(self, user_id: str, session_id: str) -> None:
        """End one session of the user; on return its token speaks for nobody. Raises ``NotFound``."""
        removed = await self._store.write(lambda tx: sessions.remove(tx, user_id, session_id))
        if not removed:
            raise NotFound(surface="session")
        self._bearers.revoke(lambda known: known.session_id == session_id)

    async def _look_up(self, token: str | None) -> _Known | None:
        if not token or len(token) > LONGEST:
            return None
        key = hashed(token)

        async def look() -> tuple[_Known, float] | None:
            found = await self._store.read(lambda tx: sessions.by_token(tx, key))
            return None if found is None else self._known(*found)

        return await self._bearers.find(key, look)

    def _known(self, session: SessionRow, user: UserRow) -> tuple[_Known, float]:
        return _Known(user, session.id, session.seen_at), session.expires_at - self._world.now()
