"""Whole answers: head and body at once, and the headers that many of them have."""

from __future__ import annotations

from typing import Final

from starlette.types import Send

from threadline.routes.exchange import Headers

JSON: Final = (b"content-type", b"application/json")
NO_STORE: Final = (b"cache-control", b"no-store")


def number(name: bytes, value: int) -> tuple[bytes, bytes]:
    """A header that is a number."""
    return name, b"%d" % value


def length(body: bytes) -> tuple[bytes, bytes]:
    """The header that tells how long a body is."""
    return number(b"content-length", len(body))


async def reply(send: Send, status: int, headers: Headers, body: bytes = b"", *, only_head: bool = False) -> None:
    """Answer; ``only_head`` for who asked with ``HEAD``."""
    if status not in (204, 304):
        headers = [*headers, length(body)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if only_head else body})
