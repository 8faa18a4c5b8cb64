"""Events as an AI SDK UI message stream, for clients of the npm package ``ai`` in its majors 5, 6 and 7.

One event is one chunk with the same number for every client. A chunk that a client's version does not know goes to it
as a transient ``data-threadline`` chunk at the same index, since an unknown type is an error there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

import orjson

Version = Literal[5, 6, 7]

VERSIONS: Final[tuple[Version, ...]] = (5, 6, 7)

_TYPES_5: Final = frozenset(
    b"start finish abort error message-metadata start-step finish-step text-start text-delta text-end reasoning-start "
    b"reasoning-delta reasoning-end tool-input-start tool-input-delta tool-input-available tool-input-error "
    b"tool-output-available tool-output-error source-url source-document file".split()
)
_TYPES_6: Final = _TYPES_5 | {b"tool-approval-request", b"tool-output-denied"}
_TYPES_7: Final = _TYPES_6 | {
    b"reset-step",
    b"reasoning-file",
    b"tool-approval-response",
    b"custom",
    b"steering-message",
}
TYPES: Final[dict[Version, frozenset[bytes]]] = {5: _TYPES_5, 6: _TYPES_6, 7: _TYPES_7}
"""The chunk types of each major, beside ``data-*``."""

_REASONS: Final = frozenset({"stop", "length", "content-filter", "tool-calls", "error", "other"})
_KNOWN_REASONS: Final[dict[Version, frozenset[str]]] = {
    5: _REASONS | {"unknown"},
    6: _REASONS,
    7: _REASONS | {"interrupted"},
}

_DIGITS: Final = re.compile(r"[0-9]{1,4}")
_HEAD: Final = b'{"type":"'
_TYPE_AT: Final = len(_HEAD)
_RESET: Final = b'{"type":"reset-step"}'


class UIMessages:
    """The encoder for one major; one object per major, so that it can be the key under which its frames are kept."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._types = TYPES[version]
        self._reasons = _KNOWN_REASONS[version]

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """Frames ``id: N``, ``data: chunk`` for encoded events of which the first has the offset ``first``."""
        frames = []
        for offset, message in enumerate(messages, first):
            frames.append(b"id: %d\ndata: %b\n\n" % (offset, self.chunk(message)))
        return b"".join(frames)

    def chunk(self, message: bytes) -> bytes:
        """One encoded event as this client may see it; most are the very same bytes."""
        kind = message[_TYPE_AT : message.find(b'"', _TYPE_AT)] if message.startswith(_HEAD) else b""
        if kind == b"finish":
            return self._finish(message)
        if kind == b"data-recovery":
            return self._recovery(message)
        if kind in self._types or kind.startswith(b"data-"):
            return message
        return b'{"type":"data-threadline","data":%b,"transient":true}' % message

    def _recovery(self, message: bytes) -> bytes:
        """Where a step begins anew and nothing of it is gone on with, who can drop what came of it so far is told to;
        others keep it as parts that are marked as interrupted."""
        if b"reset-step" not in self._types:
            return message
        data = orjson.loads(message).get("data")
        return _RESET if isinstance(data, dict) and data.get("reset") is True else message

    def _finish(self, message: bytes) -> bytes:
        event = orjson.loads(message)
        reason = event.get("finishReason")
        if reason is None or reason in self._reasons:
            return message
        event["finishReason"] = "other"
        return orjson.dumps(event)


ENCODERS: Final[dict[Version, UIMessages]] = {version: UIMessages(version) for version in VERSIONS}


def version_of(declared: str | None, default: Version = 5) -> Version:
    """The major that a client declared (``7``, ``7.0.173``, ``ai@6``); ``default`` when it said none, 7 for anything
    newer."""
    found = _DIGITS.search(declared or "")
    major = int(found[0]) if found else default
    if major <= 5:
        return 5
    return 6 if major == 6 else 7
