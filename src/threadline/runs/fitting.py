"""Fits a history into what a model takes: by rule, from its older end, and never a message in two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from threadline.domain.messages import Message, Part

BYTES_A_TOKEN: Final = 3
"""Of text in English a token has about four, of code three, of most other scripts three or more: to cut a little too
early costs an old message, to cut too late an answer."""

FILE_TOKENS: Final = 1_600
"""What an image, or a page of a document, is taken for; what its bytes are says nothing."""

_FEWEST: Final = 1_000
"""Tokens that are left for the history, whatever else is asked for."""


def tokens_of(part: Part) -> int:
    """About how many tokens a part is for a model; what a page alone shows is none."""
    kind: str = part["type"]
    if kind in ("file", "reasoning-file"):
        return FILE_TOKENS
    if kind.startswith(("data-", "source-", "step-")):
        return 0
    if kind in ("text", "reasoning"):
        return _tokens(len(part["text"].encode()))
    told = [part.get(name) for name in ("input", "output", "errorText")]
    return _tokens(len(orjson.dumps(told, default=str)))


def room(context: int, output: int | None, system: str | None) -> int:
    """How many tokens of a model's ``context`` are left for a history, where ``output`` may be written."""
    asked = min(output or 0, context // 2)
    return max(context - asked - _tokens(len((system or "").encode())), _FEWEST)


def fitted(history: Sequence[Message], most: int) -> list[Message]:
    """The newest messages of a history that are about ``most`` tokens; the last of all is there however long it is, and
    an answer is never the first."""
    left, start = most, len(history)
    for at in range(len(history) - 1, -1, -1):
        left -= sum(map(tokens_of, history[at].parts))
        if left < 0 and start < len(history):
            break
        start = at
    return _from_question(history, start)


def halved(history: Sequence[Message]) -> list[Message] | None:
    """About the newer half of a history; None where it is one message only."""
    if len(history) < 2:
        return None
    return _from_question(history, (len(history) + 1) // 2)


def _from_question(history: Sequence[Message], start: int) -> list[Message]:
    """From ``start`` on, without the answers that would come first."""
    while start < len(history) - 1 and history[start].role == "assistant":
        start += 1
    return list(history[start:])


def _tokens(size: int) -> int:
    return -(-size // BYTES_A_TOKEN)
