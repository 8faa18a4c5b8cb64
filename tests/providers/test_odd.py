"""Answers that are not of the form that they should be: what came is kept, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.answers import DONE, frame
from threadline.domain.events import Event
from threadline.providers import lenient
from threadline.providers.completions import Decoder
from threadline.providers.faults import from_event, from_response, redacted

FACE = "\N{GRINNING FACE}"
ALONE = "\N{REPLACEMENT CHARACTER}"


def sse(value: Any) -> bytes:
    """A chunk as Python's own encoder writes it, which knows halves of characters and NaN."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def text(events: list[Event], kind: str = "text-delta", field: str = "delta") -> str:
    return "".join(event[field] for event in events if event["type"] == kind)


def decoded(*chunks: bytes) -> list[Event]:
    decoder = Decoder("Maker")
    events = [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.end()
    assert decoder.failure is None, decoder.failure
    return events


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [None]},
        {"choices": ["x"]},
        {"choices": {"0": 1}},
        {"choices": 5},
        {"choices": [{"delta": "hi"}]},
        {"choices": [{"delta": [1]}]},
        {"choices": [{"delta": {"reasoning_details": [5]}}]},
    ],
)
def test_a_chunk_of_no_known_form_is_a_failure_after_what_came_in_the_same_read(chunk: Any) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(frame({"content": "Hello"}) + sse(chunk) + frame({"content": "never"}))
    assert text(events) == "Hello"
    assert decoder.failure is not None
    assert "Maker" in decoder.failure.message
    assert decoder.feed(frame({"content": "never"})) == []


@pytest.mark.parametrize(
    "extra",
    [
        {"usage": {"prompt_tokens_details": 5, "prompt_tokens": 7}},
        {"usage": {"completion_tokens_details": [1]}},
        {"usage": {"prompt_tokens": "many"}},
        {"usage": "free"},
        {"x_groq": "i"},
        {"x_groq": {"usage": 3}},
    ],
)
def test_a_fault_in_the_usage_alone_is_no_failure(extra: Any) -> None:
    events = decoded(frame({"content": "Hello"}), sse({"choices": [], **extra}), frame({"content": "."}, "stop"), DONE)
    assert text(events) == "Hello."
    assert events[-1]["type"] == "finish-step"


def test_a_character_that_was_cut_between_two_chunks_is_whole() -> None:
    halves = [sse({"choices": [{"delta": {"content": half}}]}) for half in ("a\ud83d", "\ude00b")]
    assert text(decoded(*halves, frame({}, "stop"))) == f"a{FACE}b"
    thought = [sse({"choices": [{"delta": {"reasoning": half}}]}) for half in ("a\ud83d", "\ude00b")]
    assert text(decoded(*thought, frame({"content": "c"}, "stop")), "reasoning-delta") == f"a{FACE}b"


def test_half_a_character_that_stays_alone_is_replaced() -> None:
    first = sse({"choices": [{"delta": {"content": "a\ud83d"}}]})
    assert text(decoded(first, frame({"content": "b"}), frame({"content": "c"}, "stop"))) == f"a{ALONE}bc"
    assert text(decoded(first, frame({}, "stop"))) == f"a{ALONE}"
    assert text(decoded(sse({"choices": [{"delta": {"content": "\ude00 \ud83d."}}]}), frame({}, "stop"))) == (
        f"{ALONE} {ALONE}."
    )


def test_a_half_in_a_calls_arguments_is_joined_too() -> None:
    def piece(words: str, **more: Any) -> bytes:
        return sse({"choices": [{"delta": {"tool_calls": [{"index": 0, **more, "function": {"arguments": words}}]}}]})

    first = {"index": 0, "id": "c", "function": {"name": "say", "arguments": '{"a": "\ud83d'}}
    events = decoded(sse({"choices": [{"delta": {"tool_calls": [first]}}]}), piece('\ude00"}'), frame({}, "tool_calls"))
    assert next(event for event in events if event["type"] == "tool-input-available")["input"] == {"a": FACE}


def test_numbers_that_json_does_not_know_do_no_harm() -> None:
    odd = {"choices": [{"delta": {"content": "Hello"}, "logprobs": {"a": [float("-inf"), float("nan"), 10**40]}}]}
    assert text(decoded(sse(odd), frame({"content": "."}, "stop"))) == "Hello."


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"9" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900])
def test_what_is_no_json_is_refused_and_never_breaks_the_reader(data: bytes) -> None:
    try:
        lenient.loads(data)
    except ValueError:
        return
    assert data.startswith(b'{"a"')


@pytest.mark.parametrize(
    "deltas",
    [
        [{"index": "0", "id": "a"}, {"index": "0"}],
        [{"id": 5}, {"id": 5}],
        [{"index": 0.5, "id": ["x"]}, {"index": 0.5}],
        [{"index": True, "id": "a"}, {"id": "a"}],
    ],
)
def test_a_call_is_one_call_however_its_pieces_are_numbered(deltas: list[dict[str, Any]]) -> None:
    first = {**deltas[0], "function": {"name": "say", "arguments": '{"a"'}}
    second = {**deltas[1], "function": {"arguments": ": 1}"}}
    chunks = [sse({"choices": [{"delta": {"tool_calls": [one]}}]}) for one in (first, second)]
    events = decoded(*chunks, frame({}, "tool_calls"))
    whole = [event for event in events if event["type"].startswith("tool-input-a")]
    assert [(event["toolName"], event["input"]) for event in whole] == [("say", {"a": 1})]


@pytest.mark.parametrize("code", ["1e400", "-1e400", "NaN", "[]", '"x"'])
def test_the_code_of_an_error_may_be_anything(code: str) -> None:
    error = json.loads(f'{{"code": {code}, "message": "No."}}')
    assert from_event("Maker", error).message == "No."
    body = f'{{"error": {{"code": {code}, "message": "No."}}}}'.encode()
    assert from_response("Maker", 500, "", {}, body, 0.0).message == "No."
    deep = b'{"error":' * 950 + b"1" + b"}" * 950
    assert from_response("Maker", 500, "Fault", {}, deep, 0.0).message == "Maker answered 500 Fault."


@pytest.mark.parametrize("said", ["Bad key Bearer abc-123.", "Bad key abc-123.", "Bad key: 'abc-123'"])
def test_the_key_in_a_header_is_hidden_with_and_without_its_scheme(said: str) -> None:
    shown = redacted(from_event("Maker", {"message": said}), ["Bearer abc-123", None, ""]).message
    assert "abc-123" not in shown
    assert shown.startswith("Bad key")


def test_words_that_are_no_secret_stay() -> None:
    assert redacted(from_event("Maker", {"message": "My chat."}), ["My own chat page"]).message == "My chat."
