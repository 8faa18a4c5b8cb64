"""What values must be, so that they can be stored, sent on inside of whatever will hold them, and read."""

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


def poisoned(value: Any) -> bool:
    """Whether readers in JavaScript, who keep what their objects are made of to themselves, refuse to parse it; of a
    value that is not nested too deeply."""
    if isinstance(value, dict):
        made = value.get("constructor")
        if "__proto__" in value or (isinstance(made, dict) and "prototype" in made):
            return True
    return any(map(poisoned, value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))
