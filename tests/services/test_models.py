"""Models: the list for the picker."""

from __future__ import annotations

from threadline.domain.catalog import Capabilities, Model
from threadline.services.models import Models


class Known:
    def models(self) -> list[Model]:
        return [
            Model("demo/demo", "demo", "Demo", "demo", Capabilities(True, True, False)),
            Model(
                "a/b", "a", "A", "b", context=1000, available=False, reason="No a API key found. Add one in Settings."
            ),
        ]


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
