"""The outermost room of every request: its id, the guard at the door, and an answer whatever happens inside."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadline.domain.errors import NotAllowed
from threadline.domain.ids import make_id
from threadline.log.shares import Budgets
from threadline.routes import hosts, origin, sharing
from threadline.routes.errors import answer, note, to_error
from threadline.routes.exchange import Exchange, begin, header
from threadline.routes.openai import errors as openai_errors
from threadline.routes.proxies import Networks, reveal
from threadline.world import World

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_ID_BYTES: Final = 10
_IDS: Final = 256
BODIES_BYTES: Final = 128 << 20
BODIES_OF_ONE: Final = 64 << 20
"""How much of large bodies is in memory at once, over all connections and of one user; who sends more waits."""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

_AS_TOLD: Final = (b"x-content-type-options", b"nosniff")
_NO_PAGE: Final = (
    b"content-security-policy",
    b"sandbox; default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
)
_DATA: Final = ("/api/", "/v1/")
"""What users keep is never a page here."""

_TLS_ALONE: Final = (b"strict-transport-security", b"max-age=31536000")

_LINKS: Final = ("/api/shares/", "/share/")
"""Below these an address is a secret: it is what is in a link."""


class Site:
    """Pure ASGI around the URL table: nothing here ever touches ``receive``."""

    def __init__(
        self,
        inside: ASGIApp,
        routes: Sequence[BaseRoute],
        origins: Collection[str],
        names: Collection[str] | None,
        world: World,
        proxies: Networks = (),
    ) -> None:
        self._inside = inside
        self.routes = routes
        self._origins = frozenset(origins)
        self._names = names
        self._world = world
        self._proxies = proxies
        self._bodies = Budgets(BODIES_OF_ONE, BODIES_BYTES)
        self._chance: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket. Raises nothing: what fails is answered, or cut where an answer has begun."""
        reveal(scope, self._proxies)
        given = header(scope, b"x-request-id") or ""
        exchange = begin(scope, given if _REQUEST_ID.fullmatch(given) else self._new_id(), self._bodies)
        exchange.send = send
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                exchange.give_room()
                # A message may be anybody's: what belongs to this request must never be written into it.
                message = {**message, "headers": [*message.get("headers", ()), *exchange.headers]}
            elif message["type"] == "websocket.accept":
                started = True
            await send(message)

        try:
            exchange.headers += [_AS_TOLD, *sharing.headers(scope, self._origins)]
            if scope["path"].startswith(_DATA):
                exchange.headers.append(_NO_PAGE)
            if hosts.is_for_tls(scope):
                exchange.headers.append(_TLS_ALONE)
            hosts.check(scope, self._names)
            if not sharing.open_to_all(scope):
                origin.check(scope, self._origins)
            if sharing.is_preflight(scope, self._origins):
                await sharing.preflight(scope, sending, _METHODS)
            else:
                await self._inside(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as fault:
            note(fault, exchange.request_id, f"{scope.get('method', 'WS')} {_place(scope['path'])}")
            if not started:
                await self._refuse(scope, sending, fault, exchange)
        finally:
            exchange.give_room()

    def _new_id(self) -> str:
        # Drawn for many at once: asking the system is the dearest part of a small request, and this is no secret.
        if not self._chance:
            drawn = self._world.entropy(_ID_BYTES * _IDS)
            self._chance = [drawn[at : at + _ID_BYTES] for at in range(0, len(drawn), _ID_BYTES)]
        return make_id("req", self._world.now(), self._chance.pop())

    async def _refuse(self, scope: Scope, send: Send, fault: Exception, exchange: Exchange) -> None:
        error = to_error(fault)
        if openai_errors.speaks(scope["path"]):
            headers, body = openai_errors.answer(error)
        else:
            headers, body = answer(error, exchange)
        if isinstance(error, NotAllowed) and not any(name == b"allow" for name, _ in exchange.headers):
            headers.append((b"allow", ", ".join(self._allowed(scope)).encode()))
        kind = "http.response"
        if scope["type"] == "websocket":
            kind = "websocket.http.response"
            headers = [*headers, *exchange.headers]
        elif scope["method"] == "HEAD":
            body = b""
        await send({"type": f"{kind}.start", "status": error.status, "headers": headers})
        await send({"type": f"{kind}.body", "body": body})

    def _allowed(self, scope: Scope) -> list[str]:
        """Every method that this address takes, whichever route takes it."""
        probe = {**scope, "type": "http", "path_params": {}}
        return [
            method
            for method in _METHODS
            if any(route.matches({**probe, "method": method})[0] is Match.FULL for route in self.routes)
        ]


def _place(path: str) -> str:
    """An address as it may stand in the log."""
    return next((f"{below}…" for below in _LINKS if path.startswith(below)), path)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the last route of the table."""
    raise HTTPException(404)
