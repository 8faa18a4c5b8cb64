"""What providers say of their models, in whatever form: what is not understood is not known, and spoils nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from threadline.domain.catalog import ProviderConfig
from threadline.domain.facts import Capabilities, Known, Tariff
from threadline.domain.prices import Price
from threadline.providers.discovery import discover
from threadline.providers.http import Http

pytestmark = pytest.mark.anyio

LISTING = ProviderConfig("odd", base_url="http://127.0.0.1:1/v1")
OLLAMA = ProviderConfig("ollama", "ollama", base_url="http://127.0.0.1:1/v1")


class Says:
    """Answers by the end of the address."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    async def get_json(self, url: str, *_: object) -> Any:
        return next(answer for end, answer in self._answers.items() if url.endswith(end))


async def listed(row: Any) -> list[Known] | None:
    return await discover(cast(Http, Says({"/models": {"data": [row, {"id": "other"}]}})), LISTING)


@pytest.mark.parametrize(
    ("said", "can", "context"),
    [
        ({"capabilities": {"vision": True, "function_calling": False}}, Capabilities(False, None, True), None),
        ({"capabilities": {"vision": {"supported": True}}}, Capabilities(vision=True), None),
        ({"capabilities": {"function_calling": "native", "vision": 1}}, Capabilities(), None),
        (
            {"capabilities": ["vision"], "supported_parameters": ["tools"]},
            Capabilities(True, False, structured=False),
            None,
        ),
        ({"architecture": "transformer", "context_length": 4096}, Capabilities(), 4096),
        (
            {"architecture": {"input_modalities": ["image"]}, "context_length": True},
            Capabilities(vision=True, files=False, audio=False),
            None,
        ),
        ({"context_length": "32k", "context_window": -1, "max_context_length": 8192}, Capabilities(), 8192),
        ({"context_length": 1e30}, Capabilities(), None),
    ],
)
async def test_what_is_said_of_a_model_is_kept_where_it_is_understood(
    said: dict[str, Any], can: Capabilities, context: int | None
) -> None:
    assert await listed({"id": "m", **said}) == [Known("m", can, context), Known("other")]


async def test_google_lists_its_models_by_another_name_and_only_those_that_write_are_taken() -> None:
    writes = {"name": "models/gemini-9", "supportedGenerationMethods": ["generateContent"], "inputTokenLimit": 9000}
    other = {"name": "models/embedding-9", "supportedGenerationMethods": ["embedContent"]}
    said = Says({"/v1beta/models?pageSize=1000": {"models": [{**writes, "thinking": True}, other, {"name": 7}]}})
    google = ProviderConfig("google", "google", api_key="x")
    assert await discover(cast(Http, said), google) == [Known("gemini-9", Capabilities(reasoning=True), 9000)]


async def test_anthropic_lists_its_models_on_one_page() -> None:
    said = Says({"/v1/models?limit=1000": {"data": [{"id": "claude-9", "max_input_tokens": 9000}], "has_more": False}})
    anthropic = ProviderConfig("anthropic", "anthropic", api_key="x")
    assert await discover(cast(Http, said), anthropic) == [Known("claude-9", Capabilities(), 9000)]


@pytest.mark.parametrize("facts", [None, [], "many", {"llama.context_length": "4k", "context_length": True}])
async def test_an_ollama_that_tells_odd_facts_has_its_models_all_the_same(facts: Any) -> None:
    shown = {"capabilities": ["tools"], "model_info": facts}
    said = Says({"/api/tags": {"models": [{"name": "tiny"}]}, "/api/show": shown})
    assert await discover(cast(Http, said), OLLAMA) == [Known("tiny", Capabilities(True, False, False))]


async def listed_by(kind: str, *rows: Any) -> list[Known] | None:
    """What a provider of that kind, at its own address, is understood to list."""
    config = ProviderConfig(kind, kind, api_key="x")
    return await discover(cast(Http, Says({"": {"data": list(rows)}})), config)


async def test_openrouter_tells_what_a_model_costs_reads_and_gives() -> None:
    row = {
        "id": "maker/model:free",
        "context_length": 200_000,
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        "pricing": {
            "prompt": "0.0000015",
            "completion": "0.000006",
            "request": "0",
            "input_cache_read": "0.00000015",
            "input_cache_write": "0.000001875",
        },
        "top_provider": {"max_completion_tokens": 64_000},
        "supported_parameters": ["tools", "reasoning", "structured_outputs"],
    }
    paints = {"id": "maker/paints", "architecture": {"output_modalities": ["image"]}}
    assert await listed_by("openrouter", row, paints) == [
        Known(
            "maker/model:free",
            Capabilities(True, True, True, True, False, True),
            200_000,
            64_000,
            (Tariff(Price(1_500_000, 6_000_000, 150_000, 1_875_000)),),
            source="provider",
        )
    ]


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        {},
        {"prompt": "0.1"},
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "free", "completion": "0"},
        {"prompt": 0.1, "completion": 0.1},
        {"prompt": "NaN", "completion": "0"},
        {"prompt": "0.001", "completion": "0.001", "request": "0.01"},
        {"prompt": "1e9", "completion": "0"},
    ],
)
async def test_a_price_that_is_not_understood_is_unknown(pricing: Any) -> None:
    (found,) = await listed_by("openrouter", {"id": "m", "pricing": pricing}) or []
    assert (found.tariffs, found.source) == ((), None)


async def test_prices_are_read_of_nobody_but_openrouter_at_its_own_address() -> None:
    row = {"id": "m", "pricing": {"prompt": "0.001", "completion": "0.001"}}
    assert await listed(row) == [Known("m"), Known("other")]
    own = ProviderConfig("mine", "openrouter", base_url="http://127.0.0.1:1/v1")
    assert await discover(cast(Http, Says({"/models": {"data": [row]}})), own) == [Known("m")]


async def test_what_each_provider_says_in_its_own_way() -> None:
    claude = {
        "id": "claude-9",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "image_input": {"supported": True},
            "pdf_input": {"supported": False},
            "structured_outputs": {"supported": True},
            "thinking": {"supported": True, "types": {}},
        },
    }
    can = Capabilities(reasoning=True, vision=True, files=False, structured=True)
    assert await listed_by("anthropic", claude) == [Known("claude-9", can, 1_000_000, 128_000)]
    mistral = {"id": "m", "max_context_length": 9, "capabilities": {"completion_chat": True, "function_calling": True}}
    assert await listed_by("mistral", mistral, {"id": "embeds", "capabilities": {"completion_chat": False}}) == [
        Known("m", Capabilities(tools=True), 9)
    ]
    groq = {"id": "g", "active": True, "context_window": 9, "max_completion_tokens": 8}
    assert await listed_by("groq", groq, {"id": "off", "active": False}) == [Known("g", Capabilities(), 9, 8)]
    gpt = {"id": "gpt-9", "object": "model", "shutdown_date": "2027-01-14", "max_tokens": 5}
    assert await listed_by("openai", gpt, {"id": "gpt-8", "shutdown_date": 7}) == [
        Known("gpt-9", retires="2027-01-14"),
        Known("gpt-8"),
    ]


async def test_an_ollama_that_embeds_is_not_there() -> None:
    said = Says({"/api/tags": {"models": [{"name": "embeds"}]}, "/api/show": {"capabilities": ["embedding"]}})
    assert await discover(cast(Http, said), OLLAMA) == []
