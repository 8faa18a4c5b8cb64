"""Real providers' streams, replayed from loopback through the real code, against what the recording itself says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.answers import model_name
from tests.providers.asking import ask, check_form
from tests.providers.reading import each_recording, read
from tests.providers.replaying import CONTROLS, check_cut_off, check_every_cut, cut, decoded, lines, steps
from threadline.domain.events import Event
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.completions import Decoder
from threadline.providers.registry import Registry

FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
}


def check(recording: Path, events: list[Event]) -> None:
    """Event by event."""
    said = read(recording)
    fold = check_form(events)
    assert steps(events) == said.steps
    assert fold.step_reason == FINISH.get(said.finish or "", "other")
    assert fold.usage == said.usage
    calls = {part["toolCallId"]: (tool_name(part), part["input"]) for part in fold.parts if is_tool(part)}
    assert calls == {call: (name, json.loads(text or "{}")) for call, (name, text) in said.calls.items()}
    assert "".join(part["text"] for part in fold.parts if part["type"] == "text") == said.joined("text")
    assert "".join(part["text"] for part in fold.parts if part["type"] == "reasoning") == said.joined("reasoning")


def wire(recording: Path, newline: str = "\n") -> bytes:
    return framed(lines(recording), newline)


def framed(found: list[bytes], newline: str = "\n") -> bytes:
    return b"".join(b"data: " + line + newline.encode() * 2 for line in [*found, b"[DONE]"])


@pytest.mark.anyio
@pytest.mark.parametrize("control", CONTROLS, ids=str)
@each_recording
async def test_a_recording_replayed_over_loopback_gives_what_it_says(
    recording: Path, registry: Registry, control: dict[str, object]
) -> None:
    model = model_name(replay=str(recording), **control)
    check(recording, await ask(registry, f"fake/{model}"))


@each_recording
@given(data=st.data(), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_recording_cut_at_random_bytes_gives_what_it_says(recording: Path, data: st.DataObject, newline: str) -> None:
    whole = wire(recording, newline)
    check(recording, decoded(Decoder(), cut(data, whole)))


@each_recording
def test_the_beginning_and_the_end_of_a_recording_cut_at_every_byte_give_what_it_says(recording: Path) -> None:
    found = lines(recording)
    check_every_cut(Decoder, framed([*found[:3], *found[-4:]]))


@each_recording
def test_a_recording_cut_off_anywhere_never_passes_for_a_whole_answer(recording: Path) -> None:
    whole = wire(recording)
    last = max(whole.rfind(f'"finish_reason":"{reason}"'.encode()) for reason in FINISH)
    assert last > 0
    check_cut_off(Decoder, whole, last)
