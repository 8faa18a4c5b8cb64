"""Every provider that answers ``/chat/completions`` in OpenAI's form, OpenAI among them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, Literal

import orjson

from threadline.domain.catalog import KINDS, Kind, ProviderConfig
from threadline.domain.errors import ProviderError, ProviderStalled, ProviderUnreachable
from threadline.domain.events import Event
from threadline.providers import completions, faults
from threadline.providers.http import Answer, Http
from threadline.providers.protocol import ModelRequest

_USAGE_SECONDS: Final = 5.0
"""How long the usage may take after the answer itself is whole."""


class OpenAICompatible:
    """A ``Provider`` for one configured address and key."""

    continues: Literal["prefill", "instruction"]

    def __init__(self, config: ProviderConfig, http: Http) -> None:
        self.name = config.name
        self.continues = "prefill" if config.prefill else "instruction"
        self._title = config.display_name
        self._url = f"{config.address}/chat/completions"
        self._headers = auth_headers(config)
        self._secrets = (config.api_key, *config.headers.values())
        self._dialect = completions.dialect_of(config)
        self._think_tags = KINDS.get(config.kind, Kind(config.kind)).think_tags
        self._http = http

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.name!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See ``protocol.Provider.stream``. A batch is what one read of the connection gave."""
        decoder = completions.Decoder(
            self._title,
            first_part=request.first_part,
            messages=request.messages,
            partial=request.partial,
            think_tags=self._think_tags,
        )
        body = orjson.dumps(completions.encode(request, self._dialect))
        try:
            async with self._http.post(self._title, self._url, body, self._headers) as answer:
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


def auth_headers(config: ProviderConfig) -> dict[str, str]:
    """The headers of every request to a provider, with its key."""
    headers = dict(config.headers)
    if config.api_key:
        headers["Authorization"] = f"Bearer {config.api_key}"
    return headers


async def _read(answer: Answer, decoder: completions.Decoder) -> bytes:
    """The next bytes; once the answer is whole, nothing that happens to its connection is a failure any more."""
    if not decoder.finished:
        return await answer.read()
    try:
        return await answer.read(_USAGE_SECONDS)
    except (ProviderStalled, ProviderUnreachable):
        return b""
