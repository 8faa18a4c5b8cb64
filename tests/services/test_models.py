"""Models: the list for the picker."""

from __future__ import annotations

import pytest

from threadline.domain.catalog import Capabilities, Model
from threadline.domain.errors import UnsupportedModel
from threadline.services.models import Models


class Known:
    def models(self) -> list[Model]:
        return [
            Model("demo/demo", "demo", "Demo", "demo", Capabilities(True, True, False)),
            Model(
                "a/b", "a", "A", "b", context=1000, available=False, reason="No a API key found. Add one in Settings."
            ),
        ]

    def model(self, model_id: str) -> Model:
        if model_id != "c/asked":
            raise UnsupportedModel
        return Model(model_id, "c", "C", "asked")

    def get(self, model_id: str) -> object:
        if all(model.id != model_id for model in self.models()):
            raise UnsupportedModel
        return self


class Twice(Known):
    def models(self) -> list[Model]:
        return [*super().models(), Model("x/demo", "x", "X", "demo"), Model("x/only", "x", "X", "only")]


def test_models_are_listed_with_what_is_known_of_them() -> None:
    listed = Models(Known(), "demo/demo").listed()
    assert (listed["next"], listed["default"]) == (None, "demo/demo")
    demo, other = listed["items"]
    assert demo["capabilities"] == {"tools": True, "reasoning": True, "vision": False}
    assert other == {
        "id": "a/b",
        "provider": "a",
        "provider_name": "A",
        "name": "b",
        "capabilities": {"tools": None, "reasoning": None, "vision": None},
        "context": 1000,
        "available": False,
        "reason": "No a API key found. Add one in Settings.",
    }


def test_the_default_is_listed_also_before_its_provider_has_told_which_models_it_has() -> None:
    assert [row["id"] for row in Models(Known(), "c/asked").listed()["items"]] == ["c/asked", "demo/demo", "a/b"]
    assert [row["id"] for row in Models(Known(), "no/such").listed()["items"]] == ["demo/demo", "a/b"]


def test_a_program_means_a_model_by_its_id_or_by_a_name_that_is_one_s_alone() -> None:
    models = Models(Twice(), "demo/demo")
    assert models.resolve(None) == "demo/demo"
    assert models.resolve("x/demo") == "x/demo"
    assert models.resolve("only") == "x/only"
    with pytest.raises(UnsupportedModel, match="say which"):
        models.resolve("demo")
    with pytest.raises(UnsupportedModel, match="neither provider/model nor the name of a model"):
        models.resolve("nobody")
    for name in ("b", "no/body"):
        with pytest.raises(UnsupportedModel):
            models.resolve(name)
    assert [model.id for model in models.usable()] == ["demo/demo", "x/demo", "x/only"]
