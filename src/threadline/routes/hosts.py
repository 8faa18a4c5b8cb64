"""Which names this server answers to: the guard against names of other sites that were bent to point at this machine.

A page of such a site would count as this server's own, and could read and write what a visitor has here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from threadline.domain.errors import Forbidden
from threadline.routes.exchange import Scope, header

_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", re.ASCII)
_USUAL_PORTS: Final = {"http": "80", "ws": "80", "https": "443", "wss": "443"}


def names(bound: str, origins: Collection[str]) -> frozenset[str] | None:
    """The names that a server on the address ``bound`` answers to, beside ``localhost`` and addresses; None: to all.

    Only one that is there for this machine alone knows what it is called.
    """
    if bound.lower() != "localhost" and not ((address := _address(bound)) and address.is_loopback):
        return None
    return frozenset(_split(origin.partition("://")[2])[0] for origin in origins)


def check(scope: Scope, known: Collection[str] | None) -> None:
    """Raise ``Forbidden`` for a request to a name that is none of ``known``."""
    name, _ = _split(header(scope, b"host") or "")
    if known is None or not name or name in known or name == "localhost" or name.endswith(".localhost"):
        return
    if _address(name) is None:
        raise Forbidden(
            "This server answers to localhost and to addresses only. Add the origin of this name to "
            "THREADLINE_ORIGINS, such as https://chat.example.org, to use it.",
            surface="host",
        )


def is_for_tls(scope: Scope) -> bool:
    """Whether a browser may be told to come to this name over TLS alone: it came so, by a name, and on the usual port;
    on another, it would hold for the servers beside this one, too."""
    if scope.get("scheme") not in ("https", "wss"):
        return False
    name, port = _split(header(scope, b"host") or "")
    near = not name or name == "localhost" or name.endswith(".localhost") or _address(name) is not None
    return port in ("", "443") and not near


def port(scope: Scope) -> str:
    """The port that a client connected to, as far as it knows."""
    return _split(header(scope, b"host") or "")[1] or _USUAL_PORTS[scope["scheme"]]


def _split(host: str) -> tuple[str, str]:
    """Name and port of a ``Host``; the port is empty where it is not told."""
    found = _HOST.fullmatch(host.strip().lower())
    return (found[1].rstrip("."), found[2] or "") if found else (host, "")


@lru_cache(maxsize=256)
def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None
