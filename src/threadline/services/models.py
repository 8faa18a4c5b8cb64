"""Models: what may be chosen to answer, and what answers where nothing is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Final, Protocol

from threadline.domain.catalog import Model, OwnKey
from threadline.domain.errors import UnsupportedModel
from threadline.services.keys import Keys

_LOOK_SECONDS: Final = 1.5


class Catalogue(Protocol):
    """Where the models come from."""

    def models(self, own: Mapping[str, OwnKey]) -> list[Model]:
        """All models that are known now to a user with keys of his ``own``, those of one provider together."""
        ...

    async def look(self, own: Mapping[str, OwnKey], seconds: float) -> None:
        """Ask the providers of a user's ``own`` keys what they have, and wait for it at most so long."""
        ...

    def model(self, model_id: str) -> Model:
        """One of them, also where its provider has not told which it has. Raises ``UnsupportedModel``."""
        ...


class Models:
    """The list of models, which each user has of his own. ``default`` is the id of the model in the settings' chat
    slot."""

    def __init__(self, catalogue: Catalogue, default: str, keys: Keys) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self.default = default

    async def listed(self, user_id: str) -> dict[str, Any]:
        """``{items, next, default}``; items ``{id, provider, provider_name, name, capabilities: {tools, reasoning,
        vision}, context, available, reason, key}``."""
        models = await self._known(user_id)
        if all(model.id != self.default for model in models):
            # A provider that is still being asked for its list: what is used by default is there all the same.
            with suppress(UnsupportedModel):
                models = [self._catalogue.model(self.default), *models]
        return {"items": [asdict(model) for model in models], "next": None, "default": self.default}

    async def usable(self, user_id: str) -> list[Model]:
        """The models that can answer a user now."""
        return [model for model in await self._known(user_id) if model.available]

    async def resolve(self, user_id: str, name: str | None) -> str:
        """The id of the model that a user's program means: an id, or a name that only one provider has; without it the
        default. Raises ``UnsupportedModel`` and ``MissingKey``."""
        wanted = name or self.default
        models = await self._known(user_id, seconds=0)
        same = [model.id for model in models if model.available and model.name == wanted]
        if all(model.id != wanted for model in models) and same:
            if len(same) > 1:
                raise UnsupportedModel(
                    f"Several providers have a model {wanted!r}: say which, as in {same[0]!r}.", surface="model"
                )
            wanted = same[0]
        elif not same and "/" not in wanted:
            raise UnsupportedModel(
                f"{wanted!r} is neither provider/model nor the name of a model here: /v1/models has the list.",
                surface="model",
            )
        await self.check(user_id, wanted)
        return wanted

    async def check(self, user_id: str, model_id: str) -> None:
        """Raises ``UnsupportedModel`` and ``MissingKey`` where a user cannot ask a model."""
        await self._keys.check(user_id, model_id)

    async def _known(self, user_id: str, seconds: float = _LOOK_SECONDS) -> list[Model]:
        """All models as a user sees them; ``seconds`` are waited for the providers of his own keys at the most."""
        ring = await self._keys.ring(user_id)
        if ring.keys:
            await self._catalogue.look(ring.keys, seconds)
        rows = self._catalogue.models(ring.keys)
        unreadable = {provider: fault.message for provider, fault in ring.faults.items()}
        return [
            replace(row, available=False, reason=unreadable[row.provider], key=None)
            if row.provider in unreadable
            else row
            for row in rows
        ]
