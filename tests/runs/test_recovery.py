"""The recovery table, row by row, as a pure function of where the log ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.sequences import answers
from threadline.domain import endings, events
from threadline.domain.events import Event
from threadline.domain.fold import Fold, fold
from threadline.runs import recovery

START = [events.start("msg_1", {}), events.start_step()]
CALL = [
    events.tool_input_start("c1", "look"),
    events.tool_input_delta("c1", '{"a": 1}'),
    events.tool_input_available("c1", "look", {"a": 1}),
]

CUT_OFF = events.reasoning_end("p0", {"threadline": {"interrupted": True}})


def planned(sequence: list[Event], *, idempotent: bool = False) -> recovery.Plan:
    """The plan for a log that ends after ``sequence``."""
    return recovery.plan(fold(sequence), lambda _name: idempotent)


def test_nothing_written_begins_from_the_start() -> None:
    assert planned([]).action == "begin"


def test_before_anything_visible_the_step_runs_again() -> None:
    assert planned(START) == recovery.Plan("again")


def test_a_message_that_only_started_gets_its_first_step() -> None:
    assert planned(START[:1]).action == "next"


def test_in_the_middle_of_text_it_goes_on_in_the_same_part() -> None:
    plan = planned([*START, events.text_start("p0"), events.text_delta("p0", "half")])
    assert plan == recovery.Plan("continue", [], "half", "p0")


def test_after_a_finished_text_part_without_the_steps_end_it_goes_on_in_a_new_part() -> None:
    plan = planned([*START, events.text_start("p0"), events.text_delta("p0", "half"), events.text_end("p0")])
    assert plan == recovery.Plan("continue", [], "half", None)


def test_an_open_part_without_a_letter_is_used_by_the_step_that_runs_again() -> None:
    assert planned([*START, events.text_start("p0")]) == recovery.Plan("again", part="p0")


def test_in_the_middle_of_reasoning_the_part_is_closed_as_interrupted_and_the_step_runs_again() -> None:
    plan = planned([*START, events.reasoning_start("p0"), events.reasoning_delta("p0", "hm")])
    assert plan.action == "again"
    assert plan.events == [CUT_OFF]
    assert plan.reset


def test_what_is_not_kept_of_a_step_may_be_dropped_and_nothing_else() -> None:
    begun = [*START, events.reasoning_start("p0"), events.reasoning_delta("p0", "hm")]
    twice = [*begun, CUT_OFF, events.recovery(2, "again", handover=False, reset=True), events.reasoning_start("p1")]
    assert planned(twice).reset
    assert planned([*begun, CUT_OFF]).reset
    assert not planned(START).reset
    assert not planned([*begun, events.reasoning_end("p0")]).reset
    assert not planned([*begun, CUT_OFF, events.text_start("p1")]).reset
    assert not planned([*begun, events.text_start("p1"), events.text_delta("p1", "Yes")]).reset
    assert not planned([*begun, CUT_OFF, *CALL]).reset
    assert not planned([*begun, {"type": "source-url", "sourceId": "s", "url": "https://example.org"}]).reset


def test_in_reasoning_after_a_finished_text_it_goes_on_from_that_text() -> None:
    text = [events.text_start("p0"), events.text_delta("p0", "half"), events.text_end("p0")]
    plan = planned([*START, *text, events.reasoning_start("p1")])
    assert (plan.action, plan.partial, plan.part) == ("continue", "half", None)


def test_in_the_middle_of_a_tools_input_that_call_is_an_error_and_the_rest_stays() -> None:
    plan = planned([*START, *CALL[:1], events.tool_input_delta("c1", '{"a": ')])
    assert plan.action == "tools"
    assert plan.events == [events.tool_input_error("c1", "look", {}, endings.INTERRUPTED)]
    assert plan.pending == ()


def test_a_complete_input_without_output_runs_again_where_the_tool_is_idempotent() -> None:
    plan = planned([*START, *CALL], idempotent=True)
    assert plan.action == "tools"
    assert [part["toolCallId"] for part in plan.pending] == ["c1"]
    assert plan.events == []


def test_a_complete_input_without_output_is_an_error_of_unknown_effect_otherwise() -> None:
    plan = planned([*START, *CALL])
    assert plan.events == [events.tool_output_error("c1", endings.EFFECT_UNKNOWN)]
    assert (plan.action, plan.pending) == ("tools", ())


def test_with_all_outputs_there_comes_the_next_step() -> None:
    done = [*START, *CALL, events.tool_output_available("c1", 7)]
    assert planned(done) == recovery.Plan("tools")
    assert planned([*done, events.finish_step("tool-calls")]).action == "next"


def test_a_last_step_that_ended_without_tools_needs_only_the_end() -> None:
    text = [events.text_start("p0"), events.text_delta("p0", "all"), events.text_end("p0")]
    assert planned([*START, *text, events.finish_step("stop")]).action == "end"


def test_three_takeovers_without_progress_give_up_and_keep_the_text() -> None:
    sequence = [*START, events.text_start("p0"), events.text_delta("p0", "kept")]
    taken = [events.recovery(epoch, "continue", handover=False) for epoch in (2, 3, 4)]
    plan = planned([*sequence, *taken])
    assert plan.action == "give-up"
    assert plan.events == [events.text_end("p0")]
    assert planned([*sequence, *taken[:2]]).action == "continue"


def test_what_is_given_up_with_a_tool_that_may_have_run_says_that_its_effect_is_unknown() -> None:
    taken = [events.recovery(epoch, "tools", handover=False) for epoch in (2, 3, 4)]
    plan = planned([*START, *CALL, *taken])
    assert plan.action == "give-up"
    assert plan.events == [events.tool_output_error("c1", endings.EFFECT_UNKNOWN)]


def test_a_call_that_no_tool_has_begun_says_so_but_for_one_that_the_provider_runs() -> None:
    assert endings.closings(fold([*START, *CALL]), begun=False) == [events.tool_output_error("c1", endings.INTERRUPTED)]
    theirs = [{**event, "providerExecuted": True} for event in CALL]
    unknown = [events.tool_output_error("c1", endings.EFFECT_UNKNOWN)]
    assert endings.closings(fold([*START, *theirs]), begun=False) == unknown


@pytest.mark.parametrize("idempotent", [True, False])
@given(sequence=answers(), data=st.data())
def test_wherever_a_log_ends_its_plan_leaves_nothing_open_that_is_not_gone_on_with(
    idempotent: bool, sequence: list[Event], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(sequence) - 1))
    record = Fold().apply_all(sequence[:cut])
    plan = recovery.plan(record, lambda _name: idempotent)
    record.apply_all(plan.events)
    assert set(record.open) <= ({plan.part} if plan.part else set())
    waiting = [part for part in record.tools_in_step() if part["state"] in ("input-streaming", "input-available")]
    assert [part["toolCallId"] for part in waiting] == [part["toolCallId"] for part in plan.pending]
