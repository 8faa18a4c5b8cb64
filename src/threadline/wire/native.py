"""Events in Threadline's own forms: plain server-sent events, and the text frames of ``/api/live``."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from threadline.wire.durable import is_text


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


class LiveTexts:
    """The same of a stream of text: each message a JSON string."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """One that is no text by itself, as its bytes: it ends within a character, or is none at all."""
        return b",".join(map(_text, messages))


class LiveBytes:
    """The same of a stream of bytes: each message ``{"base64": …}``."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The events with commas between them."""
        return b",".join(map(_bytes, messages))


class LiveForm(Protocol):
    """How the messages of one kind of stream become events of a frame."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The events with commas between them."""
        ...


NATIVE: Final = NativeEvents()
LIVE: Final = LiveEvents()
LIVE_TEXTS: Final = LiveTexts()
LIVE_BYTES: Final = LiveBytes()


def live_form(content_type: str) -> LiveForm:
    """The form of a stream of this type: JSON as it is, text as strings, all else in base64."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        return LIVE
    return LIVE_TEXTS if is_text(content_type) else LIVE_BYTES


def poll_page(first: int, joined: Sequence[bytes], next_offset: int, *, end: bool, up_to_date: bool) -> bytes:
    """The answer to a long-poll, from what :class:`LiveEvents` made of batches that follow one another; ``first`` is
    the offset of the first event."""
    told = _json({"offset": first, "next": next_offset, "end": end, "up_to_date": up_to_date})
    return b'{"events":[' + b",".join(joined) + b"]," + told[1:].encode()


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


def _text(message: bytes) -> bytes:
    try:
        return orjson.dumps(message.decode())
    except UnicodeDecodeError:
        return _bytes(message)


def _bytes(message: bytes) -> bytes:
    return b'{"base64":"' + b64encode(message) + b'"}'
