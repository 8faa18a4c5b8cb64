"""The frames of the AI SDK's WebSocket chat transport."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_ui_messages import any_event, texts, versions
from threadline.domain import events
from threadline.domain.errors import BadRequest
from threadline.wire.chat_socket import CHUNKS, asked, chunk_frames, frame
from threadline.wire.ui_messages import ENCODERS, Version

batches = st.lists(st.lists(any_event, min_size=1, max_size=4), min_size=1, max_size=4)


@given(batches, st.integers(0, 10**9), versions, texts.filter(bool))
def test_every_event_is_one_frame_with_its_offset_for_its_sequence(
    found: list[list[dict[str, Any]]], first: int, version: Version, request: str
) -> None:
    parts, at = [], first
    for batch in found:
        parts.append(CHUNKS[version].encode(at, [events.encode(event) for event in batch]))
        at += len(batch)
    told = [json.loads(text) for text in chunk_frames(request, parts)]
    assert [one["sequence"] for one in told] == list(range(first, at))
    chunks = [json.loads(ENCODERS[version].chunk(events.encode(event))) for batch in found for event in batch]
    assert [one["chunk"] for one in told] == chunks
    assert {(one["type"], one["requestId"]) for one in told} == {("chunk", request)}


def test_other_frames_name_their_request() -> None:
    assert json.loads(frame("end", 'r"1')) == {"type": "end", "requestId": 'r"1'}
    assert json.loads(frame("error", "r", errorText="No.")) == {"type": "error", "requestId": "r", "errorText": "No."}


def test_what_a_frame_asks_for_stands_before_what_its_body_says() -> None:
    found = asked({"id": "c", "messages": [], "headers": {"X-Any": "1"}, "body": {"id": "other", "model": "m"}})
    assert found.fields == {"id": "c", "messages": [], "model": "m"}
    assert found.headers == {"x-any": "1"}
    assert found.after is None
    assert asked({"id": "c", "lastSequence": 4}).after == 4
    assert asked({"headers": None, "body": None, "lastSequence": None}).fields == {}


@pytest.mark.parametrize(
    "wrong",
    [{"headers": 5}, {"headers": {"a": 5}}, {"body": []}, {"body": "x"}]
    + [{"lastSequence": value} for value in ("1", 1.5, -2, True, 2**53, [])],
)
def test_what_is_of_the_wrong_type_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        asked({"id": "c", **wrong})
