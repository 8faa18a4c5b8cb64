"""``fold(events) -> message``: how a run's events become the parts of its answer.

Agrees with the reducer of the npm package ``ai`` 7. Folding is pure and may be done over any prefix, by anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import from_json

from threadline.domain.events import Event
from threadline.domain.messages import Part, Usage, add_usage, is_tool

_PASSED_THROUGH = frozenset({"file", "source-url", "source-document", "reasoning-file", "custom"})


class Fold:
    """The state of an answer after a prefix of its events; feed it with :meth:`apply`.

    ``count`` events were applied, so the next offset is ``count``. ``started``/``finished``: ``start``/``finish`` was
    seen. ``in_step``: a step is open, and its parts begin at ``step_at``.
    """

    def __init__(self) -> None:
        self.count = 0
        self.message_id: str | None = None
        self.metadata: dict[str, Any] = {}
        self.parts: list[Part] = []
        self.usage: Usage = {}
        self.finish_reason: str | None = None
        self.step_reason: str | None = None
        self.error: Event | None = None
        self.started = self.finished = self.aborted = self.in_step = False
        self.steps = 0
        self.step_at = 0
        self.part_count = 0
        self.takeovers_without_progress = 0
        self.last_type = ""
        self.open: dict[str, Part] = {}
        """Open text and reasoning parts by their id."""
        self._tools: dict[str, Part] = {}
        self._pieces: dict[int, list[str]] = {}
        self._inputs: dict[str, list[str]] = {}

    def apply(self, event: Event) -> None:
        """Take one more event. One of a type that is not known here, or that belongs to nothing that is there, changes
        nothing but ``count``: what is in a log can always be folded."""
        kind: str = event["type"]
        self.count += 1
        self.last_type = kind
        handler = _HANDLERS.get(kind)
        if handler is not None:
            try:
                handler(self, event)
            except KeyError:
                return
        elif kind in _PASSED_THROUGH:
            self.parts.append({key: value for key, value in event.items() if value is not None})
        elif kind.startswith("data-"):
            self._data(event)

    @property
    def error_text(self) -> str | None:
        """Why the answer failed, for people; None where it did not."""
        return None if self.error is None else str(self.error["errorText"])

    def apply_all(self, events: Iterable[Event]) -> Fold:
        """Take several; returns itself."""
        for event in events:
            self.apply(event)
        return self

    def snapshot(self) -> list[Part]:
        """The parts so far; text that still streams has ``state: "streaming"``. Do not keep it across an apply."""
        for part in self.parts:
            pieces = self._pieces.pop(id(part), None)
            if pieces is not None:
                part["text"] += "".join(pieces)
        for call, chunks in self._inputs.items():
            part = self._tools[call]
            if part["state"] == "input-streaming":
                part["input"] = partial_json("".join(chunks))
        return self.parts

    def tool_input_text(self, call: str) -> str:
        """The argument text of a call as it came so far."""
        return "".join(self._inputs.get(call, ()))

    def tools_in_step(self) -> list[Part]:
        """The tool calls of the current (or, between steps, the last) step, in order."""
        return [part for part in self.parts[self.step_at :] if is_tool(part)]

    # One small method per event type; the table is at the end of the file.

    def _start(self, event: Event) -> None:
        self.started = True
        self.message_id = event.get("messageId", self.message_id)
        self._metadata(event)

    def _metadata(self, event: Event) -> None:
        metadata = event.get("messageMetadata")
        if metadata:
            self.metadata = merge(self.metadata, metadata)

    def _finish(self, event: Event) -> None:
        self.finished = True
        self.finish_reason = event.get("finishReason")
        self._metadata(event)

    def _abort(self, _event: Event) -> None:
        self.aborted = True

    def _error(self, event: Event) -> None:
        self.error = event

    def _start_step(self, _event: Event) -> None:
        self.steps += 1
        self.in_step = True
        self.step_reason = None
        self.step_at = len(self.parts)
        self.parts.append({"type": "step-start"})

    def _finish_step(self, event: Event) -> None:
        self.in_step = False
        self.step_reason = event.get("finishReason")
        self.usage = add_usage(self.usage, event.get("usage") or {})
        self.open.clear()
        self.takeovers_without_progress = 0

    def _reset_step(self, _event: Event) -> None:
        for part in self.parts[self.step_at :]:
            self._pieces.pop(id(part), None)
        del self.parts[self.step_at :]
        self.open.clear()

    def _open_part(self, event: Event) -> None:
        part: Part = {"type": event["type"].removesuffix("-start"), "text": "", "state": "streaming"}
        _copy_metadata(event, part)
        self.part_count += 1
        self.open[event["id"]] = part
        self.parts.append(part)
        self._pieces[id(part)] = []

    def _delta(self, event: Event) -> None:
        part = self.open[event["id"]]
        if event["delta"]:
            self.takeovers_without_progress = 0
        self._pieces.setdefault(id(part), []).append(event["delta"])
        _copy_metadata(event, part)

    def _close_part(self, event: Event) -> None:
        part = self.open.pop(event["id"])
        part["text"] += "".join(self._pieces.pop(id(part), ()))
        part["state"] = "done"
        _copy_metadata(event, part)

    def _tool_start(self, event: Event) -> None:
        self._inputs[event["toolCallId"]] = []
        self._tool(event, state="input-streaming")

    def _tool_delta(self, event: Event) -> None:
        self.takeovers_without_progress = 0
        self._inputs.setdefault(event["toolCallId"], []).append(event["inputTextDelta"])

    def _tool_ready(self, event: Event) -> None:
        self._tool(event, state="input-available", input=event["input"])

    def _tool_input_error(self, event: Event) -> None:
        self._tool(event, state="output-error", input=event.get("input"), errorText=event["errorText"])

    def _tool_output(self, event: Event) -> None:
        part = self._tools[event["toolCallId"]]
        part.update(state="output-available", output=event["output"])
        part.pop("preliminary", None)
        if event.get("preliminary"):
            part["preliminary"] = True
        self.takeovers_without_progress = 0

    def _tool_output_error(self, event: Event) -> None:
        self._tools[event["toolCallId"]].update(state="output-error", errorText=event["errorText"])

    def _tool_approval(self, event: Event) -> None:
        approval = {"id": event["approvalId"]}
        self._tools[event["toolCallId"]].update(state="approval-requested", approval=approval)

    def _tool_denied(self, event: Event) -> None:
        self._tools[event["toolCallId"]]["state"] = "output-denied"

    def _tool(self, event: Event, **fields: Any) -> None:
        call, name = event["toolCallId"], event["toolName"]
        part = self._tools.get(call)
        if part is None:
            part = {"type": "dynamic-tool", "toolName": name} if event.get("dynamic") else {"type": f"tool-{name}"}
            part["toolCallId"] = call
            self._tools[call] = part
            self.parts.append(part)
        part.update(fields)
        if event.get("providerExecuted"):
            part["providerExecuted"] = True
        if event.get("providerMetadata"):
            part["callProviderMetadata"] = event["providerMetadata"]

    def _data(self, event: Event) -> None:
        if event["type"] == "data-recovery" and not event["data"].get("handover"):
            self.takeovers_without_progress += 1
        if event.get("transient"):
            return
        if event.get("id") is not None:
            for part in self.parts:
                if part["type"] == event["type"] and part.get("id") == event["id"]:
                    part["data"] = event["data"]
                    return
        self.parts.append(dict(event))


def fold(events: Iterable[Event]) -> Fold:
    """The fold of a whole answer, or of any prefix."""
    state = Fold().apply_all(events)
    state.snapshot()
    return state


def merge(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Metadata as the AI SDK merges it: objects deeply, everything else replaced; neither argument is changed."""
    out = dict(base)
    for key, value in more.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def partial_json(text: str) -> Any:
    """What a beginning of a JSON text already says; None where it says nothing yet."""
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None


def _copy_metadata(event: Event, part: Part) -> None:
    if event.get("providerMetadata"):
        part["providerMetadata"] = event["providerMetadata"]


_HANDLERS: dict[str, Callable[[Fold, Event], None]] = {
    "start": Fold._start,
    "message-metadata": Fold._metadata,
    "finish": Fold._finish,
    "abort": Fold._abort,
    "error": Fold._error,
    "start-step": Fold._start_step,
    "finish-step": Fold._finish_step,
    "reset-step": Fold._reset_step,
    "text-start": Fold._open_part,
    "text-delta": Fold._delta,
    "text-end": Fold._close_part,
    "reasoning-start": Fold._open_part,
    "reasoning-delta": Fold._delta,
    "reasoning-end": Fold._close_part,
    "tool-input-start": Fold._tool_start,
    "tool-input-delta": Fold._tool_delta,
    "tool-input-available": Fold._tool_ready,
    "tool-input-error": Fold._tool_input_error,
    "tool-output-available": Fold._tool_output,
    "tool-output-error": Fold._tool_output_error,
    "tool-approval-request": Fold._tool_approval,
    "tool-output-denied": Fold._tool_denied,
}
