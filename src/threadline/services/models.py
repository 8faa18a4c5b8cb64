"""Models: what may be chosen to answer, and what answers where nothing is chosen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any, Protocol

from threadline.domain.catalog import Model
from threadline.domain.errors import UnsupportedModel


class Catalogue(Protocol):
    """Where the models come from."""

    def models(self) -> list[Model]:
        """All models that are known now, those of one provider together."""
        ...

    def model(self, model_id: str) -> Model:
        """One of them, also where its provider has not told which it has. Raises ``UnsupportedModel``."""
        ...

    def get(self, model_id: str) -> object:
        """What calls it. Raises ``UnsupportedModel``, and ``MissingKey`` where nothing can."""
        ...


class Models:
    """The list of models. ``default`` is the id of the model in the settings' chat slot."""

    def __init__(self, catalogue: Catalogue, default: str) -> None:
        self._catalogue = catalogue
        self.default = default

    def listed(self) -> dict[str, Any]:
        """``{items, next, default}``; items ``{id, provider, provider_name, name, capabilities: {tools, reasoning,
        vision}, context, available, reason}``."""
        models = self._catalogue.models()
        if all(model.id != self.default for model in models):
            # A provider that is still being asked for its list: what is used by default is there all the same.
            with suppress(UnsupportedModel):
                models = [self._catalogue.model(self.default), *models]
        return {"items": [asdict(model) for model in models], "next": None, "default": self.default}

    def usable(self) -> list[Model]:
        """The models that can answer now."""
        return [model for model in self._catalogue.models() if model.available]

    def resolve(self, name: str | None) -> str:
        """The id of the model that a program means: an id, or a name that only one provider has; without it the
        default. Raises ``UnsupportedModel`` and ``MissingKey``."""
        wanted = name or self.default
        models = self._catalogue.models()
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
        self._catalogue.get(wanted)
        return wanted
