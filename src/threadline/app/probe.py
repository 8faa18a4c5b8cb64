"""Asks an address for a sign of life, once and shortly."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

_PATIENCE_SECONDS: Final = 2.0


def status_of(url: str, headers: Mapping[str, str] | None = None) -> int | str:
    """The status with which ``GET url`` is answered, or, for people, why it is not. Follows nothing, as the headers
    may hold a key; only the place of the URL may be shown to anyone."""
    try:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_SECONDS)
    except ValueError:
        return "it is no address"
    try:
        connection.request(
            "GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers=headers or {}
        )
        return connection.getresponse().status
    except TimeoutError:
        return f"no answer within {_PATIENCE_SECONDS:g} seconds"
    except OSError as fault:
        return fault.strerror or "the connection broke"
    except (HTTPException, ValueError):
        return "what answers does not speak HTTP"
    finally:
        connection.close()


def place(url: str) -> str:
    """The host of a URL and its port, without what may be secret."""
    return urlsplit(url).netloc.rpartition("@")[2]
