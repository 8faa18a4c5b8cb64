"""Request bodies: read whole, up to a limit, as JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from threadline.domain.errors import BadRequest, TooLarge
from threadline.routes.exchange import Scope, exchange_of, header

LIMIT: Final = 4 * 1024 * 1024
"""The most bytes that a body may have."""

SMALL: Final = 1024 * 1024
"""What is no larger than this is read at once."""

_GRACE_SECONDS: Final = 30.0
_SLOWEST: Final = 128 * 1024
"""So many bytes a second a large body has to come: others may be waiting for its room."""

_PATIENCE: Final = 16 * LIMIT
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


async def read(scope: Scope, receive: Receive, limit: int = LIMIT, owner: str | None = None) -> bytes:
    """The whole body; one that is large has to wait for room, its owner's where he is known, and then has to come in
    time.

    Raises ``TooLarge`` above the limit, ``BadRequest`` for what comes too slowly, and ``ClientDisconnect``.
    """
    if _announces_too_much(scope, limit):
        await _discard(receive)
        raise TooLarge
    length = _length(scope)
    chunks: list[bytes] = []
    more = True
    if length is None or length <= SMALL:
        more = await _take(receive, chunks, SMALL)
    if more:
        expected = limit if length is None else length
        await exchange_of(scope).make_room(expected, owner)
        more = await _take_in_time(receive, chunks, limit)
    if sum(map(len, chunks)) > limit:
        chunks.clear()
        exchange_of(scope).give_room()
        if more:
            await _discard(receive)
        raise TooLarge
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
    """A route of a resource: its body is under the same limit as all others, its answer for who asks alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, on a request that counts."""
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            if _announces_too_much(request.scope):
                await _discard(request.receive)
                raise TooLarge
            response = await handle(_LimitedRequest(request.scope, request.receive))
            # What one user is told, no browser keeps for the next.
            response.headers.setdefault("cache-control", "no-store")
            return response

        return limited


class _LimitedRequest(Request):
    async def json(self) -> Any:
        """Read with orjson, which takes no NaN and no half of a surrogate pair, as no storage would."""
        return orjson.loads(await self.body())

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            try:
                self._body = await read(self.scope, self.receive)
            except BadRequest as refusal:
                # FastAPI lets only its own kind through while it reads a body.
                raise HTTPException(refusal.status) from None
        return self._body


def _announces_too_much(scope: Scope, limit: int = LIMIT) -> bool:
    length = _length(scope)
    return length is not None and length > limit


def _length(scope: Scope) -> int | None:
    length = header(scope, b"content-length")
    return int(length) if length is not None and _LENGTH.fullmatch(length) else None


async def _take(receive: Receive, chunks: list[bytes], upto: int, time: asyncio.Timeout | None = None) -> bool:
    """Read on until there are more than ``upto`` bytes or all; whether there may be more. What comes buys time."""
    size, more = sum(map(len, chunks)), True
    while more and size <= upto:
        chunk, more = await _next(receive)
        chunks.append(chunk)
        size += len(chunk)
        if time is not None and (until := time.when()) is not None:
            time.reschedule(until + len(chunk) / _SLOWEST)
    return more


async def _take_in_time(receive: Receive, chunks: list[bytes], upto: int, grace: float = _GRACE_SECONDS) -> bool:
    try:
        async with asyncio.timeout(grace) as time:
            return await _take(receive, chunks, upto, time)
    except TimeoutError:
        raise BadRequest("The body did not come in time. Send it again, or in smaller parts.") from None


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
