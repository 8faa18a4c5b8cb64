"""A run in OpenAI's two dialects: numbered by the log alone, and of the types that OpenAI's own client has."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.domain.sequences import answers
from threadline.domain import events
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event, decode, encode
from threadline.domain.fold import fold
from threadline.domain.messages import Message, output_part, text_of, with_outputs
from threadline.wire.openai.completions import CompletionChunks
from threadline.wire.openai.inputs import input_items
from threadline.wire.openai.objects import Head, response_id, run_of
from threadline.wire.openai.responses import ENDING, FRAMES, LAST, ResponseEvents

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ITEMS: TypeAdapter[Any] = TypeAdapter(list[ResponseItem])
REQUEST = {
    "instructions": "Be brief.",
    "metadata": {"a": "b"},
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}],
    "tool_choice": {"type": "function", "name": "look"},
    "reasoning": {"effort": "low", "summary": None},
    "temperature": 0.5,
}


def head(*, handed: bool = False, background: bool = False) -> Head:
    return Head("run_0abc", "msg_0def", "demo/demo", 1700000000.5, {**REQUEST, "background": background}, handed)


heads = st.builds(head, handed=st.booleans(), background=st.booleans())


def told(about: Head, log: list[Event]) -> list[dict[str, Any]]:
    encoder = ResponseEvents(about)
    return [orjson.loads(one) for one in [*encoder.opening(), *encoder.take([encode(event) for event in log])]]


def ending(*, reason: str = "stop", before: tuple[Event, ...] = ()) -> list[Event]:
    usage = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7, "reasoningTokens": 1, "cachedInputTokens": 2}
    return [*before, events.finish(reason, {"usage": usage, "finishReason": reason})]


START = [events.start("msg_0def", {}), events.start_step()]
TEXT = [
    events.text_start("p0"),
    events.text_delta("p0", "Hello"),
    events.text_delta("p0", " you"),
    events.text_end("p0"),
]
CALL = [
    events.tool_input_start("call_1", "look"),
    events.tool_input_delta("call_1", '{"city"'),
    events.tool_input_delta("call_1", ':"Oslo"}'),
    events.tool_input_available("call_1", "look", {"city": "Oslo"}),
]


@given(answers(), heads)
def test_every_event_is_numbered_without_gaps_and_of_the_clients_own_types(log: list[Event], about: Head) -> None:
    found = told(about, log)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    for event in found:
        EVENT.validate_python(event, strict=True)
    assert found[0]["type"] == "response.created"
    assert found[-1]["type"].encode() in LAST
    assert sum(event["type"].encode() in LAST for event in found) == 1


@given(answers(), heads, st.data())
def test_the_numbers_do_not_depend_on_how_the_log_is_cut(log: list[Event], about: Head, data: st.DataObject) -> None:
    whole, cut = ResponseEvents(about), ResponseEvents(about)
    messages = [encode(event) for event in log]
    at = data.draw(st.integers(0, len(messages)))
    expected = [*whole.opening(), *whole.take(messages)]
    assert [*cut.opening(), *cut.take(messages[:at]), *cut.take(messages[at:])] == expected
    assert cut.snapshot() == whole.snapshot()


@given(answers(), heads)
def test_the_clients_own_state_takes_every_answer_and_has_its_text(log: list[Event], about: Head) -> None:
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    seen = [event for one in told(about, log) for event in state.handle_event(EVENT.validate_python(one))]
    assert seen[-1].response.output_text == text_of(fold(log).parts)


@given(answers(), heads)
def test_the_object_is_the_one_that_the_last_event_told(log: list[Event], about: Head) -> None:
    encoder = ResponseEvents(about)
    encoder.opening()
    last = orjson.loads(encoder.take([encode(event) for event in log])[-1])
    assert encoder.snapshot() == last["response"]
    Response.model_validate(encoder.snapshot(), strict=True)


@given(answers(), heads, st.data())
def test_an_answer_that_is_cut_anywhere_is_an_object_too(log: list[Event], about: Head, data: st.DataObject) -> None:
    encoder = ResponseEvents(about)
    encoder.opening()
    encoder.take([encode(event) for event in log[: data.draw(st.integers(0, len(log)))]])
    Response.model_validate(encoder.snapshot(), strict=True)


@pytest.mark.parametrize(
    ("last", "kind", "status", "reason"),
    [
        (ending(), "response.completed", "completed", None),
        (ending(reason="tool-calls"), "response.completed", "completed", None),
        (ending(reason="length"), "response.incomplete", "incomplete", "max_output_tokens"),
        (ending(reason="content-filter"), "response.incomplete", "incomplete", "content_filter"),
        (ending(reason="other", before=(events.abort("stopped"),)), "response.incomplete", "cancelled", None),
        (ending(reason="interrupted"), "response.failed", "failed", None),
        (ending(reason="error", before=(events.error(ProviderError("No.")),)), "response.failed", "failed", None),
    ],
)
def test_every_ending_has_its_event_and_its_status(
    last: list[Event], kind: str, status: str, reason: str | None
) -> None:
    found = told(head(), [*START, *TEXT, events.finish_step("stop"), *last])
    assert found[-1]["type"] == kind
    answer = found[-1]["response"]
    assert answer["status"] == status
    assert answer["incomplete_details"] == ({"reason": reason} if reason else None)
    assert answer["usage"]["total_tokens"] == 7
    assert answer["output"][0]["content"][0]["text"] == "Hello you"
    assert (answer["error"] is not None) == (status == "failed")
    EVENT.validate_python(found[-1], strict=True)


def test_an_answer_that_fails_says_why_in_an_event_of_its_own() -> None:
    found = told(head(), [*START, events.error(ProviderError("The model is away.")), *ending(reason="error")])
    assert [event["type"] for event in found[-2:]] == ["error", "response.failed"]
    assert found[-2]["message"] == found[-1]["response"]["error"]["message"] == "The model is away."
    EVENT.validate_python(found[-2], strict=True)


def test_a_text_comes_in_the_events_that_openai_has_for_it() -> None:
    found = told(head(), [*START, *TEXT, events.finish_step("stop"), *ending()])
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert found[-1]["response"]["instructions"] == "Be brief."
    assert found[-1]["response"]["id"] == response_id("run_0abc") == "resp_0abc"
    assert found[2]["item"]["id"] == "msg_0def_0"
    assert run_of("resp_0abc") == "run_0abc"
    assert run_of("run_0abc") is None


def test_a_background_answer_is_queued_first() -> None:
    found = told(head(background=True), START)
    assert [event["type"] for event in found] == ["response.created", "response.queued", "response.in_progress"]
    assert [event["response"]["status"] for event in found] == ["queued", "queued", "in_progress"]


def test_a_takeover_in_mid_text_is_not_seen() -> None:
    plain = [*START, *TEXT, events.finish_step("stop"), *ending()]
    taken = [*plain[:4], events.recovery(2, "continue", handover=False), *plain[4:]]
    assert told(head(), taken) == told(head(), plain)


def test_a_call_of_the_clients_tool_is_handed_over() -> None:
    log = [*START, *TEXT, *CALL, events.finish_step("tool-calls"), *ending(reason="tool-calls")]
    found = told(head(handed=True), log)
    assert [event["type"] for event in found if "function_call" in event["type"]] == [
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    ]
    call = found[-1]["response"]["output"][1]
    assert (call["type"], call["call_id"], call["arguments"]) == ("function_call", "call_1", '{"city":"Oslo"}')


def test_a_call_that_the_server_runs_is_told_of_and_is_nobody_elses_to_run() -> None:
    returned = events.tool_output_available("call_1", {"degrees": 21})
    log = [*START, *CALL, returned, events.finish_step("tool-calls"), events.start_step(), *TEXT, *ending()]
    output = told(head(), log)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["mcp_call", "message"]
    assert output[0]["output"] == '{"degrees":21}'
    failed = told(head(), [*START, *CALL, events.tool_output_error("call_1", "No."), *ending()])
    assert failed[-1]["response"]["output"][0]["error"]["content"][0]["text"] == "No."


def test_a_call_that_was_cut_short_is_nothing_to_run() -> None:
    cut = [*CALL[:2], events.tool_input_error("call_1", "look", None, "interrupted")]
    again = [{**event, "toolCallId": "call_2"} for event in CALL]
    log = [*START, *cut, events.finish_step("tool-calls"), events.start_step(), *again, *ending(reason="tool-calls")]
    found = told(head(handed=True), log)
    assert [item["call_id"] for item in found[-1]["response"]["output"]] == ["call_2"]
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert [item["status"] for item in done] == ["incomplete", "completed"]


def test_a_source_that_comes_after_its_text_is_an_annotation_of_it() -> None:
    source = {"type": "source-url", "sourceId": "s", "url": "http://127.0.0.1/", "title": "Here"}
    found = told(head(), [*START, *TEXT, source, events.finish_step("stop"), *ending()])
    assert "response.output_text.annotation.added" in [event["type"] for event in found]
    assert found[-1]["response"]["output"][0]["content"][0]["annotations"][0]["url"] == "http://127.0.0.1/"


def test_what_a_reset_takes_back_is_no_part_of_the_answer() -> None:
    log = [*START, *TEXT[:2], {"type": "reset-step"}, *[{**one, "id": "p1"} for one in TEXT], *ending()]
    found = told(head(), log)
    assert [item["content"][0]["text"] for item in found[-1]["response"]["output"]] == ["Hello you"]
    for event in found:
        EVENT.validate_python(event, strict=True)


def test_frames_are_named_by_their_type_and_end_only_after_the_last() -> None:
    encoder = ResponseEvents(head())
    frames = FRAMES.encode(0, encoder.opening())
    assert frames.startswith(b'event: response.created\ndata: {"type":"response.created",')
    assert ENDING.end(encoder.take([encode(START[0])])[-1], 2) is None
    assert ENDING.end(encoder.take([encode(one) for one in ending()])[-1], 3) == b"data: [DONE]\n\n"
    assert ENDING.end(None, 3) == b"data: [DONE]\n\n"
    assert ENDING.drain(100) is None


@given(answers(), heads, st.booleans())
def test_every_chunk_of_a_completion_is_of_the_clients_own_type(log: list[Event], about: Head, usage: bool) -> None:
    encoder = CompletionChunks(about, usage=usage)
    chunks = [orjson.loads(one) for one in encoder.take([encode(event) for event in log])]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == text_of(fold(log).parts)
    whole = ChatCompletion.model_validate(encoder.whole())
    assert (whole.choices[0].message.content or "") == text
    assert ("usage" in chunks[-1]) == usage


def test_the_calls_of_a_completion_come_in_pieces_and_whole() -> None:
    encoder = CompletionChunks(head(handed=True))
    log = [*START, *CALL, events.finish_step("tool-calls"), *ending(reason="tool-calls")]
    chunks = [orjson.loads(one) for one in encoder.take([encode(event) for event in log])]
    pieces = [call for one in chunks for call in one["choices"][0]["delta"].get("tool_calls", ())]
    assert pieces[0]["id"] == "call_1"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city":"Oslo"}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    (call,) = encoder.whole()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "look", "arguments": '{"city":"Oslo"}'}


def test_a_completion_that_fails_ends_with_the_error() -> None:
    encoder = CompletionChunks(head())
    log = [*START, events.error(ProviderError("The model is away.")), *ending(reason="error")]
    last = decode(encoder.take([encode(event) for event in log])[-1])
    assert last["error"]["message"] == "The model is away."
    assert encoder.fault is not None


def test_a_branch_is_told_as_input_items() -> None:
    record = fold([*START, *TEXT, *CALL, events.finish_step("tool-calls"), *ending(reason="tool-calls")])
    image = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="}
    branch = [
        Message("msg_1", "user", [{"type": "text", "text": "Where?"}, image]),
        Message("msg_2", "assistant", record.parts),
        Message("msg_3", "user", [output_part("call_1", {"degrees": 21})]),
    ]
    items = input_items(branch)
    ITEMS.validate_python(items)
    kinds = ["message", "message", "function_call", "function_call_output"]
    assert [item["type"] for item in items] == kinds
    assert [item["id"] for item in items] == ["msg_1_0", "msg_2_0", "fc_2_1", "fco_3_0"]
    assert [item["type"] for item in input_items(with_outputs(branch))] == kinds


def test_an_output_stands_at_its_call_and_the_messages_stay_as_they_are() -> None:
    call = {"type": "tool-look", "toolCallId": "call_1", "state": "input-available", "input": {}}
    said = {"type": "text", "text": "And now?"}
    branch = [Message("1", "assistant", [call]), Message("2", "user", [output_part("call_1", 21), said])]
    merged = with_outputs(branch)
    assert merged[0].parts == [{**call, "state": "output-available", "output": 21}]
    assert merged[1].parts == [said]
    assert branch[0].parts == [call]
    assert with_outputs([Message("1", "user", [output_part("nobody", 1)])]) == []
