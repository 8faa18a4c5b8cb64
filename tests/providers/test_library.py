"""Providers that pydantic-ai calls: the same conversation, the same events, the same words where something fails."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.answers import model_name, reasoning_of, text_of
from tests.fakes.messages import FakeMessages
from tests.fakes.provider import FakeProvider
from tests.providers.accepting import accepts
from tests.providers.asking import TOOL, answer, ask, assistant, check_form, said, user
from tests.providers.conftest import SECRET
from threadline.domain.catalog import ProviderConfig
from threadline.domain.errors import ContextExceeded, ProviderError
from threadline.domain.messages import is_tool
from threadline.providers.protocol import ModelSettings
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
async def registry(fake: FakeProvider) -> AsyncIterator[Registry]:
    config = ProviderConfig("tail", "library", base_url=fake.url, api_key=SECRET)
    made = Registry([config], SystemWorld(), ollama_url=None)
    yield made
    await made.close()


def named(maker: str = "openai-chat", **control: Any) -> str:
    return f"tail/{maker}:{model_name(**control)}"


@pytest.mark.parametrize("split", [None, 7])
async def test_an_answer_is_told_as_every_other_one(registry: Registry, split: int | None) -> None:
    events = await ask(registry, named(chunks=20, reasoning=3, split=split))
    parts = check_form(events).parts
    assert [(part["type"], part["text"]) for part in parts] == [
        ("reasoning", reasoning_of(reasoning=3)),
        ("text", text_of(chunks=20)),
    ]
    assert events[-1]["finishReason"] == "stop"
    assert events[-1]["usage"]["outputTokens"] == 23


async def test_calls_of_tools_come_as_they_form_and_their_results_go_back(
    fake: FakeProvider, registry: Registry
) -> None:
    name = named(chunks=3, tool=["weather", "weather"], before=1)
    first = check_form(await ask(registry, name, tools=[TOOL]))
    assert first.step_reason == "tool-calls"
    calls = [{**part, "state": "output-available", "output": 21} for part in first.parts if is_tool(part)]
    assert len(calls) == 2
    history = [user("Hello"), assistant({"type": "step-start"}, said("Well."), *calls)]
    second = await ask(registry, name, messages=history, tools=[TOOL])
    assert answer(second) == text_of(chunks=3)
    accepts("completions", fake.calls[-1].body)
    assert sum(message["role"] == "tool" for message in fake.calls[-1].body["messages"]) == 2


async def test_settings_files_and_the_form_of_the_answer_go_along(fake: FakeProvider, registry: Registry) -> None:
    form = {"type": "json_schema", "name": "point", "schema": {"type": "object", "properties": {}}, "strict": False}
    chosen = ModelSettings(
        max_tokens=77,
        temperature=0.25,
        system="Be brief.",
        response_format=form,
        sampling={"top_p": 0.5, "stop": "END", "seed": 3},
    )
    files = [{"type": "text", "text": "Look"}, {"type": "file", "mediaType": "image/png", "url": PNG}]
    asked = user("x")
    asked.parts[:] = files
    await ask(registry, named(chunks=1), messages=[asked], settings=chosen)
    body = fake.calls[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["messages"][1]["content"][1]["image_url"]["url"] == PNG
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    assert (limit, body["temperature"], body["top_p"], body["stop"], body["seed"]) == (77, 0.25, 0.5, ["END"], 3)
    assert body["response_format"]["json_schema"]["name"] == "point"


async def test_a_cut_text_goes_on_by_instruction(fake: FakeProvider, registry: Registry) -> None:
    whole = text_of(chunks=9)
    events = await ask(registry, named(chunks=9), partial=whole[:11], first_part=4)
    check_form(events, first_part=4)
    assert fake.calls[-1].partial == whole[:11]


async def test_reasoning_goes_back_with_its_proof_to_who_gave_it() -> None:
    async with FakeMessages() as fake:
        config = ProviderConfig("tail", "library", base_url=fake.root, api_key="x")
        registry = Registry([config], SystemWorld(), ollama_url=None)
        name = f"tail/anthropic:{model_name(chunks=2, reasoning=2)}"
        first = check_form(await ask(registry, name))
        proof = first.parts[0]["providerMetadata"]["tail"]["signature"]
        await ask(registry, name, messages=[user("Hello"), assistant({"type": "step-start"}, *first.parts), user("On")])
        blocks = itertools.chain.from_iterable(one["content"] for one in fake.calls[-1].body["messages"])
        assert [block["signature"] for block in blocks if block["type"] == "thinking"] == [proof]


@pytest.mark.parametrize(
    ("control", "passing", "kind"),
    [
        ({"status": 503, "error": "Not now."}, True, ProviderError),
        ({"status": 400, "error": "This model's maximum context length is 8 tokens."}, False, ContextExceeded),
        ({"status": 401, "error": f"Wrong key {SECRET}."}, False, ProviderError),
    ],
)
async def test_what_fails_fails_in_the_provider_s_words_and_without_the_key(
    registry: Registry, control: dict[str, Any], passing: bool, kind: type[ProviderError]
) -> None:
    with pytest.raises(kind) as caught:
        await ask(registry, named(**control))
    assert control["error"].replace(SECRET, "…") in caught.value.message
    assert SECRET not in repr(caught.value)
    assert caught.value.retryable is passing
    assert caught.value.provider_status == control["status"]


async def test_a_model_that_the_library_does_not_know_is_told_as_such(registry: Registry) -> None:
    with pytest.raises(ProviderError) as caught:
        await ask(registry, "tail/nobody:any")
    assert "nobody" in caught.value.message
    assert not caught.value.retryable
