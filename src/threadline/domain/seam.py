"""Joins a continued text to the text that was cut: trims what a model repeats, and notices one that starts over.

Only the beginning of the continuation is looked at, and only as much is held back as is needed to decide. The limits:
a repetition is recognised when it is the end of the kept text, letter by letter, at most ``LOOK_BACK`` characters long,
and begins at a word's beginning or is at least ``SURE`` characters long; a text that really does say its last words
twice loses one of them. A model that rephrases is noticed by how many of its first words are those that the answer
began with; one that finds all new words is not.
"""

from __future__ import annotations

import re
from typing import Final

LOOK_BACK: Final = 200
SURE: Final = 8
_START_OVER: Final = 40
_OPENING_WORDS: Final = 12
_BEGINNING_WORDS: Final = 60
_ENOUGH: Final = 160
_SAME_SHARE: Final = 0.6

_TALKS_ABOUT_IT: Final = re.compile(
    r"\s*(?:(?:I['’]m|I am) (?:sorry|unable|afraid|not able)|Sorry\b|I apologi[sz]e|I (?:can['’]?t|cannot|won['’]t)\b"
    r"|Unfortunately, I|As an AI\b|Apologies\b|Sure\b[,!.:]|Certainly\b[,!.:]|Of course\b[,!.:]|Absolutely\b[,!.:]"
    r"|Okay\b[,!.:]|OK\b[,!.:]|Here(?:['’]s| is| are) the (?:rest|continuation|remaining|remainder)|Continuing\b"
    r"|Let me (?:continue|start over|rephrase|begin again)|In[ -]other[ -]words\b|To rephrase\b|As I was saying"
    r"|(?:Put|To put it) (?:differently|another way)\b)"
)
_WORD: Final = re.compile(r"\w+")


class NotContinued(Exception):
    """The model did not go on with the text; the text so far is what there is."""


class Seam:
    """Feed it the continuation piece by piece; it gives back what may be appended to ``partial``."""

    def __init__(self, partial: str, *, prefill: bool) -> None:
        self._partial = partial
        self._prefill = prefill
        self._held = ""
        self.open = bool(partial)
        """Whether it still holds text back to decide; when False, pieces pass through unchanged."""

    def feed(self, piece: str) -> str:
        """What of the continuation can be shown now. Raises :class:`NotContinued`."""
        if not self.open:
            return piece
        self._held += piece
        return self._release() if self._decidable() else ""

    def end(self) -> str:
        """The continuation is over: what was held back of it. Raises :class:`NotContinued`."""
        return self._release() if self.open else ""

    def _decidable(self) -> bool:
        if self._prefill:
            return not _is_beginning(self._held, self._partial)
        if _may_grow(self._partial, self._held) or _is_beginning(self._held, self._partial):
            return False
        return len(self._held) >= _ENOUGH or len(_WORD.findall(self._held)) > _OPENING_WORDS

    def _release(self) -> str:
        self.open = False
        if self._prefill:
            if _starts_over(self._partial, self._held):
                raise NotContinued("the model started its answer again")
            return self._held
        repeated = overlap(self._partial, self._held)
        if repeated == 0:
            _check(self._partial, self._held)
        return self._held[repeated:]


def overlap(partial: str, more: str) -> int:
    """How many characters at the beginning of ``more`` say again the end of ``partial``."""
    for size in range(min(LOOK_BACK, len(partial), len(more)), 0, -1):
        if more.startswith(partial[-size:]) and _trusted(partial, size):
            return size
    return 0


def _trusted(partial: str, size: int) -> bool:
    """One equal letter is chance; a word's whole beginning, or many letters, are a repetition."""
    if size >= SURE or size == len(partial):
        return True
    at = len(partial) - size
    return not (partial[at].isalnum() and partial[at - 1].isalnum())


def _may_grow(partial: str, held: str) -> bool:
    """Whether a longer repetition than ``held`` could still turn out."""
    window = partial[-LOOK_BACK:]
    return any(window.startswith(held, at) for at in range(max(len(window) - len(held), 0)))


def _is_beginning(held: str, partial: str) -> bool:
    """Whether ``held`` could still turn out to be the answer's beginning said again."""
    return len(held) < _START_OVER and len(partial) > len(held) and partial.startswith(held)


def _starts_over(partial: str, held: str) -> bool:
    return len(partial) >= _START_OVER and held.startswith(partial[:_START_OVER])


def _check(partial: str, held: str) -> None:
    if _starts_over(partial, held):
        raise NotContinued("the model started its answer again")
    if _TALKS_ABOUT_IT.match(held) and not partial.startswith(held[:_START_OVER]):
        raise NotContinued("the model spoke about the answer instead of going on with it")
    if _breaks_a_word(partial, held):
        raise NotContinued("the model began a new sentence in the middle of one")
    if _same_words(partial, held):
        raise NotContinued("the model said its answer again in other words")


def _breaks_a_word(partial: str, held: str) -> bool:
    """A capital right behind a small letter is a new beginning, except in code, where names are written so."""
    if partial.count("```") % 2 or "`" in partial[-40:]:
        return False
    return bool(held) and held[0].isupper() and partial[-1:].islower() and len(_WORD.findall(held)) > 3


def _same_words(partial: str, held: str) -> bool:
    opening = [word.lower() for word in _WORD.findall(held)[:_OPENING_WORDS]]
    beginning = {word.lower() for word in _WORD.findall(partial)[:_BEGINNING_WORDS]}
    end = [word.lower() for word in _WORD.findall(partial)[-_OPENING_WORDS:]]
    if len(opening) < 6 or len(partial) < LOOK_BACK:
        return False
    said = sum(word in beginning for word in opening) / len(opening)
    usual = sum(word in beginning for word in end) / max(len(end), 1)
    return said >= _SAME_SHARE and said > usual + 0.2
