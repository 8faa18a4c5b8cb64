"""Sortable, typed ids: ``conv_…``, ``run_…``, ``msg_…``."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["conv", "run", "msg", "usr", "ses", "req", "wrk", "part", "tok", "sub", "key", "shr", "aud"]

RESERVED_PREFIXES: Final = ("run_", "conv_", "msg_")
"""Beginnings that a client may not choose for ids of its own."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS: Final = 10
_RANDOM_DIGITS: Final = 16


def make_id(kind: Kind, at: float, entropy: bytes) -> str:
    """``{kind}_`` and 26 base-32 digits: ten of ``at`` (Unix seconds, kept in ms), sixteen of ``entropy``.

    Ids of one kind sort by time. ``entropy`` is 10 bytes. The alphabet is Crockford's, in lower case.
    """
    if len(entropy) != 10:
        raise ValueError("an id takes 10 bytes of entropy")
    return f"{kind}_{_digits(int(at * 1000), _TIME_DIGITS)}{_digits(int.from_bytes(entropy, 'big'), _RANDOM_DIGITS)}"


def is_reserved(value: str) -> bool:
    """Whether a client's id begins like one of ours."""
    return value.startswith(RESERVED_PREFIXES)


def run_stream(run: str) -> str:
    """The name of a run's stream in the log."""
    return f"runs/{run}"


def _digits(number: int, count: int) -> str:
    out = [""] * count
    for place in range(count - 1, -1, -1):
        out[place] = _ALPHABET[number & 31]
        number >>= 5
    return "".join(out)
