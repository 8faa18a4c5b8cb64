"""The trail: every event of an answer can be had again, to the byte, from its message."""

from __future__ import annotations

import orjson
from hypothesis import given

from tests.domain.sequences import answers
from threadline.domain import events
from threadline.domain.events import Event, encode
from threadline.domain.fold import Fold
from threadline.domain.trail import TrailRecorder, expand


def told_again(sequence: list[Event]) -> list[bytes]:
    """The events out of what is kept of them: the message's parts as stored, and the trail."""
    record = Fold().apply_all(sequence)
    stored = orjson.loads(orjson.dumps(record.snapshot()))
    return expand(TrailRecorder().apply_all(sequence).finish(record.parts), stored)


@given(answers())
def test_the_events_come_back_byte_for_byte(sequence: list[Event]) -> None:
    assert told_again(sequence) == [encode(event) for event in sequence]


def test_a_text_continued_in_the_same_part_after_a_takeover_comes_back() -> None:
    sequence = [
        events.start("msg_1", {}),
        events.start_step(),
        events.text_start("p0"),
        events.text_delta("p0", "one "),
        events.recovery(2, "continue", handover=False),
        events.text_delta("p0", "two"),
        events.text_end("p0"),
        events.finish_step("stop"),
        events.finish("stop", {}),
    ]
    assert told_again(sequence) == [encode(event) for event in sequence]


def test_what_is_kept_of_a_long_answer_is_at_most_one_and_a_half_times_its_text() -> None:
    words = [f"word{number % 97} " for number in range(5000)]
    sequence = [
        events.start("msg_1", {"model": "demo/demo"}),
        events.start_step(),
        events.text_start("p0"),
        *(events.text_delta("p0", word) for word in words),
        events.text_end("p0"),
        events.finish_step("stop"),
        events.finish("stop", {}),
    ]
    record = Fold().apply_all(sequence)
    kept = len(orjson.dumps(record.snapshot())) + len(TrailRecorder().apply_all(sequence).finish(record.parts))
    assert kept <= 1.5 * len("".join(words))
