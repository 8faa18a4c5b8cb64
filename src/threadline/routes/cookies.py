"""The cookies of this server: under which names a session comes, and how they are set and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from threadline.routes import hosts
from threadline.routes.exchange import Scope, exchange_of

COOKIE: Final = "threadline_session"

_HOST_ONLY: Final = "__Host-"
"""What begins so, browsers take over TLS alone, from this very host: no site beside it can put its own in its place."""


def sent(scope: Scope) -> list[tuple[str, str]]:
    """The sessions among a request's cookies, by name, the likelier first. Other servers' pages on this host may set
    what they like beside them, so that no cookie may hide those behind it. Over TLS only those count that nobody but
    this server sets: else a site beside it could let a newcomer in as whom it likes, and read what he writes then."""
    names = _names(scope)
    found = [(name, value) for name, value in _pairs(scope) if name in names]
    return sorted(found, key=lambda one: names.index(one[0]))


def put(scope: Scope, token: str, seconds: float, *, name: str | None = None) -> None:
    """Let the browser keep a session for that long: under the name under which it came, or a new one's.

    All servers on the ports of one host see the same cookies. A value that speaks for nobody here may be another
    server's, so it is left as it is, and ours gets a name of its own.
    """
    own, usual = _names(scope)
    if name is None:
        name = own if any(one == usual for one, _ in sent(scope)) else usual
    _set(scope, f"{name}={token}", seconds)


def take_back(scope: Scope, token: str) -> None:
    """Let the browser forget a session."""
    for name, value in sent(scope):
        if value == token:
            _set(scope, f"{name}=", 0)


def put_beside(scope: Scope, name: str, value: str, seconds: float) -> None:
    """Let the browser keep something beside its session for that long, which its pages do not see; 0: no longer."""
    _set(scope, f"{_strict(scope, name)}={value}", seconds)


def beside(scope: Scope, name: str) -> str | None:
    """What a browser keeps beside its session; see :func:`put_beside`."""
    return next((value for sent, value in _pairs(scope) if sent == _strict(scope, name)), None)


def name_of(scope: Scope, token: str) -> str | None:
    """Under which name a session came."""
    return next((name for name, value in sent(scope) if value == token), None)


def _pairs(scope: Scope) -> Iterator[tuple[str, str]]:
    for key, line in scope["headers"]:
        if key == b"cookie":
            for pair in line.decode("latin-1").split(";"):
                name, _, value = pair.partition("=")
                yield name.strip(), value.strip().strip('"')


def _strict(scope: Scope, name: str) -> str:
    return _HOST_ONLY + name if _is_secure(scope) else name


def _names(scope: Scope) -> list[str]:
    return [_strict(scope, f"{COOKIE}_{hosts.port(scope)}"), _strict(scope, COOKIE)]


def _is_secure(scope: Scope) -> bool:
    return scope["scheme"] in ("https", "wss")


def _set(scope: Scope, pair: str, seconds: float) -> None:
    attributes = [pair, "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={int(seconds)}"]
    if _is_secure(scope):
        attributes.append("Secure")
    exchange_of(scope).headers.append((b"set-cookie", "; ".join(attributes).encode()))
