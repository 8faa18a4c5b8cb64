"""What each major of the npm package ``ai`` is sent."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain import events
from threadline.domain.errors import ProviderError
from threadline.wire.ui_messages import ENCODERS, TYPES, VERSIONS, Version, version_of

texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
metadata = st.dictionaries(texts, json_values, max_size=3)
reasons = st.sampled_from(
    ["stop", "length", "content-filter", "tool-calls", "error", "other", "unknown", "interrupted"]
)
ours = st.one_of(
    st.builds(events.start, texts, metadata),
    st.builds(events.finish, reasons, metadata),
    st.builds(events.abort, texts),
    st.builds(events.error, st.builds(ProviderError, texts)),
    st.just(events.start_step()),
    st.builds(events.finish_step, reasons, st.just({"inputTokens": 1})),
    st.builds(events.text_start, texts),
    st.builds(events.text_delta, texts, texts),
    st.builds(events.text_end, texts),
    st.builds(events.reasoning_start, texts),
    st.builds(events.reasoning_delta, texts, texts),
    st.builds(events.reasoning_end, texts),
    st.builds(events.tool_input_start, texts, texts),
    st.builds(events.tool_input_delta, texts, texts),
    st.builds(events.tool_input_available, texts, texts, json_values),
    st.builds(events.tool_input_error, texts, texts, json_values, texts),
    st.builds(events.tool_output_available, texts, json_values),
    st.builds(events.tool_output_error, texts, texts),
    st.builds(events.recovery, st.integers(0, 9), texts),
)
newer = st.sampled_from(sorted(TYPES[7] - TYPES[5])).map(lambda kind: {"type": kind.decode(), "id": "x"})
unheard_of = st.from_regex(r"[a-z]{1,8}-[a-z]{1,8}", fullmatch=True).map(lambda kind: {"type": kind, "value": 1})
any_event = st.one_of(ours, newer, unheard_of)
versions = st.sampled_from(VERSIONS)

_FRAME = re.compile(rb"id: (\d+)\ndata: ([^\n]*)\n\n")


def decoded(frames: bytes) -> list[tuple[int, dict[str, Any]]]:
    assert _FRAME.sub(b"", frames) == b""
    return [(int(number), orjson.loads(data)) for number, data in _FRAME.findall(frames)]


@given(st.lists(any_event, max_size=8), st.integers(0, 10**9), versions)
def test_every_event_is_one_frame_with_its_own_offset(
    batch: list[dict[str, Any]], first: int, version: Version
) -> None:
    out = decoded(ENCODERS[version].encode(first, [events.encode(event) for event in batch]))
    assert [number for number, _ in out] == list(range(first, first + len(batch)))


@given(any_event, versions)
def test_a_client_never_sees_a_type_that_its_version_does_not_know(event: dict[str, Any], version: Version) -> None:
    chunk = orjson.loads(ENCODERS[version].chunk(events.encode(event)))
    kind = chunk["type"]
    assert kind.startswith("data-") or kind.encode() in TYPES[version]
    if kind == "data-threadline":
        assert chunk == {"type": kind, "data": event, "transient": True}


@given(st.one_of(ours, newer), versions)
def test_what_a_version_knows_passes_untouched(event: dict[str, Any], version: Version) -> None:
    data = events.encode(event)
    known = event["type"].startswith("data-") or event["type"].encode() in TYPES[version]
    if known and event["type"] != "finish":
        assert ENCODERS[version].chunk(data) is data


@pytest.mark.parametrize(
    ("version", "reason", "seen"),
    [
        (5, "interrupted", "other"),
        (6, "interrupted", "other"),
        (7, "interrupted", "interrupted"),
        (5, "unknown", "unknown"),
        (6, "unknown", "other"),
        (7, "unknown", "other"),
        (5, "stop", "stop"),
        (7, "a-new-one", "other"),
    ],
)
def test_a_finish_reason_is_one_that_the_version_takes(version: Version, reason: str, seen: str) -> None:
    event = events.finish(reason, {"finishReason": "interrupted"})
    chunk = orjson.loads(ENCODERS[version].chunk(events.encode(event)))
    assert chunk == {**event, "finishReason": seen}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_step_that_begins_anew_is_dropped_by_those_who_can(version: Version) -> None:
    kept = events.encode(events.recovery(2, "again", handover=False))
    anew = events.encode(events.recovery(2, "again", handover=False, reset=True))
    assert ENCODERS[version].chunk(kept) is kept
    assert ENCODERS[version].chunk(anew) == (b'{"type":"reset-step"}' if version == 7 else anew)
    strange = b'{"type":"data-recovery","data":5}'
    assert ENCODERS[version].chunk(strange) == strange


def test_each_major_knows_as_many_types_as_its_package() -> None:
    assert [len(TYPES[version]) for version in VERSIONS] == [22, 24, 29]


@pytest.mark.parametrize(
    ("declared", "version"),
    [
        (None, 5),
        ("", 5),
        ("5", 5),
        ("6", 6),
        ("7.0.173", 7),
        ("ai@6", 6),
        ("v7", 7),
        ("12", 7),
        ("4", 5),
        ("nonsense", 5),
        ("\u00b3", 5),
        ("9" * 5000, 7),
    ],
)
def test_a_declared_version_is_understood_in_the_ways_people_write_it(declared: str | None, version: Version) -> None:
    assert version_of(declared) == version


def test_something_that_is_no_event_of_ours_still_is_a_chunk_that_every_client_takes() -> None:
    for encoder in ENCODERS.values():
        assert orjson.loads(encoder.chunk(b'{"id": 1, "type": "text-delta"}'))["type"] == "data-threadline"
        assert orjson.loads(encoder.chunk(b"[1,2]"))["data"] == [1, 2]
