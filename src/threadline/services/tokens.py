"""Access tokens for programs: made once, shown once, looked up at every request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final

from threadline.domain.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable
from threadline.domain.scopes import SCOPES
from threadline.services.audit import Details, record
from threadline.services.bearers import LONGEST, Bearers, hashed, new_secret
from threadline.store import tokens, users
from threadline.store.database import Store
from threadline.store.tokens import TokenRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

__all__ = ["Issued", "Program", "TokenRow", "Tokens", "UserRow", "Wanted"]

PREFIX: Final = "tl_"
MOST: Final = 100
"""How many living tokens a user may have."""
MOST_DAYS: Final = 3650

_LONGEST_NAME: Final = 100
_USED_SECONDS: Final = 60.0
_DAY: Final = 86_400.0
_SHOWN_SECONDS: Final = 30 * _DAY
"""For how long a token that is over stays in its user's list, so that he sees why a program is turned away."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, which nobody can be told again, and for whom it speaks."""

    row: TokenRow
    user: UserRow
    token: str


@dataclass(frozen=True, slots=True)
class Program:
    """Who speaks by a token: for which user, and what he gave it the token for."""

    user: UserRow
    token_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token that is about to be made; ``days`` None: it lives until it is revoked."""

    name: str
    scopes: tuple[str, ...] = ("all",)
    days: int | None = None


class Tokens:
    """The access tokens of this installation.

    Who was identified is remembered for at most 25 s, and never beyond the end of his token; a token that is revoked
    here speaks for nobody at once, one that another process revoked, when that time is over.
    """

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._bearers: Bearers[Program] = Bearers(world)

    def watch(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever a token was revoked here."""
        self._bearers.watch(listener)

    async def issue(
        self, name: str, user: str | None = None, *, scopes: Iterable[str] = ("all",), days: int | None = None
    ) -> Issued:
        """Make a token called ``name``, as who runs the server: it speaks for the account ``user`` (an e-mail
        address, an id, or a name that no other has), or else for the service user that has the token's own name, so
        that a new token of that name finds what the one before has made.

        Raises ``BadRequest`` for what cannot be, ``NotFound`` for a user who is not there, ``Forbidden`` for what is
        not for that user, and ``Conflict`` where he has too many.
        """
        wanted = _checked(Wanted(name, tuple(scopes), days))
        token = PREFIX + new_secret(self._world)

        def work(tx: Tx) -> Issued:
            if user is None:
                owner = users.named(tx, "service", wanted.name) or users.add(tx, "service", wanted.name)
            else:
                owner = _account(tx, user)
            return Issued(_add(tx, owner, wanted, token, None, None), owner, token)

        return await self._store.write(work)

    async def create(self, user_id: str, wanted: Wanted, *, address: str | None = None) -> Issued:
        """Make a token for the user who asks. Raises as :meth:`issue` does; ``Forbidden`` also for a guest: whoever
        makes an account out of what he began as one must not find somebody else's tokens in it."""
        wanted = _checked(wanted)
        token = PREFIX + new_secret(self._world)

        def work(tx: Tx) -> Issued:
            owner = users.get(tx, user_id)
            if owner is None or owner.disabled_at is not None:
                raise NotFound(surface="account")
            if owner.kind == "guest":
                raise Forbidden("Guests have no access tokens. Make an account first.", surface="token")
            return Issued(_add(tx, owner, wanted, token, user_id, address), owner, token)

        return await self._store.write(work)

    async def service(self, name: str) -> UserRow:
        """The service user of a name, made where there is none."""

        def work(tx: Tx) -> UserRow:
            return users.named(tx, "service", name) or users.add(tx, "service", name)

        return await self._store.write(work)

    async def listed(self) -> list[tuple[TokenRow, UserRow]]:
        """Every token and its user, the oldest first."""
        return await self._store.read(tokens.every)

    async def of_user(self, user_id: str) -> list[TokenRow]:
        """A user's tokens, the newest first, with those that were over only lately."""
        return await self._store.read(lambda tx: tokens.of_user(tx, user_id))

    async def revoke(self, token_id: str, user_id: str | None = None, *, address: str | None = None) -> None:
        """Forget a token; by the user whose it is, or by who runs the server. Raises ``NotFound``."""

        def work(tx: Tx) -> None:
            gone = tokens.remove(tx, token_id, user_id)
            if gone is None:
                raise NotFound("There is no such token.", surface="token")
            record(tx, "token.revoked", user_id, target=token_id, address=address, user=gone.user_id)

        await self._store.write(work)
        self._bearers.revoke(lambda program: program.token_id == token_id)

    def forget(self, user_id: str) -> None:
        """Know nobody any more who spoke for this user: his tokens were removed, or he may not come in any more."""
        self._bearers.revoke(lambda program: program.user.id == user_id)

    async def sweep(self) -> int:
        """Drop the tokens that have been over for so long that nobody asks why; returns how many went."""
        before = self._world.now() - _SHOWN_SECONDS
        return await self._store.write(lambda tx: tokens.remove_expired(tx, before))

    def remembers(self, token: str) -> bool:
        """Whether :meth:`identify` would find somebody without a look into the database."""
        return self._bearers.remembers(hashed(token))

    async def identify(self, token: str) -> Program | None:
        """Who speaks by a token; None for nobody."""
        if not token.startswith(PREFIX) or len(token) > LONGEST:
            return None
        key = hashed(token)
        return await self._bearers.find(key, lambda: self._look_up(key))

    async def _look_up(self, key: bytes) -> tuple[Program, float] | None:
        found = await self._store.read(lambda tx: tokens.by_hash(tx, key))
        if found is None:
            return None
        row, user = found
        now = self._world.now()
        if row.used_at is None or now - row.used_at > _USED_SECONDS:
            # A note for people: a disk that has no room for it keeps nobody out.
            with suppress(Unavailable):
                await self._store.write(lambda tx: tokens.used(tx, row.id))
        left = inf if row.expires_at is None else row.expires_at - now
        return Program(user, row.id, frozenset(row.scopes.split())), left


def _checked(wanted: Wanted) -> Wanted:
    name = wanted.name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"A token's name has between 1 and {_LONGEST_NAME} characters.", surface="token")
    scopes = tuple(dict.fromkeys(wanted.scopes))
    if not scopes or not set(scopes) <= set(SCOPES):
        raise BadRequest(f"A token's scopes are one or more of {', '.join(SCOPES)}.", surface="token")
    if wanted.days is not None and not 1 <= wanted.days <= MOST_DAYS:
        raise BadRequest(f"A token lives for 1 to {MOST_DAYS} days, or until it is revoked.", surface="token")
    return Wanted(name, scopes, wanted.days)


def _account(tx: Tx, user: str) -> UserRow:
    """The account that is called so: by its e-mail address, its id, or a name that no other has."""
    at = user.strip().lower()
    found = [one for one in users.registered(tx) if at == one.email or user in (one.id, one.name)]
    exact = [one for one in found if user != one.name] or found
    if not exact:
        raise NotFound(f"There is no account {user!r}. See `threadline user list`.", surface="account")
    if len(exact) > 1:
        raise BadRequest(f"Several accounts are called {user!r}. Name the e-mail address.", surface="account")
    return exact[0]


def _add(tx: Tx, owner: UserRow, wanted: Wanted, token: str, by: str | None, address: str | None) -> TokenRow:
    """Keep the token. ``by`` None: who runs the server makes it."""
    if "admin" in wanted.scopes and owner.role != "admin":
        raise Forbidden("Only the token of an admin can have the scope admin.", surface="token")
    if tokens.count(tx, owner.id) >= MOST:
        raise Conflict(f"There are {MOST} tokens already. Revoke one that is not needed any more.", surface="token")
    lifetime = None if wanted.days is None else wanted.days * _DAY
    row = tokens.add(tx, owner.id, wanted.name, hashed(token), scopes=wanted.scopes, lifetime=lifetime)
    told: Details = {"user": owner.id, "scopes": list(wanted.scopes), "days": wanted.days}
    record(tx, "token.created", by, target=row.id, address=address, **told)
    return row
