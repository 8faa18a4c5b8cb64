"""JSON as providers really send it: with halves of characters, and with numbers that JSON does not know."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import orjson

Place = tuple[str | int, ...]

_LOW: Final = -(2**63)
_HIGH: Final = 2**64
_WORDS: Final = frozenset({"content", "text", "reasoning", "reasoning_content", "thinking"})


def loads(data: bytes) -> Any:
    """The value of ``data``, whatever it holds. Raises ``ValueError`` where it is no JSON."""
    return Halves().loads(data, hold=False)


class Halves:
    """Puts characters together that a provider cut in two, the first half at the end of one chunk's text, the second
    at the beginning of the next one's; the place of the text in its chunk tells which belong together."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[Place, str] = {}

    def loads(self, data: bytes, *, hold: bool = True) -> Any:
        """The value of ``data`` as it can be stored: halves joined to those before, or replaced where they stay alone,
        and numbers that JSON does not know as null. With ``hold`` a half at the end of a text waits for what comes
        next. Raises ``ValueError`` where it is no JSON."""
        try:
            try:
                value = orjson.loads(data)
                return self._join(value, (), hold=hold) if self._held else value
            except orjson.JSONDecodeError:
                return self._join(json.loads(data.decode("utf-8", "replace")), (), hold=hold)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def left(self) -> str:
        """What stands for the halves of an answer's words that nothing came for; they are forgotten."""
        words = [place for place in self._held if place and place[-1] in _WORDS]
        for place in words:
            del self._held[place]
        return "\N{REPLACEMENT CHARACTER}" * len(words)

    def _join(self, value: Any, place: Place, *, hold: bool) -> Any:
        if isinstance(value, str):
            return self._text(value, place, hold=hold)
        if isinstance(value, dict):
            return {_whole(key): self._join(one, (*place, key), hold=hold) for key, one in value.items()}
        if isinstance(value, list):
            return [self._join(one, (*place, number), hold=hold) for number, one in enumerate(value)]
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, int):
            return value if _LOW <= value < _HIGH else None
        return value

    def _text(self, text: str, place: Place, *, hold: bool) -> str:
        if not text:
            return text
        text = self._held.pop(place, "") + text
        if hold and "\ud800" <= text[-1] <= "\udbff":
            self._held[place] = text[-1]
            text = text[:-1]
        return _whole(text)


def _whole(text: str) -> str:
    """The two halves of a character that stand side by side as one; a half alone is replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
