"""What to do with a run whose worker was lost: pure, from the fold of its log up to the fence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.fold import Fold, partial_json
from threadline.domain.messages import Part, tool_name

MAX_TAKEOVERS: Final = 3
"""Takeovers in a row without any progress, after which a run is given up."""

Action = Literal["begin", "again", "continue", "tools", "next", "end", "give-up"]

INTERRUPTED: Final = "The call was interrupted before it was complete."
EFFECT_UNKNOWN: Final = "The server stopped while this tool ran; whether it took effect is not known."
GIVEN_UP: Final = "The answer was interrupted several times without going on. What came of it is kept; try again."


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes on: ``events`` are appended first; then ``action`` is taken.

    ``begin``: from the very start. ``again``: the open step's model call is made anew. ``continue``: the step's text
    ``partial`` is continued. Both write their text into the open part ``part`` (a new one where that is None).
    ``tools``: the calls of ``pending`` are run, then the next step. ``next``: the next step. ``end``: only the end is
    missing. ``give-up``: end with an error.
    """

    action: Action
    events: list[Event] = field(default_factory=list)
    partial: str = ""
    part: str | None = None
    pending: tuple[Part, ...] = ()


def plan(record: Fold, idempotent: Callable[[str], bool]) -> Plan:
    """The row of the recovery table that fits; ``idempotent`` tells of a tool's name whether it may run twice."""
    if not record.started:
        return Plan("begin")
    if record.takeovers_without_progress >= MAX_TAKEOVERS:
        return Plan("give-up", closings(record))
    if not record.in_step:
        return Plan("next" if record.steps == 0 or record.tools_in_step() else "end")
    record.snapshot()
    step = record.parts[record.step_at + 1 :]
    tools = record.tools_in_step()
    if tools:
        return _with_tools(record, tools, idempotent)
    ending = [events.reasoning_end(part, _INTERRUPTED_REASONING) for part in _open(record, "reasoning")]
    partial = "".join(part["text"] for part in step if part["type"] == "text")
    texts = _open(record, "text")
    return Plan("continue" if partial else "again", ending, partial, texts[-1] if texts else None)


def closings(record: Fold) -> list[Event]:
    """The events that end whatever is open, so that no reader keeps a part that streams for ever."""
    record.snapshot()
    out = [events.text_end(part) for part in _open(record, "text")]
    out += [events.reasoning_end(part, _INTERRUPTED_REASONING) for part in _open(record, "reasoning")]
    for part in record.tools_in_step():
        if part["state"] == "input-streaming":
            out.append(_input_error(record, part))
        elif part["state"] in ("input-available", "approval-requested"):
            out.append(events.tool_output_error(part["toolCallId"], INTERRUPTED))
    return out


_INTERRUPTED_REASONING: Final = {"threadline": {"interrupted": True}}


def _with_tools(record: Fold, tools: list[Part], idempotent: Callable[[str], bool]) -> Plan:
    out = [events.text_end(part) for part in _open(record, "text")]
    out += [events.reasoning_end(part, _INTERRUPTED_REASONING) for part in _open(record, "reasoning")]
    pending: list[Part] = []
    for part in tools:
        if part["state"] == "input-streaming":
            out.append(_input_error(record, part))
        elif part["state"] == "input-available":
            if idempotent(tool_name(part)) and not part.get("providerExecuted"):
                pending.append(part)
            else:
                out.append(events.tool_output_error(part["toolCallId"], EFFECT_UNKNOWN))
    return Plan("tools", out, pending=tuple(pending))


def _input_error(record: Fold, part: Part) -> Event:
    call = part["toolCallId"]
    return events.tool_input_error(call, tool_name(part), partial_json(record.tool_input_text(call)), INTERRUPTED)


def _open(record: Fold, kind: str) -> list[str]:
    return [part for part, value in record.open.items() if value["type"] == kind]
