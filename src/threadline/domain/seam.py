"""Joins a continued text to the text that was cut: trims what a model repeats, and notices one that starts over.

Only the beginning of the continuation is looked at, and only as much is held back as is needed to decide. A repetition
is the end of the kept text, letter by letter, at most ``LOOK_BACK`` characters long. What could be chance is kept (see
``_trusted``): a bracket that is lost breaks a program without a trace, words that are doubled are seen. The limits: a
text that really says its last words twice loses one of them; a repetition of only signs, blanks, lone numbers or very
short words stays doubled. A model that rephrases is noticed by how many of its first words are those that the answer
began with; one that finds all new words is not.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LOOK_BACK: Final = 200
SURE: Final = 8
"""From this many characters on, a run of blanks as one, a repetition may begin anywhere."""
_SURE_IN_ROW: Final = 24
"""The same over the cells of a table's row, which are often equal."""
_LETTERS: Final = 3
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Chinese and Japanese signs, which stand for more than a letter and have no blanks between their words."""
_SURE_UNSPACED: Final = 4
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
_BLANKS: Final = re.compile(r"\s+")


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
    """Whether the last ``size`` characters, said again, are a repetition, and not how the text really goes on."""
    said, before = partial[-size:], partial[:-size]
    if not any(map(str.isalnum, said)) or _runs_on(partial, size):
        return False
    if not before:
        return True
    if said[0] in " \t" and before[-1] in " \t":
        return False
    length = len(_BLANKS.sub(" ", said))
    if _within_row(before, said):
        return length >= _SURE_IN_ROW or _glues(before, said)
    if length >= SURE or len(_UNSPACED.findall(said)) >= _SURE_UNSPACED:
        return True
    if sum(map(str.isalnum, said)) < _LETTERS or not any(map(str.isalpha, said)):
        return False
    return _begins_a_word(before, said) or before[-1] == "\n"


def _runs_on(partial: str, size: int) -> bool:
    """Whether the text already repeats itself with this period (``0, 0, 0``), so that one time more is its own way."""
    said = partial[-size:]
    period = (said + said).find(said, 1)
    return partial[-period:] == partial[-2 * period : -period]


def _within_row(before: str, said: str) -> bool:
    """Whether ``said`` goes over a cell's border and begins in the middle of a table's row."""
    return "|" in said and before[before.rfind("\n") + 1 :].lstrip().startswith("|")


def _glues(before: str, said: str) -> bool:
    """Whether saying it twice would put a word's end right at a word's beginning, which no table has."""
    return _begins_a_word(before, said) and _of_a_word(said[0]) and _of_a_word(said[-1])


def _begins_a_word(before: str, said: str) -> bool:
    """Whether ``said`` starts with a word's beginning, blanks before it not counted."""
    return _of_a_word(said.lstrip()[0]) and not (_of_a_word(said[0]) and _of_a_word(before[-1]))


def _of_a_word(sign: str) -> bool:
    """Letters and digits, the underscore of a name, and marks that are written onto a letter."""
    return sign == "_" or sign.isalnum() or unicodedata.category(sign).startswith("M")


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
