"""How the messages of one row become one payload, and back: cheap where no message contains a line break."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final

LINES: Final = 0
"""Messages joined by line breaks, of which they contain none; nothing where there is one message."""
RAW: Final = 1
"""One message, as it is."""
SIZED: Final = 2
"""The sizes of the messages as 4-byte little-endian numbers, then the messages."""


def pack(messages: Sequence[bytes]) -> tuple[int, bytes]:
    """The framing and the payload of at least one message."""
    payload = b"\n".join(messages)
    if payload.count(b"\n") == len(messages) - 1:
        return LINES, payload
    if len(messages) == 1:
        return RAW, payload
    sizes = struct.pack(f"<{len(messages)}I", *map(len, messages))
    return SIZED, sizes + b"".join(messages)


def unpack(framing: int, count: int, payload: bytes) -> list[bytes]:
    """The messages of one row."""
    if framing == LINES:
        return payload.split(b"\n")
    if framing == RAW:
        return [payload]
    sizes = struct.unpack_from(f"<{count}I", payload)
    return [payload[start:end] for start, end in pairwise(accumulate(sizes, initial=4 * count))]


def unpack_all(rows: Iterable[tuple[int, int, bytes]]) -> list[bytes]:
    """The messages of rows (framing, count, payload) that follow one another; rows of lines are split at one go."""
    messages: list[bytes] = []
    lines: list[bytes] = []
    for framing, count, payload in rows:
        if framing == LINES:
            lines.append(payload)
            continue
        if lines:
            messages += b"\n".join(lines).split(b"\n")
            lines.clear()
        messages += unpack(framing, count, payload)
    if lines:
        messages += b"\n".join(lines).split(b"\n")
    return messages
