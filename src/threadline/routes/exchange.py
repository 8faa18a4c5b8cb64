"""What belongs to one request while it lasts: its id, and the headers that its answer gets whoever writes it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Send

Scope = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

_KEY: Final = "threadline.exchange"


class Exchange:
    """One request and its answer. ``headers`` are added to the answer, whatever it will be; ``send`` is the server's
    own, for who has sent the answer's head and goes on with its body."""

    __slots__ = ("headers", "request_id", "send")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.headers: Headers = [(b"x-request-id", request_id.encode())]
        self.send: Send | None = None


def begin(scope: Scope, request_id: str) -> Exchange:
    """Open the exchange of a request; the same object is then found with :func:`exchange_of`."""
    exchange = Exchange(request_id)
    scope[_KEY] = exchange
    return exchange


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that a request belongs to."""
    found: Exchange = scope[_KEY]
    return found


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header, by its name in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def query(scope: Scope) -> dict[str, str]:
    """The query's names and their values; of a name that comes twice, the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
