"""Events in Threadline's own forms: plain server-sent events, and the text frames of ``/api/live``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson


class NativeEvents:
    """Server-sent events, ``id:`` the offset and ``data:`` the event as the log has it."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """Frames for encoded events of which the first has the offset ``first``."""
        frames = []
        for offset, message in enumerate(messages, first):
            frames.append(b"id: %d\ndata: %b\n\n" % (offset, message))
        return b"".join(frames)


class LiveEvents:
    """What is the same of an events frame for everyone who reads a batch on ``/api/live``, so made once."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The events with commas between them, joined without reading them."""
        return b",".join(messages)


NATIVE: Final = NativeEvents()
LIVE: Final = LiveEvents()


def live_events(subscription: str, first: int, joined: Sequence[bytes]) -> str:
    """A whole events frame for one subscription, from what :class:`LiveEvents` made of batches that follow one another
    (none of them empty); ``first`` is the offset of the first event."""
    head = f'{{"type":"events","id":{_json(subscription)},"offset":{first},"events":['
    return head + b",".join(joined).decode() + "]}"


def live_frame(kind: str, fields: Mapping[str, Any]) -> str:
    """Any other frame: ``{"type": kind, …fields}``."""
    return _json({"type": kind, **fields})


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
