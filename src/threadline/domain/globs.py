"""Patterns over paths: ``*`` is one segment, ``**`` any number of them, ``%2A`` a star itself; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

_ONE: Final = "*"
_ANY: Final = "**"
_PATTERNS: Final = 64
"""How many patterns are remembered taken apart."""


def matches(pattern: str, path: str) -> bool:
    """Whether a path is one of a pattern's. Takes a few steps for each segment of the path, whatever the pattern is."""
    fitting, anything, loops, whole = _compiled(pattern)
    at = _onward(1, loops)
    for segment in _split(path):
        fits = at & (fitting.get(segment, 0) | anything)
        at = _onward(fits << 1 | at & loops, loops)
        if not at:
            return False
    return at & whole != 0


@lru_cache(_PATTERNS)
def _compiled(pattern: str) -> tuple[Mapping[str, int], int, int, int]:
    """The places in a pattern, as bits: those where each literal fits, those where any segment does, those that go on
    fitting (``**``), and the one after its last."""
    fitting: dict[str, int] = {}
    anything = loops = place = 0
    for segment in _split(pattern):
        bit = 1 << place
        if segment == _ANY:
            # Two of them are as one.
            if loops & bit >> 1:
                continue
            loops |= bit
        elif segment == _ONE:
            anything |= bit
        else:
            fitting[_literal(segment)] = fitting.get(_literal(segment), 0) | bit
        place += 1
    return fitting, anything, loops, 1 << place


def _onward(at: int, loops: int) -> int:
    """Places that are reached, and those behind a ``**`` there, which may stand for nothing at all."""
    return at | (at & loops) << 1


def beginning(pattern: str) -> str:
    """What all paths of a pattern begin with: its first segments up to the one that is no literal."""
    wanted = _split(pattern)
    literal: list[str] = []
    for segment in wanted:
        if segment == _ONE:
            return "".join(f"{one}/" for one in literal)
        if segment == _ANY:
            # It may stand for nothing at all, and then the slash before it is not there either.
            break
        literal.append(_literal(segment))
    return "/".join(literal)


def _split(text: str) -> Sequence[str]:
    return [segment for segment in text.split("/") if segment]


def _literal(segment: str) -> str:
    return segment.replace("%2A", "*").replace("%2a", "*")
