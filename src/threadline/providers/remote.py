"""Every provider that is called over HTTP: one address and key, spoken to in one dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any, Final, Literal, Protocol, runtime_checkable

import orjson

from threadline.domain.catalog import KINDS, Kind, ProviderConfig
from threadline.domain.errors import ProviderError, ProviderStalled, ProviderUnreachable
from threadline.domain.events import Event
from threadline.providers import faults
from threadline.providers.decoding import Decoder
from threadline.providers.http import Answer, Http
from threadline.providers.protocol import ModelRequest
from threadline.providers.reattach import Reattached, first_part

_USAGE_SECONDS: Final = 5.0
"""How long the usage may take after the answer itself is whole."""
_CANCEL_SECONDS: Final = 5.0
_GIVEN_EVENT_BYTES: Final = 4 << 20
"""How long one event may be that comes from an address that a user gave: it is read at once, while nobody else is
served."""


class Dialect(Protocol):
    """How one family of providers is spoken to; pure. Each package ``providers/{dialect}`` has ``dialect_of``."""

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``."""
        ...

    def path(self, request: ModelRequest) -> str:
        """What comes after the provider's address, with a query where there is one."""
        ...

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """The request's body, as JSON."""
        ...

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """A decoder for the answer to that request; ``title`` is the provider's name for people."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A dialect of providers that can keep an answer."""

    def kept_path(self, theirs: str) -> str:
        """Where the answer is that the provider keeps under its own id: after its address, without a query."""
        ...


class Remote:
    """A ``Provider`` for one configured address and key."""

    def __init__(self, config: ProviderConfig, http: Http) -> None:
        self.name = config.name
        self._dialect = dialect_of(config)
        self.continues = self._dialect.continues
        self._title = config.display_name
        self._address = config.address
        self._is_given = config.is_given
        self._headers = auth_headers(config)
        self._secrets = (config.api_key, *config.headers.values())
        self._http = http

    def __repr__(self) -> str:
        return f"Remote({self.name!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See ``protocol.Provider.stream``. A batch is what one read of the connection gave."""
        try:
            async with self._opened(request) as (answer, decoder):
                if not answer.streamed and (events := decoder.whole(await answer.rest())):
                    yield events
                while not (decoder.done or decoder.failure):
                    data = await _read(answer, decoder)
                    events = decoder.feed(data) if data else decoder.end()
                    if events:
                        yield events
                if decoder.failure:
                    raise decoder.failure
                await answer.finish()
        except ProviderError as error:
            clean = faults.redacted(error, self._secrets)
            if clean is error:
                raise
            raise clean from None

    async def cancel(self, kept: str) -> None:
        """See ``protocol.Provider.cancel``."""
        with suppress(ProviderError):
            await self._http.get_json(f"{self._kept_url(kept)}/cancel", self._headers, _CANCEL_SECONDS, b"")

    @asynccontextmanager
    async def _opened(self, request: ModelRequest) -> AsyncIterator[tuple[Answer, Decoder | Reattached]]:
        """The provider's answer, and what reads it."""
        kept = request.kept
        if kept is None:
            body = orjson.dumps(self._dialect.encode(request))
            url = f"{self._address}{self._dialect.path(request)}"
            async with self._http.post(self._title, url, body, self._headers) as answer:
                yield answer, self._decoder(request)
            return
        asked = replace(request, first_part=first_part(kept.said, request.first_part))
        decoder = Reattached(self._decoder(asked), self._title, kept.said)
        async with self._kept(self._kept_url(kept.id)) as answer:
            yield answer, decoder

    def _decoder(self, request: ModelRequest) -> Decoder:
        found = self._dialect.decoder(self._title, request)
        if self._is_given:
            found.bound(_GIVEN_EVENT_BYTES)
        return found

    @asynccontextmanager
    async def _kept(self, url: str) -> AsyncIterator[Answer]:
        """An answer that the provider keeps: its events, or all of it at once where those are gone."""
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(
                    self._http.get(self._title, f"{url}?stream=true", self._headers)
                )
            except ProviderError as error:
                if error.retryable:
                    raise
                answer = await stack.enter_async_context(self._http.get(self._title, url, self._headers))
            yield answer

    def _kept_url(self, theirs: str) -> str:
        if not isinstance(self._dialect, Keeping):
            raise ProviderError(f"{self._title} keeps no answers.", details={"provider": self._title})
        return f"{self._address}{self._dialect.kept_path(theirs)}"


def dialect_of(config: ProviderConfig) -> Dialect:
    """What a configured provider speaks; loaded when it is first needed."""
    package = import_module(f"threadline.providers.{config.speaks}")
    found: Dialect = package.dialect_of(config)
    return found


def auth_headers(config: ProviderConfig) -> dict[str, str]:
    """The headers of every request to a provider, with its key."""
    kind = KINDS.get(config.kind, Kind(config.kind))
    headers: dict[str, str] = {**kind.headers, **config.headers}
    if config.api_key:
        headers[kind.key_header] = f"Bearer {config.api_key}" if kind.key_header == "Authorization" else config.api_key
    return headers


async def _read(answer: Answer, decoder: Decoder | Reattached) -> bytes:
    """The next bytes; once the answer is whole, nothing that happens to its connection is a failure any more."""
    if not decoder.finished:
        return await answer.read()
    try:
        return await answer.read(_USAGE_SECONDS)
    except (ProviderStalled, ProviderUnreachable):
        return b""
