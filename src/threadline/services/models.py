"""Models: what may be chosen to answer, and what answers where nothing is chosen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

from threadline.domain.catalog import Model


class Catalogue(Protocol):
    """Where the models come from."""

    def models(self) -> list[Model]:
        """All models that are known now, those of one provider together."""
        ...


class Models:
    """The list of models. ``default`` is the id of the model in the settings' chat slot."""

    def __init__(self, catalogue: Catalogue, default: str) -> None:
        self._catalogue = catalogue
        self.default = default

    def listed(self) -> dict[str, Any]:
        """``{items, next, default}``; items ``{id, provider, provider_name, name, capabilities: {tools, reasoning,
        vision}, context, available, reason}``."""
        items = [asdict(model) for model in self._catalogue.models()]
        return {"items": items, "next": None, "default": self.default}
