"""Request bodies: read whole, up to a limit, as JSON."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from threadline.domain.errors import BadRequest, TooLarge
from threadline.routes.exchange import Scope, header

LIMIT: Final = 4 * 1024 * 1024
"""The most bytes that a body may have."""

_PATIENCE: Final = 16 * LIMIT
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


async def read(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises ``TooLarge`` above the limit, and ``ClientDisconnect``."""
    if _announces_too_much(scope):
        await _discard(receive)
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk, more = await _next(receive)
        size += len(chunk)
        if size > LIMIT:
            if more:
                await _discard(receive)
            raise TooLarge
        chunks.append(chunk)
        if not more:
            return b"".join(chunks)


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object out of a body; an empty body is an empty object."""
    if not data.strip():
        return {}
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise BadRequest(f"The body is not valid JSON: {fault}.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


class LimitedRoute(APIRoute):
    """A route of a resource, whose body is under the same limit as all others."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, on a request that counts."""
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            if _announces_too_much(request.scope):
                await _discard(request.receive)
                raise TooLarge
            return await handle(_LimitedRequest(request.scope, request.receive))

        return limited


class _LimitedRequest(Request):
    async def json(self) -> Any:
        """Read with orjson, which takes no NaN and no half of a surrogate pair, as no storage would."""
        return orjson.loads(await self.body())

    async def stream(self) -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            if size <= LIMIT:
                yield chunk
            elif size > _PATIENCE:
                break
        if size > LIMIT:
            raise HTTPException(413)  # FastAPI lets only its own kind through while it reads a body


def _announces_too_much(scope: Scope) -> bool:
    length = header(scope, b"content-length")
    return length is not None and _LENGTH.fullmatch(length) is not None and int(length) > LIMIT


async def _discard(receive: Receive) -> None:
    """Take the rest of a body and forget it: a client that is still sending would not see the answer."""
    size, more = 0, True
    while more and size < _PATIENCE:
        chunk, more = await _next(receive)
        size += len(chunk)


async def _next(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)
