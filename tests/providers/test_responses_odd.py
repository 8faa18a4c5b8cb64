"""Answers of the Responses API that are not of the form that they should be: what came is kept, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.responses_telling import END, added, call, ended, said, summary, tell, text
from threadline.domain.events import Event
from threadline.domain.fold import fold
from threadline.providers.responses import Decoder
from threadline.providers.responses.decode import _HANDLERS

ODD: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1.5,
    float("nan"),
    "",
    "x",
    "a\ud83d",
    [],
    [1],
    [[None]],
    {},
    {"a": [None]},
    [{}],
]
VALUES = st.sampled_from(ODD)
FIELDS = [
    "response", "item", "delta", "output_index", "content_index", "summary_index", "item_id", "annotation", "error",
    "arguments", "input", "message", "code", "sequence_number",
]  # fmt: skip
INNER = [
    "id", "type", "status", "error", "output", "usage", "incomplete_details", "summary", "content", "text", "refusal",
    "annotations", "encrypted_content", "phase", "call_id", "name", "arguments", "input", "action", "queries", "result",
    "input_tokens", "input_tokens_details", "url", "title", "file_id",
]  # fmt: skip
KINDS = [
    "message",
    "reasoning",
    "function_call",
    "web_search_call",
    "mcp_call",
    "image_generation_call",
    "custom_tool_call",
]
PAIRS = st.lists(st.tuples(st.sampled_from(INNER), VALUES | st.sampled_from(KINDS)), max_size=6)
OBJECTS = PAIRS.map(dict) | st.tuples(PAIRS, st.sampled_from(KINDS)).map(
    lambda both: {**dict(both[0]), "type": both[1]}
)
EVENTS = st.tuples(
    st.sampled_from([*sorted(_HANDLERS), "x", *ODD]),
    st.lists(
        st.tuples(st.sampled_from(FIELDS), VALUES | OBJECTS | st.lists(OBJECTS, max_size=2) | st.integers(0, 2)),
        max_size=6,
    ),
).map(lambda both: {"type": both[0], **dict(both[1])})
RIGHT = st.sampled_from(
    [
        added(0, "message"), text(0, "a"), text(0, "b", 1), ended(0, "message", **said("ab")), added(1, "reasoning"),
        summary(1, "why"), ended(1, "reasoning", encrypted_content="s"), call(2),
        ended(2, "function_call", arguments="{}"),
        added(3, "web_search_call"), ended(3, "web_search_call", action={"query": "x"}), END,
    ]
)  # fmt: skip


def sse(value: Any) -> bytes:
    """An event as Python's own encoder writes it, which knows halves of characters and NaN."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def check(decoder: Decoder, events: list[Event]) -> None:
    """Whatever came: it can be stored and folded, and an end is an end."""
    json.dumps(events)
    fold(events)
    ends = [event["type"] for event in events].count("finish-step")
    assert ends == (1 if decoder.done else 0)
    assert decoder.done != (decoder.failure is not None)
    opened = [event["id"] for event in events if event["type"] in ("text-start", "reasoning-start")]
    assert len(opened) == len(set(opened))


@given(st.lists(EVENTS | RIGHT, max_size=8), st.integers(0, 4000))
def test_nothing_that_a_provider_sends_raises(told: list[Any], cut: int) -> None:
    wire = b"".join(sse(event) for event in told)
    decoder = Decoder("Maker")
    events = decoder.feed(wire[:cut]) + decoder.feed(wire[cut:]) + decoder.end()
    check(decoder, events)


@given(OBJECTS)
def test_nothing_that_comes_as_one_object_raises(answer: dict[str, Any]) -> None:
    decoder = Decoder("Maker")
    check(decoder, decoder.whole(json.dumps(answer).encode()))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": "x", "output_index": None, "item_id": ["x"]},
        {"type": "response.output_text.delta", "delta": "x", "output_index": 0, "content_index": {"a": 1}},
        {"type": "response.output_item.added", "item": {"id": "x"}, "item_id": {"a": 1}},
    ],
)
def test_an_event_of_no_known_form_is_a_failure_after_what_came_in_the_same_read(event: Any) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(b"".join([*tell(added(0, "message"), text(0, "Hello")), sse(event), *tell(text(0, "never"))]))
    assert [one.get("delta") for one in events if one["type"] == "text-delta"] == ["Hello"]
    assert decoder.failure is not None
    assert "Maker" in decoder.failure.message
    assert decoder.feed(sse(text(0, "never"))) == []


@pytest.mark.parametrize(
    "payload", [b"<html>", b"[" * 100_000, b'{"type":' * 900 + b"1" + b"}" * 900, b"\xff\xfe", b"NaN", b'"x"', b"[1]"]
)
def test_what_is_no_event_never_breaks_the_reader(payload: bytes) -> None:
    decoder = Decoder("Maker")
    decoder.feed(b"data: " + payload + b"\n\n")
    decoder.end()
    assert decoder.failure is not None


def test_an_answer_nested_too_deep_in_what_a_tool_was_asked_is_an_error_of_that_call_alone() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    decoder = Decoder("Maker")
    events = decoder.feed(b"".join(tell(call(0), ended(0, "function_call", arguments=deep), END)))
    assert [event["type"] for event in events][-2] in ("tool-input-available", "tool-input-error")
    deeper = '{"a":' * 5000 + "1" + "}" * 5000
    decoder = Decoder("Maker")
    events = decoder.feed(b"".join(tell(call(0), ended(0, "function_call", arguments=deeper), END)))
    assert [event["type"] for event in events][-2] == "tool-input-error"
