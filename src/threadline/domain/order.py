"""What may come next in an answer: the order of its chunks, as the reducer of the AI SDK 7 demands it; pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from threadline.domain.events import Event


class Order:
    """Where an answer stands. Small, whatever came of it so far: only what is open, and which calls there are."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        self._forming: set[str] = set()
        self._calls: set[str] = set()
        self._earlier: set[str] = set()
        self._approvals: dict[str, str] = {}
        self._asking: dict[str, str] = {}
        self.finished = False

    def copy(self) -> Order:
        """The same, to be tried."""
        other = Order()
        other._open, other._forming = dict(self._open), set(self._forming)
        other._calls, other._earlier = set(self._calls), set(self._earlier)
        other._approvals, other._asking = dict(self._approvals), dict(self._asking)
        other.finished = self.finished
        return other

    def open_parts(self) -> list[dict[str, str]]:
        """What streams yet, each ``{id, type}``: text, reasoning, or the ``tool-input`` of a call."""
        forming = ((call, "tool-input") for call in sorted(self._forming))
        return [{"id": part, "type": kind} for part, kind in (*self._open.items(), *forming)]

    def take(self, event: Event) -> str | None:
        """Go on with one more chunk; what is wrong with it, for people, where it may not come here."""
        if self.finished:
            return "nothing comes after finish."
        step = _STEPS.get(event["type"])
        return None if step is None else step(self, event)

    def _finish(self, _event: Event) -> str | None:
        self.finished = True
        return None

    def _begin_part(self, event: Event) -> str | None:
        if event["id"] in self._open:
            return f"the part {_shown(event['id'])} is open already; end it first, or take another id."
        self._open[event["id"]] = event["type"].partition("-")[0]
        return None

    def _more(self, event: Event) -> str | None:
        kind = event["type"].partition("-")[0]
        if self._open.get(event["id"]) != kind:
            return f"no {kind} part {_shown(event['id'])} is open; send {kind}-start first."
        return None

    def _end_part(self, event: Event) -> str | None:
        fault = self._more(event)
        if fault is None:
            del self._open[event["id"]]
        return fault

    def _begin_input(self, event: Event) -> str | None:
        self._forming.add(event["toolCallId"])
        self._calls.add(event["toolCallId"])
        # What is asked is asked of a whole input.
        self._approvals.pop(event["toolCallId"], None)
        return None

    def _more_input(self, event: Event) -> str | None:
        if event["toolCallId"] in self._forming:
            return None
        return f"the input of call {_shown(event['toolCallId'])} is not being written; send tool-input-start first."

    def _end_input(self, event: Event) -> str | None:
        self._forming.discard(event["toolCallId"])
        self._calls.add(event["toolCallId"])
        return None

    def _called(self, event: Event) -> str | None:
        call = event["toolCallId"]
        if call in self._forming:
            return f"the input of call {_shown(call)} is still being written; send tool-input-available first."
        if call in self._calls or call in self._earlier:
            return None
        return f"there is no call {_shown(call)}; send tool-input-available first."

    def _ask(self, event: Event) -> str | None:
        fault, call, approval = self._called(event), event["toolCallId"], event["approvalId"]
        if fault is not None:
            return fault
        if self._asking.get(approval, call) != call:
            return f"another call asked for the approval {_shown(approval)}; take another approvalId."
        self._approvals[call], self._asking[approval] = approval, call
        return None

    def _approve(self, event: Event) -> str | None:
        approval = event["approvalId"]
        if self._approvals.get(self._asking.get(approval, "")) == approval:
            return None
        return f"nothing asked for the approval {_shown(approval)}; send tool-approval-request first."

    def _begin_step(self, _event: Event) -> str | None:
        # The input of a call does not go on in another step, and nothing answers half of it.
        self._earlier |= self._calls
        self._earlier -= self._forming
        self._forming.clear()
        self._calls.clear()
        return None

    def _reset(self, _event: Event) -> str | None:
        self._open.clear()
        self._forming.clear()
        for call in self._calls & self._approvals.keys():
            self._asking.pop(self._approvals.pop(call), None)
        self._calls.clear()
        return None


def _shown(name: Any) -> str:
    return repr(name[:100])


_STEPS: Final[dict[str, Callable[[Order, Event], str | None]]] = {
    "finish": Order._finish,
    "start-step": Order._begin_step,
    "reset-step": Order._reset,
    "text-start": Order._begin_part,
    "text-delta": Order._more,
    "text-end": Order._end_part,
    "reasoning-start": Order._begin_part,
    "reasoning-delta": Order._more,
    "reasoning-end": Order._end_part,
    "tool-input-start": Order._begin_input,
    "tool-input-delta": Order._more_input,
    "tool-input-available": Order._end_input,
    "tool-input-error": Order._end_input,
    "tool-approval-request": Order._ask,
    "tool-approval-response": Order._approve,
    "tool-output-available": Order._called,
    "tool-output-error": Order._called,
    "tool-output-denied": Order._called,
}
