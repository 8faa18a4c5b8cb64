"""The one HTTP client that all providers share: it posts, streams the answer, and words every fault."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver

from threadline.domain.addresses import Guard, Private
from threadline.domain.errors import ProviderError, ProviderStalled, ProviderUnreachable
from threadline.providers import faults
from threadline.providers.guarded import NotPermitted, guarded
from threadline.world import World

_ERROR_BYTES: Final = 64 << 10
_BODY_BYTES: Final = 1 << 30
_GIVEN_BODY_BYTES: Final = 64 << 20
"""How long an answer may be, and one from an address that a user gave: what he has sent here fills no disk."""

_JSON_BYTES: Final = 16 << 20
_GIVEN_JSON_BYTES: Final = 2 << 20
"""How much of it may be read as JSON at once, which takes thirty times its room in memory, and everybody's time."""

_TAIL_SECONDS: Final = 0.25
_BASE_HEADERS: Final = {"User-Agent": "threadline", "Accept-Encoding": "identity"}


class Answer:
    """A 2xx answer whose body still comes; read it until :meth:`read` gives no bytes. ``is_given``: from an address
    that a user gave."""

    def __init__(self, provider: str, response: aiohttp.ClientResponse, *, is_given: bool) -> None:
        self._provider = provider
        self._response = response
        self._is_given = is_given
        self._left = _GIVEN_BODY_BYTES if is_given else _BODY_BYTES

    @property
    def streamed(self) -> bool:
        """Whether the body is an event stream, and not one JSON object."""
        return self._response.content_type != "application/json"

    async def read(self, seconds: float | None = None) -> bytes:
        """All bytes that are there, at least one; empty at the end of the body.

        Raises ``ProviderStalled`` when none came for the stall time (or for ``seconds``, where those are fewer),
        ``ProviderUnreachable`` when the connection broke, and ``ProviderError`` when more came than any answer has.
        """
        try:
            if seconds is None:
                data = await self._response.content.readany()
            else:
                async with asyncio.timeout(seconds):
                    data = await self._response.content.readany()
        except TimeoutError as fault:
            raise _stalled(self._provider) from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise ProviderUnreachable(
                f"The connection to {self._provider} broke in the middle of the answer.",
                retryable=True,
                details={"provider": self._provider},
            ) from fault
        self._left -= len(data)
        if self._left < 0:
            raise ProviderError(f"{self._provider} sent more than any answer has.")
        return data

    async def rest(self) -> bytes:
        """The whole rest of the body, which is to be read as JSON. Raises as :meth:`read` does."""
        if self._is_given:
            self._left = min(self._left, _GIVEN_JSON_BYTES)
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)

    async def finish(self) -> None:
        """The answer is whole: take the few bytes of framing that follow it, so that the connection can be used
        again; where they do not come at once it is closed instead."""
        try:
            async with asyncio.timeout(_TAIL_SECONDS):
                while await self._response.content.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, OSError):
            self._response.close()


class Http:
    """A pool of connections. ``stall_seconds``: how long no byte may come; ``connect_seconds`` for the connection.

    ``private``: the addresses are users', and lead to public places and to these alone; None: they are the operator's,
    and lead anywhere. ``resolver`` looks names up; None is the system's.
    """

    def __init__(
        self,
        world: World,
        *,
        connect_seconds: float = 10.0,
        stall_seconds: float = 90.0,
        private: Private | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._world = world
        self._private = private
        self._resolver = resolver
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds, sock_read=stall_seconds)
        self._sessions: dict[Guard | None, aiohttp.ClientSession] = {}
        self._closed = False

    def post(
        self, provider: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Answer]:
        """Post JSON and give the answer; leaving the block early cuts the call at once.

        ``provider`` is its name for people. Raises ``ProviderError`` with the provider's own message for an answer
        that is not 2xx, ``ProviderStalled`` and ``ProviderUnreachable``.
        """
        return self._ask(provider, "POST", url, {"Content-Type": "application/json", **headers}, body)

    def get(self, provider: str, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Answer]:
        """Ask for an answer that is there already; else as :meth:`post`."""
        return self._ask(provider, "GET", url, headers, None)

    @asynccontextmanager
    async def _ask(
        self, provider: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[Answer]:
        response = await self._open(provider, method, url, headers, body)
        try:
            if not 200 <= response.status < 300:
                raise await self._refusal(provider, response)
            if response.content_type == "text/html":
                raise ProviderError(
                    f"{provider} answered with a web page. Check base_url.", provider_status=response.status
                )
            yield Answer(provider, response, is_given=self._private is not None)
        finally:
            # Gives the connection back when its answer was read to the end, and closes it when not.
            response.release()

    async def get_json(self, url: str, headers: Mapping[str, str], seconds: float, body: bytes | None = None) -> Any:
        """What a GET (a POST, with ``body``) answers, as JSON; None for every fault, and after ``seconds``."""
        method = "GET" if body is None else "POST"
        most = _JSON_BYTES if self._private is None else _GIVEN_JSON_BYTES
        try:
            async with (
                asyncio.timeout(seconds),
                self._open_session(url).request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                return orjson.loads(await _whole(response, most)) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, ValueError, ProviderUnreachable):
            return None

    async def close(self) -> None:
        """Close every connection; calls that are still going on fail."""
        self._closed = True
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _open_session(self, url: str) -> aiohttp.ClientSession:
        if self._closed:
            raise ProviderUnreachable("The server is stopping.", retryable=True)
        # Of one guard, so that a connection that one of them allowed is never used again for another.
        guard = None if self._private is None else Guard.of(url, self._private)
        session = self._sessions.get(guard)
        if session is None:
            session = self._sessions[guard] = aiohttp.ClientSession(
                connector=guarded((lambda _: True) if guard is None else guard.permits, resolver=self._resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_BASE_HEADERS,
                timeout=self._timeout,
                trust_env=False,
            )
        return session

    async def _open(
        self, provider: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        session = self._open_session(url)
        try:
            # A redirect would carry the key to an address that nobody configured.
            return await session.request(
                method, url, data=body, headers={"Accept": "text/event-stream", **headers}, allow_redirects=False
            )
        except aiohttp.ConnectionTimeoutError as fault:
            raise _unreachable(provider, "it did not take the connection in time") from fault
        except TimeoutError as fault:
            raise _stalled(provider) from fault
        except aiohttp.InvalidURL as fault:
            raise ProviderError(f"The address of {provider} is not a URL. Check base_url.") from fault
        except aiohttp.ClientConnectorError as fault:
            if isinstance(fault.os_error, NotPermitted):
                raise ProviderError(
                    f"{provider} was not called: {_place(url)} is a private address, or one that may not be called "
                    "without https. Whoever runs this server can allow it.",
                    details={"provider": provider},
                ) from fault
            why = os.strerror(fault.os_error.errno).lower() if fault.os_error.errno else "no connection"
            raise _unreachable(provider, f"{why} at {_place(url)}. Is it running, and is base_url right?") from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise _unreachable(provider, "the connection broke before it answered") from fault

    async def _refusal(self, provider: str, response: aiohttp.ClientResponse) -> ProviderError:
        try:
            body = await response.content.read(_ERROR_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError):
            body = b""
        return faults.from_response(
            provider, response.status, response.reason or "", response.headers, body, self._world.now()
        )


async def _whole(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body. Raises ``ValueError`` for one that no list of models is."""
    found = bytearray()
    async for data in response.content.iter_any():
        found += data
        if len(found) > most:
            response.close()
            raise ValueError("too long")
    return bytes(found)


def _stalled(provider: str) -> ProviderStalled:
    return ProviderStalled(
        f"{provider} sent nothing for too long. The text so far is kept; try again.",
        retryable=True,
        details={"provider": provider},
    )


def _place(url: str) -> str:
    """Host and port alone: the rest of an address may hold what nobody else should see."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _unreachable(provider: str, why: str) -> ProviderUnreachable:
    words = f"{provider} could not be reached: {why}"
    return ProviderUnreachable(
        words if words.endswith("?") else f"{words}.", retryable=True, details={"provider": provider}
    )
