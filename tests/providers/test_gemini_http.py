"""Gemini spoken to over HTTP, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.answers import Control
from tests.fakes.gemini import FakeGemini
from tests.providers.asking import TOOL, answer, ask, assistant, check_form, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ProviderError
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

MODEL = "gemini-3-flash-preview"


@pytest.fixture
async def fake() -> AsyncIterator[FakeGemini]:
    async with FakeGemini() as provider:
        yield provider


@pytest.fixture
async def registry(fake: FakeGemini) -> AsyncIterator[Registry]:
    config = ProviderConfig("fake", base_url=fake.url, dialect="gemini", headers={"x-goog-api-key": "secret-key"})
    made = Registry([config], SystemWorld(), ollama_url=None)
    yield made
    await made.close()


@pytest.mark.anyio
async def test_an_answer_comes_over_http_and_tools_are_called(fake: FakeGemini, registry: Registry) -> None:
    fake.api_key = "secret-key"
    fake.control = Control(chunks=3, reasoning=2, tool=["weather", "weather"])
    fold = check_form(await ask(registry, f"fake/{MODEL}", tools=[TOOL]))
    assert [part["type"] for part in fold.parts] == ["reasoning", "tool-weather", "tool-weather"]
    assert (fold.step_reason, fold.usage["inputTokens"]) == ("tool-calls", 10)
    called = assistant(
        {"type": "step-start"}, *[{**part, "state": "output-available", "output": 1} for part in fold.parts[1:]]
    )
    events = await ask(registry, f"fake/{MODEL}", messages=[user("Hello"), called], tools=[TOOL])
    assert answer(events) == "t0 t1 t2"
    assert answer(await ask(registry, f"fake/{MODEL}", partial="t0 t")) == "1 t2"


@pytest.mark.anyio
@pytest.mark.parametrize("control", [Control(error="Overloaded.", status=503), Control(error="Broken.", error_at=1)])
async def test_a_failure_is_told_in_the_providers_own_words(
    control: Control, fake: FakeGemini, registry: Registry
) -> None:
    fake.control = control
    with pytest.raises(ProviderError) as raised:
        await ask(registry, f"fake/{MODEL}")
    assert raised.value.message == control.error
    assert raised.value.retryable


@pytest.mark.anyio
async def test_a_key_that_is_refused_is_not_repeated(fake: FakeGemini, registry: Registry) -> None:
    fake.api_key = "another"
    with pytest.raises(ProviderError) as raised:
        await ask(registry, f"fake/{MODEL}")
    assert raised.value.message.startswith("API key not valid")
    assert "secret-key" not in raised.value.message
