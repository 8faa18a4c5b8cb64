"""What a Durable Streams request asks for, out of its headers and its query; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote_to_bytes

from threadline.domain.errors import BadRequest
from threadline.log.protocol import Fork, Producer, StreamConfig
from threadline.routes.durable import answering
from threadline.routes.exchange import Scope, header
from threadline.services.streams import MAX_PATH
from threadline.wire.durable import instant, offset_of
from threadline.wire.ui_messages import Version, version_of

_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_MAX_NUMBER: Final = (1 << 53) - 1
_MAX_OFFSET: Final = 256

Live = Literal["long-poll", "sse"]


@dataclass(frozen=True, slots=True)
class Reading:
    """``start`` None: from the tail on, whatever comes. ``said`` is the offset in the client's own words. ``sdk``: a
    run is wanted as clients of this major of the AI SDK may see it."""

    start: int | None
    said: str
    live: Live | None
    cursor: str | None
    sdk: Version | None = None


def config_of(scope: Scope, prefix: str) -> StreamConfig:
    """With what a stream is to be made; addresses of streams begin with ``prefix``. Raises ``BadRequest``."""
    fork = _fork(scope, prefix)
    content_type = (header(scope, b"content-type") or "").strip()
    if not _TYPE.match(content_type):
        content_type = ""
    ttl, expires = header(scope, b"stream-ttl"), header(scope, b"stream-expires-at")
    if ttl is not None and expires is not None:
        raise BadRequest("Send Stream-TTL or Stream-Expires-At, not both.", surface="stream")
    at = None if expires is None else instant(expires)
    if expires is not None and (at is None or answering.instant(at) is None):
        raise BadRequest("Stream-Expires-At must be a time such as 2026-11-20T12:00:00Z.", surface="stream")
    return StreamConfig(content_type, None if ttl is None else _whole(ttl, "Stream-TTL"), at, fork)


def closes(scope: Scope) -> bool:
    """Whether the stream is to be closed."""
    return (header(scope, b"stream-closed") or "").lower() == "true"


def producer_of(scope: Scope) -> Producer | None:
    """Who appends, where he says so. Raises ``BadRequest``."""
    found = [header(scope, name) for name in (b"producer-id", b"producer-epoch", b"producer-seq")]
    if found == [None, None, None]:
        return None
    name, epoch, seq = found
    if name is None or epoch is None or seq is None:
        raise BadRequest("Producer-Id, Producer-Epoch and Producer-Seq go together.", surface="stream")
    if not name:
        raise BadRequest("Producer-Id must not be empty.", surface="stream")
    return Producer(name, _counted(epoch, "Producer-Epoch"), _counted(seq, "Producer-Seq"))


def reading_of(scope: Scope) -> Reading:
    """From where, and how, to read. Raises ``BadRequest``."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    offsets = [value for name, value in pairs if name == "offset"]
    asked = dict(pairs)
    live = asked.get("live")
    if live not in (None, "long-poll", "sse"):
        raise BadRequest("live is long-poll or sse.", surface="stream")
    if len(offsets) > 1:
        raise BadRequest("Send one offset, not several.", surface="stream")
    sdk = version_of(asked["sdk"]) if "sdk" in asked else None
    if not offsets:
        if live is not None:
            raise BadRequest(f"live={live} needs an offset; -1 is the start.", surface="stream")
        return Reading(0, "-1", None, asked.get("cursor"), sdk)
    said = offsets[0]
    start = None if said == "now" else _offset(said, "offset", "-1 or now")
    way: Live | None = "long-poll" if live == "long-poll" else "sse" if live else None
    return Reading(start, said, way, asked.get("cursor"), sdk)


def path_of(scope: Scope, prefix: str) -> str:
    """The stream's path: what comes after ``prefix``. Raises ``BadRequest`` where it is no UTF-8, which would else be
    the same path as many another."""
    path: str = scope["path"]
    if "\ufffd" in path:
        _text(scope["raw_path"])
    return path.removeprefix(prefix)


def _fork(scope: Scope, prefix: str) -> Fork | None:
    source, offset, sub = (
        header(scope, name) for name in (b"stream-forked-from", b"stream-fork-offset", b"stream-fork-sub-offset")
    )
    if source is None:
        if offset is not None or sub is not None:
            raise BadRequest("A fork needs Stream-Forked-From, the address of its source.", surface="stream")
        return None
    path = _text(source.partition("?")[0].removeprefix(prefix).lstrip("/").encode("latin-1"))
    if not path or len(path) > MAX_PATH:
        raise BadRequest("Stream-Forked-From must be the address of a stream.", surface="stream")
    sub_offset = 0 if sub is None else _whole(sub, "Stream-Fork-Sub-Offset")
    if sub_offset and offset is None:
        raise BadRequest("Stream-Fork-Sub-Offset counts from a Stream-Fork-Offset.", surface="stream")
    return Fork(path, None if offset is None else _offset(offset, "Stream-Fork-Offset"), sub_offset)


def _text(escaped: bytes) -> str:
    try:
        return unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        raise BadRequest("A stream's path is UTF-8, percent-encoded.", surface="stream") from None


def _offset(text: str, name: str, beside: str = "or -1") -> int:
    found = offset_of(text) if len(text) <= _MAX_OFFSET else None
    if found is None:
        raise BadRequest(f"{name} must be an offset that this server gave, {beside}.", surface="stream")
    return found


def _whole(text: str, name: str) -> int:
    """A number without anything that could be written in two ways."""
    if len(text) > 16 or not _WHOLE.fullmatch(text) or int(text) > _MAX_NUMBER:
        raise BadRequest(f"{name} must be a whole number such as 60.", surface="stream")
    return int(text)


def _counted(text: str, name: str) -> int:
    if not _DIGITS.fullmatch(text) or int(text) > _MAX_NUMBER:
        raise BadRequest(f"{name} must be a whole number from 0 to 2^53 - 1.", surface="stream")
    return int(text)
