"""Durable Streams on the wire: offsets, cursors, entity tags, bodies and server-sent events; pure.

The source is PROTOCOL.md of durable-streams/durable-streams. An offset is written as sixteen digits, so that offsets
sort as text, and sixteen zeros: other servers count bytes there, and programs know ``0…0_0…0`` as the first offset.
``-1`` is the start, too.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import orjson

from threadline.domain.errors import BadRequest, TooLarge
from threadline.wire.json_parts import TooMany, parts
from threadline.wire.ui_messages import ENCODERS, Version

_OFFSET: Final = re.compile(r"([0-9]{16})_0{16}", re.ASCII)
_CURSOR: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHARSET: Final = re.compile(r'charset\s*=\s*"?([^\s";]+)')
_OF_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})

CURSOR_EPOCH: Final = 1_728_432_000
"""2024-10-09, from which cursors count."""
CURSOR_SECONDS: Final = 20
MAX_JITTER_SECONDS: Final = 3600
MAX_VALUES: Final = 100_000
"""How many messages one append of JSON may have."""
PIECE_BYTES: Final = 48 * 1024
"""How much of a message is framed at once, a multiple of 3 as base64 needs it. A text of line breaks grows sixfold."""


def offset_text(offset: int) -> str:
    """An offset as clients see it."""
    return f"{offset:016d}_0000000000000000"


def offset_of(text: str) -> int | None:
    """The reverse of :func:`offset_text`, ``-1`` included; None for what is no offset of ours."""
    if text == "-1":
        return 0
    found = _OFFSET.fullmatch(text)
    return int(found[1]) if found else None


def cursor(now: float, asked: str | None, jitter: float) -> str:
    """The cursor of an answer at the time ``now`` (Unix seconds): the interval that it is in, or, where the client is
    there already, one that is ``jitter`` seconds further on. It always moves past the client's."""
    current = int(now - CURSOR_EPOCH) // CURSOR_SECONDS
    if asked is None or not _CURSOR.fullmatch(asked) or int(asked) < current:
        return str(current)
    return str(int(asked) + max(1, int(jitter) // CURSOR_SECONDS))


def etag(name: str, created_at: float, start: str, end: int, closed: bool) -> str:
    """The entity tag of a reading: another one for other bytes, and for the same bytes once they are all."""
    identity = blake2b(f"{created_at!r} {name}".encode(), digest_size=12).hexdigest()
    return f'"{identity}:{start}:{offset_text(end)}{":c" if closed else ""}"'


def json_messages(body: bytes) -> list[bytes]:
    """The messages in a JSON body, as they were written: the elements of an array, or the one value that it is.

    Raises ``BadRequest`` for what is no JSON, and ``TooLarge`` for too much of it.
    """
    try:
        return parts(body, MAX_VALUES)
    except TooMany:
        words = f"An append takes up to {MAX_VALUES} JSON values, and none of very many parts. Send fewer at once."
        raise TooLarge(words, surface="stream") from None
    except ValueError:
        raise BadRequest("The body is not valid JSON.", surface="stream") from None


def json_body(messages: Sequence[bytes]) -> bytes:
    """Messages as the one JSON array that a reader gets."""
    return b"[" + b",".join(messages) + b"]"


def is_text(content_type: str) -> bool:
    """Whether a type's bytes go into server-sent events as they are: those are UTF-8, whatever they carry."""
    kind, _, parameters = content_type.lower().partition(";")
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1] not in _OF_UTF8:
        return False
    return kind.strip().startswith("text/") or kind.strip() == "application/json"


def unfinished(messages: Sequence[bytes]) -> int:
    """How many messages at the end have to wait for the rest of a character, so that what is before them is whole.

    Bytes that can never become a character wait for nothing.
    """
    left = len(messages)
    while left and messages[left - 1][-1:] >= b"\x80":
        missing = _begun(b"".join(messages[max(0, left - 3) : left])[-3:])
        if not missing:
            break
        while left and missing > 0:
            left -= 1
            missing -= len(messages[left])
    return len(messages) - left


class Events(ABC):
    """How one kind of stream puts a batch into a ``data`` event."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """The event's frame, for at least one message."""
        return b"".join(self.pieces(messages))

    def pieces(self, messages: Sequence[bytes]) -> Iterator[bytes]:
        """The same, in pieces that take little time and room each, however large the messages are."""
        return _framed(self._payload(messages))

    @abstractmethod
    def _payload(self, messages: Sequence[bytes]) -> Iterable[bytes]:
        """What the event carries, in parts."""


class JsonEvents(Events):
    """A JSON array of the batch."""

    def _payload(self, messages: Sequence[bytes]) -> Iterable[bytes]:
        return b"[", b",".join(messages), b"]"


class ChunkEvents(Events):
    """The same, each event as clients of one major of the AI SDK may see it."""

    def __init__(self, chunk: Callable[[bytes], bytes]) -> None:
        self._chunk = chunk

    def _payload(self, messages: Sequence[bytes]) -> Iterable[bytes]:
        return (json_body([self._chunk(message) for message in messages]),)


class TextEvents(Events):
    """The text of the batch, a line for each of its lines."""

    def _payload(self, messages: Sequence[bytes]) -> Iterable[bytes]:
        return (b"".join(messages),)


class BinaryEvents(Events):
    """Base64 of the batch."""

    def _payload(self, messages: Sequence[bytes]) -> Iterable[bytes]:
        return map(b64encode, _slices(b"".join(messages)))


JSON_EVENTS: Final = JsonEvents()
CHUNK_EVENTS: Final[dict[Version, Events]] = {major: ChunkEvents(one.chunk) for major, one in ENCODERS.items()}
TEXT_EVENTS: Final = TextEvents()
BINARY_EVENTS: Final = BinaryEvents()


def events_for(content_type: str) -> Events:
    """The form of the ``data`` events of a stream of this type."""
    if not is_text(content_type):
        return BINARY_EVENTS
    return TEXT_EVENTS if content_type.lower().startswith("text/") else JSON_EVENTS


def control(offset: int, cursor: str, *, up_to_date: bool, closed: bool) -> bytes:
    """The ``control`` event after the messages before ``offset``."""
    fields: dict[str, Any] = {"streamNextOffset": offset_text(offset)}
    if closed:
        fields["streamClosed"] = True
    else:
        fields["streamCursor"] = cursor
    if up_to_date or closed:
        fields["upToDate"] = True
    return b"event: control\ndata:" + orjson.dumps(fields) + b"\n\n"


def instant(text: str) -> float | None:
    """Unix seconds of an RFC 3339 time; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None and "T" in text.upper() else None


def _framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A ``data`` event of all the parts: each of their lines is one of the event's."""
    yield b"event: data\ndata:"
    begins, held = True, b""
    for text in (piece for part in parts for piece in _slices(part)):
        # What ends between the two halves of a line break waits for the other.
        text = held + text
        held = b"\r" if text.endswith(b"\r") else b""
        text = text.removesuffix(b"\r")
        if text:
            yield _lines(text, begins)
            begins = text.endswith((b"\r", b"\n"))
    yield b"\ndata:\n\n" if held else b"\n\n"


def _lines(text: bytes, begins: bool) -> bytes:
    """A piece of an event's text; ``begins``: a line begins with it."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # A client takes one blank after the colon away, so that a line which begins with one gets another.
    framed = text.replace(b"\n ", b"\n  ").replace(b"\n", b"\ndata:")
    return b" " + framed if begins and text.startswith(b" ") else framed


def _slices(data: bytes) -> Iterator[bytes]:
    if len(data) <= PIECE_BYTES:
        yield data
        return
    for at in range(0, len(data), PIECE_BYTES):
        yield data[at : at + PIECE_BYTES]


def _begun(tail: bytes) -> int:
    """How many bytes of a character that is not whole yet are at the end."""
    for back, byte in enumerate(reversed(tail), 1):
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) and byte < 0xF8 else 0
        if byte < 0x80:
            break
    return 0
