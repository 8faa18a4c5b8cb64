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
