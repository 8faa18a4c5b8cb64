"""What may come next in an answer, and what it costs to know it where much came before."""

from __future__ import annotations

import time

import pytest

from threadline.domain.events import Event, encode
from threadline.domain.fold import Fold
from threadline.domain.order import Order
from threadline.domain.trail import TrailRecorder, expand

BUDGET_SECONDS = 20.0
"""Of the processor, and generous: it takes one, and took minutes where each event looked through all before it."""


def call(name: str) -> Event:
    return {"type": "tool-input-available", "toolCallId": name, "toolName": "look", "input": 1}


def asks(approval: str, name: str) -> Event:
    return {"type": "tool-approval-request", "approvalId": approval, "toolCallId": name}


def approved(approval: str) -> Event:
    return {"type": "tool-approval-response", "approvalId": approval, "approved": True}


def test_an_event_costs_the_same_however_many_calls_and_parts_came_before_it() -> None:
    names = [str(number) for number in range(8_000)]
    forming: list[Event] = [{"type": "tool-input-start", "toolCallId": one, "toolName": "look"} for one in "xy"]
    forming += [
        {"type": "tool-input-delta", "toolCallId": "xy"[number % 2], "inputTextDelta": "1"}
        for number in range(len(names))
    ]
    ends: list[Event] = [
        {"type": "tool-input-error", "toolCallId": one, "toolName": "look", "input": None, "errorText": "no"}
        for one in "xy"
    ]
    last: list[Event] = [
        {"type": "tool-output-available", "toolCallId": names[-1], "output": number, "preliminary": True}
        for number in range(len(names))
    ]
    data: list[Event] = [{"type": "data-x", "id": one, "data": 1} for one in names]
    sequence = [
        *map(call, names), *(asks(one, one) for one in names), *map(approved, names), *last, *data, *forming, *ends,
    ]  # fmt: skip
    begun = time.process_time()
    order, record = Order(), Fold().apply_all(sequence)
    assert {order.take(event) for event in sequence} == {None}
    parts = record.snapshot()
    trail = TrailRecorder().apply_all(sequence).finish(parts)
    assert expand(trail, parts) == [encode(event) for event in sequence]
    assert len(parts) == 2 * len(names) + 2
    assert time.process_time() - begun < BUDGET_SECONDS


@pytest.mark.parametrize("kind", ["tool-output-available", "tool-output-error", "tool-output-denied", "asks"])
def test_nothing_answers_a_call_whose_input_is_still_being_written(kind: str) -> None:
    answer = asks("one", "a") if kind == "asks" else {"type": kind, "toolCallId": "a", "output": 1, "errorText": "no"}
    begun: Event = {"type": "tool-input-start", "toolCallId": "a", "toolName": "look"}
    order = Order()
    assert order.take(begun) is None
    assert "still being written" in str(order.take(answer))
    assert (order.take(call("a")), order.take(answer)) == (None, None)
    assert (order.take(begun), order.take({"type": "start-step"})) == (None, None)
    assert "there is no call" in str(order.take(answer))


def test_an_approval_belongs_to_the_call_that_asked_last_and_to_no_other() -> None:
    order = Order()
    for event in (call("a"), call("b"), asks("one", "a"), asks("one", "a")):
        assert order.take(event) is None
    assert "another call" in str(order.take(asks("one", "b")))
    assert order.take(asks("two", "a")) is None
    assert "nothing asked" in str(order.take(approved("one")))
    begun: Event = {"type": "tool-input-start", "toolCallId": "a", "toolName": "look"}
    for event in (asks("three", "b"), approved("two"), begun):
        assert order.take(event) is None
    assert "nothing asked" in str(order.take(approved("two")))
    for event in (approved("three"), {"type": "reset-step"}):
        assert order.take(event) is None
    assert "nothing asked" in str(order.take(approved("three")))
    assert (order.take(call("c")), order.take(asks("three", "c"))) == (None, None)
