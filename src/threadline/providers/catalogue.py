"""The models of a provider, by what the operator says of them, what the provider lists, and what the package knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

from threadline.domain.catalog import KINDS, Health, Model, ProviderConfig, describe, model_names
from threadline.domain.facts import Known, Tariff, silent
from threadline.providers import facts

OPERATOR: Final = "operator"
HealthOf = Callable[[str], Health | None]
"""How a model did of late, by its id."""
Listed = Mapping[str, Known]
"""What a provider lists, by the names of its models."""


def listing(found: Iterable[Known] | None) -> Listed | None:
    """What a provider lists, to be looked up by name."""
    return None if found is None else {one.name: one for one in found}


def unseen(_model_id: str) -> Health | None:
    """The health of a model that nobody measures."""
    return None


def known(config: ProviderConfig, name: str, found: Listed | None = None) -> Known:
    """All that is known of a model. Of one at another address than its kind's, only what the operator and the
    provider itself say, whatever it is called."""
    own = Known(name)
    if name in config.prices and not config.is_given:
        own = Known(name, tariffs=(Tariff(config.prices[name]),), source=OPERATOR)
    live = (found or {}).get(name)
    package = facts.find(config.kind, name) if config.usual else None
    ours = next((one for one in KINDS[config.kind].models if one.name == name), None) if config.kind in KINDS else None
    if live is not None and package is not None:
        live = _with_tiers(live, package)
    return reduce(Known.over, (one for one in (live, package, ours) if one is not None), own)


def rows(config: ProviderConfig, found: Listed | None, at: float, health_of: HealthOf) -> list[Model]:
    """A provider's rows in the picker at a time in Unix seconds; ``found`` is what it lists, None: it was not asked, or
    did not answer yet."""
    return [row(config, name, found, at, health_of) for name in _names(config, found, at)]


def row(config: ProviderConfig, name: str, found: Listed | None, at: float, health_of: HealthOf) -> Model:
    """One of them, which need not be listed."""
    told = known(config, name, found)
    shown = describe(config, name, has_key=bool(config.api_key))
    retired = told.retired(at) and name not in (found or ())
    if retired:
        over = f"{name} was switched off by its provider on {told.retires}. Choose another model."
        shown = replace(shown, available=False, reason=over)
    return replace(
        shown,
        capabilities=told.capabilities,
        context=told.context,
        output_limit=told.output,
        price=told.price(at),
        source=told.source,
        health=health_of(shown.id),
        retires=told.retires,
        retired=retired,
    )


def takes_tools(config: ProviderConfig, told: Known, wanted: bool | None) -> bool:
    """Whether tools are offered to a model: not where it takes none; else as is ``wanted`` of the message, then as the
    operator says; and by itself not to one that reasons, nor to one of Ollama's of which nothing is known."""
    can = told.capabilities
    if can.tools is False:
        return False
    if wanted is not None:
        return wanted
    if config.tools is not None:
        return config.tools
    return not can.reasoning and (can.tools is True or config.kind != "ollama")


def _with_tiers(live: Known, package: Known) -> Known:
    """What a provider lists, without its price where the package has the same, and what long calls cost besides."""
    plain = [replace(one.price, long_above=None, long=None) for one in package.tariffs] if live.tariffs else []
    return replace(live, tariffs=(), source=None) if any(one.price in plain for one in live.tariffs) else live


def _names(config: ProviderConfig, found: Listed | None, at: float) -> Sequence[str]:
    """What is there: what the operator chose, else what the provider lists and what writes, else what is known."""
    if config.models or (found is None and not config.usual):
        return model_names(config)
    table = facts.table(config.kind)
    if found is None:
        return [*model_names(config), *table.offered(at)]
    return [name for name in found if (table.writes(name) if config.usual else not silent(name))]
