"""How deep values may be nested, so that they can be stored and sent on inside of whatever will hold them."""

from __future__ import annotations

from typing import Any, Final

MAX_DEPTH: Final = 64


def shallow(parts: list[Any]) -> bool:
    """Whether nothing is nested deeper than ``MAX_DEPTH`` levels."""
    level: list[Any] = parts
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return True
    return False
