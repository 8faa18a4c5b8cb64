"""A run's events as OpenAI's Responses stream: what is told, and under which number, follows from the log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import orjson

from threadline.domain.events import decode, type_of
from threadline.domain.messages import Usage
from threadline.wire import sse
from threadline.wire.openai.faults import fault_of, told_error
from threadline.wire.openai.items import Call, Ended, Event, OutputItem, ServerCall, Thoughts, Words
from threadline.wire.openai.objects import Head, Status, item_id, response_object

LAST: Final = frozenset({b"response.completed", b"response.incomplete", b"response.failed"})
"""The events after which nothing comes."""

_NOT_ALLOWED: Final = "The call was not allowed."
_REASONS: Final = {"length": "max_output_tokens", "content-filter": "content_filter"}
_CODES: Final = {
    "rate_limited": "rate_limit_exceeded",
    "bad_request": "invalid_prompt",
    "context_length_exceeded": "context_length_exceeded",
}


class NamedFrames:
    """Server-sent events whose name is the type of their data."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """Frames for encoded events of this dialect."""
        return b"".join([b"event: %b\ndata: %b\n\n" % (type_of(message), message) for message in messages])


FRAMES: Final = NamedFrames()


class Ending:
    """These clients take a clean end for the end of the answer: they get one only after its last event."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        """``[DONE]``, unless what came before it was no end; None leaves the body incomplete."""
        return sse.DONE if last is None or type_of(last) in LAST else None

    def drain(self, after_ms: int) -> bytes | None:
        """Cut: the reader comes back with ``starting_after``."""
        return None


ENDING: Final = Ending()


class ResponseEvents:
    """The encoder of one answer, fed with its events from the first on. ``count`` events were given so far; the next
    one's ``sequence_number`` is ``count``. ``fault`` is the ``error`` event of an answer that failed, broke off or was
    stopped."""

    def __init__(self, head: Head) -> None:
        self.count = 0
        self.fault: Event | None = None
        self._head = head
        self._items: list[OutputItem] = []
        self._parts: dict[str, OutputItem] = {}
        self._calls: dict[str, Call] = {}
        self._said: Words | None = None
        self._step_at = 0
        self._number = self._step_number = 0
        self._ended_at: float | None = None
        self._status: Status = "queued" if head.background else "in_progress"
        self._error: dict[str, Any] | None = None
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._aborted = False

    def opening(self) -> list[bytes]:
        """What is told before the answer's first event; to be asked for once, and first."""
        kinds = ["response.created", "response.queued"] if self._head.background else ["response.created"]
        return self._numbered([self._lifecycle(kind) for kind in kinds])

    def take(self, messages: Sequence[bytes], above: int = -1) -> list[bytes]:
        """The events of this dialect that encoded events of the run make, those with a number above ``above``."""
        return self._numbered((out for message in messages for out in self._apply(decode(message))), above)

    def absorb(self, messages: Sequence[bytes]) -> None:
        """Take them in, and make nothing of them but what :meth:`snapshot` tells, and the number of the next."""
        for message in messages:
            self.count += len(self._apply(decode(message)))

    @property
    def empty(self) -> bool:
        """Whether nothing of an answer is there."""
        return all(item.dropped or isinstance(item, Thoughts) for item in self._items)

    def snapshot(self, completed_at: float | None = None) -> dict[str, Any]:
        """The response object after what was taken so far. ``completed_at`` is Unix seconds, for a log that does not
        tell it."""
        output = [item.view() for item in self._items if not item.dropped]
        return response_object(
            self._head,
            self._status,
            output,
            usage=self._usage,
            error=self._error,
            reason=self._reason,
            completed_at=completed_at if self._ended_at is None else self._ended_at,
        )

    def _numbered(self, events: Iterable[Event], above: int = -1) -> list[bytes]:
        out = []
        for event in events:
            if self.count > above:
                event["sequence_number"] = self.count
                out.append(orjson.dumps(event))
            self.count += 1
        return out

    def _lifecycle(self, kind: str) -> Event:
        return {"type": kind, "response": self.snapshot()}

    def _apply(self, event: Event) -> list[Event]:
        kind: str = event["type"]
        handler = _HANDLERS.get(kind)
        if handler is None:
            return []
        before = [] if kind == "source-url" else self._close_words()
        try:
            return before + handler(self, event)
        except KeyError:
            # It belongs to nothing that is there; the fold passes over it, too.
            return before

    def _close_words(self) -> list[Event]:
        """A text's sources may be told after its end, so it is closed only when something else comes."""
        said, self._said = self._said, None
        return said.closing() if said is not None else []

    def _add(self, item: OutputItem) -> list[Event]:
        self._items.append(item)
        return item.opening()

    def _new_id(self, kind: str) -> str:
        """By the place among the message's parts, so that it is the same where the message is told of."""
        self._number += 1
        return item_id(kind, self._head.message_id, self._number - 1)

    # One small method per event type; the table is at the end of the file.

    def _start(self, _event: Event) -> list[Event]:
        self._status = "in_progress"
        return [self._lifecycle("response.in_progress")]

    def _step(self, _event: Event) -> list[Event]:
        self._step_at, self._step_number = len(self._items), self._number
        return []

    def _end_step(self, _event: Event) -> list[Event]:
        return []

    def _reset(self, _event: Event) -> list[Event]:
        """What the step has said does not count any more; it cannot be taken back, but it is no part of the answer."""
        out: list[Event] = []
        for item in self._items[self._step_at :]:
            item.dropped = True
            out += self._end(item)
        self._parts.clear()
        self._calls = {name: call for name, call in self._calls.items() if not self._in_step(call)}
        self._number = self._step_number
        return out

    def _in_step(self, item: OutputItem) -> bool:
        return item.index >= self._step_at

    def _text_start(self, event: Event) -> list[Event]:
        self._parts[event["id"]] = item = Words(self._new_id("msg"), len(self._items))
        return self._add(item)

    def _reasoning_start(self, event: Event) -> list[Event]:
        self._parts[event["id"]] = item = Thoughts(self._new_id("rs"), len(self._items))
        return self._add(item)

    def _delta(self, event: Event) -> list[Event]:
        return self._parts[event["id"]].delta(event["delta"])

    def _text_end(self, event: Event) -> list[Event]:
        item = self._parts.pop(event["id"])
        if not isinstance(item, Words):
            return item.closing()
        self._said = item
        return []

    def _reasoning_end(self, event: Event) -> list[Event]:
        cut = (event.get("providerMetadata") or {}).get("threadline", {}).get("interrupted")
        return self._parts.pop(event["id"]).closing("incomplete" if cut else "completed")

    def _source(self, event: Event) -> list[Event]:
        said = self._said or next((one for one in reversed(self._items) if isinstance(one, Words) and one.open), None)
        return said.cite(event["url"], str(event.get("title") or event["url"])) if said is not None else []

    def _call(self, event: Event) -> list[Event]:
        call, name = event["toolCallId"], event["toolName"]
        if call in self._calls and self._in_step(self._calls[call]):
            return []
        item: Call
        if self._head.handed and not event.get("providerExecuted"):
            item = Call(self._new_id("fc"), len(self._items), call, name)
        else:
            item = ServerCall(self._new_id("mcp"), len(self._items), call, name)
        self._calls[call] = item
        return self._add(item)

    def _arguments(self, event: Event) -> list[Event]:
        item = self._calls[event["toolCallId"]]
        return item.delta(event["inputTextDelta"]) if item.open else []

    def _ready(self, event: Event) -> list[Event]:
        given = event["input"]
        opened = self._call(event)
        item = self._calls[event["toolCallId"]]
        if not item.open:
            return opened
        made = opened + item.ready(given)
        return made if isinstance(item, ServerCall) else made + item.closing()

    def _broken(self, event: Event) -> list[Event]:
        """Nobody is to run a call without its arguments: the model hears of it, and the client does not get it."""
        words = event["errorText"]
        opened = self._call(event)
        item = self._calls[event["toolCallId"]]
        if not item.open:
            return opened
        if isinstance(item, ServerCall):
            return opened + item.failed(words)
        item.dropped = True
        return opened + item.closing("incomplete")

    def _output(self, event: Event) -> list[Event]:
        item = self._calls[event["toolCallId"]]
        if event.get("preliminary") or not item.open or not isinstance(item, ServerCall):
            return []
        return item.returned(event["output"])

    def _output_error(self, event: Event) -> list[Event]:
        item = self._calls[event["toolCallId"]]
        if not item.open or not isinstance(item, ServerCall):
            return []
        return item.failed(event.get("errorText", _NOT_ALLOWED))

    def _abort(self, _event: Event) -> list[Event]:
        self._aborted = True
        return []

    def _fault(self, event: Event) -> list[Event]:
        told = told_error(event)
        self.fault = event
        # The name of its frame is read from its first key.
        return [{"type": "error", "code": told["code"], "message": told["message"], "param": None}]

    def _finish(self, event: Event) -> list[Event]:
        out = [one for item in self._items if item.open for one in self._end(item)]
        metadata = event.get("messageMetadata") or {}
        self._usage, self._ended_at = metadata.get("usage") or None, metadata.get("endedAt")
        reason = event.get("finishReason")
        failed = self.fault is not None
        self.fault = self.fault or fault_of(reason, aborted=self._aborted)
        if self.fault is not None and (failed or not self._aborted):
            code = str(self.fault.get("code")).partition(":")[0]
            self._error = {"code": _CODES.get(code, "server_error"), "message": str(self.fault["errorText"])}
            self._status, kind = "failed", "response.failed"
        elif self._aborted:
            # No event of its own tells of a stop: the object in this one does.
            self._status, kind = "cancelled", "response.incomplete"
        elif reason in _REASONS:
            self._status, self._reason, kind = "incomplete", _REASONS[reason], "response.incomplete"
        else:
            self._status, kind = "completed", "response.completed"
        return [*out, self._lifecycle(kind)]

    def _end(self, item: OutputItem, status: Ended = "incomplete") -> list[Event]:
        return item.closing(status) if item.open else []


_HANDLERS: Final[dict[str, Callable[[ResponseEvents, Event], list[Event]]]] = {
    "start": ResponseEvents._start,
    "start-step": ResponseEvents._step,
    "finish-step": ResponseEvents._end_step,
    "reset-step": ResponseEvents._reset,
    "text-start": ResponseEvents._text_start,
    "text-delta": ResponseEvents._delta,
    "text-end": ResponseEvents._text_end,
    "reasoning-start": ResponseEvents._reasoning_start,
    "reasoning-delta": ResponseEvents._delta,
    "reasoning-end": ResponseEvents._reasoning_end,
    "source-url": ResponseEvents._source,
    "tool-input-start": ResponseEvents._call,
    "tool-input-delta": ResponseEvents._arguments,
    "tool-input-available": ResponseEvents._ready,
    "tool-input-error": ResponseEvents._broken,
    "tool-output-available": ResponseEvents._output,
    "tool-output-error": ResponseEvents._output_error,
    "tool-output-denied": ResponseEvents._output_error,
    "abort": ResponseEvents._abort,
    "error": ResponseEvents._fault,
    "finish": ResponseEvents._finish,
}
