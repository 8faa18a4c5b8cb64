"""A provider of the Responses API over loopback: asked, cut and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tests.fakes.answers import model_name, reasoning_of, text_of
from tests.fakes.responses import FakeResponses
from tests.providers.asking import TOOL, answer, ask, assistant, check_form, request, user
from tests.providers.conftest import SECRET
from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ProviderError, ProviderUnreachable
from threadline.domain.events import Event
from threadline.domain.messages import is_tool
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fake() -> AsyncIterator[FakeResponses]:
    async with FakeResponses(api_key=SECRET) as provider:
        yield provider


@pytest.fixture
async def registry(fake: FakeResponses) -> AsyncIterator[Registry]:
    config = ProviderConfig("fake", base_url=fake.url, api_key=SECRET, dialect="responses")
    made = Registry([config], SystemWorld(), ollama_url=None, stall_seconds=30, connect_seconds=30)
    yield made
    await made.close()


async def test_reasoning_text_and_usage_come_in_their_order(registry: Registry) -> None:
    events = await ask(registry, f"fake/{model_name(chunks=20, reasoning=3, pace=0.001)}")
    thought, text = check_form(events).parts
    assert (thought["text"], text["text"]) == (reasoning_of(reasoning=3), text_of(chunks=20))
    assert thought["providerMetadata"]["fake"]["reasoningEncryptedContent"] == "secret of r0 r1 r2"
    assert events[-1]["usage"] == {
        "inputTokens": 10,
        "outputTokens": 23,
        "totalTokens": 33,
        "reasoningTokens": 3,
        "cachedInputTokens": 0,
    }


async def test_a_turn_with_tools_goes_round_with_its_reasoning(fake: FakeResponses, registry: Registry) -> None:
    name = model_name(chunks=3, tool=["weather", "weather"], reasoning=2, before=1)
    first = check_form(await ask(registry, f"fake/{name}", tools=[TOOL]))
    assert first.step_reason == "tool-calls"
    parts = [
        {**part, "state": "output-available", "output": "21"} if is_tool(part) else dict(part) for part in first.parts
    ]
    history = [user("Hello"), assistant({"type": "step-start"}, *parts)]
    second = check_form(await ask(registry, f"fake/{name}", messages=history, tools=[TOOL]))
    assert second.step_reason == "stop"
    sent = [item.get("type", item.get("role")) for item in fake.calls[-1].body["input"]]
    assert sent == ["user", "reasoning", "assistant", *["function_call"] * 2, *["function_call_output"] * 2]
    assert fake.calls[-1].body["store"] is False


async def test_a_text_that_was_cut_is_gone_on_with_after_its_last_character(registry: Registry) -> None:
    whole = text_of(chunks=40)
    events = await ask(registry, f"fake/{model_name(chunks=40)}", partial=whole[:50])
    assert whole[:50] + answer(events) == whole


@pytest.mark.parametrize("fault", [{"cut_at": 5}, {"error": "Broken.", "error_at": 5}], ids=str)
async def test_what_came_before_a_fault_is_given_before_it(registry: Registry, fault: dict[str, object]) -> None:
    provider, model = registry.get(f"fake/{model_name(chunks=9, **fault)}")
    found: list[Event] = []

    async def listen() -> None:
        async with aclosing(provider.stream(request(model))) as batches:
            async for batch in batches:
                found.extend(batch)

    with pytest.raises(ProviderError) as raised:
        await listen()
    assert answer(found) == text_of(chunks=5)
    assert raised.value.retryable or raised.value.message == "Broken."


async def test_a_refusal_is_told_in_the_providers_words(registry: Registry) -> None:
    with pytest.raises(ProviderError, match="No such thing") as raised:
        await ask(registry, f"fake/{model_name(error='No such thing.', status=404)}")
    assert raised.value.provider_status == 404


async def test_an_answer_that_met_its_limit_says_so(registry: Registry) -> None:
    assert (await ask(registry, f"fake/{model_name(chunks=2, finish='length')}"))[-1]["finishReason"] == "length"


async def test_the_key_is_in_no_error(fake: FakeResponses) -> None:
    config = ProviderConfig("fake", base_url=fake.url, api_key="sk-another-key", dialect="responses")
    made = Registry([config], SystemWorld(), ollama_url=None, stall_seconds=30, connect_seconds=30)
    with pytest.raises(ProviderError) as raised:
        await ask(made, "fake/m")
    assert "sk-another-key" not in str(raised.value)
    await made.close()
    assert not isinstance(raised.value, ProviderUnreachable)
