"""The calls of an answer's step: which wait for somebody, and whether a program's answer ends with them; pure."""

from __future__ import annotations

from typing import Final

from threadline.domain import events
from threadline.domain.endings import INTERRUPTED, ending
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import Part, is_tool

_TRIES: Final = 2
_CUT: Final = ("length", "content-filter")
_UNREADABLE: Final = "The model called a tool with arguments that cannot be read, also when it was asked again."


def called(record: Fold) -> bool:
    """Whether the step has calls that its provider did not run itself."""
    return any(not part.get("providerExecuted") for part in record.tools_in_step())


def pending_calls(record: Fold) -> list[Part]:
    """The calls of the step that wait for somebody to run them."""
    record.snapshot()
    tools = record.tools_in_step()
    return [part for part in tools if part["state"] == "input-available" and not part.get("providerExecuted")]


def handed_end(record: Fold, closing: Event, most: int) -> list[Event] | None:
    """The last events of a program's answer, after the ``finish-step`` of its step; None where its model is asked once
    more, because none of its calls can be read. ``most`` is how many steps an answer may have."""
    reason, usage = str(closing["finishReason"]), closing.get("usage")
    if reason in _CUT:
        # What is broken is so because there was no room for it: asked again, there would be none either.
        return [ending(record, reason, usage)]
    if pending_calls(record):
        return [ending(record, "tool-calls", usage)]
    if not called(record):
        return [ending(record, "other" if reason == "tool-calls" else reason, usage)]
    if _unreadable(record.parts) < _TRIES and record.steps < most:
        return None
    return [events.error(ProviderError(_UNREADABLE, retryable=True)), ending(record, "error", usage)]


def _unreadable(parts: list[Part]) -> int:
    """In how many steps the model itself has broken a call; where a crash cut one off, that was not the model."""
    found, broken = 0, False
    for part in parts:
        if part["type"] == "step-start":
            found, broken = found + broken, False
        elif is_tool(part) and part["state"] == "output-error" and part.get("errorText") != INTERRUPTED:
            broken = True
    return found + broken
