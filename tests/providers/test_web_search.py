"""The provider's own search of the web: asked for in its own words, and only where it is wanted and there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.asking import TOOL, request
from threadline.domain.catalog import ProviderConfig
from threadline.providers.protocol import ModelSettings
from threadline.providers.remote import dialect_of

HERE = "http://127.0.0.1:1/v1"


def body(config: ProviderConfig, model: str, *, wanted: bool = True, tools: bool = False) -> dict[str, Any]:
    asked = request(model, settings=ModelSettings(web_search=wanted), tools=[TOOL] if tools else [])
    return dialect_of(config).encode(asked)


def kinds(tools: list[dict[str, Any]]) -> list[str]:
    return [tool.get("type") or tool.get("name") or next(iter(tool)) for tool in tools]


@pytest.mark.parametrize(
    ("kind", "model", "tool"),
    [
        ("openai", "gpt-5", {"type": "web_search"}),
        ("xai", "grok-4", {"type": "web_search"}),
        ("anthropic", "claude-opus-4-8", {"type": "web_search_20250305", "name": "web_search"}),
        ("google", "gemini-3-pro-preview", {"googleSearch": {}}),
        ("google", "gemini-2.5-flash", {"googleSearch": {}}),
    ],
)
def test_who_can_search_is_asked_to_in_his_own_words(kind: str, model: str, tool: dict[str, Any]) -> None:
    config = ProviderConfig(kind, kind)
    assert body(config, model)["tools"] == [tool]
    assert tool in body(config, model, tools=True)["tools"]
    assert "tools" not in body(config, model, wanted=False)


def test_an_older_gemini_has_either_the_search_or_tools_of_ours() -> None:
    config = ProviderConfig("google", "google")
    assert kinds(body(config, "gemini-2.5-flash", tools=True)["tools"]) == ["googleSearch"]
    newer = body(config, "gemini-3-pro-preview", tools=True)
    assert kinds(newer["tools"]) == ["functionDeclarations", "googleSearch"]
    assert newer["toolConfig"]["includeServerSideToolInvocations"] is True


@pytest.mark.parametrize(
    "config",
    [
        ProviderConfig("deepseek", "deepseek"),
        ProviderConfig("own", "openai-compatible", base_url=HERE),
        ProviderConfig("own", "openai", base_url=HERE, dialect="responses"),
    ],
)
def test_of_whom_nobody_knows_that_he_can_search_is_not_asked_to(config: ProviderConfig) -> None:
    assert "tools" not in body(config, "any-model")
