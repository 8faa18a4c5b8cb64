"""JSON taken apart without being read: where each element of an array begins and ends, found in bounded steps.

Nothing is made of what is inside, so that it costs no memory; and each step is short, so that beside the event loop it
holds nobody up. What is JSON is decided as RFC 8259 has it, for numbers of any length.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import Final

MAX_DEPTH: Final = 1000
MAX_STEPS: Final = 1_000_000
"""About so many pieces a value may have that are neither plain nor flat."""

_SLICE: Final = 1 << 20
_BLANK: Final = rb"[ \t\n\r]*+"
_PLAIN: Final = rb'[^"\\\x00-\x1f]'
_ESCAPE: Final = rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_SHORT: Final = rb'"(?:' + _PLAIN + rb"{1,64}+|" + _ESCAPE + rb'){0,16}+"'
_NUMBER: Final = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_SCALAR: Final = rb"(?:" + _SHORT + rb"|" + _NUMBER + rb"|true|false|null)"


def _listed(one: bytes) -> bytes:
    """A few of these with commas between them, or none."""
    return _BLANK + rb"(?:" + one + rb"(?:" + _BLANK + rb"," + _BLANK + one + rb"){0,31}+" + _BLANK + rb")?+"


_PAIR: Final = _SHORT + _BLANK + rb":" + _BLANK + _SCALAR
_SMALL: Final = rb"(?:" + _SCALAR + rb"|\[" + _listed(_SCALAR) + rb"\]|\{" + _listed(_PAIR) + rb"\})"
"""A short scalar, or a flat array or object of a few of them: nearly all that is ever sent."""

_AT_BLANK: Final = re.compile(_BLANK)
_AT_SMALL: Final = re.compile(_SMALL)
_AT_SOME: Final = re.compile(rb"(?:" + _SMALL + _BLANK + rb"," + _BLANK + rb"){1,32}+")
_AT_PAIRS: Final = re.compile(rb"(?:" + _PAIR + _BLANK + rb"," + _BLANK + rb"){1,32}+")
_AT_ELEMENT: Final = re.compile(rb"(" + _SMALL + rb")" + _BLANK + rb"(," + _BLANK + rb"|\])")
_AT_TEXT: Final = re.compile(rb"(?:" + _PLAIN + rb"{1,1024}+|" + _ESCAPE + rb"){1,1024}+")
_AT_COLON: Final = re.compile(_BLANK + rb":" + _BLANK)

_CLOSING: Final = {b"[": 0x5D, b"{": 0x7D}
_OBJECT: Final = 0x7D


class TooMany(Exception):
    """There are more elements or pieces than are taken apart at once."""


def parts(body: bytes, most: int) -> list[bytes]:
    """The source texts of an array's elements; of any other value, itself.

    Raises ``ValueError`` for what is no JSON in UTF-8, and ``TooMany`` for more than ``most`` elements.
    """
    _check_text(body)
    walk = _Walk(body)
    at = walk.blank(0)
    if body[at : at + 1] != b"[":
        found, end = [body.strip(b" \t\n\r")], walk.value(at)
    else:
        found, end = _elements(walk, at + 1, most)
    if walk.blank(end) != len(body):
        raise ValueError("there is something after the value")
    return found


def _elements(walk: _Walk, at: int, most: int) -> tuple[list[bytes], int]:
    """The elements of the array that was opened before ``at``, and where it ends."""
    body, found = walk.body, list[bytes]()
    at = walk.blank(at)
    if body[at : at + 1] == b"]":
        return found, at + 1
    while True:
        if len(found) == most:
            raise TooMany
        small = _AT_ELEMENT.match(body, at)
        if small is not None:
            found.append(small[1])
            at = small.end()
            if body[at - 1] == _CLOSING[b"["]:
                return found, at
            continue
        end = walk.value(at)
        found.append(body[at:end])
        at = walk.blank(end)
        mark = body[at : at + 1]
        if mark == b"]":
            return found, at + 1
        if mark != b",":
            raise ValueError("a comma is missing")
        at = walk.blank(at + 1)


class _Walk:
    """Goes over the values of one text."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._steps = 0

    def blank(self, at: int) -> int:
        """Where the blank space ends."""
        found = _AT_BLANK.match(self.body, at)
        assert found is not None
        return found.end()

    def value(self, at: int) -> int:
        """Where the value ends that begins at ``at``."""
        body, opened = self.body, bytearray()
        while True:
            self._count()
            if opened and opened[-1] != _OBJECT and (some := _AT_SOME.match(body, at)) is not None:
                at = some.end()
            small = _AT_SMALL.match(body, at)
            if small is not None:
                at = small.end()
            elif (mark := body[at : at + 1]) in _CLOSING:
                opened.append(_CLOSING[mark])
                if len(opened) > MAX_DEPTH:
                    raise ValueError("it is nested too deep")
                at = self._next(self.blank(at + 1), opened)
                continue
            else:
                at = self._text(at)
            while opened:
                at = self.blank(at)
                if body[at : at + 1] == b",":
                    at = self._next(self.blank(at + 1), opened)
                    break
                if at == len(body) or body[at] != opened.pop():
                    raise ValueError("an end is missing")
                at += 1
            else:
                return at

    def _next(self, at: int, opened: bytearray) -> int:
        """Where the next value begins: in an object, after its name."""
        if opened[-1] != _OBJECT:
            return at
        if (some := _AT_PAIRS.match(self.body, at)) is not None:
            at = some.end()
        colon = _AT_COLON.match(self.body, self._text(at))
        if colon is None:
            raise ValueError("a name is without a value")
        return colon.end()

    def _text(self, at: int) -> int:
        """Where the string ends that begins at ``at``, of any length."""
        if self.body[at : at + 1] != b'"':
            raise ValueError("there is no value")
        at += 1
        while (text := _AT_TEXT.match(self.body, at)) is not None:
            self._count()
            at = text.end()
        if self.body[at : at + 1] != b'"':
            raise ValueError("a string has no end")
        return at + 1

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMany


def _check_text(body: bytes) -> None:
    """Raise ``ValueError`` for what is no UTF-8."""
    if not body.isascii():
        decoder = getincrementaldecoder("utf-8")()
        for at in range(0, len(body), _SLICE):
            decoder.decode(body[at : at + _SLICE], final=at + _SLICE >= len(body))
