"""Access tokens for programs: made once, shown once, looked up at every request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final

from threadline.domain.errors import BadRequest, NotFound, Unavailable
from threadline.services.bearers import LONGEST, Bearers, hashed, new_secret
from threadline.store import tokens, users
from threadline.store.database import Store
from threadline.store.tokens import TokenRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

__all__ = ["Issued", "TokenRow", "Tokens", "UserRow"]

PREFIX: Final = "tl_"
_LONGEST_NAME: Final = 100
_USED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token, which nobody can be told again, and for whom it speaks."""

    row: TokenRow
    user: UserRow
    token: str


class Tokens:
    """The access tokens of this installation.

    Who was identified is remembered for at most 25 s; a token that is revoked here speaks for nobody at once, one that
    another process revoked, when that time is over.
    """

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._bearers: Bearers[UserRow] = Bearers(world)

    def watch(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called whenever a token was revoked here."""
        self._bearers.watch(listener)

    async def issue(self, name: str, user: str | None = None) -> Issued:
        """Make a token called ``name``: it speaks for the account ``user``, or else for the service user that has the
        token's own name, so that a new token of that name finds what the one before has made.

        Raises ``BadRequest`` for a name that is none, and ``NotFound`` for a user who is not there.
        """
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise BadRequest(f"A token's name has between 1 and {_LONGEST_NAME} characters.", surface="token")
        token = PREFIX + new_secret(self._world)

        def work(tx: Tx) -> Issued:
            owner = users.named(tx, "service", name) if user is None else users.named(tx, "registered", user)
            if owner is None and user is not None:
                raise NotFound(f"There is no account {user!r}.", surface="account")
            owner = owner or users.add(tx, "service", name)
            return Issued(tokens.add(tx, owner.id, name, hashed(token)), owner, token)

        return await self._store.write(work)

    async def service(self, name: str) -> UserRow:
        """The service user of a name, made where there is none."""

        def work(tx: Tx) -> UserRow:
            return users.named(tx, "service", name) or users.add(tx, "service", name)

        return await self._store.write(work)

    async def listed(self) -> list[tuple[TokenRow, UserRow]]:
        """Every token and its user, the oldest first."""
        return await self._store.read(tokens.every)

    async def revoke(self, token_id: str) -> None:
        """Forget a token. Raises ``NotFound``."""
        if not await self._store.write(lambda tx: tokens.remove(tx, token_id)):
            raise NotFound("There is no such token.", surface="token")
        # Whose it was is not known here, and a look costs little.
        self._bearers.revoke(lambda _: True)

    def remembers(self, token: str) -> bool:
        """Whether :meth:`identify` would find somebody without a look into the database."""
        return self._bearers.remembers(hashed(token))

    async def identify(self, token: str) -> UserRow | None:
        """For whom a token speaks; None for nobody."""
        if not token.startswith(PREFIX) or len(token) > LONGEST:
            return None
        key = hashed(token)
        return await self._bearers.find(key, lambda: self._look_up(key))

    async def _look_up(self, key: bytes) -> tuple[UserRow, float] | None:
        found = await self._store.read(lambda tx: tokens.by_hash(tx, key))
        if found is None:
            return None
        row, user = found
        if row.used_at is None or self._world.now() - row.used_at > _USED_SECONDS:
            # A note for people: a disk that has no room for it keeps nobody out.
            with suppress(Unavailable):
                await self._store.write(lambda tx: tokens.used(tx, row.id))
        return user, inf
