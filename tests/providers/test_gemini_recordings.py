"""Gemini's streams, replayed from loopback through the real code, against what the recording itself says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.answers import model_name
from tests.fakes.gemini import FakeGemini, framed
from tests.providers.asking import ask, check_form
from tests.providers.replaying import CONTROLS, check_cut_off, check_every_cut, cut, decoded, each, lines, recordings
from threadline.domain.catalog import ProviderConfig
from threadline.domain.events import Event
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.gemini import Decoder
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

each_recording = each("path", recordings("google"))


def wire(path: Path, newline: str = "\n") -> bytes:
    return framed(lines(path), newline.encode())


def said(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a recording says, read from its JSON alone and without any of the product's code."""
    steps: list[tuple[Any, ...]] = []
    signatures: list[tuple[str, str]] = []
    usage: dict[str, Any] = {}
    reason = None
    for chunk in chunks:
        usage |= chunk.get("usageMetadata", {})
        for candidate in chunk["candidates"]:
            for part in candidate["content"]["parts"]:
                kind = "call" if "functionCall" in part else "reasoning" if part.get("thought") else "text"
                if kind == "call":
                    steps.append((kind, part["functionCall"]["name"], part["functionCall"].get("args", {})))
                elif part["text"]:
                    steps.append((kind, part["text"]))
                if "thoughtSignature" in part:
                    signatures.append((kind, part["thoughtSignature"]))
            reason = candidate.get("finishReason", reason)
    return {"steps": steps, "signatures": signatures, "usage": usage, "reason": reason}


def steps(events: list[Event]) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    for event in events:
        if event["type"] in ("text-delta", "reasoning-delta"):
            out.append((event["type"].removesuffix("-delta"), event["delta"]))
        elif event["type"] == "tool-input-available":
            out.append(("call", event["toolName"], event["input"]))
    return out


def check(path: Path, events: list[Event], family: str = "google") -> None:
    """Event by event."""
    told = said([json.loads(line) for line in lines(path)])
    fold = check_form(events)
    assert steps(events) == told["steps"]
    called = any(step[0] == "call" for step in told["steps"])
    assert fold.step_reason == {"STOP": "tool-calls" if called else "stop", "MAX_TOKENS": "length"}[told["reason"]]
    given = [
        ("call" if is_tool(part) else part["type"], about[family]["thoughtSignature"])
        for part in fold.parts
        if (about := part.get("callProviderMetadata") or part.get("providerMetadata"))
    ]
    assert given == told["signatures"]
    pieces: dict[str, str] = {}
    for event in events:
        if event["type"] == "tool-input-delta":
            call = event["toolCallId"]
            pieces[call] = pieces.get(call, "") + event["inputTextDelta"]
    whole = {part["toolCallId"]: part["input"] for part in fold.parts if is_tool(part)}
    assert {call: json.loads(text) for call, text in pieces.items()} == whole
    assert [tool_name(part) for part in fold.parts if is_tool(part)] == [s[1] for s in told["steps"] if s[0] == "call"]
    usage = told["usage"]
    assert fold.usage == {
        "inputTokens": usage["promptTokenCount"],
        "outputTokens": usage["candidatesTokenCount"] + usage["thoughtsTokenCount"],
        "totalTokens": usage["totalTokenCount"],
        "reasoningTokens": usage["thoughtsTokenCount"],
    }


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with FakeGemini() as fake:
        configs = [ProviderConfig("fake", base_url=fake.url, dialect="gemini")]
        made = Registry(configs, SystemWorld(), ollama_url=None)
        yield made
        await made.close()


@pytest.mark.anyio
@pytest.mark.parametrize("control", CONTROLS, ids=str)
@each_recording
async def test_a_recording_replayed_over_loopback_gives_what_it_says(
    path: Path, control: dict[str, Any], registry: Registry
) -> None:
    name = model_name(replay=str(path), **control)
    check(path, await ask(registry, f"fake/{name}"), "fake")


@given(data=st.data(), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@each_recording
def test_a_recording_cut_at_random_bytes_gives_what_it_says(path: Path, data: st.DataObject, newline: str) -> None:
    whole = wire(path, newline)
    check(path, decoded(Decoder(), cut(data, whole)))


@each_recording
def test_a_recording_cut_at_every_byte_gives_what_it_says(path: Path) -> None:
    check_every_cut(Decoder, wire(path))


@each_recording
def test_a_recording_cut_off_anywhere_never_passes_for_a_whole_answer(path: Path) -> None:
    whole = wire(path)
    # The reason stands in the last chunk, which is only read once it is whole.
    last = whole.rfind(b"data: ")
    check_cut_off(Decoder, whole, last, last, (last + len(whole)) // 2, len(whole) - 3)
