"""pydantic-ai as the oracle: it says the same to a provider as we do, and understands the same of its answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI
from pydantic_ai import messages as pai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from tests.fakes.answers import model_name
from tests.fakes.provider import FakeProvider
from tests.providers.asking import ask, check_form
from tests.providers.reading import each_recording
from threadline.domain.messages import Message, is_tool, tool_name
from threadline.providers.protocol import ModelSettings, ToolSpec
from threadline.providers.registry import Registry

pytestmark = pytest.mark.anyio

PNG = "data:image/png;base64,iVBORw0KGgo="
REASONS = {"stop": "stop", "length": "length", "tool_call": "tool-calls", "content_filter": "content-filter"}


@pytest.fixture
async def client(fake: FakeProvider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=fake.url, api_key="x", max_retries=0) as made:
        yield made


def oracle(client: AsyncOpenAI, name: str) -> OpenAIChatModel:
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


@dataclass
class Both:
    """One conversation, as each of the two keeps it."""

    ours: list[Message]
    theirs: list[pai.ModelMessage]
    system: str | None
    tools: list[ToolSpec]


WORDS = st.text(alphabet="abc äß€\n", min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(-(2**53), 2**53) | WORDS, max_size=2)
OUTPUTS = WORDS | st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-(2**53), 2**53), max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> Both:
    """User messages, some with a picture, and answers of several steps, with tools that answer, fail, or do neither."""
    both = Both([], [], draw(st.none() | WORDS), draw(st.lists(tool_specs(), max_size=2, unique_by=lambda t: t.name)))
    calls = iter(range(1000))
    for turn in range(draw(st.integers(1, 3))):
        _user(draw, both, turn)
        parts: list[dict[str, Any]] = []
        if draw(st.booleans()):
            for _ in range(draw(st.integers(1, 3))):
                parts += _step(draw, both, calls)
        both.ours.append(Message(f"a{turn}", "assistant", parts))
    _user(draw, both, 99)
    return both


@st.composite
def tool_specs(draw: st.DrawFn) -> ToolSpec:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    return ToolSpec(draw(st.sampled_from(["look", "act"])), draw(WORDS), schema)


def _user(draw: st.DrawFn, both: Both, turn: int) -> None:
    text = draw(WORDS)
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    content: list[Any] = [text]
    if draw(st.booleans()):
        parts.append({"type": "file", "mediaType": "image/png", "url": PNG, "filename": "a.png"})
        content.append(pai.ImageUrl(PNG, media_type="image/png"))
    both.ours.append(Message(f"u{turn}", "user", parts))
    both.theirs.append(pai.ModelRequest(parts=[pai.UserPromptPart(content if len(content) > 1 else text)]))


def _step(draw: st.DrawFn, both: Both, calls: Any) -> list[dict[str, Any]]:
    ours: list[dict[str, Any]] = [{"type": "step-start"}]
    theirs: list[Any] = []
    results: list[Any] = []
    if draw(st.booleans()):
        ours.append({"type": "reasoning", "text": draw(WORDS)})
    if draw(st.booleans()):
        text = draw(WORDS)
        ours.append({"type": "text", "text": text})
        theirs.append(pai.TextPart(text))
    for _ in range(draw(st.integers(0, 2))):
        call, arguments = f"call_{next(calls)}", draw(ARGUMENTS)
        part: dict[str, Any] = {"type": "tool-look", "toolCallId": call, "input": arguments}
        theirs.append(pai.ToolCallPart("look", arguments, call))
        fate = draw(st.sampled_from(["output", "error", "nothing"]))
        if fate == "output":
            output = draw(OUTPUTS)
            part |= {"state": "output-available", "output": output}
            results.append(pai.ToolReturnPart("look", output, call))
        else:
            text = draw(WORDS) if fate == "error" else "ANY"
            part |= {"state": "output-error", "errorText": text} if fate == "error" else {"state": "input-available"}
            results.append(pai.ToolReturnPart("look", text, call))
        ours.append(part)
    if theirs:
        both.theirs.append(pai.ModelResponse(parts=theirs))
    if results:
        both.theirs.append(pai.ModelRequest(parts=results))
    return ours


def normalised(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what may differ: the spelling of JSON, of plain text, and of limits."""
    messages = []
    for message in body["messages"]:
        message = {name: value for name, value in message.items() if value is not None}
        if isinstance(message.get("content"), list):
            message["content"] = [_block(block) for block in message["content"]]
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        if message["role"] == "tool":
            message["content"] = _json(message["content"])
        messages.append(message)
    tools = sorted(body.get("tools") or [], key=lambda tool: tool["function"]["name"])
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return {"messages": messages, "tools": tools, "limit": limit, "temperature": body.get("temperature")} | {
        name: body.get(name) for name in ("model", "stream", "stream_options")
    }


def _block(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "image_url":
        return {"type": "image_url", "url": block["image_url"]["url"]}
    return block


def _json(text: str) -> Any:
    if "it has no result" in text or text == "ANY":
        return "no result"
    try:
        return json.loads(text)
    except ValueError:
        return text


@given(both=conversations())
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
async def test_we_say_the_same_to_a_provider_as_the_oracle(
    both: Both, fake: FakeProvider, registry: Registry, client: AsyncOpenAI
) -> None:
    fake.forget()
    name = model_name(chunks=1)
    chosen = ModelSettings(max_tokens=100, temperature=0.5, system=both.system)
    await ask(registry, f"fake/{name}", messages=both.ours, settings=chosen, tools=both.tools)
    tools = [
        ToolDefinition(name=one.name, description=one.description, parameters_json_schema=one.parameters)
        for one in both.tools
    ]
    parameters = ModelRequestParameters(function_tools=tools)
    theirs = list(both.theirs)
    if both.system:
        theirs.insert(0, pai.ModelRequest(parts=[pai.SystemPromptPart(both.system)]))
    async with oracle(client, name).request_stream(
        theirs, {"max_tokens": 100, "temperature": 0.5}, parameters
    ) as stream:
        async for _ in stream:
            pass
    ours, oracles = (normalised(call.body) for call in fake.calls)
    assert ours == oracles


@each_recording
async def test_the_oracle_understands_a_recording_as_we_do(
    recording: Path, registry: Registry, client: AsyncOpenAI
) -> None:
    name = model_name(replay=str(recording))
    fold = check_form(await ask(registry, f"fake/{name}"))
    request = pai.ModelRequest(parts=[pai.UserPromptPart("Hello")])
    async with oracle(client, name).request_stream([request], None, ModelRequestParameters()) as stream:
        async for _ in stream:
            pass
        theirs = stream.get()
    ours = [_part(part) for part in fold.parts]
    assert ours == [_their_part(part) for part in theirs.parts]
    assert fold.step_reason == REASONS[theirs.finish_reason or ""]
    assert fold.usage["inputTokens"] == theirs.usage.input_tokens
    assert fold.usage["outputTokens"] == theirs.usage.output_tokens
    assert fold.usage.get("cachedInputTokens", 0) == theirs.usage.cache_read_tokens
    assert fold.usage.get("reasoningTokens", 0) == theirs.usage.details.get("reasoning_tokens", 0)


def _part(part: dict[str, Any]) -> tuple[Any, ...]:
    if is_tool(part):
        return ("call", part["toolCallId"], tool_name(part), part["input"])
    return (part["type"], part["text"])


def _their_part(part: Any) -> tuple[Any, ...]:
    if isinstance(part, pai.ToolCallPart):
        return ("call", part.tool_call_id, part.tool_name, part.args_as_dict())
    return ("reasoning" if isinstance(part, pai.ThinkingPart) else "text", part.content)
