"""Streams of Anthropic's dialect that are not of the form that they should be: nothing raises, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.messages import begin, ended, event, more, stop
from tests.providers.asking import check_form
from threadline.domain.events import Event
from threadline.domain.fold import fold
from threadline.providers.messages import Decoder

FACE = "\N{GRINNING FACE}"

EVENTS = "message_start message_delta message_stop message content_block_start content_block_delta content_block_stop"
BLOCKS = "text thinking redacted_thinking tool_use server_tool_use mcp_tool_result web_search_tool_result x"
DELTAS = "text_delta thinking_delta input_json_delta signature_delta citations_delta x"
CITED = "web_search_result page_location web_search_result_location search_result_location x"
LEAF = st.sampled_from(
    [None, True, 0, -1, 1.5, 2**60, "", "a", '{"a": 1}', "https://a.example", [], {}, [5], {"x": [None]}]
)


def objects(kinds: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of these types with any of these fields, each of which may be of another form."""
    known = st.fixed_dictionaries(
        {"type": st.sampled_from(kinds.split())}, optional={name: one | LEAF for name, one in fields.items()}
    )
    return known | LEAF


def fields(names: str) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(names.split(), LEAF)


FOUND = objects(CITED, **fields("url title content document_index document_title source search_result_index"))
BLOCK = objects(
    BLOCKS,
    content=FOUND | st.lists(FOUND, max_size=2),
    citations=st.lists(FOUND, max_size=2),
    **fields("text thinking signature data id name input tool_use_id is_error"),
)
DELTA = objects(DELTAS, citation=FOUND, **fields("text thinking signature partial_json stop_reason"))
USAGE = objects("x", **fields("input_tokens cache_read_input_tokens output_tokens output_tokens_details"))
MESSAGE = objects("message", content=st.lists(BLOCK, max_size=2), usage=USAGE, stop_reason=LEAF)
CHUNK = objects(EVENTS, index=LEAF, delta=DELTA, content_block=BLOCK, message=MESSAGE, usage=USAGE, error=LEAF)


def sse(value: Any) -> bytes:
    """An event as Python's own encoder writes it, which knows halves of characters and NaN."""
    return b"event: x\ndata: " + json.dumps(value).encode() + b"\n\n"


def given_by(decoder: Decoder, chunks: list[bytes]) -> list[Event]:
    return [one for chunk in chunks for one in decoder.feed(chunk)] + decoder.end()


@given(chunks=st.lists(CHUNK, max_size=8))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_nothing_raises_and_a_whole_answer_keeps_its_form(chunks: list[Any]) -> None:
    decoder = Decoder("Maker")
    events = given_by(decoder, [sse(chunk) for chunk in chunks])
    fold(events)
    if decoder.failure is None:
        check_form(events)
    else:
        assert all(one["type"] != "finish-step" for one in events)
    for chunk in chunks:
        whole = Decoder("Maker")
        events = whole.whole(json.dumps(chunk).encode())
        assert (whole.failure is None) == (events[-1:] != [] and events[-1]["type"] == "finish-step")


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_stream_are_a_failure(data: bytes) -> None:
    decoder = Decoder("Maker")
    assert given_by(decoder, [data]) == []
    assert decoder.failure is not None


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "content_block_delta"},
        {"type": "content_block_delta", "delta": "x"},
        {"type": "content_block_start", "content_block": None},
        {"type": "content_block_start", "index": [1], "content_block": {"type": "tool_use", "name": "a"}},
        {"type": "message_start", "message": {"content": 5}},
        {"type": "message_start", "message": {"content": ["x"]}},
    ],
)
def test_a_chunk_of_no_known_form_is_a_failure_after_what_came_in_the_same_read(chunk: Any) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(begin({"type": "text", "text": "Hello"}) + sse(chunk) + ended())
    assert [one["type"] for one in events] == ["text-start", "text-delta"] or events[-1]["type"] == "tool-input-start"
    assert decoder.failure is not None
    assert "Maker" in decoder.failure.message


def test_a_nesting_without_end_is_a_failure() -> None:
    decoder = Decoder("Maker")
    assert decoder.feed(b"data: " + b'{"delta":' * 100_000 + b"\n\n") == []
    assert decoder.failure is not None


@pytest.mark.parametrize(
    "usage", [5, [], {"input_tokens": "many"}, {"output_tokens_details": 5}, {"output_tokens": {}}]
)
def test_a_fault_in_the_usage_alone_is_no_failure(usage: Any) -> None:
    decoder = Decoder("Maker")
    start = event("message_start", message={"usage": usage})
    events = given_by(decoder, [start, begin({"type": "text", "text": "Hello"}), stop(), ended(usage=usage)])
    assert decoder.failure is None
    assert "usage" not in check_form(events).usage


def test_blocks_that_are_never_ended_are_ended_by_what_follows() -> None:
    opened = [
        begin({"type": "thinking", "thinking": "Hm.", "signature": "s1"}),
        more({"type": "text_delta", "text": "a"}),
        begin({"type": "tool_use", "id": "c", "name": "look", "input": {"a": 1}}, 1),
        begin({"type": "tool_use", "id": "d", "name": "look", "input": {}}, 1),
        more({"type": "input_json_delta", "partial_json": '{"b":2}'}, 1),
    ]
    decoder = Decoder("Maker")
    found = check_form(given_by(decoder, [*opened, ended("tool_use")]))
    assert decoder.failure is None
    assert found.parts[0]["providerMetadata"] == {"anthropic": {"signature": "s1"}}
    assert [part["input"] for part in found.parts[2:]] == [{"a": 1}, {"b": 2}]


def test_thinking_that_never_began_has_no_proof_of_what_came_before() -> None:
    signed = begin({"type": "thinking", "thinking": "a", "signature": "s1"}) + stop()
    events = given_by(Decoder("Maker"), [signed, more({"type": "thinking_delta", "thinking": "b"}), ended()])
    assert ["providerMetadata" in part for part in check_form(events).parts] == [True, False]


def test_a_character_that_was_cut_between_two_chunks_is_whole() -> None:
    halves = [
        sse({"type": "content_block_delta", "delta": {"type": "text_delta", "text": half}})
        for half in ("a\ud83d", "\ude00b")
    ]
    decoder = Decoder("Maker")
    events = given_by(decoder, [begin({"type": "text", "text": ""}), *halves, stop(), ended()])
    assert "".join(one["delta"] for one in events if one["type"] == "text-delta") == f"a{FACE}b"
