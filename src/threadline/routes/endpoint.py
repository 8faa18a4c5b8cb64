"""A method that speaks ASGI, as something that a URL table can hold."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Endpoint:
    """Calls ``handle``; a bare method would be taken for one that answers with a response object."""

    def __init__(self, handle: ASGIApp) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self._handle(scope, receive, send)
