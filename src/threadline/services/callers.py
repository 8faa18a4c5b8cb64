"""Callers: what calls a model for a run, with the key of who asked for it, or else the server's."""

from __future__ import annotations

from typing import Protocol

from threadline.domain.catalog import KeyOwner, OwnKey
from threadline.domain.prices import Price
from threadline.providers.protocol import Provider
from threadline.services.entitlements import Entitlements
from threadline.services.keys import Keys
from threadline.store import runs
from threadline.store.database import Store
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx


class Catalogue(Protocol):
    """Where providers come from; ``providers.registry.Registry`` is one."""

    def get(self, model_id: str, own: OwnKey | None = None) -> tuple[Provider, str]:
        """The provider for ``provider/model`` with a user's ``own`` key where he has one, and its own name of the
        model. Raises ``UnsupportedModel``, ``MissingKey``."""
        ...

    def takes_tools(self, model_id: str, wanted: bool | None = None) -> bool:
        """Whether tools are offered to that model, as is ``wanted`` where that says so."""
        ...

    def context_of(self, model_id: str) -> int | None:
        """How many tokens a model takes; None where nobody knows."""
        ...

    def price_of(self, model_id: str, own: OwnKey | None = None) -> Price | None:
        """What a model costs who calls it with his ``own`` key, or the server's; None where that is not known."""
        ...


class Callers:
    """Opens a key when a run begins, once, for as long as the provider that is made for it; nothing else has it."""

    def __init__(self, store: Store, keys: Keys, catalogue: Catalogue, entitlements: Entitlements) -> None:
        self._store = store
        self._keys = keys
        self._catalogue = catalogue
        self._entitlements = entitlements

    async def answering(self, run: RunRow) -> tuple[Provider, str]:
        """What calls a run's own model for its answer, and the provider's own name of the model. The run remembers
        whose key it is, also where that is another than when it was wanted.

        Raises as :meth:`provider_for` does, and ``RateLimited`` where the server's key would pay in the place of one's
        own, and a budget is used up.
        """
        own = await self._own(run, run.model)
        found = self._catalogue.get(run.model, own)
        owner: KeyOwner = "server" if own is None else "user"
        if owner != run.key_owner:
            await self._store.write(lambda tx: self._pay(tx, run, owner))
        return found

    async def provider_for(self, run: RunRow, model_id: str) -> tuple[Provider, str]:
        """What calls a model beside a run's answer, for who asked for it, and the provider's own name of the model.
        Raises ``UnsupportedModel``, and ``MissingKey`` where there is no key any more, or it cannot be read."""
        return self._catalogue.get(model_id, await self._own(run, model_id))

    async def paid(self, run: RunRow) -> tuple[KeyOwner, Price | None]:
        """Whose key a run was written with, and what its model costs with that key."""

        def look(tx: Tx) -> tuple[KeyOwner, OwnKey | None]:
            now = _now(tx, run)
            return now.key_owner, self._keys.own(tx, now.asker_id, run.model) if now.key_owner == "user" else None

        owner, own = await self._store.read(look)
        return owner, self._catalogue.price_of(run.model, own)

    async def _own(self, run: RunRow, model_id: str) -> OwnKey | None:
        return await self._store.read(lambda tx: self._keys.own(tx, _now(tx, run).asker_id, model_id))

    def _pay(self, tx: Tx, run: RunRow, owner: KeyOwner) -> None:
        if owner == "server":
            self._entitlements.check_budget(tx, _now(tx, run))
        runs.set_key_owner(tx, run.id, owner)

    def takes_tools(self, model_id: str, wanted: bool | None = None) -> bool:
        """Whether tools are offered to that model, as is ``wanted`` where that says so."""
        return self._catalogue.takes_tools(model_id, wanted)

    def context_of(self, model_id: str) -> int | None:
        """How many tokens a model takes; None where nobody knows."""
        return self._catalogue.context_of(model_id)


def _now(tx: Tx, run: RunRow) -> RunRow:
    """A run as it stands: a guest who has signed in since is somebody else, and so are his keys."""
    return runs.get(tx, run.id) or run
