"""What is shown of a provider's models, out of what the operator says, what the provider lists and what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from threadline.domain.catalog import Model, ProviderConfig
from threadline.domain.facts import Capabilities, Known, Tariff
from threadline.domain.prices import Price
from threadline.providers import facts
from threadline.providers.catalogue import known, listing, rows, takes_tools, unseen

NOW = 1_795_000_000.0
OPENAI = ProviderConfig("openai", "openai", api_key="x")
ELSEWHERE = replace(OPENAI, base_url="http://127.0.0.1:1/v1")


def shown(config: ProviderConfig, *found: Known, asked: bool = True) -> list[Model]:
    return rows(config, listing(found) if asked else None, NOW, unseen)


def test_before_a_provider_has_told_its_list_the_known_models_are_shown_that_still_answer() -> None:
    names = [row.name for row in shown(OPENAI, asked=False)]
    assert "gpt-6.1-terra" in names
    assert "gpt-4" not in names, "it was switched off in October 2026"
    assert all(row.available for row in shown(OPENAI, asked=False))
    keyless = shown(replace(OPENAI, api_key=None), asked=False)
    assert {row.reason for row in keyless} == {"No openai API key found. Add one in Settings."}


def test_the_providers_list_decides_what_is_there_and_facts_say_what_it_is() -> None:
    found = shown(OPENAI, Known("gpt-4"), Known("gpt-6.1-terra"), Known("gpt-99"), Known("text-embedding-3-large"))
    assert [row.name for row in found] == ["gpt-4", "gpt-6.1-terra", "gpt-99"]
    _, terra, new = found
    assert (terra.context, terra.output_limit, terra.capabilities.vision) == (1_050_000, 128_000, True)
    assert terra.price is not None
    assert (terra.price.input, terra.price.output) == (1_000_000, 5_000_000)
    assert terra.source == "https://developers.openai.com/api/docs/pricing, 2026-11-20"
    assert (new.context, new.output_limit, new.price, new.source, new.capabilities) == (
        None,
        None,
        None,
        None,
        Capabilities(),
    )


def test_what_the_provider_says_itself_goes_before_what_is_known() -> None:
    live = Known("gpt-6.1-terra", Capabilities(vision=False), context=5)
    (row,) = shown(OPENAI, live)
    assert (row.context, row.capabilities.vision, row.capabilities.tools) == (5, False, True)


def test_what_the_operator_configured_goes_before_all() -> None:
    price = Price(7, 8)
    config = replace(OPENAI, models=("gpt-6.1-terra", "tts-1"), prices={"gpt-6.1-terra": price})
    first, second = shown(config, Known("gpt-99"))
    assert (first.name, first.price, first.source) == ("gpt-6.1-terra", price, "operator")
    assert second.name == "tts-1", "what somebody asks for by name is not taken from him"


def test_at_another_address_nothing_is_known_but_what_is_told_there_and_configured() -> None:
    assert shown(ELSEWHERE, asked=False) == []
    listed, embeds = Known("gpt-6.1-terra", context=9), Known("nomic-embed-text")
    (row,) = shown(ELSEWHERE, listed, embeds)
    assert (row.context, row.price, row.output_limit) == (9, None, None)
    priced = replace(ELSEWHERE, prices={"gpt-6.1-terra": Price(1, 2)})
    assert shown(priced, listed)[0].price == Price(1, 2)
    given = replace(priced, is_given=True)
    assert shown(given, listed)[0].price is None, "the operator's prices are not those of an address that a user gave"


def test_a_price_that_the_provider_lists_goes_before_a_known_one_and_keeps_the_price_of_long_calls() -> None:
    router = ProviderConfig("openrouter", "openrouter", api_key="x")
    package = facts.find("openrouter", "openai/gpt-6.1-terra")
    assert package is not None
    (tariff,) = package.tariffs
    assert tariff.price.long is not None
    same = Known(package.name, tariffs=(Tariff(replace(tariff.price, long=None, long_above=None)),), source="provider")
    assert known(router, package.name, listing([same])).price(NOW) == tariff.price
    other = Known(package.name, tariffs=(Tariff(Price(1, 2)),), source="provider")
    told = known(router, package.name, listing([other]))
    assert (told.price(NOW), told.source) == (Price(1, 2), "provider")


def test_health_is_shown_by_a_models_id() -> None:
    found = rows(OPENAI, listing([Known("a"), Known("b")]), NOW, {"openai/a": "slow"}.get)  # type: ignore[arg-type]
    assert [row.health for row in found] == ["slow", None]


REASONS, TALKS, SILENT_ON_IT = Capabilities(True, True), Capabilities(True, False), Capabilities()


@pytest.mark.parametrize(
    ("can", "operator", "wanted", "offered"),
    [
        (TALKS, None, None, True),
        (SILENT_ON_IT, None, None, True),
        (REASONS, None, None, False),
        (REASONS, None, True, True),
        (REASONS, True, None, True),
        (REASONS, True, False, False),
        (TALKS, False, None, False),
        (TALKS, False, True, True),
        (TALKS, None, False, False),
        (Capabilities(tools=False), True, True, False),
    ],
)
def test_a_model_that_reasons_gets_no_tools_unless_it_is_told_otherwise(
    can: Capabilities, operator: bool | None, wanted: bool | None, offered: bool
) -> None:
    assert takes_tools(ProviderConfig("p", tools=operator), Known("m", can), wanted) is offered


def test_ollama_gets_tools_only_where_it_says_that_a_model_takes_them() -> None:
    ollama = ProviderConfig("ollama", "ollama")
    assert not takes_tools(ollama, Known("m"), None)
    assert takes_tools(ollama, Known("m", TALKS), None)


def test_the_demo_says_itself_what_it_can_do() -> None:
    demo = ProviderConfig("demo", "demo", tools=True)
    (row,) = shown(demo, asked=False)
    assert (row.id, row.capabilities.tools, row.capabilities.reasoning) == ("demo/demo", True, True)
    assert takes_tools(demo, known(demo, "demo"), None)
