"""A run's events as an OpenAI chat completion, in chunks and as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from threadline.domain.events import decode
from threadline.domain.messages import Usage
from threadline.wire import sse
from threadline.wire.openai.faults import fault_of, told_error
from threadline.wire.openai.objects import Head, completion_id

Event = dict[str, Any]

_REASONS: Final = {"length": "length", "content-filter": "content_filter", "tool-calls": "tool_calls"}


class DataFrames:
    """Server-sent events without a name."""

    def encode(self, first: int, messages: Sequence[bytes]) -> bytes:
        """Frames for encoded chunks."""
        return b"".join([b"data: %b\n\n" % message for message in messages])


FRAMES: Final = DataFrames()


class Ending:
    """These clients take a clean end for the end of the answer: they get one only where it is that."""

    def end(self, last: bytes | None, next_offset: int) -> bytes | None:
        """The stream is closed."""
        return sse.DONE

    def drain(self, after_ms: int) -> bytes | None:
        """Cut."""
        return None


ENDING: Final = Ending()


class _Call:
    """One call of a tool, as it comes."""

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.pieces: list[str] = []

    def view(self) -> dict[str, Any]:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": "".join(self.pieces)}}


class CompletionChunks:
    """The encoder of one answer, fed with its events from the first on. ``usage`` asks for the tokens in a chunk of
    their own at the end. ``fault`` is the ``error`` event of an answer that failed, broke off or was stopped."""

    def __init__(self, head: Head, *, usage: bool = False) -> None:
        self.fault: Event | None = None
        self._head = head
        self._wants_usage = usage
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._calls: dict[str, _Call] = {}
        self._told: dict[str, _Call] = {}
        self._usage: Usage = {}
        self._reason = "stop"
        self._aborted = False

    @property
    def empty(self) -> bool:
        """Whether nothing of an answer is there."""
        return not self._text and not self._told

    def take(self, messages: Sequence[bytes]) -> list[bytes]:
        """The chunks that encoded events of the run make."""
        return [orjson.dumps(chunk) for message in messages for chunk in self._apply(decode(message))]

    def absorb(self, messages: Sequence[bytes]) -> None:
        """Take them in, and make nothing of them but what :meth:`whole` tells."""
        for message in messages:
            self._apply(decode(message))

    def whole(self) -> dict[str, Any]:
        """The completion that was taken so far, as one object."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text) or None, "refusal": None}
        if self._thoughts:
            message["reasoning_content"] = "".join(self._thoughts)
        if self._told:
            message["tool_calls"] = [call.view() for call in self._told.values()]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._reason}
        return {**self._about("chat.completion"), "choices": [choice], "usage": completion_usage(self._usage)}

    def _about(self, kind: str) -> dict[str, Any]:
        head = self._head
        return {
            "id": completion_id(head.run_id),
            "object": kind,
            "created": int(head.created_at),
            "model": head.model,
            "system_fingerprint": None,
        }

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = {**self._about("chat.completion.chunk"), "choices": [choice]}
        if self._wants_usage:
            chunk["usage"] = None
        return chunk

    def _apply(self, event: Event) -> list[Event]:
        handler = _HANDLERS.get(event["type"])
        try:
            return handler(self, event) if handler is not None else []
        except KeyError:
            # It belongs to nothing that is there; the fold passes over it, too.
            return []

    # One small method per event type; the table is at the end of the file.

    def _start(self, _event: Event) -> list[Event]:
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def _text_delta(self, event: Event) -> list[Event]:
        self._text.append(event["delta"])
        return [self._chunk({"content": event["delta"]})]

    def _thought(self, event: Event) -> list[Event]:
        self._thoughts.append(event["delta"])
        return [self._chunk({"reasoning_content": event["delta"]})]

    def _call(self, event: Event) -> list[Event]:
        name = event["toolCallId"]
        if self._head.handed and not event.get("providerExecuted"):
            self._calls[name] = _Call(name, event["toolName"])
        return []

    def _arguments(self, event: Event) -> list[Event]:
        self._calls[event["toolCallId"]].pieces.append(event["inputTextDelta"])
        return []

    def _ready(self, event: Event) -> list[Event]:
        """Only now a call is told of, in one chunk: one that breaks off before is nobody's to run, and could not be
        taken back."""
        name, given = event["toolCallId"], event["input"]
        if name in self._told:
            return []
        if name not in self._calls:
            self._call(event)
        call = self._told[name] = self._calls.pop(name)
        if not "".join(call.pieces).strip():
            call.pieces = [orjson.dumps(given).decode()]
        return [self._chunk({"tool_calls": [{"index": len(self._told) - 1, **call.view()}]})]

    def _broken(self, event: Event) -> list[Event]:
        self._calls.pop(event["toolCallId"], None)
        return []

    def _abort(self, _event: Event) -> list[Event]:
        self._aborted = True
        return []

    def _fault(self, event: Event) -> list[Event]:
        self.fault = event
        return []

    def _finish(self, event: Event) -> list[Event]:
        reason = str(event.get("finishReason"))
        self._usage = (event.get("messageMetadata") or {}).get("usage") or Usage()
        self._reason = _REASONS.get(reason, "stop") if self._told or reason != "tool-calls" else "stop"
        self.fault = self.fault or fault_of(reason, aborted=self._aborted)
        if self.fault is not None:
            # Clients raise it.
            return [{"error": told_error(self.fault)}]
        last = [self._chunk({}, self._reason)]
        if self._wants_usage:
            last.append({**self._about("chat.completion.chunk"), "choices": [], "usage": completion_usage(self._usage)})
        return last


def completion_usage(usage: Usage) -> dict[str, Any]:
    """Tokens as chat completions count them; what the provider did not tell is 0."""
    read, written = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": usage.get("totalTokens", read + written),
        "prompt_tokens_details": {"cached_tokens": usage.get("cachedInputTokens", 0), "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.get("reasoningTokens", 0), "audio_tokens": 0},
    }


_HANDLERS: Final[dict[str, Callable[[CompletionChunks, Event], list[Event]]]] = {
    "start": CompletionChunks._start,
    "text-delta": CompletionChunks._text_delta,
    "reasoning-delta": CompletionChunks._thought,
    "tool-input-start": CompletionChunks._call,
    "tool-input-delta": CompletionChunks._arguments,
    "tool-input-available": CompletionChunks._ready,
    "tool-input-error": CompletionChunks._broken,
    "abort": CompletionChunks._abort,
    "error": CompletionChunks._fault,
    "finish": CompletionChunks._finish,
}
