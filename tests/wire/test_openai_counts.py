"""What is counted is what would be told: numbers, objects and ids are the same, however they are come by."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.sequences import answers
from tests.wire.test_responses import CALL, START, TEXT, ending, head, heads, told
from threadline.domain import events
from threadline.domain.errors import (
    BadRequest,
    ContextTooLong,
    MissingKey,
    ProviderError,
    RateLimited,
    ThreadlineError,
    Unavailable,
    UnsupportedModel,
)
from threadline.domain.events import Event, encode, type_of
from threadline.domain.fold import fold
from threadline.domain.messages import Message
from threadline.wire.openai.completions import CompletionChunks
from threadline.wire.openai.faults import error_object
from threadline.wire.openai.inputs import input_items
from threadline.wire.openai.objects import Head
from threadline.wire.openai.responses import ResponseEvents
from threadline.wire.openai.written import written_object

BROKEN = [*CALL[:2], events.tool_input_error("call_1", "look", None, "No JSON.")]


def message_of(log: list[Event]) -> Message:
    record = fold(log)
    return Message("msg_0def", "assistant", record.parts, None, record.metadata)


def item_ids(about: Head, log: list[Event]) -> list[str]:
    """The ids that the object has; the input items of the next answer have to have them too."""
    encoder = ResponseEvents(about)
    encoder.absorb([encode(event) for event in log])
    return [item["id"] for item in encoder.snapshot()["output"]]


@given(answers(), heads, st.data())
def test_what_is_absorbed_counts_as_if_it_were_told(log: list[Event], about: Head, data: st.DataObject) -> None:
    messages = [encode(event) for event in log]
    at = data.draw(st.integers(0, len(messages)))
    whole, quiet = ResponseEvents(about), ResponseEvents(about)
    whole.opening()
    quiet.opening()
    whole.take(messages[:at])
    quiet.absorb(messages[:at])
    assert (quiet.count, quiet.snapshot()) == (whole.count, whole.snapshot())
    assert quiet.take(messages[at:]) == whole.take(messages[at:])
    loud, still = CompletionChunks(about), CompletionChunks(about)
    loud.take(messages)
    still.absorb(messages)
    assert still.whole() == loud.whole()


@given(answers(), heads, st.data())
def test_only_what_is_asked_for_is_told(log: list[Event], about: Head, data: st.DataObject) -> None:
    expected = told(about, log)
    after = data.draw(st.integers(0, len(expected)))
    encoder = ResponseEvents(about)
    found = encoder.opening()[after + 1 :] + encoder.take([encode(event) for event in log], above=after)
    assert [orjson.loads(one) for one in found] == expected[after + 1 :]


@given(answers(), heads)
def test_an_object_that_is_made_of_the_message_is_the_one_of_its_events(log: list[Event], about: Head) -> None:
    encoder = ResponseEvents(about)
    encoder.absorb([encode(event) for event in log])
    made = written_object(about, message_of(log), 5.0)
    plain = all(part["type"] in ("step-start", "text", "reasoning") for part in message_of(log).parts)
    assert (made is not None) == plain
    assert made is None or made == encoder.snapshot(5.0)


@pytest.mark.parametrize("reason", ["stop", "length", "content-filter"])
def test_a_plain_answer_is_told_from_its_message_alone(reason: str) -> None:
    cut = {"threadline": {"interrupted": True}}
    thoughts = [events.reasoning_start("r0"), events.reasoning_delta("r0", "hm"), events.reasoning_end("r0", cut)]
    usage = {"inputTokens": 3, "outputTokens": 4}
    last = events.finish(reason, {"usage": usage, "finishReason": reason, "endedAt": 1700000009.5})
    log = [*START, *thoughts, *TEXT, events.finish_step(reason), last]
    encoder = ResponseEvents(head())
    encoder.absorb([encode(event) for event in log])
    made = written_object(head(), message_of(log), None)
    assert made == encoder.snapshot()
    assert made is not None
    assert [item["status"] for item in made["output"]] == ["incomplete", "completed"]


@pytest.mark.parametrize(
    "log",
    [
        [*START, *CALL, events.finish_step("tool-calls"), *ending(reason="tool-calls")],
        [*START, *TEXT[:2], *ending(reason="interrupted")],
        [*START, *TEXT[:2], *ending(reason="stop")],
        [*START, *TEXT, events.error(ProviderError("No.")), *ending(reason="error")],
        [*START, *TEXT, events.abort("stopped"), *ending(reason="other")],
    ],
)
def test_what_a_message_does_not_tell_whole_is_told_from_the_events(log: list[Event]) -> None:
    assert written_object(head(handed=True), message_of(log), None) is None


def test_the_last_event_tells_when_the_answer_was_completed() -> None:
    last = events.finish("stop", {"usage": {}, "finishReason": "stop", "endedAt": 1700000009.5})
    found = told(head(), [*START, *TEXT, events.finish_step("stop"), last])
    assert found[-1]["response"]["completed_at"] == 1700000009


@pytest.mark.parametrize("handed", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        [*TEXT[:2], {"type": "reset-step"}, *[{**one, "id": "p1"} for one in TEXT]],
        [*TEXT, *CALL, {"type": "reset-step"}, *[{**one, "id": "p1"} for one in TEXT], *CALL],
        [*TEXT, events.finish_step("stop"), events.start_step(), *CALL[:2], {"type": "reset-step"}, *CALL],
        # A model that gives its calls the same id in every step.
        [*CALL, events.finish_step("tool-calls"), events.start_step(), *CALL],
    ],
)
def test_an_item_has_one_id_in_the_answer_and_where_the_next_one_rests_on_it(parts: list[Event], handed: bool) -> None:
    log = [*START, *parts, events.finish_step("stop"), *ending()]
    told_ids = [name.partition("_")[2] for name in item_ids(head(handed=handed), log)]
    items = input_items([message_of(log)])
    assert told_ids == [item["id"].partition("_")[2] for item in items if item["type"] != "function_call_output"]


def test_what_belongs_to_nothing_is_passed_over_and_takes_no_number() -> None:
    odd: list[Event] = [
        {"type": "tool-input-available", "toolCallId": "c9", "toolName": "look"},
        {"type": "tool-input-error", "toolCallId": "c9", "toolName": "look"},
        {"type": "tool-input-delta", "toolCallId": "c8", "inputTextDelta": "x"},
        {"type": "text-delta", "id": "p9", "delta": "x"},
    ]
    for about in (head(), head(handed=True)):
        assert told(about, [*START, *odd, *ending()]) == told(about, [*START, *ending()])
        chunks = CompletionChunks(about)
        chunks.absorb([encode(event) for event in [*START, odd[0], odd[2], *ending()]])
        assert "tool_calls" not in chunks.whole()["choices"][0]["message"]


def test_a_call_comes_in_one_chunk_once_it_is_whole_and_the_others_never() -> None:
    first = [{**event, "toolCallId": "call_0"} for event in CALL]
    again = [{**event, "toolCallId": "call_2"} for event in CALL]
    log = [*START, *first, *BROKEN, *again, events.finish_step("tool-calls"), *ending(reason="tool-calls")]
    encoder = CompletionChunks(head(handed=True))
    chunks = [orjson.loads(one) for one in encoder.take([encode(event) for event in log])]
    calls = [call for one in chunks for call in one["choices"][0]["delta"].get("tool_calls", ())]
    assert [call.pop("index") for call in calls] == [0, 1]
    assert [call["id"] for call in calls] == ["call_0", "call_2"]
    assert calls == encoder.whole()["choices"][0]["message"]["tool_calls"]


def test_where_no_call_is_handed_out_none_is_spoken_of() -> None:
    encoder = CompletionChunks(head(handed=True))
    log = [*START, *BROKEN, events.finish_step("tool-calls"), *ending(reason="tool-calls")]
    chunks = [orjson.loads(one) for one in encoder.take([encode(event) for event in log])]
    assert chunks[-1]["choices"][0]["finish_reason"] == encoder.whole()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (ending(reason="interrupted"), "broke off"),
        (ending(reason="other", before=(events.abort("stopped"),)), "stopped"),
        (ending(reason="error", before=(events.error(ProviderError("The model is away.")),)), "away"),
    ],
)
def test_an_answer_that_did_not_come_to_its_end_is_a_fault_in_either_dialect(last: list[Event], words: str) -> None:
    messages: list[bytes] = [encode(event) for event in [*START, *TEXT, events.finish_step("other"), *last]]
    encoders: list[Any] = [CompletionChunks(head()), ResponseEvents(head())]
    for encoder in encoders:
        encoder.absorb(messages)
        assert words in encoder.fault["errorText"]
        assert not encoder.empty
    chunks = CompletionChunks(head()).take(messages)
    assert words in orjson.loads(chunks[-1])["error"]["message"]
    assert all(b'"finish_reason":"stop"' not in chunk for chunk in chunks)


@pytest.mark.parametrize(
    "kind",
    [
        ThreadlineError,
        ProviderError,
        RateLimited,
        BadRequest,
        ContextTooLong,
        MissingKey,
        UnsupportedModel,
        Unavailable,
    ],
)
def test_an_error_is_called_the_same_in_a_stream_in_chunks_and_over_http(kind: type[ThreadlineError]) -> None:
    fault = kind("No.")
    log = [*START, events.finish_step("other"), events.error(fault), *ending(reason="error")]
    (error,) = [event for event in told(head(), log) if event["type"] == "error"]
    assert type_of(encode(error)) == b"error"
    chunk = orjson.loads(CompletionChunks(head()).take([encode(event) for event in log])[-1])
    assert chunk == {"error": error_object(fault)}
    assert error == {**error_object(fault), "type": "error", "sequence_number": error["sequence_number"]}
