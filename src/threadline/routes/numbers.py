"""Offsets as they come in addresses and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from threadline.domain.errors import BadRequest, Conflict
from threadline.routes.exchange import Scope, header
from threadline.services.answers import Answers
from threadline.store.runs import RunRow

MAX_OFFSET: Final = 2**53 - 1
"""The largest whole number that every client can write."""

_WHOLE: Final = re.compile(r"-?[0-9]{1,16}", re.ASCII)


def offset(text: str, name: str, low: int | None = None) -> int:
    """A whole number, of at least ``low`` where given. Raises ``BadRequest``, which calls it ``name``."""
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is not None and abs(number) <= MAX_OFFSET and (low is None or number >= low):
        return number
    raise BadRequest(f"{name} must be a whole number{'' if low is None else f' of at least {low}'}.", surface="stream")


def place(scope: Scope, asked: Mapping[str, str]) -> int | None:
    """The last offset that a reader has (-1: nothing yet); None where it did not say.

    ``Last-Event-ID`` counts before ``after``: a browser that reconnects sends the first anew and the second as it was.
    """
    after = asked.get("after")
    by_query = None if after is None else offset(after, "after", -1)
    last = header(scope, b"last-event-id")
    return offset(last, "Last-Event-ID", -1) if last else by_query


def start_of(scope: Scope, asked: Mapping[str, str]) -> int:
    """The first offset that a reader wants; 0 where it did not say."""
    found = place(scope, asked)
    return 0 if found is None else found + 1


async def within_run(answers: Answers, run: RunRow, start: int) -> int:
    """``start``, the first offset that a reader wants of a run. Raises ``Conflict`` as :func:`within`."""
    return within((await answers.head(run)).tail, start) if start > 0 else start


def within(tail: int, start: int) -> int:
    """``start``, the first offset that a reader wants of a stream. Raises ``Conflict`` where the stream has not come so
    far: as nobody was ever sent what it does not have, what such a reader has is not of this stream."""
    if start > tail:
        raise Conflict(
            f"This stream has {tail} events: none is at offset {start - 1}. Read it from the start.",
            surface="stream",
            details={"tail": tail},
        )
    return start
