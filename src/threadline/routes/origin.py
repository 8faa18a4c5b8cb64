"""Whether a browser may write from where it is: the guard against pages of other sites."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

from threadline.domain.errors import Forbidden
from threadline.routes.exchange import Scope, header

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS: Final = {"http": ":80", "https": ":443"}


def check(scope: Scope, allowed: Collection[str], *, reading: bool = False) -> None:
    """Raise ``Forbidden`` for a write or a WebSocket handshake that comes from another site; with ``reading`` for
    whatever else comes from there, too.

    Without an ``Origin`` header nothing is refused: browsers send it with all that could do harm, and a program does
    not carry another's cookie.
    """
    if scope["type"] == "http" and scope["method"] in _SAFE and not reading:
        return
    origin = header(scope, b"origin")
    if origin is None or origin.lower() in allowed or same_host(origin, header(scope, b"host") or ""):
        return
    what = "be used" if reading else "write"
    words = f"This page may not {what} here. Add its origin to THREADLINE_ORIGINS to allow it."
    raise Forbidden(words, surface="origin")


def same_host(origin: str, host: str) -> bool:
    """Whether an origin is at the place that a ``Host`` names. The scheme is left out of it: behind a proxy that ends
    TLS, this server is spoken to in plain HTTP."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    usual = _PORTS.get(parts.scheme)
    if usual is None or not parts.netloc:
        return False
    return parts.netloc.removesuffix(usual) == host.lower().removesuffix(usual)


def public(scope: Scope, origins: Sequence[str]) -> str:
    """The origin under which others find this server. Where it knows its own, no request tells it another."""
    host = header(scope, b"host") or "localhost"
    if not origins:
        return f"{scope['scheme']}://{host}"
    return next((one for one in origins if same_host(one, host)), origins[0])


def comes_from_here(scope: Scope, allowed: Collection[str]) -> bool:
    """Whether a page of this server, or of an origin that may write, leads a browser here: no link from elsewhere does,
    and no redirect."""
    if header(scope, b"sec-fetch-site") == "same-origin":
        return True
    try:
        parts = urlsplit((header(scope, b"referer") or "").lower())
    except ValueError:
        return False
    found = f"{parts.scheme}://{parts.netloc}"
    return found in allowed or same_host(found, header(scope, b"host") or "")
