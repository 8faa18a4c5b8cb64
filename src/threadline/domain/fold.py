"""``fold(events) -> message``: how a run's events become the parts of its answer.

Agrees with the reducer of the npm package ``ai`` 7. Folding is pure and may be done over any prefix, by anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from threadline.domain.events import PROVIDER_RUN, Event
from threadline.domain.messages import Part, Usage, add_usage, is_tool
from threadline.domain.partial import partial_json

_FIELDS: dict[str, tuple[str, ...]] = {
    "file": ("mediaType", "url", "providerMetadata"),
    "reasoning-file": ("mediaType", "url", "providerMetadata"),
    "source-url": ("sourceId", "url", "title", "providerMetadata"),
    "source-document": ("sourceId", "mediaType", "title", "filename", "providerMetadata"),
    "custom": ("kind", "providerMetadata"),
    "steering-message": ("id", "parts"),
}
"""Events that are a part of their own, and what of them the part has."""

_APPROVAL = {
    "approvalDescriptor": "descriptor",
    "inputSchemaInput": "inputSchemaInput",
    "reason": "requestReason",
    "signature": "signature",
}


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
        self.calls: list[Usage] = []
        """What each call of the model took; :attr:`usage` is their sum."""
        self.finish_reason: str | None = None
        self.step_reason: str | None = None
        self.error: Event | None = None
        self.started = self.finished = self.aborted = self.in_step = False
        self.steps = 0
        self.step_at = 0
        self.part_count = 0
        self.takeovers_without_progress = 0
        self.provider_run: str | None = None
        """Under which id the provider keeps the answer of the step that is open."""
        self.last_type = ""
        self.open: dict[str, Part] = {}
        """Open text and reasoning parts by their id."""
        self._pieces: dict[int, list[str]] = {}
        self._inputs: dict[str, _Input] = {}
        # Where the parts are that later events name: looked for among all, each event would cost as much as all before.
        self._calls: dict[str, list[Part]] = {}
        self._earlier_calls: dict[str, Part] = {}
        self._asked: dict[str, Part] = {}
        self._data_parts: dict[tuple[str, str], Part] = {}

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
        elif kind in _FIELDS:
            found = {name: event[name] for name in _FIELDS[kind] if event.get(name) is not None}
            self.parts.append({"type": kind, **found})
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
        for given in self._inputs.values():
            given.show()
        return self.parts

    def tool_input_text(self, call: str) -> str:
        """The argument text of a call as it came so far."""
        given = self._inputs.get(call)
        return given.text if given else ""

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
        self.provider_run = None
        self.step_reason = None
        self.step_at = len(self.parts)
        self.parts.append({"type": "step-start"})
        self._earlier_calls.update({call: parts[-1] for call, parts in self._calls.items()})
        self._calls.clear()

    def _finish_step(self, event: Event) -> None:
        self.in_step = False
        self.provider_run = None
        self.step_reason = event.get("finishReason")
        took: Usage = event.get("usage") or {}
        self.calls.append(took)
        self.usage = add_usage(self.usage, took)
        self.takeovers_without_progress = 0

    def _reset_step(self, _event: Event) -> None:
        kept = self.step_at + 1 if self.steps else 0
        for given in self._inputs.values():
            given.show()
        for part in self.parts[kept:]:
            self._pieces.pop(id(part), None)
            if self._asked.get(asked := part.get("approval", {}).get("id")) is part:
                del self._asked[asked]
            self._data_parts.pop((part["type"], part.get("id", "")), None)
        del self.parts[kept:]
        self.open.clear()
        self._inputs.clear()
        self._calls.clear()

    def _open_part(self, event: Event) -> None:
        part: Part = {"type": event["type"].removesuffix("-start"), "text": "", "state": "streaming"}
        if part["type"] == "reasoning":
            part["id"] = event["id"]
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
        if event.get("citations") is not None and part["type"] == "text":
            part["citations"] = event["citations"]
        _copy_metadata(event, part)

    def _tool_start(self, event: Event) -> None:
        if (given := self._inputs.get(event["toolCallId"])) is not None:
            # One of an earlier step, which stays as it is.
            given.show()
        part = self._tool(event, event["toolName"], bool(event.get("dynamic")))
        _settle(part, event, "input-streaming", inputEncoding=event.get("inputEncoding") or _ABSENT)
        self._inputs[event["toolCallId"]] = _Input(part, event.get("inputEncoding"))

    def _tool_delta(self, event: Event) -> None:
        given = self._inputs[event["toolCallId"]]
        self.takeovers_without_progress = 0
        given.pieces.append(event["inputTextDelta"])

    def _tool_ready(self, event: Event) -> None:
        part = self._tool(event, event["toolName"], bool(event.get("dynamic")))
        _settle(part, event, "input-available", input=event["input"])

    def _tool_input_error(self, event: Event) -> None:
        known = next(iter(self._calls.get(event["toolCallId"], ())), None)
        dynamic = bool(event.get("dynamic")) if known is None else known["type"] == "dynamic-tool"
        part = self._tool(event, event["toolName"], dynamic)
        _settle(part, event, "output-error", input=event.get("input", _ABSENT), errorText=event["errorText"])

    def _tool_output(self, event: Event) -> None:
        part = self._called(event["toolCallId"])
        preliminary = event.get("preliminary")
        _settle(
            part,
            event,
            "output-available",
            input=part.get("input", _ABSENT),
            output=event["output"],
            preliminary=_ABSENT if preliminary is None else preliminary,
        )
        self.takeovers_without_progress = 0

    def _tool_output_error(self, event: Event) -> None:
        part = self._called(event["toolCallId"])
        raw = part.get("rawInput", _ABSENT) if part["type"] != "dynamic-tool" else _ABSENT
        given = part.get("input", _ABSENT)
        _settle(part, event, "output-error", input=given, rawInput=raw, errorText=event["errorText"])

    def _tool_approval(self, event: Event) -> None:
        approval = {"id": event["approvalId"]}
        approval |= {_APPROVAL[name]: event[name] for name in _APPROVAL if event.get(name) is not None}
        if event.get("isAutomatic") is True:
            approval["isAutomatic"] = True
        part = self._called(event["toolCallId"])
        part.update(state="approval-requested", approval=approval)
        if self._asked.setdefault(approval["id"], part)["approval"]["id"] != approval["id"]:
            self._asked[approval["id"]] = part

    def _tool_approved(self, event: Event) -> None:
        wanted = event["approvalId"]
        part = self._asked[wanted]
        if part["approval"]["id"] != wanted:
            return
        reason = {"reason": event["reason"]} if event.get("reason") is not None else {}
        part["approval"] = {**part["approval"], "id": wanted, "approved": event["approved"], **reason}
        part["state"] = "approval-responded"
        if event.get("providerExecuted") is not None:
            part["providerExecuted"] = event["providerExecuted"]
        if event.get("providerMetadata") is not None:
            part["callProviderMetadata"] = event["providerMetadata"]

    def _tool_denied(self, event: Event) -> None:
        self._called(event["toolCallId"])["state"] = "output-denied"

    def _called(self, call: str) -> Part:
        """The part of a call: the one in the current step, else the newest of all. Raises ``KeyError``."""
        here = self._calls.get(call)
        return here[0] if here else self._earlier_calls[call]

    def _tool(self, event: Event, name: str, dynamic: bool) -> Part:
        """The part of a call in the current step, made where there is none; what it is called may change."""
        call = event["toolCallId"]
        here = self._calls.setdefault(call, [])
        for part in here:
            if (part["type"] == "dynamic-tool") == dynamic:
                break
        else:
            part = {"type": "dynamic-tool" if dynamic else f"tool-{name}", "toolCallId": call}
            here.append(part)
            self.parts.append(part)
        if dynamic:
            part["toolName"] = name
        else:
            part["type"] = f"tool-{name}"
        return part

    def _data(self, event: Event) -> None:
        if event["type"] == "data-recovery" and not event["data"].get("handover"):
            self.takeovers_without_progress += 1
        elif event["type"] == PROVIDER_RUN:
            self.provider_run = event["data"]["id"]
        if event.get("transient"):
            return
        part = dict(event)
        if event.get("id") is not None:
            known = self._data_parts.setdefault((event["type"], event["id"]), part)
            if known is not part:
                known["data"] = event["data"]
                return
        self.parts.append(part)


class _Input:
    """The arguments of a call while they come."""

    def __init__(self, part: Part, encoding: str | None) -> None:
        self.part = part
        self.encoding = encoding
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """All that came of them."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def show(self) -> None:
        """Put into the part what can be read of them so far."""
        if self.part["state"] != "input-streaming" or not self.pieces:
            return
        text = self.text
        value = text if self.encoding == "text" else partial_json(text)
        self.part["rawInput"] = text
        if value is None and text.strip() != "null":
            self.part.pop("input", None)
        else:
            self.part["input"] = value


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


_ABSENT: Any = object()


def _settle(part: Part, event: Event, state: str, **fields: Any) -> None:
    """A call's part in a new state: what the state does not have is gone, but what was known of the call stays."""
    part["state"] = state
    for name in ("input", "output", "errorText", "rawInput", "inputEncoding", "preliminary"):
        value = fields.get(name, _ABSENT)
        if value is _ABSENT:
            part.pop(name, None)
        else:
            part[name] = value
    for name in ("title", "toolMetadata", "providerExecuted"):
        if event.get(name) is not None and (name != "title" or state.startswith("input-")):
            part[name] = event[name]
    if event.get("providerMetadata") is not None:
        key = "resultProviderMetadata" if state.startswith("output-") else "callProviderMetadata"
        part[key] = event["providerMetadata"]


def _copy_metadata(event: Event, part: Part) -> None:
    if event.get("providerMetadata") is not None:
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
    "tool-approval-response": Fold._tool_approved,
    "tool-output-denied": Fold._tool_denied,
}
