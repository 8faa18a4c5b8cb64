"""Sends webhooks over HTTP, and to no address that is private to the place where this server stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from threadline.domain.addresses import fault_of, may_call

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

# An HTTP client is loaded with the first webhook: most servers send none, and all want to start fast.

TIMEOUT_SECONDS: Final = 15.0
_ANSWER_BYTES: Final = 64 * 1024
_CONNECTIONS: Final = 256
_HEADERS: Final = {"User-Agent": "threadline", "Accept-Encoding": "identity", "Content-Type": "application/json"}


class NotSent(Exception):
    """A webhook did not get an answer. The message says why, for the log; it tells nothing of the request."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a webhook answered: its status, and as much of the body as is of interest."""

    status: int
    body: bytes


class Sender(Protocol):
    """Who calls webhooks."""

    async def send(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = TIMEOUT_SECONDS
    ) -> Answered:
        """Post a body once, and wait so long for the answer. Raises :class:`NotSent`."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


class HttpSender:
    """Calls them over the network, without redirects and without a proxy.

    Every address is looked at when it is connected to, so that no name can stand for one thing when it is checked and
    for another when it is called. ``loopback``: this very machine may be called, too. ``resolver`` looks names up; None
    is the system's.
    """

    def __init__(self, *, loopback: bool = False, resolver: AbstractResolver | None = None) -> None:
        self._loopback = loopback
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = TIMEOUT_SECONDS
    ) -> Answered:
        """See ``Sender``."""
        import aiohttp

        fault = fault_of(url, loopback=self._loopback)
        if fault is not None:
            raise NotSent(fault)
        try:
            async with (
                asyncio.timeout(seconds),
                self._opened().post(url, data=body, headers={**_HEADERS, **headers}, allow_redirects=False) as response,
            ):
                return Answered(response.status, await _some(response))
        except TimeoutError:
            raise NotSent("it did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            # Without its words, which may hold the address, and that may hold a secret of its owner.
            raise NotSent(type(fault).__name__) from None

    async def close(self) -> None:
        """See ``Sender``."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        from threadline.providers.guarded import guarded

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=guarded(
                    lambda address: may_call(address, loopback=self._loopback),
                    limit=_CONNECTIONS,
                    resolver=self._resolver,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _some(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > _ANSWER_BYTES:
            response.close()
            break
    return bytes(found[:_ANSWER_BYTES])
