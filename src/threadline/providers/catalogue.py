"""The models of a provider, by what the operator says of them, what the provider lists, and what the package knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from threadline.domain.catalog import KINDS, Health, Model, ProviderConfig, describe, model_names
from threadline.domain.facts import Known, Tariff, silent
from threadline.providers import facts

OPERATOR: Final = "operator"
HealthOf = Callable[[str], Health | None]
"""How a model did of late, by its id."""


def unseen(_model_id: str) -> Health | None:
    """The health of a model that nobody measures."""
    return None


def known(config: ProviderConfig, name: str, found: Sequence[Known] | None = None) -> Known:
    """All that is known of a model. Of one at another address than its kind's, only what the operator and the
    provider itself say, whatever it is called."""
    told = Known(name)
    if name in config.prices and not config.is_given:
        told = Known(name, tariffs=(Tariff(config.prices[name]),), source=OPERATOR)
    live = next((one for one in found or () if one.name == name), None)
    package = facts.find(config.kind, name) if config.usual else None
    told = told.over(live if package is None else _with_tiers(live, package)).over(package)
    kind = KINDS.get(config.kind)
    return told.over(next((one for one in (kind.models if kind else ()) if one.name == name), None))


def rows(config: ProviderConfig, found: Sequence[Known] | None, at: float, health_of: HealthOf) -> list[Model]:
    """A provider's rows in the picker at a time in Unix seconds; ``found`` is what it lists, None: it was not asked, or
    did not answer yet."""
    return [row(config, name, found, at, health_of) for name in _names(config, found, at)]


def row(config: ProviderConfig, name: str, found: Sequence[Known] | None, at: float, health_of: HealthOf) -> Model:
    """One of them, which need not be listed."""
    told = known(config, name, found)
    shown = describe(config, name, has_key=bool(config.api_key))
    retired = told.retired(at) and all(one.name != name for one in found or ())
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


def _with_tiers(live: Known | None, package: Known) -> Known | None:
    """What a provider lists, without its price where the package has the same, and what long calls cost besides."""
    plain = [replace(one.price, long_above=None, long=None) for one in package.tariffs]
    if live is None or not any(one.price in plain for one in live.tariffs):
        return live
    return replace(live, tariffs=(), source=None)


def _names(config: ProviderConfig, found: Sequence[Known] | None, at: float) -> Sequence[str]:
    """What is there: what the operator chose, else what the provider lists and what writes, else what is known."""
    if config.models or (found is None and not config.usual):
        return model_names(config)
    table = facts.table(config.kind)
    if found is None:
        return [*model_names(config), *table.offered(at)]
    return [one.name for one in found if (table.writes(one.name) if config.usual else not silent(one.name))]
