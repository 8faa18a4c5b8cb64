"""Real streams of the Responses API, replayed through the real code, against what the recording itself says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.answers import model_name
from tests.fakes.responses import FakeResponses
from tests.providers.asking import ask, check_form
from tests.providers.conftest import SECRET
from tests.providers.replaying import (
    CONTROLS,
    bytewise,
    check_cut_off,
    cut,
    decoded,
    recordings_folder,
    steps,
)
from tests.providers.responses_reading import Answer, each_answer, read
from threadline.domain.catalog import ProviderConfig
from threadline.domain.events import Event
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.registry import Registry
from threadline.providers.responses import Decoder
from threadline.world import SystemWorld


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with FakeResponses() as fake:
        configs = [ProviderConfig("fake", base_url=fake.url, api_key=SECRET, dialect="responses")]
        made = Registry(configs, SystemWorld(), ollama_url=None, stall_seconds=30, connect_seconds=30)
        yield made
        await made.close()


def check(answer: Answer, events: list[Event], family: str = "openai") -> None:
    """Event by event."""
    said = read(answer)
    fold = check_form(events)
    assert steps(events) == said.steps
    assert fold.step_reason == said.finish
    assert fold.usage == said.usage
    calls = {part["toolCallId"]: (tool_name(part), part["input"]) for part in fold.parts if is_tool(part)}
    assert calls == said.calls
    for kind in ("text", "reasoning"):
        assert "".join(part["text"] for part in fold.parts if part["type"] == kind) == said.joined(kind)
    thoughts = [part["providerMetadata"][family] for part in fold.parts if part["type"] == "reasoning"]
    assert {one["itemId"]: one.get("reasoningEncryptedContent") for one in thoughts} == said.secrets


@pytest.mark.anyio
@pytest.mark.parametrize("control", CONTROLS, ids=str)
@each_answer
async def test_an_answer_replayed_over_loopback_gives_what_it_says(
    answer: Answer, registry: Registry, tmp_path: Path, control: dict[str, object]
) -> None:
    recording = tmp_path / "answer.jsonl"
    recording.write_text("\n".join(answer.lines))
    model = model_name(replay=str(recording), **control)
    check(answer, await ask(registry, f"fake/{model}"), "fake")


@each_answer
@given(data=st.data(), newline=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_cut_at_random_bytes_gives_what_it_says(answer: Answer, data: st.DataObject, newline: str) -> None:
    whole = answer.wire(newline)
    check(answer, decoded(Decoder(), cut(data, whole)))


@each_answer
def test_an_answer_in_pieces_of_a_byte_gives_what_it_says(answer: Answer) -> None:
    check(answer, decoded(Decoder(), bytewise(answer.wire())))


@each_answer
def test_an_answer_cut_off_anywhere_never_passes_for_a_whole_one(answer: Answer) -> None:
    whole = answer.wire()
    last = whole.rfind(b"event: response.")
    check_cut_off(Decoder, whole, last, last, len(whole) - 3)


@each_answer
def test_the_same_answer_as_one_object_has_the_same_parts(answer: Answer) -> None:
    streamed = check_form(decoded(Decoder(), [answer.wire()]))
    at_once = check_form(Decoder().whole(json.dumps(answer.last).encode()))
    for fold in (streamed, at_once):
        for part in fold.parts:
            # Encrypted anew for each time that it is told.
            part.get("providerMetadata", {}).get("openai", {}).pop("reasoningEncryptedContent", None)
    assert at_once.parts == streamed.parts
    assert (at_once.usage, at_once.step_reason) == (streamed.usage, streamed.step_reason)


def test_an_answer_that_failed_says_so_in_the_providers_words() -> None:
    path = recordings_folder() / "openai-responses.error.jsonl"
    if not path.exists():
        pytest.skip(f"no recordings in {recordings_folder()}")
    lines = path.read_text().splitlines()
    for from_line in (0, 3):
        decoder = Decoder()
        assert decoder.feed(Answer("failed", lines[:2] + lines[max(2, from_line) :]).wire()) == []
        assert decoder.failure is not None
        assert decoder.failure.message.startswith("You exceeded your current quota")
        assert not decoder.failure.retryable
