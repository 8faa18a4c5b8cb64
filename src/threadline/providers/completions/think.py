"""Finds the reasoning that a model wrote into its text between ``<think>`` and ``</think>``."""

from __future__ import annotations

from typing import Final

OPEN: Final = "<think>"
CLOSE: Final = "</think>"


class Thinking:
    """Feed it text, cut anywhere; it gives back pieces, each told to be reasoning or text.

    A tag counts anywhere except in code, which is after an odd number of fences or right behind a backtick: there a
    model speaks about the tag. The tags go, and so does the white space that belongs to them: before a tag that opens
    the answer, at the beginning of reasoning, and the newlines right behind a closing tag. Every other character is
    passed on. Reasoning that is never closed stays reasoning. ``before`` is the text that is being continued.
    """

    __slots__ = ("_after", "_fences", "_held", "_inside", "_start", "_ticks", "plain")

    def __init__(self, before: str = "") -> None:
        self._held = ""
        self._inside = False
        self._start = not before
        """Only white space came so far."""
        self._after = False
        """Right behind a tag."""
        self._fences = self._ticks = 0
        self._pass(before)
        self.plain = not (self._start or self._ticks)
        """Text without any ``<`` and backtick may go past this object: nothing is held, and no tag is open."""

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces as ``(is reasoning, text)``, none of them empty."""
        self._held += text
        out: list[tuple[bool, str]] = []
        while self._reasoning(out) if self._inside else self._text(out):
            pass
        self.plain = not (self._held or self._inside or self._start or self._after or self._ticks)
        return out

    def end(self) -> list[tuple[bool, str]]:
        """What was held back because it could have become a tag."""
        held, self._held = self._held, ""
        return [(self._inside, held)] if held else []

    def _text(self, out: list[tuple[bool, str]]) -> bool:
        """Take text up to the next opening tag; True when there was one."""
        if self._after:
            self._held = self._held.lstrip("\r\n")
            self._after = not self._held
        held = self._held
        at = held.find(OPEN)
        while at >= 0 and self._in_code(held[:at]):
            at = held.find(OPEN, at + 1)
        if at >= 0:
            text, self._held = held[:at], held[at + len(OPEN) :]
            self._inside = self._after = True
        else:
            keep = _tail(held, OPEN)
            text, self._held = held[: len(held) - keep], held[len(held) - keep :]
            if keep and self._in_code(text):
                text, self._held = held, ""
        if self._start and not text.strip():
            if at < 0:
                self._held = text + self._held
                return False
            text = ""
        self._start = False
        if text:
            self._pass(text)
            out.append((False, text))
        return at >= 0

    def _reasoning(self, out: list[tuple[bool, str]]) -> bool:
        """Take reasoning up to the closing tag; True when there was one."""
        if self._after:
            self._held = self._held.lstrip()
            self._after = not self._held
        held = self._held
        at = held.find(CLOSE)
        keep = _tail(held, CLOSE) if at < 0 else 0
        text = held[:at] if at >= 0 else held[: len(held) - keep]
        self._held = held[at + len(CLOSE) :] if at >= 0 else held[len(held) - keep :]
        if text:
            out.append((True, text))
        if at >= 0:
            self._inside, self._after = False, True
        return at >= 0

    def _pass(self, text: str) -> None:
        if text:
            self._fences, self._ticks = self._code_after(text)

    def _in_code(self, before: str) -> bool:
        fences, ticks = self._code_after(before) if before else (self._fences, self._ticks)
        return bool(fences % 2 or ticks)

    def _code_after(self, text: str) -> tuple[int, int]:
        """Fences passed, and backticks at the end, after ``text``; a run of backticks may have been cut in two."""
        run = "`" * (self._ticks % 3) + text
        ticks = len(run) - len(run.rstrip("`"))
        return self._fences + run.count("```"), ticks


def _tail(text: str, tag: str) -> int:
    """How many characters at the end of ``text`` could be the beginning of ``tag``."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-size:]):
            return size
    return 0
