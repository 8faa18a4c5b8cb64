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
from threadline.routes import hosts, origin
from threadline.routes.errors import answer, note, to_error
from threadline.routes.exchange import Exchange, Headers, begin, header
from threadline.world import World

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Site:
    """Pure ASGI around the URL table: nothing here ever touches ``receive``."""

    def __init__(
        self,
        inside: ASGIApp,
        routes: Sequence[BaseRoute],
        origins: Collection[str],
        names: Collection[str] | None,
        world: World,
    ) -> None:
        self._inside = inside
        self.routes = routes
        self._origins = frozenset(origins)
        self._names = names
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket. Raises nothing: what fails is answered, or cut where an answer has begun."""
        given = header(scope, b"x-request-id") or ""
        exchange = begin(scope, given if _REQUEST_ID.fullmatch(given) else self._new_id())
        exchange.send = send
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # A message may be anybody's: what belongs to this request must never be written into it.
                message = {**message, "headers": [*message.get("headers", ()), *exchange.headers]}
            elif message["type"] == "websocket.accept":
                started = True
            await send(message)

        try:
            self._share(scope, exchange)
            hosts.check(scope, self._names)
            origin.check(scope, self._origins)
            if self._is_preflight(scope):
                await _preflight(scope, sending)
            else:
                await self._inside(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as fault:
            note(fault, exchange.request_id, f"{scope.get('method', 'WS')} {scope['path']}")
            if not started:
                await self._refuse(scope, sending, fault, exchange)

    def _new_id(self) -> str:
        return make_id("req", self._world.now(), self._world.entropy(10))

    async def _refuse(self, scope: Scope, send: Send, fault: Exception, exchange: Exchange) -> None:
        error = to_error(fault)
        headers, body = answer(error, exchange)
        if isinstance(error, NotAllowed):
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

    def _share(self, scope: Scope, exchange: Exchange) -> None:
        """Let pages of the allowed origins read the answers; nobody else's."""
        asking = header(scope, b"origin")
        if asking is not None and asking.lower() in self._origins:
            shared: Headers = [
                (b"access-control-allow-origin", asking.encode("latin-1")),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"x-request-id, x-threadline-run, x-workflow-run-id, retry-after"),
                (b"vary", b"origin"),
            ]
            exchange.headers.extend(shared)

    def _is_preflight(self, scope: Scope) -> bool:
        asked = scope["type"] == "http" and scope["method"] == "OPTIONS"
        return asked and (header(scope, b"origin") or "").lower() in self._origins


async def _preflight(scope: Scope, send: Send) -> None:
    wanted = header(scope, b"access-control-request-headers") or "content-type"
    headers: Headers = [
        (b"access-control-allow-methods", ", ".join(_METHODS).encode()),
        (b"access-control-allow-headers", wanted.encode("latin-1")),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the last route of the table."""
    raise HTTPException(404)
