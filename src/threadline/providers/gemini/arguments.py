"""Writes a call's arguments as JSON while they come value by value, each with the path to its place."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,9})\]|\[(['"])(.*?)\3\]""", re.DOTALL)
_DEEPEST: Final = 64
_VALUES: Final = ("stringValue", "numberValue", "boolValue")

Path = list[str | int]


class Forming:
    """Feed it the ``partialArgs`` of a call in their order; it gives back the JSON text that each of them adds.

    Values come in the order of the text, as a model writes them; raises ``ValueError`` or ``TypeError`` where one goes
    back to a place that is whole already.
    """

    __slots__ = ("_at", "_seen", "_speaks")

    def __init__(self) -> None:
        self._at: Path = []
        self._seen: set[tuple[str | int, ...]] = set()
        self._speaks = False
        """A text is open, which the next value at its place goes on with."""

    def take(self, told: dict[str, Any]) -> str:
        """The text that one value, or one piece of a text, adds."""
        path = _path(told["jsonPath"])
        value = next((told[name] for name in _VALUES if told.get(name) is not None), None)
        if value is None and "nullValue" not in told:
            return ""
        written = orjson.dumps(value).decode()
        if not isinstance(value, str):
            return self._go(path) + written
        out = "" if self._speaks and path == self._at else self._go(path) + '"'
        self._speaks = bool(told.get("willContinue"))
        return out + written[1:-1] + ("" if self._speaks else '"')

    def end(self) -> str:
        """The text that ends the arguments."""
        return self._close(0) + ("}" if self._at else "")

    def _go(self, path: Path) -> str:
        """Close what is over, and open what the way to ``path`` leads through."""
        at = self._at
        if not at:
            shared, out = 0, "{"
        else:
            shared = next((n for n, (a, b) in enumerate(zip(at, path, strict=False)) if a != b), len(path))
            if shared >= min(len(at), len(path)) or type(at[shared]) is not type(path[shared]):
                raise ValueError("a value that is whole already")
            out = self._close(shared) + ","
        for number, step in enumerate(path[shared:], shared):
            if isinstance(step, int):
                before = at[shared] if at and number == shared else -1
                if step != int(before) + 1:
                    raise ValueError("a list with a hole")
            place = tuple(path[: number + 1])
            if place in self._seen:
                raise ValueError("a value that is whole already")
            self._seen.add(place)
            opens = "" if number == shared else "[" if isinstance(step, int) else "{"
            out += opens + ("" if isinstance(step, int) else orjson.dumps(step).decode() + ":")
        self._at = path
        return out

    def _close(self, depth: int) -> str:
        """Close the open text, and the objects and lists that are deeper than ``depth``."""
        text = '"' if self._speaks else ""
        self._speaks = False
        return text + "".join("]" if isinstance(step, int) else "}" for step in self._at[:depth:-1])


def _path(told: str) -> Path:
    """``$.a[0].b`` as its steps, the first of which is a name."""
    if told[:1] != "$":
        raise ValueError("a path that does not begin at the root")
    path: Path = []
    at = 1
    while at < len(told):
        step = _STEP.match(told, at)
        if step is None or len(path) == _DEEPEST:
            raise ValueError("a path of an unknown form")
        name = step[1] if step[1] is not None else step[4]
        path.append(int(step[2]) if name is None else name)
        at = step.end()
    if not path or isinstance(path[0], int):
        raise ValueError("a path to no argument")
    return path
