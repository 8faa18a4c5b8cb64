"""Real providers' streams, replayed from loopback through the real code, against what the recording itself says."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.answers import model_name
from tests.providers.asking import ask, check_form
from tests.providers.reading import read
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


def steps(events: list[Event]) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    for event in events:
        if event["type"] in ("text-delta", "reasoning-delta"):
            out.append((event["type"].removesuffix("-delta"), event["delta"]))
        elif event["type"] == "tool-input-delta":
            out.append(("call", event["toolCallId"], event["inputTextDelta"]))
    return out


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
    lines = [line for line in recording.read_bytes().split(b"\n") if line.strip()]
    return b"".join(b"data: " + line + newline.encode() * 2 for line in [*lines, b"[DONE]"])


def decoded(pieces: list[bytes]) -> list[Event]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
    assert decoder.failure is None
    return events


@pytest.mark.anyio
@pytest.mark.parametrize("control", [{}, {"split": 1000}, {"split": 37, "newline": "\r\n"}], ids=str)
async def test_a_recording_replayed_over_loopback_gives_what_it_says(
    recording: Path, registry: Registry, control: dict[str, object]
) -> None:
    model = model_name(replay=str(recording), **control)
    check(recording, await ask(registry, f"fake/{model}"))


@given(data=st.data(), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_recording_cut_at_random_bytes_gives_what_it_says(recording: Path, data: st.DataObject, newline: str) -> None:
    whole = wire(recording, newline)
    cuts = sorted(data.draw(st.lists(st.integers(1, len(whole) - 1), min_size=1, max_size=60)))
    edges = [0, *cuts, len(whole)]
    check(recording, decoded([whole[a:b] for a, b in itertools.pairwise(edges)]))


def test_the_beginning_and_the_end_of_a_recording_cut_at_every_byte_give_what_it_says(
    recording: Path, tmp_path: Path
) -> None:
    lines = [line for line in recording.read_text().splitlines() if line.strip()]
    short = tmp_path / recording.name
    short.write_text("\n".join([*lines[:3], *lines[-4:]]))
    whole = wire(short)
    expected = decoded([whole])
    for at in range(1, len(whole)):
        assert decoded([whole[:at], whole[at:]]) == expected
    assert decoded([whole[at : at + 1] for at in range(len(whole))]) == expected


def test_a_recording_cut_off_anywhere_never_passes_for_a_whole_answer(recording: Path) -> None:
    whole = wire(recording)
    last = max(whole.rfind(f'"finish_reason":"{reason}"'.encode()) for reason in FINISH)
    assert last > 0
    for at in range(0, last, max(1, last // 200)):
        decoder = Decoder()
        events = decoder.feed(whole[:at]) + decoder.end()
        assert decoder.failure is not None
        assert decoder.failure.retryable
        assert all(event["type"] != "finish-step" for event in events)
