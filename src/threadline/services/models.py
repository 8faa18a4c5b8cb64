"""Models: what may be chosen to answer, and what answers where nothing is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, Final, Protocol

from threadline.domain.catalog import Model, OwnKey, split_model_id
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.domain.facts import Capabilities
from threadline.domain.prices import Price, dollars
from threadline.services.keys import Keys
from threadline.services.preferences import Preferences

_LOOK_SECONDS: Final = 1.5
_SHOWN: Final = tuple(one.name for one in fields(Model) if one.name not in ("capabilities", "retired"))
_CAPABILITIES: Final = tuple(one.name for one in fields(Capabilities))


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

    def needs_key(self, model_id: str) -> bool:
        """Whether it cannot be called without a key. Raises ``UnsupportedModel``."""
        ...


class Models:
    """The list of models, which each user has of his own."""

    def __init__(self, catalogue: Catalogue, keys: Keys, preferences: Preferences) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._preferences = preferences

    async def listed(self, user_id: str) -> dict[str, Any]:
        """``{items, next, default}``; each item as :func:`view` has it, ``default`` the user's own or the server's."""
        models = await self._known(user_id)
        default = await self._preferences.default(user_id)
        if all(model.id != default for model in models):
            # A provider that is still being asked for its list: what is used by default is there all the same.
            with suppress(UnsupportedModel):
                models = [self._catalogue.model(default), *models]
        liked = set(await self._preferences.favourites(user_id))
        return {"items": [view(model, model.id in liked) for model in models], "next": None, "default": default}

    async def validated(self, user_id: str, model_id: str) -> dict[str, Any]:
        """Whether a user can ask a model: ``{supported, has_key, required_provider, reason}``. ``required_provider`` is
        whose key it takes, None: it takes none, or is not supported; ``reason`` is for people, None where he can."""
        try:
            needs_key = self._catalogue.needs_key(model_id)
            await self.check(user_id, model_id)
            missing = None
        except MissingKey as fault:
            needs_key, missing = True, fault.message
        except UnsupportedModel as fault:
            return _validated(reason=fault.message)
        provider, name = split_model_id(model_id)
        rows = [model for model in await self._known(user_id) if model.provider == provider]
        if all(row.id != model_id for row in rows):
            model = self._catalogue.model(model_id)
            unheard_of = bool(rows) and (model.context, model.price, model.source) == (None, None, None)
            if model.retired or unheard_of:
                reason = model.reason if model.retired else f"The provider {provider!r} lists no model {name!r}."
                return _validated(has_key=missing is None, reason=reason)
        return _validated(True, missing is None, provider if needs_key else None, missing)

    async def usable(self, user_id: str) -> list[Model]:
        """The models that can answer a user now."""
        return [model for model in await self._known(user_id) if model.available]

    async def resolve(self, user_id: str, name: str | None) -> str:
        """The id of the model that a user's program means: an id, or a name that only one provider has; without it the
        default. Raises ``UnsupportedModel`` and ``MissingKey``."""
        wanted = name or await self._preferences.default(user_id)
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


def view(model: Model, favourite: bool) -> dict[str, Any]:
    """A model as a user sees it: its fields, ``favourite``, and of its price US dollars for a million tokens."""
    shown: dict[str, Any] = {name: getattr(model, name) for name in _SHOWN}
    price, can = model.price, model.capabilities
    if price is not None:
        long = None if price.long is None else _dollars(price.long)
        shown["price"] = {**_dollars(price), "long_above": price.long_above, "long": long}
    return {**shown, "capabilities": {name: getattr(can, name) for name in _CAPABILITIES}, "favourite": favourite}


def _dollars(price: Price) -> dict[str, float | None]:
    return {name: dollars(getattr(price, name)) for name in ("input", "output", "cached", "cache_write")}


def _validated(
    supported: bool = False, has_key: bool = False, required_provider: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {
        "supported": supported,
        "has_key": has_key,
        "required_provider": required_provider,
        "reason": reason,
    }
