"""The fold: any prefix gives a message; the shared fixtures come out as they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.sequences import answers
from threadline.domain import events
from threadline.domain.events import Event, decode, encode, type_of
from threadline.domain.fold import Fold, fold, merge
from threadline.domain.partial import partial_json

FIXTURES = sorted((Path(__file__).parents[2] / "protocol" / "fixtures" / "fold").glob("*.json"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_the_shared_fixtures_fold_to_the_parts_that_they_name(path: Path) -> None:
    fixture = json.loads(path.read_text())
    assert fold(fixture["events"]).snapshot() == fixture["parts"]


@given(answers(), st.data())
def test_a_fold_with_looks_in_between_is_the_fold_in_one_go(sequence: list[Event], data: st.DataObject) -> None:
    looked = Fold()
    for event in sequence:
        looked.apply(event)
        if data.draw(st.booleans()):
            looked.snapshot()
    whole = fold(sequence)
    assert looked.snapshot() == whole.snapshot()
    assert looked.count == len(sequence)
    assert (looked.usage, looked.finish_reason, looked.metadata) == (whole.usage, whole.finish_reason, whole.metadata)


@given(answers())
def test_the_type_of_an_encoded_event_is_told_without_parsing(sequence: list[Event]) -> None:
    for event in sequence:
        data = encode(event)
        assert type_of(data).decode() == event["type"]
        assert decode(data) == event


def test_text_that_streams_is_shown_as_far_as_it_came() -> None:
    record = fold([events.start("m", {}), events.start_step(), events.text_start("p0"), events.text_delta("p0", "ab")])
    assert record.snapshot()[1] == {"type": "text", "text": "ab", "state": "streaming"}


def test_metadata_of_a_part_is_replaced_also_by_none_at_all() -> None:
    start = {**events.text_start("p0"), "providerMetadata": {"x": {"a": 1}}}
    record = fold([events.start("m", {}), start, {**events.text_end("p0"), "providerMetadata": {}}])
    assert record.snapshot() == [{"type": "text", "text": "", "state": "done", "providerMetadata": {}}]


def test_takeovers_count_until_something_new_comes_and_clean_hand_overs_do_not_count() -> None:
    record = fold([events.start("m", {}), events.start_step(), events.text_start("p0")])
    for epoch in (2, 3):
        record.apply(events.recovery(epoch, "again", handover=False))
    record.apply(events.recovery(4, "again", handover=True))
    assert record.takeovers_without_progress == 2
    record.apply(events.text_delta("p0", "x"))
    assert record.takeovers_without_progress == 0


def test_arguments_that_stream_are_shown_as_far_as_they_can_be_read() -> None:
    record = fold(
        [events.start_step(), events.tool_input_start("c", "look"), events.tool_input_delta("c", '{"city": "Ber')]
    )
    assert record.snapshot()[1]["input"] == {"city": "Ber"}
    assert partial_json("") is None


def test_an_event_of_an_unknown_type_changes_nothing_but_the_count() -> None:
    record = fold([events.start("m", {}), {"type": "from-the-future", "x": 1}])
    assert (record.count, record.snapshot()) == (2, [])


def test_metadata_merges_deeply_and_changes_neither_side() -> None:
    base, more = {"a": {"x": 1}, "b": 1}, {"a": {"y": 2}, "b": 2}
    assert merge(base, more) == {"a": {"x": 1, "y": 2}, "b": 2}
    assert (base, more) == ({"a": {"x": 1}, "b": 1}, {"a": {"y": 2}, "b": 2})
