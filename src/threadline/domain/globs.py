"""Patterns over paths: ``*`` is one segment, ``**`` any number of them, ``%2A`` a star itself; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_ONE: Final = "*"
_ANY: Final = "**"


def matches(pattern: str, path: str) -> bool:
    """Whether a path is one of a pattern's. Takes at most the product of their lengths, whatever the pattern is."""
    wanted, segments = _split(pattern), _split(path)
    at = place = 0
    # Where the last ``**`` stands, and up to where it has swallowed; earlier ones need never be tried again.
    star, swallowed = -1, 0
    while place < len(segments):
        if at < len(wanted) and wanted[at] == _ANY:
            star, swallowed = at, place
            at += 1
        elif at < len(wanted) and (wanted[at] == _ONE or _literal(wanted[at]) == segments[place]):
            at += 1
            place += 1
        elif star >= 0:
            swallowed += 1
            at, place = star + 1, swallowed
        else:
            return False
    return all(segment == _ANY for segment in wanted[at:])


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
