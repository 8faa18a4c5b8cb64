"""pydantic-ai as the oracle: it says the same to the Responses API as we do, and understands the same of its answers.

What differs, and is taken out before the two are compared:

- It names items by the ids that the provider gave them; we name none but reasoning, so that nothing depends on what a
  provider kept, and no item is refused because another one is missing.
- It writes ``tool_choice: auto`` where tools are offered, which is what is meant without it.
- It calls every file ``filename.pdf``; we give the file's own name.

What differs, and is not generated: reasoning of other providers (it is told to the model as text, and left out by us),
raw reasoning of open models (it goes back in plain words; what is not encrypted we leave out), reasoning that nothing
follows (it goes along, and is refused), and files of text (told as files, by us as words).
"""

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
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from tests.fakes.answers import model_name
from tests.fakes.responses import FakeResponses
from tests.providers.asking import ask, check_form
from tests.providers.responses_reading import Answer, each_answer
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import Message, is_tool, tool_name
from threadline.providers.protocol import ModelSettings, ToolSpec
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
REASONS = {"stop": "stop", "length": "length", "content_filter": "content-filter"}
WORDS = st.text(alphabet="abc äß€\n", min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(-(2**53), 2**53) | WORDS, max_size=2)
OUTPUTS = WORDS | st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-(2**53), 2**53), max_size=2)


@pytest.fixture
async def fake() -> AsyncIterator[FakeResponses]:
    async with FakeResponses() as provider:
        yield provider


@pytest.fixture
async def registry(fake: FakeResponses) -> AsyncIterator[Registry]:
    config = ProviderConfig("openai", "openai", base_url=fake.url, api_key="x", dialect="responses")
    made = Registry([config], SystemWorld(), ollama_url=None, stall_seconds=30, connect_seconds=30)
    yield made
    await made.close()


@pytest.fixture
async def client(fake: FakeResponses) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=fake.url, api_key="x", max_retries=0) as made:
        yield made


def oracle(client: AsyncOpenAI, name: str) -> OpenAIResponsesModel:
    return OpenAIResponsesModel(name, provider=OpenAIProvider(openai_client=client))


@dataclass
class Both:
    """One conversation, as each of the two keeps it."""

    ours: list[Message]
    theirs: list[pai.ModelMessage]
    system: str | None
    tools: list[ToolSpec]


@st.composite
def conversations(draw: st.DrawFn) -> Both:
    """User messages, some with files, and answers of several steps with reasoning, text, and calls of tools that
    answer, fail, or do neither."""
    both = Both([], [], draw(st.none() | WORDS), draw(st.lists(tool_specs(), max_size=2, unique_by=lambda t: t.name)))
    numbers = iter(range(1000))
    for turn in range(draw(st.integers(1, 3))):
        _user(draw, both, turn)
        parts: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(0, 3))):
            parts += _step(draw, both, numbers)
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
        url = draw(st.sampled_from([PNG, "https://a.example/a.png"]))
        parts.append({"type": "file", "mediaType": "image/png", "url": url, "filename": "a.png"})
        content.append(pai.ImageUrl(url, media_type="image/png"))
    if draw(st.booleans()):
        url = draw(st.sampled_from([PDF, "https://a.example/a.pdf"]))
        parts.append({"type": "file", "mediaType": "application/pdf", "url": url, "filename": "a.pdf"})
        data = pai.BinaryContent(data=b"%PDF-", media_type="application/pdf")
        content.append(data if url == PDF else pai.DocumentUrl(url, media_type="application/pdf"))
    both.ours.append(Message(f"u{turn}", "user", parts))
    both.theirs.append(pai.ModelRequest(parts=[pai.UserPromptPart(content if len(content) > 1 else text)]))


def _step(draw: st.DrawFn, both: Both, numbers: Any) -> list[dict[str, Any]]:
    ours: list[dict[str, Any]] = [{"type": "step-start"}]
    theirs: list[Any] = []
    results: list[Any] = []
    calls = draw(st.integers(0, 2))
    says = draw(st.booleans())
    if draw(st.booleans()) and (calls or says):
        _think(draw, ours, theirs, f"rs_{next(numbers)}")
    if says:
        text = draw(WORDS)
        ours.append({"type": "text", "text": text})
        theirs.append(pai.TextPart(text))
    for _ in range(calls):
        call, arguments = f"call_{next(numbers)}", draw(ARGUMENTS)
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
        both.theirs.append(pai.ModelResponse(parts=theirs, provider_name="openai"))
    if results:
        both.theirs.append(pai.ModelRequest(parts=results))
    return ours


def _think(draw: st.DrawFn, ours: list[dict[str, Any]], theirs: list[Any], item: str) -> None:
    """One item of reasoning, which may have several parts: we keep what was encrypted with the last, it with the
    first."""
    texts = draw(st.lists(WORDS, max_size=2)) or [""]
    for number, text in enumerate(texts):
        told = {"itemId": item}
        if number == len(texts) - 1:
            told["reasoningEncryptedContent"] = f"secret of {item}"
        ours.append({"type": "reasoning", "text": text, "providerMetadata": {"openai": told}})
        signature = None if number else f"secret of {item}"
        theirs.append(pai.ThinkingPart(text, id=item, signature=signature, provider_name="openai"))


def normalised(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what may differ."""
    items = [_item(dict(item)) for item in body["input"]]
    tools = sorted(body.get("tools") or [], key=lambda tool: str(tool["name"]))
    names = ("model", "stream", "store", "include", "temperature", "max_output_tokens", "reasoning")
    return {"input": items, "tools": tools} | {name: body.get(name) for name in names}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type") == "function_call":
        item["arguments"] = json.loads(item["arguments"])
    elif item.get("type") == "function_call_output":
        item["output"] = _json(item["output"])
    elif isinstance(item.get("content"), list):
        item["content"] = [{name: block[name] for name in block if name != "filename"} for block in item["content"]]
    return item


def _json(text: str) -> Any:
    if "it has no result" in text or text == "ANY":
        return "no result"
    try:
        return json.loads(text)
    except ValueError:
        return text


@given(both=conversations(), family=st.sampled_from(["gpt-4.1", "gpt-5-mini"]))
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
async def test_we_say_the_same_to_a_provider_as_the_oracle(
    both: Both, family: str, fake: FakeResponses, registry: Registry, client: AsyncOpenAI
) -> None:
    fake.forget()
    name = f"{family}{model_name(chunks=1)}"
    reasons = family == "gpt-5-mini"
    if not reasons:
        both = Both([_thoughtless(one) for one in both.ours], _all_thoughtless(both.theirs), both.system, both.tools)
    chosen = ModelSettings(
        max_tokens=100, temperature=0.5, system=both.system, reasoning_effort="low" if reasons else None
    )
    await ask(registry, f"openai/{name}", messages=both.ours, settings=chosen, tools=both.tools)
    tools = [
        ToolDefinition(name=one.name, description=one.description, parameters_json_schema=one.parameters)
        for one in both.tools
    ]
    theirs = list(both.theirs)
    if both.system:
        theirs.insert(0, pai.ModelRequest(parts=[pai.SystemPromptPart(both.system)]))
    asked: dict[str, Any] = {"max_tokens": 100, "openai_store": False}
    asked |= {"openai_reasoning_effort": "low"} if reasons else {"temperature": 0.5}
    parameters = ModelRequestParameters(function_tools=tools)
    async with oracle(client, name).request_stream(theirs, asked, parameters) as stream:  # type: ignore[arg-type]
        async for _ in stream:
            pass
    ours, oracles = (normalised(call.body) for call in fake.calls)
    assert ours == oracles


def _thoughtless(message: Message) -> Message:
    return Message(message.id, message.role, [part for part in message.parts if part["type"] != "reasoning"])


def _all_thoughtless(messages: list[pai.ModelMessage]) -> list[pai.ModelMessage]:
    return [
        pai.ModelResponse(
            parts=[part for part in one.parts if not isinstance(part, pai.ThinkingPart)], provider_name="openai"
        )
        if isinstance(one, pai.ModelResponse)
        else one
        for one in messages
    ]


@each_answer
async def test_the_oracle_understands_a_recorded_answer_as_we_do(
    answer: Answer, registry: Registry, client: AsyncOpenAI, tmp_path: Path
) -> None:
    recording = tmp_path / "answer.jsonl"
    recording.write_text("\n".join(answer.lines))
    name = model_name(replay=str(recording))
    fold = check_form(await ask(registry, f"openai/{name}"))
    request = pai.ModelRequest(parts=[pai.UserPromptPart("Hello")])
    async with oracle(client, name).request_stream([request], None, ModelRequestParameters()) as stream:
        async for _ in stream:
            pass
        theirs = stream.get()
    assert [_part(part) for part in fold.parts] == [_their_part(part) for part in theirs.parts]
    calls = any(is_tool(part) for part in fold.parts)
    assert fold.step_reason == ("tool-calls" if calls else REASONS[theirs.finish_reason or ""])
    assert fold.usage["inputTokens"] == theirs.usage.input_tokens
    assert fold.usage["outputTokens"] == theirs.usage.output_tokens
    assert fold.usage.get("cachedInputTokens", 0) == theirs.usage.cache_read_tokens
    assert fold.usage.get("reasoningTokens", 0) == theirs.usage.details.get("reasoning_tokens", 0)


def _part(part: dict[str, Any]) -> tuple[Any, ...]:
    if is_tool(part):
        return ("call", part["toolCallId"], tool_name(part), part["input"])
    if part["type"] == "reasoning":
        told = part["providerMetadata"]["openai"]
        return ("reasoning", part["text"], told["itemId"], told.get("reasoningEncryptedContent"))
    return ("text", part["text"])


def _their_part(part: Any) -> tuple[Any, ...]:
    if isinstance(part, pai.ToolCallPart):
        return ("call", part.tool_call_id, part.tool_name, part.args_as_dict())
    if isinstance(part, pai.ThinkingPart):
        raw = "".join((part.provider_details or {}).get("raw_content", ()))
        return ("reasoning", part.content or raw, part.id, part.signature)
    return ("text", part.content)
