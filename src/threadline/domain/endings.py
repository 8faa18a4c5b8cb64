"""How an answer ends: its last event, the status that follows from its events, and what its message remembers."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain import events
from threadline.domain.depth import poisoned, shallow
from threadline.domain.events import Event
from threadline.domain.fold import Fold, merge
from threadline.domain.messages import Part, Usage, add_usage, tool_name
from threadline.domain.partial import partial_json
from threadline.domain.prices import Price, cost_of_calls, dollars

INTERRUPTED: Final = "The call was interrupted before it was complete."
EFFECT_UNKNOWN: Final = "The call was interrupted while it ran; whether it took effect is not known."

INTERRUPTED_REASONING: Final = {"threadline": {"interrupted": True}}
"""What a part remembers of having been cut."""


def beginning(message_id: str, run_id: str, model: str, created_at: float) -> Event:
    """A run's first event; the message remembers run, model and time (Unix seconds) from it."""
    return events.start(message_id, {"run": run_id, "model": model, "createdAt": created_at})


def ending(record: Fold, reason: str, usage: Usage | None = None) -> Event:
    """A run's last event; ``usage`` is that of a step whose end is appended together with it, where its model told
    one, else what is known of it (:func:`lost_usage`)."""
    total = add_usage(record.usage, lost_usage(record) if usage is None else usage)
    return events.finish(reason, {"usage": total, "finishReason": reason})


def lost_usage(record: Fold, metadata: dict[str, Any] | None = None) -> Usage:
    """The usage of a step whose model call is told of in the log, but whose end is not; empty where there is none.
    ``metadata`` is the message's, where more of it is known than the record has."""
    told: dict[str, Any] = (record.metadata if metadata is None else metadata).get("usage") or {}
    counted: dict[str, Any] = dict(record.usage)
    lost = {key: value - counted.get(key, 0) for key, value in told.items()}
    return {key: value for key, value in lost.items() if value > 0 or key not in counted}  # type: ignore[return-value]


def status_of(record: Fold) -> str:
    """What a finished run's status is: completed, stopped, error or interrupted."""
    if record.error_text is not None:
        return "error"
    if record.aborted:
        return "stopped"
    return "interrupted" if record.finish_reason == "interrupted" else "completed"


def dated(last: list[Event], now: float, **more: Any) -> list[Event]:
    """The last events of an answer that ends ``now`` (Unix seconds), of which the very last remembers it, with whatever
    ``more`` its message is to remember."""
    *before, end = last
    return [*before, {**end, "messageMetadata": {**end["messageMetadata"], "endedAt": now, **more}}]


def priced(record: Fold, last: list[Event], price: Price | None) -> float | None:
    """What an answer with these last events cost, in US dollars; None where nobody knows."""
    ends: list[Usage] = [event.get("usage") or {} for event in last if event["type"] == "finish-step"]
    return dollars(cost_of_calls(price, [*record.calls, *ends]))


def closings(record: Fold, *, begun: bool = True, handed: bool = False) -> list[Event]:
    """The events that end whatever is open, so that no reader keeps a part that streams for ever. ``begun``: whether
    tools of ours may have been begun in this step. ``handed``: calls that are whole are the client's, which may have
    run them already, and stay open for their outputs."""
    record.snapshot()
    out = [events.text_end(part) for part in open_parts(record, "text")]
    out += [events.reasoning_end(part, INTERRUPTED_REASONING) for part in open_parts(record, "reasoning")]
    for part in record.tools_in_step():
        if part["state"] == "input-streaming":
            out.append(input_cut(record, part))
        elif handed and part["state"] == "input-available" and not part.get("providerExecuted"):
            continue
        elif part["state"] in ("input-available", "approval-requested"):
            may_run = part["state"] == "input-available" and (begun or part.get("providerExecuted"))
            out.append(events.tool_output_error(part["toolCallId"], EFFECT_UNKNOWN if may_run else INTERRUPTED))
    return out


def cut_short(record: Fold, reason: str, usual: Event | None = None) -> list[Event]:
    """The last events of an answer that nobody goes on with; ``usual`` is one that comes before the very last."""
    step = [events.finish_step("other", lost_usage(record))] if record.in_step else []
    return [*closings(record), *step, *([usual] if usual else []), ending(record, reason)]


def rounded_off(record: Fold, told: Event | None) -> list[Event]:
    """The last events of an answer that its program ends on purpose, with the ``finish`` that it sent, if it did.

    What streams yet is ended, and the step with it; calls without an output stay as they are, for the client to run.
    """
    record.snapshot()
    out = [events.text_end(part) for part in open_parts(record, "text")]
    out += [events.reasoning_end(part) for part in open_parts(record, "reasoning")]
    out += [input_cut(record, part) for part in record.tools_in_step() if part["state"] == "input-streaming"]
    theirs: dict[str, Any] = (told or {}).get("messageMetadata") or {}
    lost = lost_usage(record, merge(record.metadata, theirs))
    usual = "error" if record.error is not None else record.step_reason or "other"
    last = ending(record, (told or {}).get("finishReason") or usual, lost)
    last["messageMetadata"] = {**theirs, **last["messageMetadata"]}
    return [*out, *([events.finish_step(last["finishReason"], lost)] if record.in_step else []), last]


def input_cut(record: Fold, part: Part) -> Event:
    """The end of a call whose input broke off."""
    call = part["toolCallId"]
    given = partial_json(record.tool_input_text(call))
    kept = given if shallow([given]) and not poisoned(given) else None
    return events.tool_input_error(call, tool_name(part), kept, INTERRUPTED)


def open_parts(record: Fold, kind: str) -> list[str]:
    """The ids of the parts of a kind, text or reasoning, that stream yet."""
    return [part for part, value in record.open.items() if value["type"] == kind]
