"""Whose key calls a model: the asker's own, else the server's, and never another user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from threadline.domain.catalog import KeyOwner, OwnKey
from threadline.domain.errors import MissingKey
from threadline.services.rotation import seal_anew
from threadline.services.vault import Vault, lost
from threadline.store import keys
from threadline.store.database import Store
from threadline.store.keys import KeyRow
from threadline.store.transaction import Tx

_USED_SECONDS: Final = 60.0


class Checker(Protocol):
    """Who knows which models can be called."""

    def check(self, model_id: str, *, own: bool = False) -> None:
        """Raises ``UnsupportedModel`` for a model that is not set up here, and ``MissingKey`` where neither the user
        has a key of his ``own`` for it nor the server."""
        ...


@dataclass(frozen=True, slots=True)
class Ring:
    """A user's own keys by provider, and of those that cannot be read the reason."""

    keys: Mapping[str, OwnKey] = field(default_factory=dict)
    faults: Mapping[str, MissingKey] = field(default_factory=dict)


class Keys:
    """Finds keys in the transaction of whoever needs one, so that a key that was just added or removed counts at once,
    and opens them no earlier than they are used: nothing here keeps one."""

    def __init__(self, store: Store, vault: Vault, checker: Checker) -> None:
        self._store = store
        self._vault = vault
        self._checker = checker

    def owner(self, tx: Tx, user_id: str, model_id: str) -> KeyOwner:
        """Whose key will call a model for a user, who is about to ask it; notes the use of his own, at most once a
        minute. Raises ``UnsupportedModel``, and ``MissingKey`` also where his own cannot be read."""
        row = keys.get(tx, user_id, model_id.partition("/")[0])
        self._checker.check(model_id, own=row is not None)
        if row is None:
            return "server"
        if row.master not in self._vault.masters:
            raise lost(row.provider, row.master)
        if row.used_at is None or tx.now - row.used_at > _USED_SECONDS:
            keys.used(tx, row.id)
        return "user"

    def own(self, tx: Tx, user_id: str, model_id: str) -> OwnKey | None:
        """A user's own key for a model's provider. Raises ``MissingKey`` for one that cannot be read."""
        row = keys.get(tx, user_id, model_id.partition("/")[0])
        return None if row is None else self._opened(row)

    async def check(self, user_id: str, model_id: str) -> None:
        """Raises ``UnsupportedModel`` and ``MissingKey`` where a user cannot ask a model."""
        row = await self._store.read(lambda tx: keys.get(tx, user_id, model_id.partition("/")[0]))
        self._checker.check(model_id, own=row is not None)

    async def ring(self, user_id: str) -> Ring:
        """All of a user's own keys."""

        def work(tx: Tx) -> Ring:
            found: dict[str, OwnKey] = {}
            faults: dict[str, MissingKey] = {}
            for row in keys.of_user(tx, user_id):
                try:
                    found[row.provider] = self._opened(row)
                except MissingKey as fault:
                    faults[row.provider] = fault
            return Ring(found, faults)

        return await self._store.read(work)

    def move(self, tx: Tx, user_id: str, to_user_id: str) -> None:
        """Give a user's keys to another account that is his, too; where that has one for the provider, it stays. A key
        that cannot be read stays behind."""
        had = {row.provider for row in keys.of_user(tx, to_user_id)}
        for row in keys.of_user(tx, user_id):
            if row.provider not in had:
                seal_anew(tx, self._vault, row, to_user_id)

    def _opened(self, row: KeyRow) -> OwnKey:
        return OwnKey(self._vault.open(row.sealed, row.master, row.user_id, row.provider), row.base_url)
