"""What a beginning of a JSON text already says, as the npm package ``ai`` reads it."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic_core import from_json

_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_WORD: Final = re.compile(r"(?<![A-Za-z0-9])([a-z]+)\Z")
_UNDONE_NUMBER: Final = re.compile(r"(?<=[0-9])[.eE][eE+-]*\Z")
_WORDS: Final = ("true", "false", "null")


def partial_json(text: str) -> Any:
    """The value; None where it says nothing yet. A string that is cut is kept, a key without a value is not; a word
    that is begun is taken for whole, and of a number what is one."""
    try:
        return from_json(_completed(text), allow_partial="trailing-strings")
    except ValueError:
        return None


def _completed(text: str) -> str:
    """The text with its last word or number made whole, where it does not end in a string."""
    word, number = _WORD.search(text), _UNDONE_NUMBER.search(text)
    if (word or number) and _ESCAPED.sub("", text).count('"') % 2 == 0:
        if word:
            whole = next((one for one in _WORDS if one.startswith(word[1])), word[1])
            return text + whole[len(word[1]) :]
        if number:
            return text[: number.start()]
    return text
