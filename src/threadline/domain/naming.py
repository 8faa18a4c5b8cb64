"""A name for a conversation out of what its user said first."""

from __future__ import annotations

import re
from typing import Final

from threadline.domain.texts import CONTROLS

MOST_WORDS: Final = 5
LONGEST: Final = 60

_FEWEST_WORDS: Final = 2
_LONGEST_WORD: Final = 29
_MARKS: Final = re.compile(r"[`*_#>\[\]{}()<|]+")
_EDGES: Final = " .,:;!?…\"'“”«»‘’"
_SAYING: Final = re.compile(r"[^\W_]")
_OPEN_WORDS: Final = """
    a an and as at about but by for from i if in into is it its my of on or our so than that the their this to very
    was were with your"""
_OPEN: Final = frozenset(_OPEN_WORDS.split())


def first_words(message: str) -> str:
    """A title of two to five words: those with which a message begins, up to one that could end it."""
    said = [word[:_LONGEST_WORD] for word in _MARKS.sub(" ", CONTROLS.sub(" ", message)).split()]
    said = [word for word in said if _SAYING.search(word)]
    words = said[:MOST_WORDS]
    while len(words) > _FEWEST_WORDS and (_breaks_off(words, said) or len(" ".join(words)) > LONGEST):
        words.pop()
    title = " ".join(words).strip(_EDGES)
    if not title:
        return "New conversation"
    return title[0].upper() + title[1:] if len(words) > 1 else f"About {title}"


def _breaks_off(words: list[str], said: list[str]) -> bool:
    return len(words) < len(said) and words[-1].lower() in _OPEN
