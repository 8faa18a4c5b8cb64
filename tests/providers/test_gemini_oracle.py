"""pydantic-ai as the oracle: it says the same to Gemini as we do, and understands the same of its answers."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai import messages as pai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from tests.fakes.answers import Control
from tests.fakes.gemini import FakeGemini
from tests.providers.asking import check_form, request
from tests.providers.replaying import decoded
from tests.providers.test_gemini_recordings import each_recording, wire
from threadline.domain.messages import Message, Part, is_tool, tool_name
from threadline.providers.gemini import Decoder, encode
from threadline.providers.history import CONTINUE
from threadline.providers.protocol import ModelSettings, ToolSpec

pytest.importorskip("google.genai", reason="the oracle speaks to Google through the package google-genai")

from pydantic_ai.models.google import GoogleModel, GoogleModelSettings
from pydantic_ai.providers.google import GoogleProvider

pytestmark = pytest.mark.anyio

# Where the two differ, and why (see ``normalised``):
# - The oracle gives unsigned thoughts back, which prove nothing and are ignored; we leave them out.
# - The oracle gives a result that is an object as it stands, and any other as ``return_value``; we give each as
#   ``output``, so that a result with a key ``error`` is not taken for a failure.
# - The oracle asks for the modality TEXT, which is the usual one, and for the mode AUTO or VALIDATED without a choice.
# - The oracle leaves the thoughts out where no effort is chosen; we show what the model thinks in any case.
MODELS = (
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-3-flash-preview",
    "gemini-3-pro-preview",
    "gemini-3.1-pro-preview",
)
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjc="
UNSIGNED = b"skip_thought_signature_validator"
EFFORTS = (None, "none", "minimal", "low", "medium", "high", "xhigh")
REASONS = {"stop": "stop", "length": "length", "tool_call": "tool-calls", "content_filter": "content-filter"}
WORDS = st.text(alphabet="abc äß€\n", min_size=1, max_size=12)
SIGNATURES = st.none() | st.binary(min_size=1, max_size=9)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(-(2**53), 2**53) | WORDS, max_size=2)
OUTPUTS = WORDS | st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-(2**53), 2**53), max_size=2)
FILES: list[tuple[Part, Any]] = [
    (
        {"type": "file", "mediaType": "image/png", "url": PNG},
        pai.BinaryContent(b"\x89PNG\r\n\x1a\n", media_type="image/png"),
    ),
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


@st.composite
def conversations(draw: st.DrawFn) -> Both:
    """User messages, some with a file, and answers of several steps, signed or not, with tools that answer, fail, or
    do neither."""
    both = Both(draw(st.none() | WORDS.filter(str.strip)), draw(st.lists(tool_specs(), max_size=2, unique_by=name_of)))
    calls = itertools.count()
    for turn in range(draw(st.integers(0, 3))):
        _user(draw, both, turn)
        parts: list[Part] = []
        for _ in range(draw(st.integers(0, 3))):
            parts += _step(draw, both, calls)
        both.ours.append(Message(f"a{turn}", "assistant", parts))
    _user(draw, both, 99)
    return both


def name_of(tool: ToolSpec) -> str:
    return tool.name


@st.composite
def tool_specs(draw: st.DrawFn) -> ToolSpec:
    properties = {"a": {"type": "integer", "minimum": 1}, "b": {"type": "array", "items": {"enum": ["x", "y"]}}}
    schema = {"type": "object", "properties": properties, "additionalProperties": False, "required": ["a"]}
    return ToolSpec(draw(st.sampled_from(["look", "act"])), draw(WORDS), schema)


def _user(draw: st.DrawFn, both: Both, turn: int) -> None:
    text = draw(WORDS)
    parts: list[Part] = [{"type": "text", "text": text}]
    content: list[Any] = [text]
    for part, theirs in draw(st.lists(st.sampled_from(FILES), max_size=2)):
        parts.append(part)
        content.append(theirs)
    both.ours.append(Message(f"u{turn}", "user", parts))
    both.theirs.append(pai.ModelRequest(parts=[pai.UserPromptPart(content)]))


def _step(draw: st.DrawFn, both: Both, calls: Iterator[int]) -> list[Part]:
    ours: list[Part] = [{"type": "step-start"}]
    theirs: list[Any] = []
    results: list[Any] = []
    for kind in draw(st.lists(st.sampled_from(["reasoning", "text", "picture"]), max_size=3)):
        about, signed = _signed(draw(SIGNATURES))
        metadata = {"providerMetadata": about} if about else {}
        if kind == "picture":
            ours.append({**FILES[0][0], **metadata})
            theirs.append(pai.FilePart(FILES[0][1], **signed))
        else:
            text = draw(WORDS)
            ours.append({"type": kind, "text": text, **metadata})
            theirs.append((pai.TextPart if kind == "text" else pai.ThinkingPart)(text, **signed))
    for _ in range(draw(st.integers(0, 3))):
        call, arguments = f"call_{next(calls)}", draw(ARGUMENTS)
        about, signed = _signed(draw(SIGNATURES))
        part: Part = {"type": "tool-look", "toolCallId": call, "input": arguments}
        if about:
            part["callProviderMetadata"] = about
        theirs.append(pai.ToolCallPart("look", arguments, call, **signed))
        fate = draw(st.sampled_from(["output", "error", "nothing"]))
        if fate == "output":
            output = draw(OUTPUTS)
            part |= {"state": "output-available", "output": output}
            results.append(pai.ToolReturnPart("look", output, call))
        else:
            text = draw(WORDS) if fate == "error" else "ANY"
            part |= {"state": "output-error", "errorText": text} if fate == "error" else {"state": "input-available"}
            results.append(pai.ToolReturnPart("look", text, call, outcome="failed"))
        ours.append(part)
    if theirs:
        both.theirs.append(pai.ModelResponse(parts=theirs, provider_name="google"))
    if results:
        both.theirs.append(pai.ModelRequest(parts=results))
    return ours


def _signed(signature: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A signature as each of the two keeps it."""
    if signature is None:
        return {}, {}
    text = base64.b64encode(signature).decode()
    details = {"provider_name": "google", "provider_details": {"thought_signature": text}}
    return {"google": {"thoughtSignature": text}}, details


def normalised(body: dict[str, Any], effort: str | None) -> dict[str, Any]:
    """A request without what may differ; see above."""
    body = _spelled(body)
    pieces = [(content["role"], _piece(part)) for content in body["contents"] for part in content["parts"]]
    tools = [tool for group in body.get("tools") or () for tool in group["functionDeclarations"]]
    config = {name: value for name, value in body["generationConfig"].items() if name != "responseModalities"}
    if effort is None:
        config.pop("thinkingConfig", None)
    return {
        "pieces": [piece for piece in pieces if not piece[1].get("thought") or "thoughtSignature" in piece[1]],
        "tools": sorted(tools, key=lambda tool: str(tool["name"])),
        "config": config,
        "system": [part["text"] for part in (body.get("systemInstruction") or {}).get("parts", ())],
    }


def _spelled(value: Any) -> Any:
    """The value with names as the provider spells them, which reads those of its clients too."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), name): _spelled(one) for name, one in value.items()}
    return [_spelled(one) for one in value] if isinstance(value, list) else value


def _piece(part: dict[str, Any]) -> dict[str, Any]:
    part = dict(part)
    if "thoughtSignature" in part:
        plain = part["thoughtSignature"]
        raw = UNSIGNED if plain == UNSIGNED.decode() else base64.b64decode(plain.replace("-", "+").replace("_", "/"))
        part["thoughtSignature"] = raw
    if "inlineData" in part:
        data = part["inlineData"]["data"].replace("-", "+").replace("_", "/")
        part["inlineData"] = {**part["inlineData"], "data": base64.b64decode(data)}
    if "functionResponse" in part:
        told = part["functionResponse"]["response"]
        if "it has no result" in told.get("error", ""):
            told = {"error": "ANY"}
        told = told.get("output", told.get("returnValue", told))
        part["functionResponse"] = {**part["functionResponse"], "response": told}
    return part


@pytest.fixture
async def fake() -> AsyncIterator[FakeGemini]:
    async with FakeGemini(Control(chunks=1)) as provider:
        yield provider


@pytest.fixture
async def provider(fake: FakeGemini) -> AsyncIterator[GoogleProvider]:
    async with httpx2.AsyncClient(timeout=60) as http:
        yield GoogleProvider(api_key="x", base_url=fake.root, http_client=http)


async def asked(
    provider: GoogleProvider, name: str, theirs: list[pai.ModelMessage], parameters: Any, chosen: GoogleModelSettings
) -> Any:
    async with GoogleModel(name, provider=provider).request_stream(theirs, chosen, parameters) as stream:
        async for _ in stream:
            pass
    return stream.get()


@given(both=conversations(), name=st.sampled_from(MODELS), effort=st.sampled_from(EFFORTS))
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
async def test_we_say_the_same_to_the_provider_as_the_oracle(
    both: Both, name: str, effort: str | None, fake: FakeGemini, provider: GoogleProvider
) -> None:
    fake.forget()
    chosen = ModelSettings(
        max_tokens=50_000,
        temperature=0.5,
        system=both.system,
        reasoning_effort=effort,
        sampling={"top_p": 0.5, "seed": 7, "stop": ["END"]},
    )
    ours = encode(request(name, messages=both.ours, settings=chosen, tools=both.tools))
    tools = [
        ToolDefinition(name=one.name, description=one.description, parameters_json_schema=one.parameters)
        for one in both.tools
    ]
    thinking: Any = False if effort == "none" else effort
    parameters = ModelRequestParameters(function_tools=tools, thinking=thinking)
    theirs = list(both.theirs)
    if both.system:
        theirs.insert(0, pai.ModelRequest(parts=[pai.SystemPromptPart(both.system)]))
    same: GoogleModelSettings = {
        "max_tokens": 50_000,
        "temperature": 0.5,
        "top_p": 0.5,
        "seed": 7,
        "stop_sequences": ["END"],
    }
    await asked(provider, name, theirs, parameters, same)
    assert normalised(ours, effort) == normalised(fake.calls[-1].body, effort)


@given(both=conversations(), name=st.sampled_from(MODELS), partial=st.sampled_from(["", "Half a wo"]))
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
async def test_whatever_was_said_before_the_request_has_the_form_that_the_provider_demands(
    both: Both, name: str, partial: str
) -> None:
    contents = encode(request(name, messages=both.ours[1:], partial=partial))["contents"]
    assert contents[0]["role"] == contents[-1]["role"] == "user"
    for content in contents:
        assert content["parts"]
        calls = [part for part in content["parts"] if "functionCall" in part]
        assert not calls or "thoughtSignature" in calls[0]
        assert len({"functionResponse" in part for part in content["parts"]}) == 1
    for before, after in itertools.pairwise(contents):
        called = [part["functionCall"]["id"] for part in before["parts"] if "functionCall" in part]
        answered = [part["functionResponse"]["id"] for part in after["parts"] if "functionResponse" in part]
        assert called == answered
        assert before["role"] != after["role"] or "functionResponse" in before["parts"][0]
    if partial:
        assert contents[-2]["parts"][-1]["text"].endswith(partial)
        assert contents[-1]["parts"][-1] == {"text": CONTINUE}


@each_recording
async def test_the_oracle_understands_a_recording_as_we_do(
    path: Path, fake: FakeGemini, provider: GoogleProvider
) -> None:
    fold = check_form(decoded(Decoder(), [wire(path)]))
    fake.control = Control(replay=str(path))
    request = pai.ModelRequest(parts=[pai.UserPromptPart("Hello")])
    theirs = await asked(provider, MODELS[-1], [request], ModelRequestParameters(), {})
    assert [_part(part) for part in fold.parts] == [_their_part(part) for part in theirs.parts]
    reason = "tool-calls" if any(is_tool(part) for part in fold.parts) else REASONS[theirs.finish_reason]
    assert fold.step_reason == reason
    assert fold.usage["inputTokens"] == theirs.usage.input_tokens
    assert fold.usage["outputTokens"] == theirs.usage.output_tokens
    assert fold.usage.get("cachedInputTokens", 0) == theirs.usage.cache_read_tokens
    assert fold.usage.get("reasoningTokens", 0) == theirs.usage.details.get("thoughts_tokens", 0)


def _part(part: Part) -> tuple[Any, ...]:
    about = (part.get("callProviderMetadata") or part.get("providerMetadata") or {}).get("google", {})
    if is_tool(part):
        return ("call", tool_name(part), part["input"], about.get("thoughtSignature"))
    return (part["type"], part["text"], about.get("thoughtSignature"))


def _their_part(part: Any) -> tuple[Any, ...]:
    signature = (part.provider_details or {}).get("thought_signature")
    if isinstance(part, pai.ToolCallPart):
        return ("call", part.tool_name, part.args_as_dict(), signature)
    return ("reasoning" if isinstance(part, pai.ThinkingPart) else "text", part.content, signature)
