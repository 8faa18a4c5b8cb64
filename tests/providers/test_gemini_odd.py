"""Answers that are not of the form that Gemini's should be: what came is kept, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.gemini import chunk, framed
from tests.providers.asking import check_form
from threadline.domain.fold import Fold
from threadline.providers.gemini import Decoder

NAMES = (
    "candidates content parts text thought thoughtSignature functionCall name args partialArgs jsonPath stringValue "
    "willContinue inlineData mimeType data toolCall toolType toolResponse response executableCode codeExecutionResult "
    "groundingMetadata groundingChunks web uri webSearchQueries retrievedContext urlContextMetadata urlMetadata "
    "usageMetadata promptTokenCount totalTokenCount finishReason promptFeedback blockReason error message id"
)
NAME = st.sampled_from(NAMES.split())
ODD: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["STOP", "$.a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=5),
    max_leaves=10,
)
PART = st.dictionaries(NAME, ODD, max_size=3)


@given(
    st.lists(
        ODD | st.builds(lambda parts: {"candidates": [{"content": {"parts": parts}}]}, st.lists(PART, max_size=3)),
        max_size=3,
    )
)
@settings(max_examples=100)
def test_odd_input_sets_a_failure_and_never_raises(chunks: list[Any]) -> None:
    wire = framed([json.dumps(one).encode() for one in chunks])
    for pieces in ([wire], [wire[at : at + 7] for at in range(0, len(wire), 7)]):
        decoder = Decoder("Maker")
        events = [event for one in pieces for event in decoder.feed(one)] + decoder.end()
        assert (decoder.failure is None) == ([one["type"] for one in events[-1:]] == ["finish-step"])
        for one in events:
            orjson.dumps(one)
    Decoder("Maker").whole(json.dumps(chunks).encode())


@pytest.mark.parametrize("depth", [70, 300, 5000])
def test_what_is_nested_too_deep_is_a_failure(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for start, end in ((b'{"functionCall":{"name":"x","args":', b"}}"), (b'{"toolCall":{"args":', b"}}")):
        decoder = Decoder("Maker")
        decoder.feed(b'data: {"candidates":[{"content":{"parts":[' + start + deep + end + b"]}}]}\n\n")
        assert decoder.failure is not None


@pytest.mark.parametrize(
    "part", ["x", 5, None, {"functionCall": "x"}, {"functionCall": {"name": "x", "partialArgs": [1]}}, {"toolCall": 1}]
)
def test_a_part_of_no_known_form_is_a_failure_after_what_came_before_it(part: Any) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(chunk({"text": "Hello"}) + chunk({"text": "!"}, part) + chunk({"text": "never"}))
    assert "".join(event.get("delta", "") for event in events) == "Hello!"
    assert decoder.failure is not None
    assert "Maker" in decoder.failure.message
    assert decoder.feed(chunk({"text": "never"}, reason="STOP")) == []


def test_a_character_that_was_cut_between_two_chunks_is_whole() -> None:
    decoder = Decoder("Maker")
    halves = [{"candidates": [{"content": {"parts": [{"text": half}]}}]} for half in ("a\ud83d", "\ude00b")]
    events = decoder.feed(framed([json.dumps(half).encode() for half in halves]) + chunk(reason="STOP"))
    assert "".join(event.get("delta", "") for event in events) == "a\N{GRINNING FACE}b"


def called(told: dict[str, Any]) -> Fold:
    decoder = Decoder("Maker")
    return check_form(decoder.feed(chunk({"functionCall": told}, reason="STOP")) + decoder.end())


def test_a_call_without_a_name_is_told_to_be_none() -> None:
    fold = called({"args": {"a": 1}})
    assert "without the tool's name" in fold.parts[0]["errorText"]


def test_a_call_with_no_object_for_arguments_is_told_to_be_broken() -> None:
    fold = called({"name": "cook", "args": [1]})
    assert "not a JSON object" in fold.parts[0]["errorText"]
