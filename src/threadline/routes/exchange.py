"""What belongs to one request while it lasts: its id, and the headers that its answer gets whoever writes it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Send

from threadline.log.shares import Budgets, Share

Scope = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

_KEY: Final = "threadline.exchange"
_FOUND: Final = "threadline.headers"


class Exchange:
    """One request and its answer. ``headers`` are added to the answer, whatever it will be; ``send`` is the server's
    own, for who has sent the answer's head and goes on with its body. Of ``bodies`` all requests have their room."""

    __slots__ = ("_bodies", "_share", "headers", "request_id", "send")

    def __init__(self, request_id: str, bodies: Budgets | None = None) -> None:
        self.request_id = request_id
        self._bodies = bodies
        self._share: Share | None = None
        self.headers: Headers = [(b"x-request-id", request_id.encode())]
        self.send: Send | None = None

    async def make_room(self, size: int, owner: str | None) -> None:
        """Wait for room for so many bytes of the request: of the room that its ``owner`` has, where he is known."""
        if self._bodies is not None and self._share is None:
            share = Share(self._bodies.all if owner is None else self._bodies.of(owner))
            await share.take(size)
            self._share = share

    def give_room(self) -> None:
        """What was sent is dealt with."""
        if self._share is not None:
            self._share.drop()


def begin(scope: Scope, request_id: str, bodies: Budgets | None = None) -> Exchange:
    """Open the exchange of a request; the same object is then found with :func:`exchange_of`."""
    exchange = Exchange(request_id, bodies)
    scope[_KEY] = exchange
    return exchange


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that a request belongs to."""
    found: Exchange = scope[_KEY]
    return found


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header, by its name in lower case."""
    found = scope.get(_FOUND)
    if found is None:
        # A request is asked for a dozen of them: looked through once, the first of a name last, which then counts.
        found = scope[_FOUND] = dict(reversed(scope["headers"]))
    value: bytes | None = found.get(name)
    return None if value is None else value.decode("latin-1")


def query(scope: Scope) -> dict[str, str]:
    """The query's names and their values; of a name that comes twice, the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
