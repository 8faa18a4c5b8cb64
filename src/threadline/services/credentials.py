"""Credentials: users bring keys of their own for providers, try them out, and take them away again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol

from threadline.domain.addresses import Private, fault_of_base
from threadline.domain.catalog import OwnKey, ProviderConfig, takes_addresses
from threadline.domain.errors import BadRequest, NotFound, RateLimited
from threadline.domain.trials import Trial
from threadline.services import audit, throttles
from threadline.services.throttles import Limit
from threadline.services.vault import Vault
from threadline.store import keys
from threadline.store.database import Store
from threadline.store.keys import KeyRow
from threadline.store.transaction import Tx

LONGEST: Final = 1000
_KEY: Final = re.compile(r"[!-~]+")
_TRIES: Final = Limit("key:test", 30, 600.0)
_SHOWN: Final = 4
_SHOWN_OF: Final = 3


class Providers(Protocol):
    """The providers for which users may bring keys."""

    def keyed(self) -> Sequence[ProviderConfig]:
        """All of them, with the server's own key where it has one."""
        ...

    async def tried(self, provider: str, own: OwnKey) -> Trial:
        """Ask a provider whether it takes a key. Fails with no error, but in words."""
        ...


class Credentials:
    """Everything that leaves here tells no more of a key than its last characters. ``private``: which private addresses
    a user may name; ``tries``: how often he may try a key out."""

    def __init__(
        self, store: Store, vault: Vault, providers: Providers, private: Private, tries: Limit = _TRIES
    ) -> None:
        self._store = store
        self._vault = vault
        self._providers = providers
        self._private = private
        self._tries = tries
        self._trying: set[str] = set()

    def offered(self) -> dict[str, Any]:
        """``{items, next}`` of ``{provider, provider_name, has_server_key, base_url_allowed}``: those for which a key
        can be brought."""
        items = [
            {
                "provider": config.name,
                "provider_name": config.display_name,
                "has_server_key": bool(config.api_key),
                "base_url_allowed": takes_addresses(config),
            }
            for config in self._providers.keyed()
        ]
        return {"items": items, "next": None}

    async def listed(self, user_id: str) -> dict[str, Any]:
        """``{items, next}`` of ``{provider, provider_name, last_four, base_url, created_at, used_at}``."""
        rows = await self._store.read(lambda tx: keys.of_user(tx, user_id))
        return {"items": [self._view(row) for row in rows], "next": None}

    async def put(
        self, user_id: str, provider: str, key: str, base_url: str | None = None, address: str | None = None
    ) -> dict[str, Any]:
        """Keep a user's key for a provider, in the place of the one that was there. Raises ``NotFound`` and
        ``BadRequest``."""
        self._check(provider, key, base_url)
        # Beside the loop and the one writer: the first key loads what does it.
        sealed = await asyncio.to_thread(self._vault.seal, key, user_id, provider)

        def work(tx: Tx) -> KeyRow:
            row = keys.put(
                tx,
                user_id,
                provider,
                base_url=base_url,
                master=self._vault.master,
                sealed=sealed,
                last_four=_end(key),
            )
            audit.record(tx, "key.added", user_id, target=row.id, address=address, provider=provider)
            return row

        return self._view(await self._store.write(work))

    async def remove(self, user_id: str, provider: str, address: str | None = None) -> None:
        """Forget a user's key; no answer that begins from now on is written with it. Raises ``NotFound``."""

        def work(tx: Tx) -> None:
            row = keys.get(tx, user_id, provider)
            if row is None:
                raise NotFound("You have no key for this provider.", surface="keys")
            keys.remove(tx, user_id, provider)
            audit.record(tx, "key.removed", user_id, target=row.id, address=address, provider=provider)

        await self._store.write(work)

    async def test(self, user_id: str, provider: str, given: OwnKey | None = None, address: str | None = None) -> Trial:
        """Try out a key before it is kept, or the one that is. Raises ``NotFound``, ``BadRequest``, ``MissingKey`` for
        one that cannot be read, and ``RateLimited`` while the same user tries another, or has tried too many."""
        if given is not None:
            self._check(provider, given.key, given.base_url)
        if user_id in self._trying:
            raise RateLimited("A key of yours is being tested. Wait for the result.", surface="keys", retry_after=1)
        self._trying.add(user_id)
        try:
            own = given or await self._kept(user_id, provider)
            await self._store.write(lambda tx: throttles.take(tx, self._tries, user_id, "keys"))
            trial = await self._providers.tried(provider, own)
        finally:
            self._trying.discard(user_id)
        reason = "accepted" if trial.ok else "refused"
        await self._store.write(
            lambda tx: audit.record(tx, "key.tested", user_id, address=address, provider=provider, reason=reason)
        )
        return trial

    async def _kept(self, user_id: str, provider: str) -> OwnKey:
        row = await self._store.read(lambda tx: keys.get(tx, user_id, provider))
        if row is None:
            raise NotFound("You have no key for this provider.", surface="keys")
        self._config(provider)
        return OwnKey(self._vault.open(row.sealed, row.master, user_id, provider), row.base_url)

    def _config(self, provider: str) -> ProviderConfig:
        keyed = self._providers.keyed()
        config = next((one for one in keyed if one.name == provider), None)
        if config is None:
            named = ", ".join(one.name for one in keyed)
            raise NotFound(f"No keys are taken for {provider!r}; they are for {named}.", surface="keys")
        return config

    def _check(self, provider: str, key: str, base_url: str | None) -> None:
        config = self._config(provider)
        if len(key) > LONGEST or not _KEY.fullmatch(key):
            raise BadRequest(
                f"A key has at most {LONGEST} letters, digits and marks, and no blanks. Copy it again.", surface="keys"
            )
        if base_url is None:
            return
        if not takes_addresses(config):
            raise BadRequest(f"{config.display_name} has no other address here. Leave base_url out.", surface="keys")
        fault = fault_of_base(base_url, self._private)
        if fault is not None:
            raise BadRequest(fault, surface="keys")

    def _view(self, row: KeyRow) -> dict[str, Any]:
        names = {config.name: config.display_name for config in self._providers.keyed()}
        return {
            "provider": row.provider,
            "provider_name": names.get(row.provider, row.provider),
            "last_four": row.last_four,
            "base_url": row.base_url,
            "created_at": row.created_at,
            "used_at": row.used_at,
        }


def _end(key: str) -> str:
    """What is shown of a key: its last four characters, and of a short one never more than a third."""
    return key[len(key) - min(_SHOWN, len(key) // _SHOWN_OF) :]
