"""Rotation: what was sealed under an older secret is sealed anew under the first one, while everybody goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from threadline.domain.errors import MissingKey
from threadline.services import audit
from threadline.services.vault import Vault
from threadline.store import keys
from threadline.store.database import Store
from threadline.store.keys import KeyRow
from threadline.store.transaction import Tx

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many keys are sealed under the first secret, and how many cannot be read: their secret is not known here, or
    they are damaged."""

    first: int
    unreadable: int


class Rotation:
    """Seals users' keys anew. Guarantees: at any time each of them opens for a server that knows both secrets. At most
    ``at_once`` are sealed in one transaction, so that nobody waits for long."""

    def __init__(self, store: Store, vault: Vault, at_once: int = _AT_ONCE) -> None:
        self._store = store
        self._vault = vault
        self._at_once = at_once
        self._warned = False

    async def run(self) -> int:
        """Seal every key under the first secret that is sealed under another one that is known; returns how many were.
        What cannot be read stays as it is."""
        found = await self._store.read(keys.masters)
        unknown = sum(count for master, count in found.items() if master not in self._vault.masters)
        if unknown and not self._warned:
            self._warned = True
            _log.warning("users' keys were sealed under a secret that is not known here", extra={"keys": unknown})
        return sum([await self._from(old) for old in found if old in self._vault.masters[1:]])

    async def sealed(self) -> Sealed:
        """How it stands."""
        found = await self._store.read(keys.masters)
        first = found.pop(self._vault.master, 0)
        return Sealed(first, sum(found.values()))

    async def _from(self, old: str) -> int:
        after, count = "", 0
        while True:
            seen, done = await self._store.write(lambda tx, after=after: self._some(tx, old, after))  # type: ignore[misc]
            count += done
            if len(seen) < self._at_once:
                return count
            after = seen[-1]

    def _some(self, tx: Tx, old: str, after: str) -> tuple[list[str], int]:
        """Seal some anew; the ids of those that were looked at, and how many were sealed."""
        rows = keys.sealed_by(tx, old, after, self._at_once)
        done = sum(seal_anew(tx, self._vault, row, row.user_id) for row in rows)
        if done:
            audit.record(tx, "key.rotated", None, target=self._vault.master, count=done)
        return [row.id for row in rows], done


def seal_anew(tx: Tx, vault: Vault, row: KeyRow, user_id: str) -> bool:
    """Seal a key under the first secret, for the same user or another; False where it cannot be read."""
    try:
        key = vault.open(row.sealed, row.master, row.user_id, row.provider)
    except MissingKey:
        return False
    keys.reseal(tx, row.id, user_id=user_id, master=vault.master, sealed=vault.seal(key, user_id, row.provider))
    return True
