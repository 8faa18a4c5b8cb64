"""Anthropic's dialect over loopback: whole calls, and every way in which they fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from tests.fakes.answers import model_name, text_of
from tests.fakes.messages import FakeMessages
from tests.providers.asking import TOOL, answer, ask, assistant, batches, check_form, request, user
from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ProviderError, ProviderStalled
from threadline.domain.events import Event
from threadline.domain.messages import is_tool
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

SECRET = "sk-ant-this-must-never-be-seen"


@pytest.fixture
async def fake() -> AsyncIterator[FakeMessages]:
    async with FakeMessages() as provider:
        yield provider


def made(fake: FakeMessages, stall_seconds: float = 60) -> Registry:
    config = ProviderConfig("fake", "anthropic", base_url=fake.url, api_key=SECRET)
    return Registry([config], SystemWorld(), ollama_url=None, stall_seconds=stall_seconds)


@pytest.fixture
async def registry(fake: FakeMessages) -> AsyncIterator[Registry]:
    registry = made(fake)
    yield registry
    await registry.close()


async def failing(registry: Registry, **control: Any) -> tuple[list[Event], ProviderError]:
    provider, model = registry.get(f"fake/{model_name(**control)}")
    got: list[Event] = []
    try:
        async with aclosing(provider.stream(request(model))) as stream:
            async for batch in stream:
                got += batch
    except ProviderError as fault:
        return got, fault
    raise AssertionError("it did not fail")


async def test_an_answer_comes_in_batches_with_its_reasoning_and_its_usage(
    registry: Registry, fake: FakeMessages
) -> None:
    fake.api_key = SECRET
    got = await batches(registry, f"fake/{model_name(chunks=30, reasoning=3, pace=0.001)}")
    assert len(got) > 1
    assert all(got)
    events = [event for batch in got for event in batch]
    fold = check_form(events)
    assert answer(events) == text_of(chunks=30)
    assert fold.parts[0]["text"] == "r0 r1 r2"
    assert fold.parts[0]["providerMetadata"] == {"anthropic": {"signature": "fake-signature", "origin": "fake"}}
    assert fold.usage == {"inputTokens": 10, "outputTokens": 33, "totalTokens": 43}
    assert fake.calls[0].ended == "done"


async def test_tools_are_called_side_by_side_and_what_they_answered_goes_back(
    registry: Registry, fake: FakeMessages
) -> None:
    name = f"fake/{model_name(tool=['weather', 'weather'], reasoning=2, chunks=3)}"
    fold = check_form(await ask(registry, name, tools=[TOOL]))
    assert fold.step_reason == "tool-calls"
    found = [part for part in fold.parts if is_tool(part)]
    assert [part["input"] for part in found] == [{"city": "Oslo"}] * 2
    for part in found:
        part.update(state="output-available", output={"degrees": 21})
    history = [user("Hello"), assistant({"type": "step-start"}, *fold.parts)]
    assert answer(await ask(registry, name, tools=[TOOL], messages=history)) == text_of(chunks=3)
    called, results = fake.calls[1].body["messages"][1:]
    assert called["content"][0] == {"type": "thinking", "thinking": "r0 r1", "signature": "fake-signature"}
    assert [block["type"] for block in results["content"]] == ["tool_result"] * 2


async def test_a_cut_text_goes_on_by_instruction(registry: Registry) -> None:
    whole = text_of(chunks=20)
    rest = answer(await ask(registry, f"fake/{model_name(chunks=20)}", partial=whole[:25]))
    assert whole[:25] + rest == whole


async def test_a_wrong_key_is_refused_in_the_providers_words_and_stays_unseen(
    registry: Registry, fake: FakeMessages
) -> None:
    fake.api_key = "another"
    _, fault = await failing(registry)
    assert "invalid x-api-key" in fault.message
    assert SECRET not in f"{fault.message} {fault.details}"
    assert (fault.provider_status, fault.retryable) == (401, False)


async def test_a_refusal_says_when_to_try_again(registry: Registry) -> None:
    events, fault = await failing(registry, error="Overloaded", status=529, retry_after=7)
    assert events == []
    assert (fault.message, fault.provider_status, fault.retryable, fault.retry_after) == ("Overloaded", 529, True, 7.0)


async def test_an_error_in_mid_stream_keeps_the_text(registry: Registry) -> None:
    events, fault = await failing(registry, error="It broke.", error_at=3)
    assert answer(events) == "t0 t1 t2"
    assert (fault.message, fault.retryable) == ("It broke.", True)


async def test_a_connection_that_is_cut_is_a_failure(registry: Registry) -> None:
    events, fault = await failing(registry, cut_at=3)
    assert answer(events) == "t0 t1 t2"
    assert fault.retryable


async def test_a_provider_that_stalls_is_a_failure(fake: FakeMessages) -> None:
    registry = made(fake, stall_seconds=0.5)
    events, fault = await failing(registry, stall_at=2)
    assert answer(events) == "t0 t1"
    assert isinstance(fault, ProviderStalled)
    await registry.close()


async def test_whoever_leaves_ends_the_call(registry: Registry, fake: FakeMessages) -> None:
    provider, model = registry.get(f"fake/{model_name(chunks=3, stall_at=2)}")
    async with aclosing(provider.stream(request(model))) as stream:
        async for batch in stream:
            if any(event["type"] == "text-delta" for event in batch):
                break
    with anyio.fail_after(60):
        while fake.connections:
            await anyio.sleep(0.01)
    assert fake.calls[0].ended == "gone"
