"""Splits the bytes of a server-sent event stream into the data of its events."""

from __future__ import annotations

from typing import Final

_BOM: Final = b"\xef\xbb\xbf"


class TooLong(ValueError):
    """One event is longer than any that a provider sends."""


class Splitter:
    """Feed it bytes, cut anywhere; it gives back the data payloads of the events that are complete.

    Comments, fields other than ``data`` and events without data are dropped; several data lines are joined by a
    newline; lines may end in LF, CRLF or CR.
    """

    __slots__ = ("_after_cr", "_began", "_held", "_limit")

    def __init__(self, limit: int = 32 << 20) -> None:
        self._held = bytearray()
        self._limit = limit
        self._after_cr = False
        self._began = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that ``data`` completes. Raises :class:`TooLong` when one event is more than ``limit`` bytes."""
        if self._after_cr or b"\r" in data:
            data = self._plain(data)
        if not self._began and data:
            data = bytes(self._held) + data
            self._held.clear()
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held += data
                return []
            self._began = True
            data = data.removeprefix(_BOM)
        if self._held:
            # Only where the new bytes meet the old ones can a blank line be that was not there before.
            old = len(self._held)
            self._held += data
            if self._held.find(b"\n\n", old - 1) < 0:
                self._check()
                return []
            data = bytes(self._held)
        blocks = data.split(b"\n\n")
        self._held = bytearray(blocks.pop())
        self._check()
        out = []
        for block in blocks:
            # Nearly every event is one data line: no need to look at it line by line.
            if block[:6] == b"data: " and b"\n" not in block:
                out.append(block[6:])
            else:
                payload = _payload(block)
                if payload:
                    out.append(payload)
        return out

    def end(self) -> bytes:
        """The data of an event whose blank line did not come any more; empty where there is none."""
        held, self._held = self._held, bytearray()
        return _payload(bytes(held))

    def _check(self) -> None:
        if len(self._held) > self._limit:
            raise TooLong(f"an event of more than {self._limit} bytes")

    def _plain(self, data: bytes) -> bytes:
        """Every line end as LF; a CR at the end of ``data`` counts at once, and an LF that follows it does not."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _payload(block: bytes) -> bytes:
    lines = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line[5:6] == b" " else line[5:])
    return b"\n".join(lines)
