"""The quirks of streamed answers, one by one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.answers import DONE, frame
from tests.providers.asking import assistant, check_form, user
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import is_tool
from threadline.providers.completions import Decoder


def decode(*chunks: bytes, **options: Any) -> list[Event]:
    decoder = Decoder("Maker", **options)
    events = [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.end()
    assert decoder.failure is None, decoder.failure
    return events


def whole(*chunks: bytes, **options: Any) -> Fold:
    return check_form(decode(*chunks, **options), options.get("first_part", 0))


def shown(fold: Fold) -> list[tuple[str, str]]:
    return [(part["type"], part["text"]) for part in fold.parts if "text" in part]


def call(index: int | None = None, name: str | None = None, arguments: Any = None, id: str | None = None) -> bytes:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    one = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return frame({"tool_calls": [{**one, "function": function}]})


def calls(fold: Fold) -> list[tuple[str, Any, str]]:
    return [(part["type"].removeprefix("tool-"), part["input"], part["state"]) for part in fold.parts if is_tool(part)]


STOP = frame({}, "stop")
CALLED = frame({}, "tool_calls")
READY = "input-available"


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "why"},
        {"reasoning": "why"},
        {"reasoning": "why", "reasoning_content": "why"},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "w"},
                {"type": "reasoning.summary", "summary": "hy"},
            ]
        },
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]},
        {"content": "<think>why</think>\n\n"},
        {"content": "", "reasoning_content": "why", "tool_calls": []},
    ],
)
def test_reasoning_in_any_spelling_is_one_part_before_the_text(delta: dict[str, Any]) -> None:
    fold = whole(frame(delta), frame({"content": "so"}), STOP, DONE)
    assert shown(fold) == [("reasoning", "why"), ("text", "so")]


def test_text_and_reasoning_that_take_turns_are_parts_one_after_another() -> None:
    deltas = [{"content": "a"}, {"reasoning": "b"}, {"content": "c"}, {"reasoning": "d", "content": "e"}]
    fold = whole(*(frame(delta) for delta in deltas), STOP, DONE, first_part=3)
    assert shown(fold) == [("text", "a"), ("reasoning", "b"), ("text", "c"), ("reasoning", "d"), ("text", "e")]


def test_empty_deltas_make_no_events() -> None:
    empty: list[dict[str, Any]] = [
        {},
        {"content": ""},
        {"content": None},
        {"reasoning_content": ""},
        {"tool_calls": None},
        {"role": "assistant"},
    ]
    assert [event["type"] for event in decode(*(frame(delta) for delta in empty), STOP, DONE)] == ["finish-step"]


def test_a_call_in_one_chunk_and_a_call_in_pieces_give_the_same() -> None:
    text = json.dumps({"city": "Ålesund"})
    at_once = whole(call(0, "weather", text, "c1"), CALLED, DONE)
    pieces = whole(call(0, "weather", "", "c1"), *(call(0, None, letter) for letter in text), CALLED, DONE)
    assert calls(at_once) == calls(pieces) == [("weather", {"city": "Ålesund"}, READY)]


@pytest.mark.parametrize("arguments", [None, "", " ", "{}", "null", {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    assert calls(whole(call(0, "now", arguments, "c1"), CALLED, DONE)) == [("now", {}, READY)]


def test_arguments_that_are_an_object_already_are_taken() -> None:
    assert calls(whole(call(0, "now", {"a": 1}, "c1"), CALLED, DONE)) == [("now", {"a": 1}, READY)]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ('{"a":', "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('"x"', "object"),
        ('{"a":{"__proto__":{}}}', "a name that no reader takes"),
        ('{"a":' * 70 + "0" + "}" * 70, "nested too deeply"),
    ],
)
def test_broken_arguments_are_an_input_error_that_keeps_them(arguments: str, reason: str) -> None:
    (event,) = [
        event for event in decode(call(0, "now", arguments, "c1"), CALLED, DONE) if event["type"] == "tool-input-error"
    ]
    assert event["input"] == arguments
    assert reason in event["errorText"]


def test_arguments_that_meet_the_token_limit_say_so() -> None:
    events = decode(call(0, "now", '{"a": "lo', "c1"), frame({}, "length"), DONE)
    assert "token limit" in events[-2]["errorText"]
    assert events[-1]["finishReason"] == "length"


def test_calls_side_by_side_keep_their_pieces_apart() -> None:
    pieces = [call(0, "a", "", "c0"), call(1, "b", "", "c1"), call(0, None, '{"x":'), call(1, None, '{"y":')]
    pieces += [call(1, None, "2}"), call(0, None, "1}")]
    assert calls(whole(*pieces, CALLED, DONE)) == [("a", {"x": 1}, READY), ("b", {"y": 2}, READY)]


def test_a_whole_call_is_ready_when_the_next_begins() -> None:
    events = decode(call(0, "a", '{"x":1}', "c0"), call(1, "b", "", "c1"), CALLED, DONE)
    kinds = [(event["type"], event.get("toolCallId")) for event in events]
    assert kinds.index(("tool-input-available", "c0")) < kinds.index(("tool-input-start", "c1"))


def test_calls_without_indexes_are_told_apart_by_their_ids_and_names() -> None:
    pieces = [
        call(None, "a", "{", "c0"),
        call(None, None, "}"),
        call(None, "b", '{"y":2}', "c1"),
        call(None, "c", "{}"),
    ]
    assert calls(whole(*pieces, CALLED, DONE)) == [("a", {}, READY), ("b", {"y": 2}, READY), ("c", {}, READY)]


def test_calls_that_all_have_the_index_zero_are_told_apart_by_their_ids() -> None:
    pieces = [call(0, "a", '{"x":1}', "c0"), call(0, "b", '{"y":2}', "c1")]
    assert calls(whole(*pieces, CALLED, DONE)) == [("a", {"x": 1}, READY), ("b", {"y": 2}, READY)]


def test_a_name_that_is_repeated_or_emptied_in_later_pieces_stays() -> None:
    pieces = [call(0, "a", "{", "c0"), call(0, "", '"x":1', "c0"), call(0, "a", "}")]
    assert calls(whole(*pieces, CALLED, DONE)) == [("a", {"x": 1}, READY)]


def test_ids_that_are_missing_or_used_already_are_made_unique() -> None:
    earlier = assistant({"type": "tool-a", "toolCallId": "call_0", "state": READY, "input": {}})
    events = decode(
        call(0, "a", "{}"),
        call(1, "b", "{}", "call_0"),
        call(2, "c", "{}"),
        CALLED,
        DONE,
        messages=[user("x"), earlier],
    )
    ids = [event["toolCallId"] for event in events if event["type"] == "tool-input-start"]
    assert len({*ids, "call_0"}) == 4


def test_a_call_without_a_name_is_an_error_and_not_silence() -> None:
    events = decode(call(0, None, '{"x":1}', "c0"), CALLED, DONE)
    assert [event["type"] for event in events][-2] == "tool-input-error"


def test_a_function_call_of_the_old_form_is_a_tool_call() -> None:
    fold = whole(frame({"function_call": {"name": "a", "arguments": '{"x":1}'}}), frame({}, "function_call"), DONE)
    assert calls(fold) == [("a", {"x": 1}, READY)]
    assert fold.step_reason == "tool-calls"


def test_text_after_a_call_is_a_part_of_its_own() -> None:
    fold = whole(frame({"content": "a"}), call(0, "x", "{}", "c0"), frame({"content": "b"}), CALLED, DONE)
    assert [part["type"] for part in fold.parts] == ["text", "tool-x", "text"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content-filter"),
        ("tool_calls", "tool-calls"),
        ("function_call", "tool-calls"),
        ("error", "error"),
        ("max_tokens", "length"),
        ("SAFETY", "content-filter"),
        ("abandoned", "other"),
    ],
)
def test_finish_reasons_are_translated(told: str, reason: str) -> None:
    assert decode(frame({"content": "a"}), frame({}, told), DONE)[-1]["finishReason"] == reason


def test_a_refusal_is_text_and_ends_as_filtered() -> None:
    fold = whole(frame({"refusal": "I "}), frame({"refusal": "won't."}), STOP, DONE)
    assert shown(fold) == [("text", "I won't.")]
    assert fold.step_reason == "content-filter"


@pytest.mark.parametrize("own_chunk", [True, False])
def test_usage_is_taken_from_the_last_chunk_or_from_its_own(own_chunk: bool) -> None:
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    if own_chunk:
        chunks = [STOP, b"data: " + json.dumps({"choices": [], "usage": told}).encode() + b"\n\n"]
    else:
        chunks = [frame({}, "stop", usage=told)]
    fold = whole(frame({"content": "a"}, usage=None), *chunks, DONE)
    assert fold.usage == {
        "inputTokens": 10,
        "outputTokens": 5,
        "totalTokens": 15,
        "cachedInputTokens": 4,
        "cacheWriteTokens": 2,
        "reasoningTokens": 3,
    }


def test_usage_that_was_not_told_is_absent() -> None:
    assert "usage" not in decode(frame({"content": "a"}), STOP, DONE)[-1]
    assert decode(frame({}, "stop", usage={"prompt_tokens": 1}), DONE)[-1]["usage"] == {"inputTokens": 1}
    assert decode(frame({}, "stop", x_groq={"usage": {"prompt_tokens": 1}}), DONE)[-1]["usage"] == {"inputTokens": 1}


def test_url_annotations_are_sources_each_once() -> None:
    one = {"type": "url_citation", "url_citation": {"url": "https://a.example/", "title": "A", "start_index": 1}}
    events = decode(
        frame({"content": "x"}),
        frame({"annotations": [one, one]}),
        frame({"content": "y"}, citations=["https://a.example/", "https://b.example/"]),
        frame({}, "stop", citations=["https://a.example/", "https://b.example/"]),
        DONE,
    )
    sources = [(event["url"], event.get("title")) for event in events if event["type"] == "source-url"]
    assert sources == [("https://a.example/", "A"), ("https://b.example/", None)]


@pytest.mark.parametrize(
    ("error", "message", "retryable"),
    [
        ({"message": "Overloaded now.", "code": 529}, "Overloaded now.", True),
        ({"message": "Slow down.", "type": "rate_limit_error"}, "Slow down.", True),
        ({"message": "No such thing.", "code": "invalid_request"}, "No such thing.", False),
        ("It broke.", "It broke.", False),
        ({"metadata": {}}, "Maker reported an error without saying which.", False),
    ],
)
def test_an_error_in_mid_stream_keeps_what_came_before_it(error: Any, message: str, retryable: bool) -> None:
    chunk = b"data: " + json.dumps({"error": error}).encode() + b"\n\n"
    decoder = Decoder("Maker")
    events = decoder.feed(frame({"content": "so far"}) + chunk + frame({"content": "never"}) + DONE)
    assert [event.get("delta") for event in events] == [None, "so far"]
    assert decoder.failure is not None
    assert (decoder.failure.message, decoder.failure.retryable) == (message, retryable)
    assert decoder.end() == []


def test_an_error_inside_of_a_choice_is_an_error() -> None:
    choice = {
        "index": 0,
        "delta": {"content": ""},
        "finish_reason": "error",
        "error": {"message": "Gone.", "code": 502},
    }
    decoder = Decoder("Maker")
    decoder.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    assert decoder.failure is not None
    assert decoder.failure.message == "Gone."
    assert decoder.failure.provider_status == 502


def test_a_stream_that_is_not_json_is_a_failure() -> None:
    decoder = Decoder("Maker")
    decoder.feed(b"data: <html>\n\n")
    assert decoder.failure is not None
    assert "not JSON" in decoder.failure.message


def test_the_mark_of_the_end_may_stand_for_the_reason() -> None:
    assert decode(frame({"content": "a"}), DONE)[-1]["finishReason"] == "other"


def test_a_reason_is_enough_without_the_mark_of_the_end() -> None:
    assert decode(frame({"content": "a"}), STOP)[-1]["finishReason"] == "stop"


def test_what_comes_after_the_end_is_not_read() -> None:
    assert len(decode(frame({"content": "a"}), STOP, DONE, frame({"content": "b"}))) == 4


def test_an_answer_that_was_not_streamed_is_understood_too() -> None:
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "why"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    fold = check_form(Decoder().whole(json.dumps(body).encode()))
    assert shown(fold) == [("reasoning", "why"), ("text", "Hello")]


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", "b ", "`", "<", "\n"]), max_size=12), st.data())
def test_tags_split_across_chunks_are_found(pieces: list[str], data: st.DataObject) -> None:
    text = "x" + "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *cuts, len(text)]
    chunks = [frame({"content": text[a:b]}) for a, b in itertools.pairwise(edges)]
    assert shown(whole(*chunks, STOP, DONE)) == shown(whole(frame({"content": text}), STOP, DONE))


def test_tags_are_text_where_the_provider_has_no_use_for_them() -> None:
    assert shown(whole(frame({"content": "<think>a</think>"}), STOP, DONE, think_tags=False)) == [
        ("text", "<think>a</think>")
    ]
