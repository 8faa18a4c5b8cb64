"""pydantic-ai as the oracle: it says the same to Anthropic as we do, and understands the same of its answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai import messages as pai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from tests.fakes.answers import Control, model_name
from tests.fakes.messages import FakeMessages
from tests.providers.asking import check_form, request
from tests.providers.replaying import decoded
from tests.providers.test_messages_recordings import each_recording, wire
from threadline.domain.messages import Message, Part, is_tool, tool_name
from threadline.providers.messages import Decoder, encode
from threadline.providers.protocol import ModelSettings, ToolSpec

pytest.importorskip("anthropic", reason="the oracle speaks to Anthropic through the package anthropic")

from anthropic import AsyncAnthropic
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.providers.anthropic import AnthropicProvider

pytestmark = pytest.mark.anyio

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjc="
REMOTE = "https://pictures.example/a.jpg"
REASONS = {"stop": "stop", "length": "length", "tool_call": "tool-calls", "content_filter": "content-filter"}
SAMPLED = ("claude-haiku-4-5", "claude-sonnet-4-6")
WORDS = st.text(alphabet="abc äß€\n", min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(-(2**53), 2**53) | WORDS, max_size=2)
OUTPUTS = WORDS | st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-(2**53), 2**53), max_size=2)
FILES: list[tuple[Part, Any]] = [
    (
        {"type": "file", "mediaType": "image/png", "url": PNG},
        pai.BinaryContent(b"\x89PNG\r\n\x1a\n", media_type="image/png"),
    ),
    ({"type": "file", "mediaType": "image/jpeg", "url": REMOTE}, pai.ImageUrl(REMOTE, media_type="image/jpeg")),
    (
        {"type": "file", "mediaType": "application/pdf", "url": PDF},
        pai.BinaryContent(b"%PDF-1.7", media_type="application/pdf"),
    ),
]


@dataclass
class Both:
    """One conversation, as each of the two keeps it."""

    system: str | None
    tools: list[ToolSpec]
    ours: list[Message] = field(default_factory=list)
    theirs: list[pai.ModelMessage] = field(default_factory=list)
    calls: Iterator[int] = field(default_factory=itertools.count)


@pytest.fixture
async def fake() -> AsyncIterator[FakeMessages]:
    async with FakeMessages(Control(chunks=1)) as provider:
        yield provider


@pytest.fixture
async def client(fake: FakeMessages) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=fake.root, api_key="x", max_retries=0) as made:
        yield made


@st.composite
def conversations(draw: st.DrawFn) -> Both:
    """User messages, some with files, and answers of several steps: reasoning with signatures, text, and tools that
    answer, fail, or do neither."""
    both = Both(draw(st.none() | WORDS), draw(st.lists(tool_specs(), max_size=2, unique_by=lambda tool: tool.name)))
    for turn in range(draw(st.integers(1, 3))):
        _user(draw, both, turn)
        parts: list[Part] = []
        for more in reversed(range(draw(st.integers(1, 3)))):
            # A step that another one follows has called a tool.
            parts += _step(draw, both, least=min(more, 1))
        both.ours.append(Message(f"a{turn}", "assistant", parts))
    _user(draw, both, 99)
    return both


@st.composite
def tool_specs(draw: st.DrawFn) -> ToolSpec:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    return ToolSpec(draw(st.sampled_from(["look", "act"])), draw(WORDS), schema)


def _user(draw: st.DrawFn, both: Both, turn: int) -> None:
    text = draw(WORDS)
    files = draw(st.lists(st.sampled_from(FILES), max_size=2, unique_by=id))
    both.ours.append(Message(f"u{turn}", "user", [{"type": "text", "text": text}, *(ours for ours, _ in files)]))
    content = [text, *(theirs for _, theirs in files)]
    both.theirs.append(pai.ModelRequest(parts=[pai.UserPromptPart(content if files else text)]))


def _step(draw: st.DrawFn, both: Both, least: int) -> list[Part]:
    ours: list[Part] = [{"type": "step-start"}]
    theirs: list[Any] = []
    if draw(st.booleans()):
        _think(draw, ours, theirs)
    text = draw(WORDS)
    ours.append({"type": "text", "text": text})
    theirs.append(pai.TextPart(text))
    results: list[Any] = []
    for _ in range(draw(st.integers(least, 3))):
        call, arguments = f"call_{next(both.calls)}", draw(ARGUMENTS)
        part: Part = {"type": "tool-look", "toolCallId": call, "input": arguments}
        theirs.append(pai.ToolCallPart("look", arguments, call))
        fate = draw(st.sampled_from(["output", "error", "nothing"]))
        if fate == "output":
            output = draw(OUTPUTS)
            part |= {"state": "output-available", "output": output}
            results.append(pai.ToolReturnPart("look", output, call))
        else:
            words = draw(WORDS) if fate == "error" else "it has no result"
            part |= {"state": "output-error", "errorText": words} if fate == "error" else {"state": "input-available"}
            results.append(pai.ToolReturnPart("look", words, call, outcome="failed"))
        ours.append(part)
    both.theirs.append(pai.ModelResponse(parts=theirs, provider_name="anthropic"))
    if results:
        both.theirs.append(pai.ModelRequest(parts=results))
    return ours


def _think(draw: st.DrawFn, ours: list[Part], theirs: list[Any]) -> None:
    kind = draw(st.sampled_from(["signed", "redacted", "unsigned", "foreign"]))
    text = "" if kind == "redacted" else draw(WORDS)
    part: Part = {"type": "reasoning", "text": text}
    if kind == "signed":
        part["providerMetadata"] = {"anthropic": {"signature": "signature"}}
        theirs.append(pai.ThinkingPart(text, signature="signature", provider_name="anthropic"))
    elif kind == "redacted":
        part["providerMetadata"] = {"anthropic": {"redactedData": "data"}}
        theirs.append(pai.ThinkingPart("", id="redacted_thinking", signature="data", provider_name="anthropic"))
    elif kind == "foreign":
        part["providerMetadata"] = {"openai": {"itemId": "rs_1", "signature": "other"}}
    # The oracle tells unsigned reasoning of others as text; here it is left out, as everywhere else.
    ours.append(part)


def normalised(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what may differ: how plain text and system prompts are spelled, JSON in results, and the
    oracle's own words."""
    out: dict[str, Any] = {name: body.get(name) for name in ("model", "max_tokens", "stream", "temperature")}
    out["effort"] = (body.get("output_config") or {}).get("effort")
    # We ask to see thinking that is hidden otherwise, and so name it also where a model thinks unasked.
    thinking = {name: value for name, value in (body.get("thinking") or {}).items() if name != "display"}
    out["thinking"] = None if body["model"] == "claude-opus-5" and not out["effort"] else thinking
    system = body.get("system")
    out["system"] = system if isinstance(system, str | None) else "\n\n".join(block["text"] for block in system)
    out["tools"] = sorted(body.get("tools") or [], key=lambda tool: str(tool["name"]))
    out["messages"] = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if out["messages"] and out["messages"][-1]["role"] == message["role"]:
            # What follows one another of one role is one turn to the provider.
            out["messages"][-1]["content"] += map(_block, blocks)
        else:
            out["messages"].append({"role": message["role"], "content": [_block(block) for block in blocks]})
    return out


def _block(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] != "tool_result":
        return block
    content = block.get("content", "")
    text = content if isinstance(content, str) else "".join(one["text"] for one in content)
    return {"id": block["tool_use_id"], "content": _json(text), "is_error": block.get("is_error", False)}


def _json(text: str) -> Any:
    if "it has no result" in text:
        return "no result"
    try:
        return json.loads(text)
    except ValueError:
        return text


@given(
    both=conversations(),
    name=st.sampled_from([*SAMPLED, "claude-opus-4-8", "claude-opus-5"]),
    effort=st.sampled_from([None, "low", "high"]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
async def test_we_say_the_same_to_a_provider_as_the_oracle(
    both: Both, name: str, effort: Any, fake: FakeMessages, client: AsyncAnthropic
) -> None:
    fake.forget()
    if "haiku" in name:
        effort = None
    chosen = ModelSettings(max_tokens=100, temperature=0.5, system=both.system, reasoning_effort=effort)
    ours = encode(request(name, messages=both.ours, settings=chosen, tools=both.tools))
    tools = [
        ToolDefinition(name=one.name, description=one.description, parameters_json_schema=one.parameters)
        for one in both.tools
    ]
    theirs = list(both.theirs)
    if both.system:
        theirs.insert(0, pai.ModelRequest(parts=[pai.SystemPromptPart(both.system)]))
    wanted = AnthropicModelSettings(max_tokens=100)
    if name in SAMPLED and not effort:
        # The oracle warns where a model refuses a temperature, and sends one along with thinking, which is refused.
        wanted["temperature"] = 0.5
    if effort:
        wanted["thinking"] = effort
    model = AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
    async with model.request_stream(theirs, wanted, ModelRequestParameters(function_tools=tools)) as stream:
        async for _ in stream:
            pass
    (call,) = fake.calls
    assert normalised(ours) == normalised(call.body)


@each_recording
async def test_the_oracle_understands_a_recording_as_we_do(
    path: Path, fake: FakeMessages, client: AsyncAnthropic
) -> None:
    fold = check_form(decoded(Decoder(), [wire(path)]))
    name = model_name(replay=str(path))
    model = AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client))
    asked = pai.ModelRequest(parts=[pai.UserPromptPart("Hello")])
    async with model.request_stream([asked], None, ModelRequestParameters()) as stream:
        async for _ in stream:
            pass
        theirs = stream.get()
    assert [_part(part) for part in fold.parts] == [_their_part(part) for part in theirs.parts]
    assert fold.step_reason == REASONS[theirs.finish_reason or ""]
    assert fold.usage["inputTokens"] == theirs.usage.input_tokens
    assert fold.usage["outputTokens"] == theirs.usage.output_tokens
    assert fold.usage["cachedInputTokens"] == theirs.usage.cache_read_tokens


def _part(part: Part) -> tuple[Any, ...]:
    if is_tool(part):
        return ("call", part["toolCallId"], tool_name(part), part["input"])
    signature = (part.get("providerMetadata") or {}).get("anthropic", {}).get("signature")
    return (part["type"], part["text"], signature)


def _their_part(part: Any) -> tuple[Any, ...]:
    if isinstance(part, pai.ToolCallPart):
        return ("call", part.tool_call_id, part.tool_name, part.args_as_dict())
    if isinstance(part, pai.ThinkingPart):
        return ("reasoning", part.content, part.signature)
    return ("text", part.content, None)
