"""What providers say of their models, in whatever form: what is not understood is not known, and spoils nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from threadline.domain.catalog import Capabilities, Known, ProviderConfig
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
        ({"capabilities": {"vision": {"supported": True}}}, Capabilities(), None),
        ({"capabilities": {"function_calling": "native", "vision": 1}}, Capabilities(), None),
        ({"capabilities": ["vision"], "supported_parameters": ["tools"]}, Capabilities(True, False, None), None),
        ({"architecture": "transformer", "context_length": 4096}, Capabilities(), 4096),
        ({"architecture": {"input_modalities": ["image"]}, "context_length": True}, Capabilities(vision=True), None),
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
