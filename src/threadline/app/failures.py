"""Why a server does not start, in words for the person who started it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadline.domain.errors import Unavailable


class CannotStart(Exception):
    """Something about this machine is in the way. The message says what, and what to do; ``code`` is how the command
    ends."""

    code = 3


class NotUsable(CannotStart):
    """What was given to the command cannot be used."""

    code = 2


@contextmanager
def storage_faults_told() -> Iterator[None]:
    """While storage is opened: what is wrong with it keeps the server from starting, and is told in its own words."""
    try:
        yield
    except Unavailable as fault:
        raise CannotStart(fault.message) from None
