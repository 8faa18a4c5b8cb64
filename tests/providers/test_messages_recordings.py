"""Anthropic's streams, replayed from loopback through the real code, against what the recording itself says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.answers import model_name
from tests.fakes.messages import FakeMessages, framed
from tests.providers.asking import ask, check_form
from tests.providers.replaying import (
    CONTROLS,
    check_cut_off,
    check_every_cut,
    cut,
    decoded,
    each,
    lines,
    recordings,
    steps,
)
from threadline.domain.catalog import ProviderConfig
from threadline.domain.events import Event
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.messages import Decoder
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

each_recording = each("path", recordings("anthropic"))

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "refusal": "content-filter",
}
STEPS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("reasoning", "thinking"),
    "input_json_delta": ("call", "partial_json"),
}


def wire(path: Path, newline: str = "\n") -> bytes:
    return framed(lines(path), newline.encode())


def said(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a recording says, read from its JSON alone and without any of the product's code."""
    steps: list[tuple[str, ...]] = []
    calls: dict[int, list[str]] = {}
    signatures: list[str] = []
    usage: dict[str, Any] = {}
    reason = None
    for chunk in chunks:
        block, delta = chunk.get("content_block") or {}, chunk.get("delta") or {}
        if block.get("type") == "tool_use":
            calls[chunk["index"]] = [block["id"], block["name"], ""]
        kind, field = STEPS.get(delta.get("type", ""), ("", ""))
        if kind == "call":
            calls[chunk["index"]][2] += delta[field]
        if kind and delta[field]:
            steps.append((kind, calls[chunk["index"]][0], delta[field]) if kind == "call" else (kind, delta[field]))
        if delta.get("type") == "signature_delta":
            signatures.append(delta["signature"])
        told = chunk.get("usage") or chunk.get("message", {}).get("usage") or {}
        usage |= {name: number for name, number in told.items() if number is not None}
        reason = delta.get("stop_reason") or reason
    return {"steps": steps, "calls": list(calls.values()), "signatures": signatures, "usage": usage, "reason": reason}


def check(path: Path, events: list[Event]) -> None:
    """Event by event."""
    told = said([json.loads(line) for line in lines(path)])
    fold = check_form(events)
    assert steps(events) == told["steps"]
    assert fold.step_reason == FINISH[told["reason"]]
    calls = [[part["toolCallId"], tool_name(part), part["input"]] for part in fold.parts if is_tool(part)]
    assert calls == [[call, name, json.loads(text or "{}")] for call, name, text in told["calls"]]
    signed = [part["providerMetadata"]["anthropic"]["signature"] for part in fold.parts if part["type"] == "reasoning"]
    assert signed == told["signatures"]
    usage = told["usage"]
    given = usage["input_tokens"] + usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"]
    assert fold.usage == {
        "inputTokens": given,
        "outputTokens": usage["output_tokens"],
        "totalTokens": given + usage["output_tokens"],
        "cachedInputTokens": usage["cache_read_input_tokens"],
    }


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with FakeMessages() as fake:
        configs = [ProviderConfig("fake", "anthropic", base_url=fake.url, api_key="x")]
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
    check(path, await ask(registry, f"fake/{name}"))


@given(data=st.data(), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@each_recording
def test_a_recording_cut_at_random_bytes_gives_what_it_says(path: Path, data: st.DataObject, newline: str) -> None:
    whole = wire(path, newline)
    check(path, decoded(Decoder(), cut(data, whole)))


@each_recording
def test_the_beginning_and_the_end_of_a_recording_cut_at_every_byte_give_what_it_says(path: Path) -> None:
    found = lines(path)
    check_every_cut(Decoder, framed([*found[:4], *found[-3:]]))


@each_recording
def test_a_recording_cut_off_anywhere_never_passes_for_a_whole_answer(path: Path) -> None:
    whole = wire(path)
    last = whole.rfind(b'"message_delta"') + len(b'"message_delta"')
    assert last > len(whole) // 2
    check_cut_off(Decoder, whole, last, last)
