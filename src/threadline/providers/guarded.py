"""Connections that lead only where they may: each address is looked at as it is connected to.

So no name can stand for one thing when it is checked and for another when it is called.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver


class NotPermitted(OSError):
    """An address that a connection would lead to may not be called from here."""


def guarded(
    permits: Callable[[str], bool | None], *, limit: int = 0, resolver: AbstractResolver | None = None
) -> aiohttp.TCPConnector:
    """A connector that connects only to IP addresses that ``permits`` allows; the connection fails with
    :class:`NotPermitted`. ``limit``: how many connections there may be, 0 for any number. ``resolver`` looks names up;
    None is the system's."""

    def opened(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = address
        if not permits(str(place[0])):
            raise NotPermitted("this address may not be called")
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(limit=limit, keepalive_timeout=30, resolver=resolver, socket_factory=opened)
