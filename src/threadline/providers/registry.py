"""Which providers and models there are, and the one object for each that calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Final

from threadline.domain.catalog import (
    KINDS,
    Known,
    Model,
    ProviderConfig,
    describe,
    discovers,
    known,
    missing_key,
    model_names,
    split_model_id,
)
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.providers.demo import Demo
from threadline.providers.protocol import Provider
from threadline.settings import key_wanted
from threadline.world import World

if TYPE_CHECKING:
    from threadline.providers.http import Http

KeyResolver = Callable[[ProviderConfig], str | None]
"""Finds the key for a provider; None where there is none."""

OLLAMA: Final = "http://127.0.0.1:11434"
_REFRESH_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 0.25


def configured_key(config: ProviderConfig) -> str | None:
    """The server's own key."""
    return config.api_key


class Registry:
    """All providers. Those that are called are made once for each key, and share one HTTP client.

    The demo is always there. An Ollama at ``ollama_url`` shows its models while it runs, and nothing when it does
    not; None turns this off. :meth:`start` begins to look for models in the background, :meth:`close` ends it.
    """

    def __init__(
        self,
        configs: Iterable[ProviderConfig],
        world: World,
        resolve_key: KeyResolver = configured_key,
        *,
        ollama_url: str | None = OLLAMA,
        stall_seconds: float = 90.0,
        connect_seconds: float = 10.0,
    ) -> None:
        self._world = world
        self._resolve = resolve_key
        self._seconds = (connect_seconds, stall_seconds)
        self._http: Http | None = None
        self._configs = {config.name: config for config in configs}
        self._configs.setdefault("demo", ProviderConfig("demo", "demo"))
        if ollama_url is not None:
            address = f"{ollama_url.rstrip('/')}/v1"
            self._configs.setdefault("ollama", ProviderConfig("ollama", "ollama", base_url=address))
        self._found: dict[str, list[Known]] = {}
        self._providers: dict[tuple[str, str | None], Provider] = {}
        self._looking: asyncio.Task[None] | None = None

    def models(self) -> list[Model]:
        """Every model to choose from, grouped by provider, those without a key with the reason."""
        rows = []
        for config in self._configs.values():
            has_key = bool(self._resolve(config))
            found = self._found.get(config.name)
            if found is not None and not config.models:
                facts = {model.name: model for model in found}
                for name in facts:
                    row = describe(config, name, has_key=has_key)
                    rows.append(replace(row, capabilities=facts[name].capabilities, context=facts[name].context))
            else:
                rows += [describe(config, name, has_key=has_key) for name in model_names(config)]
        return rows

    def faults(self) -> list[str]:
        """What is wrong with how providers are set up, such that they can never answer; a missing key is not."""
        rows = [describe(config, "", has_key=True) for config in self._configs.values()]
        return [row.reason for row in rows if row.reason is not None]

    def model(self, model_id: str) -> Model:
        """One model as :meth:`models` shows it, also where the provider has not told its list yet. Raises
        ``UnsupportedModel``."""
        config, name = self._find(model_id)
        return describe(config, name, has_key=bool(self._resolve(config)))

    def get(self, model_id: str) -> tuple[Provider, str]:
        """The provider for ``provider/model``, and the provider's own name of the model.

        Raises ``UnsupportedModel`` for a provider or model that is not set up here, ``MissingKey`` without a key.
        """
        config, name = self._find(model_id)
        key = self._resolve(config)
        if KINDS[config.kind].needs_key and not key:
            raise _no_key(config)
        provider = self._providers.get((config.name, key))
        if provider is None:
            provider = self._providers[config.name, key] = self._make(config, key)
        return provider, name

    def takes_tools(self, model_id: str) -> bool:
        """Whether tools may be offered to a model: where nothing is known yes, except to Ollama, which refuses."""
        config, name = self._find(model_id)
        found = next((model for model in self._found.get(config.name, ()) if model.name == name), known(config, name))
        tools = found.capabilities.tools
        return config.kind != "ollama" if tools is None else tools

    def start(self) -> None:
        """Begin to look for models in the background, at once and then every minute; needs a running loop."""
        if self._looking is None and any(discovers(config) for config in self._configs.values()):
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="model discovery")

    async def refresh(self) -> None:
        """Ask every provider whose models are not configured which it has."""
        configs = [config for config in self._configs.values() if discovers(config)]
        async with asyncio.TaskGroup() as group:
            for config in configs:
                group.create_task(self._refresh(config))

    async def close(self) -> None:
        """End the search for models, and close every connection."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
        if self._http is not None:
            await self._http.close()

    def _find(self, model_id: str) -> tuple[ProviderConfig, str]:
        provider, name = split_model_id(model_id)
        config = self._configs.get(provider)
        if config is None and provider in KINDS and KINDS[provider].needs_key:
            raise _no_key(ProviderConfig(provider, provider))
        if config is None:
            raise UnsupportedModel(
                f"No provider is called {provider!r} here; there are {', '.join(self._configs)}.",
                surface="chat",
                details={"provider": provider, "model": name},
            )
        allowed = model_names(config) if config.models or config.kind == "demo" else None
        reason = describe(config, name).reason
        if reason is None and allowed is not None and name not in allowed:
            reason = f"The provider {provider!r} has no model {name!r} here."
        if reason is not None:
            raise UnsupportedModel(reason, surface="chat", details={"provider": provider, "model": name})
        return config, name

    def _make(self, config: ProviderConfig, key: str | None) -> Provider:
        if config.kind == "demo":
            return Demo(self._world)
        from threadline.providers.remote import Remote

        return Remote(replace(config, api_key=key), self._client())

    def _client(self) -> Http:
        """Made when it is first needed: a server that nobody asks yet is ready without an HTTP client."""
        if self._http is None:
            from threadline.providers.http import Http

            connect, stall = self._seconds
            self._http = Http(self._world, connect_seconds=connect, stall_seconds=stall)
        return self._http

    async def _look(self) -> None:
        # Not while the server itself is still starting: an import takes the interpreter from everyone.
        await self._world.sleep(_SETTLE_SECONDS)
        await asyncio.to_thread(import_module, "threadline.providers.discovery")
        while True:
            await self.refresh()
            await self._world.sleep(_REFRESH_SECONDS)

    async def _refresh(self, config: ProviderConfig) -> None:
        key = self._resolve(config)
        if KINDS[config.kind].needs_key and not key:
            return
        from threadline.providers.discovery import discover

        found = await discover(self._client(), replace(config, api_key=key))
        if found is not None:
            self._found[config.name] = found
        elif config.kind == "ollama":
            # It was stopped: its models cannot be chosen now. Others only failed to answer this time.
            self._found.pop(config.name, None)


def _no_key(config: ProviderConfig) -> MissingKey:
    details = {"provider": config.name, "remedy": key_wanted(config)}
    return MissingKey(missing_key(config), surface="chat", details=details)
