"""Which providers and models there are, and the one object for each that calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from threadline.domain.addresses import NOWHERE, Private
from threadline.domain.catalog import (
    KINDS,
    Model,
    OwnKey,
    ProviderConfig,
    describe,
    discovers,
    missing_key,
    model_names,
    split_model_id,
    takes_keys,
    with_own_key,
)
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.domain.facts import Known
from threadline.domain.prices import Price
from threadline.domain.trials import Trial
from threadline.providers import catalogue, facts
from threadline.providers.demo import Demo
from threadline.providers.health import Healths, Watched
from threadline.providers.personal import Personal
from threadline.providers.protocol import Provider
from threadline.settings import key_wanted
from threadline.world import World

if TYPE_CHECKING:
    from threadline.providers.http import Http

NO_KEYS: Final[Mapping[str, OwnKey]] = MappingProxyType({})

OLLAMA: Final = "http://127.0.0.1:11434"
_REFRESH_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 0.25


class Registry:
    """All providers. Those that are called with the server's key are made once; one for a user's own key is made for
    who calls it, so that nothing keeps that key. All share HTTP clients: one for addresses that were configured, and
    one for those that users gave, which reaches of ``private`` ones only those.

    The demo is always there. An Ollama at ``ollama_url`` shows its models while it runs, and nothing when it does
    not; None turns this off. :meth:`start` begins to look for models in the background, :meth:`close` ends it.
    """

    def __init__(
        self,
        configs: Iterable[ProviderConfig],
        world: World,
        *,
        ollama_url: str | None = OLLAMA,
        stall_seconds: float = 90.0,
        connect_seconds: float = 10.0,
        private: Private = NOWHERE,
    ) -> None:
        self._world = world
        self._seconds = (connect_seconds, stall_seconds)
        self._private = private
        self._clients: dict[bool, Http] = {}
        self._configs = {config.name: config for config in configs}
        self._configs.setdefault("demo", ProviderConfig("demo", "demo", tools=True))
        if ollama_url is not None:
            address = f"{ollama_url.rstrip('/')}/v1"
            self._configs.setdefault("ollama", ProviderConfig("ollama", "ollama", base_url=address))
        self._unconfigured = {
            name: ProviderConfig(name, name)
            for name, kind in KINDS.items()
            if kind.needs_key and name not in self._configs
        }
        self._found: dict[str, catalogue.Listed] = {}
        self._healths = Healths(world)
        self._personal = Personal(world, self._ask)
        self._providers: dict[str, Provider] = {}
        self._looking: asyncio.Task[None] | None = None

    def models(self, own: Mapping[str, OwnKey] = NO_KEYS) -> list[Model]:
        """Every model to choose from for a user with keys of his ``own``, by provider, grouped by provider; those
        without a key with the reason."""
        rows: list[Model] = []
        for config in [
            *self._configs.values(),
            *(self._unconfigured[name] for name in own if name in self._unconfigured),
        ]:
            key = own.get(config.name)
            if key is None:
                rows += self._rows(config, self._found.get(config.name))
            else:
                theirs = with_own_key(config, key)
                found = catalogue.listing(self._personal.found(theirs))
                if found is None and key.base_url is None:
                    found = self._found.get(config.name)
                rows += [replace(row, key="user") for row in self._rows(theirs, found)]
        return rows

    async def look(self, own: Mapping[str, OwnKey], seconds: float) -> None:
        """Ask the providers of a user's ``own`` keys for their models where that is not known, and wait for it at most
        so long."""
        theirs = [with_own_key(config, own[config.name]) for config in self.keyed() if config.name in own]
        asked = [config for config in theirs if not config.models and (discovers(config) or _elsewhere(config))]
        await self._personal.look(asked, seconds)

    def keyed(self) -> list[ProviderConfig]:
        """The providers for which users may bring keys, with the server's own key where it has one."""
        return [config for config in [*self._configs.values(), *self._unconfigured.values()] if takes_keys(config)]

    async def tried(self, provider: str, own: OwnKey) -> Trial:
        """Ask a provider whether it takes a user's key; what fails, fails in words."""
        from threadline.providers.trial import tried

        config = self._configs.get(provider) or self._unconfigured[provider]
        theirs = with_own_key(config, own)
        return await tried(self._client(theirs), theirs)

    def faults(self) -> list[str]:
        """What is wrong with how providers are set up, such that they can never answer; a missing key is not."""
        rows = [describe(config, "", has_key=True) for config in self._configs.values()]
        return [row.reason for row in rows if row.reason is not None]

    def model(self, model_id: str) -> Model:
        """One model as :meth:`models` shows it, also where the provider has not told its list yet. Raises
        ``UnsupportedModel``."""
        config, name = self._find(model_id)
        found = self._found.get(config.name)
        return catalogue.row(config, name, found, self._world.now(), self._healths.of)

    def check(self, model_id: str, *, own: bool = False) -> None:
        """Raises ``UnsupportedModel`` for a provider or model that is not set up here, and ``MissingKey`` where neither
        the user has a key of his ``own`` for it nor the server."""
        config, _ = self._find(model_id)
        if KINDS[config.kind].needs_key and not (own or config.api_key):
            raise _no_key(config)

    def needs_key(self, model_id: str) -> bool:
        """Whether a model cannot be called without a key. Raises ``UnsupportedModel``."""
        return KINDS[self._find(model_id)[0].kind].needs_key

    def get(self, model_id: str, own: OwnKey | None = None) -> tuple[Provider, str]:
        """The provider for ``provider/model``, called with a user's ``own`` key where he has one, and its own name of
        the model.

        Raises ``UnsupportedModel`` for a provider or model that is not set up here, ``MissingKey`` without a key.
        """
        self.check(model_id, own=own is not None)
        config, name = self._find(model_id)
        if own is not None:
            return self._make(with_own_key(config, own)), name
        provider = self._providers.get(config.name)
        if provider is None:
            provider = self._providers[config.name] = self._make(config)
        return provider, name

    def takes_tools(self, model_id: str, wanted: bool | None = None) -> bool:
        """Whether tools are offered to a model, as is ``wanted`` of a message where that says so; see
        ``catalogue.takes_tools``."""
        config, name = self._find(model_id)
        return catalogue.takes_tools(config, catalogue.known(config, name, self._found.get(config.name)), wanted)

    def context_of(self, model_id: str) -> int | None:
        """How many tokens a model takes, what it writes among them; None where nobody knows. Raises
        ``UnsupportedModel``."""
        return self.model(model_id).context

    def price_of(self, model_id: str, own: OwnKey | None = None) -> Price | None:
        """What a model costs now for who calls it with his ``own`` key, or with the server's; None where that is not
        known, as at every address that a user gave."""
        try:
            config, name = self._find(model_id)
        except UnsupportedModel:
            return None
        config = config if own is None else with_own_key(config, own)
        found = None if config.is_given else self._found.get(config.name)
        return catalogue.known(config, name, found).price(self._world.now())

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
        await self._personal.close()
        for client in self._clients.values():
            await client.close()

    def _find(self, model_id: str) -> tuple[ProviderConfig, str]:
        provider, name = split_model_id(model_id)
        config = self._configs.get(provider) or self._unconfigured.get(provider)
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

    def _rows(self, config: ProviderConfig, found: catalogue.Listed | None) -> list[Model]:
        # What we measured, we measured at the provider's own address.
        health_of = catalogue.unseen if config.is_given else self._healths.of
        return catalogue.rows(config, found, self._world.now(), health_of)

    def _make(self, config: ProviderConfig) -> Provider:
        if config.kind == "demo":
            return Demo(self._world)
        if config.kind == "library":
            return Watched(_library(config), self._healths, self._world)
        from threadline.providers.remote import Remote

        remote = Remote(config, self._client(config))
        return remote if config.is_given else Watched(remote, self._healths, self._world)

    def _client(self, config: ProviderConfig) -> Http:
        """Made when it is first needed: a server that nobody asks yet is ready without an HTTP client."""
        if config.is_given not in self._clients:
            from threadline.providers.http import Http

            connect, stall = self._seconds
            private = self._private if config.is_given else None
            made = Http(self._world, connect_seconds=connect, stall_seconds=stall, private=private)
            self._clients[config.is_given] = made
        return self._clients[config.is_given]

    async def _ask(self, config: ProviderConfig) -> list[Known] | None:
        from threadline.providers.discovery import discover

        return await discover(self._client(config), config)

    async def _look(self) -> None:
        # Not while the server itself is still starting: an import takes the interpreter from everyone.
        await self._world.sleep(_SETTLE_SECONDS)
        await asyncio.to_thread(import_module, "threadline.providers.discovery")
        for kind in {config.kind for config in self._configs.values()}:
            await asyncio.to_thread(facts.table, kind)
        while True:
            await self.refresh()
            await self._world.sleep(_REFRESH_SECONDS)

    async def _refresh(self, config: ProviderConfig) -> None:
        if KINDS[config.kind].needs_key and not config.api_key:
            return
        found = catalogue.listing(await self._ask(config))
        if found is not None:
            self._found[config.name] = found
        elif config.kind == "ollama":
            # It was stopped: its models cannot be chosen now. Others only failed to answer this time.
            self._found.pop(config.name, None)


def _elsewhere(config: ProviderConfig) -> bool:
    """Whether a provider is at another address than its kind's, where others than the known models may be."""
    return config.base_url not in (None, KINDS[config.kind].base_url)


def _no_key(config: ProviderConfig) -> MissingKey:
    details = {"provider": config.name, "remedy": key_wanted(config)}
    return MissingKey(missing_key(config), surface="chat", details=details)


def _library(config: ProviderConfig) -> Provider:
    """Raises ``UnsupportedModel`` where the package is not installed."""
    try:
        from threadline.providers.library import Library
    except ImportError:
        raise UnsupportedModel(
            "Providers of the kind 'library' need the package pydantic-ai. Install threadline[library].", surface="chat"
        ) from None
    return Library(config)
