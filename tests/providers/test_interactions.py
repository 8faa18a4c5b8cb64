"""The Interactions API: what is told of an answer however it is cut, and what is sent of a conversation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.answers import Control, model_name, read, reply, text_of
from tests.fakes.interactions import FakeInteractions
from tests.fakes.responses import frame
from tests.providers.accepting import accepts
from tests.providers.asking import TOOL, answer, ask, assistant, check_form, request, said, user
from tests.providers.conftest import SECRET
from tests.providers.replaying import check_cut_off, check_every_cut, cut, decoded
from threadline.domain.catalog import ProviderConfig
from threadline.domain.events import provider_run
from threadline.domain.messages import is_tool
from threadline.providers.interactions import Decoder, Dialect, encode
from threadline.providers.protocol import ModelSettings
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

MODEL = "gemini-3-pro-preview"
FAMILY = "google-interactions"


def wire(**control: Any) -> bytes:
    """An answer of the fake, as it is on the wire."""
    fake = FakeInteractions()
    body = {"model": MODEL, "tools": [{"type": "function", "name": "weather"}], "input": [step("user_input", "Hello")]}
    chat = fake.chat_of(body)
    planned = reply(Control(**control), chat, read(chat), 1)
    told = fake.events_of(planned.items, "int_1", MODEL, keeps=True)
    return b"".join(frame(event) for event in told if isinstance(event, dict))


def step(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "content": [{"type": "text", "text": text}]}


def events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(frame(chunk) for chunk in chunks)


WIRES = {
    "text": wire(chunks=5),
    "reasoning": wire(chunks=3, reasoning=3),
    "tools": wire(chunks=3, reasoning=2, tool=["weather", "weather"], before=1, arguments={"city": "Ulm"}),
}


@pytest.mark.parametrize("whole", WIRES.values(), ids=WIRES)
def test_an_answer_cut_at_every_byte_is_the_same(whole: bytes) -> None:
    check_form(decoded(Decoder(), [whole]))
    check_every_cut(Decoder, whole)


@pytest.mark.parametrize("whole", WIRES.values(), ids=WIRES)
def test_an_answer_that_is_cut_off_never_passes_for_a_whole_one(whole: bytes) -> None:
    check_cut_off(Decoder, whole, whole.rfind(b"interaction.completed"))


@given(data=st.data())
def test_an_answer_cut_at_random_is_the_same(data: st.DataObject) -> None:
    whole = WIRES["tools"]
    assert decoded(Decoder(), cut(data, whole)) == decoded(Decoder(), [whole])


def test_reasoning_keeps_its_signature_and_calls_their_arguments() -> None:
    parts = check_form(decoded(Decoder(), [WIRES["tools"]])).parts
    assert parts[0]["providerMetadata"] == {FAMILY: {"thoughtSignature": "secret of r0 r1"}}
    assert [part["input"] for part in parts if is_tool(part)] == [{"city": "Ulm"}] * 2


def test_only_who_asked_for_it_hears_that_the_answer_is_kept() -> None:
    assert decoded(Decoder(keeps=True), [WIRES["text"]])[0] == provider_run("int_1")
    assert all(event["type"] != "data-provider-run" for event in decoded(Decoder(), [WIRES["text"]]))


def test_the_provider_s_own_search_is_a_call_that_it_ran_and_what_it_cites_a_source() -> None:
    cited = {"type": "url_citation", "url": "https://a.example/", "title": "A"}
    told = events(
        {
            "event_type": "step.start",
            "index": 0,
            "step": {"type": "google_search_call", "id": "s1", "arguments": {"q": 1}},
        },
        {"event_type": "step.stop", "index": 0},
        {
            "event_type": "step.start",
            "index": 1,
            "step": {"type": "google_search_result", "call_id": "s1", "result": [1]},
        },
        {"event_type": "step.stop", "index": 1},
        {"event_type": "step.start", "index": 2, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 2, "delta": {"type": "text", "text": "Yes."}},
        {
            "event_type": "step.delta",
            "index": 2,
            "delta": {"type": "text_annotation_delta", "annotations": [cited, cited]},
        },
        {"event_type": "step.stop", "index": 2},
        {"event_type": "interaction.completed", "interaction": {"status": "completed"}},
    )
    fold = check_form(decoded(Decoder(), [told]))
    call, text, source = fold.parts
    assert (call["state"], call["providerExecuted"], call["input"], call["output"]) == (
        "output-available",
        True,
        {"q": 1},
        [1],
    )
    assert text["text"] == "Yes."
    assert source["url"] == "https://a.example/"
    assert fold.step_reason == "stop"


@pytest.mark.parametrize(
    ("status", "reason"), [("completed", "stop"), ("incomplete", "length"), ("budget_exceeded", "other")]
)
def test_why_an_answer_ended(status: str, reason: str) -> None:
    done = {"event_type": "interaction.completed", "interaction": {"status": status}}
    assert decoded(Decoder(), [events(done)])[-1]["finishReason"] == reason


@pytest.mark.parametrize(
    "told",
    [
        {"event_type": "error", "error": {"code": "internal", "message": "Broken."}},
        {"event_type": "interaction.completed", "interaction": {"status": "failed", "error": {"message": "Broken."}}},
    ],
)
def test_what_fails_fails_in_the_provider_s_words(told: dict[str, Any]) -> None:
    decoder = Decoder()
    assert decoder.feed(events(told)) == []
    assert decoder.failure is not None
    assert decoder.failure.message == "Broken."


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["text", "thought", "function_call", "completed", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "content", "id", "name", "arguments", "summary", "status", "usage", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
CHUNKS = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(
            ["interaction.created", "step.start", "step.delta", "step.stop", "interaction.completed", "error", "new"]
        )
    },
    optional={
        "index": st.integers(0, 2) | st.none(),
        "step": VALUES,
        "delta": VALUES,
        "interaction": VALUES,
        "error": VALUES,
    },
)


@given(st.lists(CHUNKS, max_size=8))
def test_nothing_that_a_provider_sends_raises(chunks: list[dict[str, Any]]) -> None:
    decoder = Decoder(keeps=True)
    found = decoder.feed(events(*chunks)) + decoder.end()
    json.dumps(found)
    assert decoder.done or decoder.failure is not None


@given(VALUES)
def test_nothing_that_comes_as_one_object_raises(answer: Any) -> None:
    decoder = Decoder()
    json.dumps(decoder.whole(json.dumps(answer).encode()))


def test_the_whole_conversation_goes_along_with_results_at_their_calls() -> None:
    call = {
        "type": "tool-weather",
        "toolCallId": "c1",
        "state": "output-available",
        "input": {"a": 1},
        "output": {"b": 2},
    }
    lost = {"type": "tool-weather", "toolCallId": "c2", "state": "input-available", "input": {}}
    thought = {"type": "reasoning", "text": "Hm.", "providerMetadata": {FAMILY: {"thoughtSignature": "s"}}}
    foreign = {"type": "reasoning", "text": "Else.", "providerMetadata": {"google": {"thoughtSignature": "t"}}}
    history = [
        user("Hello"),
        assistant({"type": "step-start"}, thought, foreign, said("Well."), call, lost),
        user("And?"),
    ]
    body = encode(request(MODEL, messages=history, tools=[TOOL], settings=ModelSettings(system="Be brief.")))
    accepts("interactions", body)
    assert [one["type"] for one in body["input"]] == [
        "user_input",
        "thought",
        "model_output",
        "function_call",
        "function_call",
        "function_result",
        "function_result",
        "user_input",
    ]
    assert body["input"][5] == {"type": "function_result", "call_id": "c1", "name": "weather", "result": '{"b":2}'}
    assert body["input"][6]["is_error"] is True
    assert body["system_instruction"] == "Be brief."
    assert (body["store"], "background" in body) == (False, False)
    kept = encode(request(MODEL), Dialect(background=True))
    assert (kept["store"], kept["background"]) == (True, True)


@pytest.mark.parametrize(
    ("effort", "told"),
    [
        (None, {"thinking_summaries": "auto"}),
        ("low", {"thinking_level": "low", "thinking_summaries": "auto"}),
        ("max", {"thinking_level": "high", "thinking_summaries": "auto"}),
        ("none", {"thinking_level": "low", "thinking_summaries": "none"}),
    ],
)
def test_an_effort_is_told_as_a_level_that_the_model_has(effort: str | None, told: dict[str, str]) -> None:
    chosen = ModelSettings(max_tokens=None, temperature=None, reasoning_effort=effort)
    assert encode(request(MODEL, settings=chosen))["generation_config"] == told


def test_google_speaks_it_where_the_answer_is_to_be_kept() -> None:
    assert ProviderConfig("google", "google").speaks == "gemini"
    assert ProviderConfig("google", "google", background=True).speaks == "interactions"


@pytest.fixture
async def fake() -> AsyncIterator[FakeInteractions]:
    async with FakeInteractions(api_key=SECRET) as provider:
        yield provider


@pytest.mark.anyio
async def test_a_turn_with_tools_goes_round_over_loopback(fake: FakeInteractions) -> None:
    config = ProviderConfig("fake", base_url=fake.url, api_key=SECRET, dialect="interactions")
    registry = Registry([config], SystemWorld(), ollama_url=None)
    name = f"fake/{model_name(chunks=3, tool='weather', reasoning=2)}"
    first = check_form(await ask(registry, name, tools=[TOOL]))
    assert first.step_reason == "tool-calls"
    parts = [{**part, "state": "output-available", "output": 21} if is_tool(part) else part for part in first.parts]
    history = [user("Hello"), assistant({"type": "step-start"}, *parts)]
    assert answer(await ask(registry, name, messages=history, tools=[TOOL])) == text_of(chunks=3)
    accepts("interactions", fake.calls[-1].body)
    assert "thought" in [one["type"] for one in fake.calls[-1].body["input"]]
    await registry.close()
