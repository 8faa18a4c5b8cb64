"""How a Durable Streams request is answered: the protocol's headers on answers and on errors."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Message, Send

from threadline.domain.errors import Gap, ThreadlineError
from threadline.log.protocol import StreamInfo
from threadline.routes.exchange import Headers
from threadline.routes.replies import length, number, reply
from threadline.wire.durable import offset_text

CLOSED: Final = (b"stream-closed", b"true")
UP_TO_DATE: Final = (b"stream-up-to-date", b"true")

_PIECE_BYTES: Final = 256 * 1024
_PATIENCE_SECONDS: Final = 60.0
"""For how long a reader may take nothing of an answer."""

_ACTIVE: Final = re.compile(r"html|xml|xsl|svg|script|multipart")
"""Types that browsers do more with than to show them."""


def next_offset(offset: int) -> tuple[bytes, bytes]:
    """Where to read on."""
    return b"stream-next-offset", offset_text(offset).encode()


def content_type(info: StreamInfo) -> tuple[bytes, bytes]:
    """The stream's type."""
    return b"content-type", info.config.content_type.encode("latin-1", "replace")


def shown(info: StreamInfo) -> Headers:
    """The stream's type, of what is sent to a reader; what could be a page is something to be saved."""
    found = [content_type(info)]
    if _ACTIVE.search(info.config.content_type.partition(";")[0].lower()):
        found.append((b"content-disposition", b"attachment"))
    return found


def instant(seconds: float) -> bytes | None:
    """A time as the protocol writes it; None for one that no such text can tell."""
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def patient(send: Send) -> Send:
    """The same, which raises ``ClientDisconnect`` for a reader who takes nothing for long, also of what it was sent
    before: what is kept for it is others' room."""

    async def sending(message: Message) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await send(message)
        except TimeoutError:
            raise ClientDisconnect from None

    return sending


async def deliver(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer in pieces; returns when nearly all of it is taken."""
    if len(body) <= _PIECE_BYTES:
        await reply(send, status, headers, body)
        return
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length(body)]})
    for at in range(0, len(body), _PIECE_BYTES):
        await send({"type": "http.response.body", "body": body[at : at + _PIECE_BYTES], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def error_headers(error: ThreadlineError) -> Headers:
    """What the protocol tells of an error in headers, out of the details that the log gave it."""
    details = error.details or {}
    found: Headers = []
    if details.get("closed"):
        found.append(CLOSED)
        found.append(next_offset(details["tail"]))
    if "epoch" in details:
        found.append(number(b"producer-epoch", details["epoch"]))
    if isinstance(error, Gap):
        found.append(number(b"producer-expected-seq", details["expected_seq"]))
        found.append(number(b"producer-received-seq", details["received_seq"]))
    return found
