"""The frames of a server-sent event stream that carry no event of a run."""

from __future__ import annotations

from typing import Any, Final

import orjson

CONTENT_TYPE: Final = b"text/event-stream"

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment that every client skips, so that proxies see a living connection."""

DONE: Final = b"data: [DONE]\n\n"
"""The clean end of a UI message stream; nothing else ends one."""


def opened(after: int) -> bytes:
    """The place where a reader stands before anything came, so that it can come back to it."""
    return b"id: %d\n%b" % (after, named("open", {"after": after}))


def end(next_offset: int) -> bytes:
    """The stream is closed, and all of it was sent."""
    return named("end", {"next": next_offset})


def reconnect(after_ms: int) -> bytes:
    """The server goes away: come back after so many milliseconds, from the last id."""
    return b"event: reconnect\ndata: %b\nretry: %d\n\n" % (orjson.dumps({"after_ms": after_ms}), after_ms)


def named(event: str, data: Any) -> bytes:
    """An event with a name of its own and JSON data."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(data))
