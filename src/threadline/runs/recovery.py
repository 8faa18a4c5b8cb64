"""What to do with a run whose worker was lost: pure, from the fold of its log up to the fence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from threadline.domain import events
from threadline.domain.endings import EFFECT_UNKNOWN, INTERRUPTED_REASONING, closings, input_cut, open_parts
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import Part, tool_name

MAX_TAKEOVERS: Final = 3
"""Takeovers in a row without any progress, after which a run is given up."""

Action = Literal["begin", "attach", "again", "continue", "tools", "next", "end", "give-up"]

GIVEN_UP: Final = "The answer was interrupted several times without going on. What came of it is kept; try again."


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes on: ``events`` are appended first; then ``action`` is taken.

    ``begin``: from the very start. ``attach``: the provider keeps the open step's answer, and is listened to again.
    ``again``: the open step's model call is made anew. ``continue``: the step's text ``partial`` is continued. Both
    write their text into the open part ``part`` (a new one where that is None). ``tools``: the calls of ``pending`` are
    run, then the next step. ``next``: the next step. ``end``: only the end is missing. ``give-up``: end with an error.
    ``reset``: with ``events``, all that there is of the step was interrupted, so that a reader may as well drop it.
    """

    action: Action
    events: list[Event] = field(default_factory=list)
    partial: str = ""
    part: str | None = None
    pending: tuple[Part, ...] = ()
    reset: bool = False


def plan(record: Fold, idempotent: Callable[[str], bool], *, handed: bool = False, attachable: bool = False) -> Plan:
    """The row of the recovery table that fits; ``idempotent`` tells of a tool's name whether it may run twice.
    ``handed``: calls are the client's to run. ``attachable``: the provider keeps the answer of the open step."""
    if not record.started:
        return Plan("begin")
    if record.takeovers_without_progress >= MAX_TAKEOVERS:
        return Plan("give-up", closings(record, handed=handed))
    if not record.in_step:
        return Plan("next" if record.steps == 0 or record.tools_in_step() else "end")
    record.snapshot()
    step = record.parts[record.step_at + 1 :]
    tools = record.tools_in_step()
    if attachable and not _called(record, tools):
        return Plan("attach")
    if tools:
        return _with_tools(record, tools, idempotent)
    ending = [events.reasoning_end(part, INTERRUPTED_REASONING) for part in open_parts(record, "reasoning")]
    partial = "".join(part["text"] for part in step if part["type"] == "text")
    texts = open_parts(record, "text")
    reset = bool(step) and all(_interrupted(part) for part in step)
    return Plan("continue" if partial else "again", ending, partial, texts[-1] if texts else None, reset=reset)


def _called(record: Fold, tools: list[Part]) -> bool:
    """Whether tools of ours may have been begun in a step: all is there that its model said."""
    ours = [part["state"] for part in tools if not part.get("providerExecuted")]
    return bool(ours) and not record.open and "input-streaming" not in ours


def _interrupted(part: Part) -> bool:
    """Whether a part is, or is about to be, reasoning that was cut off."""
    if part["type"] != "reasoning":
        return False
    return part["state"] == "streaming" or "interrupted" in part.get("providerMetadata", {}).get("threadline", {})


def _with_tools(record: Fold, tools: list[Part], idempotent: Callable[[str], bool]) -> Plan:
    out = [events.text_end(part) for part in open_parts(record, "text")]
    out += [events.reasoning_end(part, INTERRUPTED_REASONING) for part in open_parts(record, "reasoning")]
    pending: list[Part] = []
    for part in tools:
        if part["state"] == "input-streaming":
            out.append(input_cut(record, part))
        elif part["state"] == "input-available":
            if idempotent(tool_name(part)) and not part.get("providerExecuted"):
                pending.append(part)
            else:
                out.append(events.tool_output_error(part["toolCallId"], EFFECT_UNKNOWN))
    return Plan("tools", out, pending=tuple(pending))
