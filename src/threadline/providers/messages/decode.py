"""Reads the stream of an answer of Anthropic's ``/messages`` as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.messages import Message, Usage
from threadline.providers import decoding
from threadline.providers.calls import Call, Calls
from threadline.providers.decoding import counted, table
from threadline.providers.messages.history import FAMILY
from threadline.providers.messages.sources import Sources

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    # The provider's own tools took too long; what there is of the answer is there.
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool-calls",
    "refusal": "content-filter",
}
_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""What an error's type would have been as the status of an answer, which tells whether to try again."""

_CUT: Final = "The model met its token limit before the arguments were complete."


class Decoder(decoding.Decoder):
    """See ``decoding.Decoder``; a signature of another ``origin`` than Anthropic itself is marked as such."""

    __slots__ = ("_calls", "_executed", "_open_calls", "_origin", "_signature", "_sources", "_told")

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        origin: str | None = None,
    ) -> None:
        super().__init__(provider, first_part)
        self._origin = {"origin": origin} if origin else {}
        self._calls = Calls(messages)
        self._open_calls: dict[Any, tuple[Call, Any]] = {}
        self._executed: dict[str, Call] = {}
        self._signature = ""
        self._sources = Sources()
        self._told: dict[str, Any] = {}

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        kind = chunk.get("type")
        if kind == "content_block_delta":
            self._delta(chunk["delta"], chunk.get("index"), out)
        elif kind == "content_block_start":
            self._begin(chunk["content_block"], chunk.get("index"), out)
        elif kind == "content_block_stop":
            self._stop(chunk.get("index"), out)
        elif kind == "message_start":
            self._message(table(chunk.get("message")), out)
        elif kind == "message_delta":
            self._count(chunk.get("usage"))
            self._stopped(table(chunk.get("delta")).get("stop_reason"), out)
        elif kind == "message_stop":
            self._finish(out)
        elif kind == "error" or (kind is None and chunk.get("error")):
            error = chunk.get("error")
            known = _STATUS.get(str(table(error).get("type")))
            self._reported({"status": known, **error} if known and isinstance(error, dict) else error)

    def _whole(self, answer: dict[str, Any], out: list[Event]) -> None:
        if answer.get("type") == "message":
            self._message(answer, out)
        else:
            self._chunk(answer, out)

    def _message(self, message: dict[str, Any], out: list[Event]) -> None:
        """A message as far as it is there: of a stream's first event, its usage and seldom more."""
        self._count(message.get("usage"))
        for index, block in enumerate(message.get("content") or ()):
            self._begin(block, index, out)
            self._stop(index, out)
        self._stopped(message.get("stop_reason"), out)

    def _begin(self, block: dict[str, Any], index: Any, out: list[Event]) -> None:
        kind = block.get("type")
        self._flush(out)
        self._settle(out)
        if kind == "text":
            self._add("text", _text(block.get("text")), out)
            for citation in block.get("citations") or ():
                self._sources.cited(citation, out)
        elif kind == "thinking":
            self._open("reasoning", out)
            self._add("reasoning", _text(block.get("thinking")), out)
            self._signature = _text(block.get("signature"))
        elif kind == "redacted_thinking":
            self._open("reasoning", out)
            self._close(out, {FAMILY: {"redactedData": _text(block.get("data")), **self._origin}})
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            self._call(block, index, out, executed=kind != "tool_use")
        elif "tool_use_id" in block:
            self._result(block, out)

    def _delta(self, delta: dict[str, Any], index: Any, out: list[Event]) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            self._add("text", _text(delta.get("text")), out)
        elif kind == "input_json_delta":
            if index in self._open_calls:
                self._calls.more(self._open_calls[index][0], _text(delta.get("partial_json")), out)
        elif kind == "thinking_delta":
            self._add("reasoning", _text(delta.get("thinking")), out)
        elif kind == "signature_delta":
            self._signature += _text(delta.get("signature"))
        elif kind == "citations_delta":
            self._sources.cited(delta.get("citation"), out)

    def _stop(self, index: Any, out: list[Event]) -> None:
        """A block is whole. Of a call that reads as one this is certain; of another only what follows tells whether it
        takes no arguments, or was cut by the token limit."""
        self._flush(out)
        if index in self._open_calls and _is_object("".join(self._written(index, out).pieces)):
            self._calls.close(self._open_calls.pop(index)[0], out)

    def _written(self, index: Any, out: list[Event]) -> Call:
        """An open call with its arguments, which stand at its beginning where they did not come in pieces."""
        call, given = self._open_calls[index]
        if given and not call.pieces:
            self._calls.more(call, orjson.dumps(given).decode(), out)
        return call

    def _close(self, out: list[Event], metadata: dict[str, Any] | None = None) -> None:
        if self._kind == "reasoning" and self._signature:
            metadata = metadata or {FAMILY: {"signature": self._signature, **self._origin}}
        self._signature = ""
        super()._close(out, metadata)

    def _call(self, block: dict[str, Any], index: Any, out: list[Event], *, executed: bool) -> None:
        theirs = _text(block.get("id"))
        call = self._calls.open(theirs, _text(block.get("name")), out, executed=executed)
        self._open_calls[index] = (call, table(block.get("input")))
        if executed:
            self._executed[theirs] = call

    def _result(self, block: dict[str, Any], out: list[Event]) -> None:
        """What a tool gave that the provider itself runs."""
        call = self._executed.get(_text(block["tool_use_id"]))
        content = block.get("content")
        fault = table(content).get("error_code") or (content if block.get("is_error") else None)
        if call is not None and fault:
            words = fault if isinstance(fault, str) else orjson.dumps(fault).decode()
            out.append({**events.tool_output_error(call.id, words), "providerExecuted": True})
        elif call is not None:
            out.append({**events.tool_output_available(call.id, content), "providerExecuted": True})
        self._sources.found(content, out)

    def _stopped(self, reason: Any, out: list[Event]) -> None:
        """The answer is whole, and this is why."""
        if reason:
            self._reason = _REASONS.get(reason, "other") if isinstance(reason, str) else "other"
            self._calls_end(out)

    def _settle(self, out: list[Event]) -> None:
        """Another block begins: the calls before it were not cut."""
        for index in tuple(self._open_calls):
            self._calls.close(self._written(index, out), out)
        self._open_calls.clear()

    def _calls_end(self, out: list[Event]) -> None:
        cut = self._reason == "length"
        for index in tuple(self._open_calls):
            call = self._written(index, out)
            if cut and not call.pieces:
                # No arguments at all would read as a call that takes none.
                call.done = True
                out.append(events.tool_input_error(call.id, call.name, "", _CUT))
        self._calls.end(out, cut=cut)
        self._open_calls.clear()

    def _count(self, usage: Any) -> None:
        """Counts are cumulative: the last one told is the one that holds."""
        self._told.update({name: value for name, value in table(usage).items() if value is not None})
        self._usage = _usage(self._told) or None

    def _finish(self, out: list[Event]) -> None:
        self._reason = self._reason or ("tool-calls" if self._calls else "other")
        super()._finish(out)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _usage(told: dict[str, Any]) -> Usage:
    """The provider counts input that it wrote to or read from its cache apart; thinking is a part of its output."""
    fields = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    counts = [told[name] for name in fields if isinstance(told.get(name), int)]
    given = sum(counts) if counts else None
    made = told.get("output_tokens")
    return counted(
        inputTokens=given,
        outputTokens=made,
        totalTokens=given + made if given is not None and isinstance(made, int) else None,
        reasoningTokens=table(told.get("output_tokens_details")).get("thinking_tokens"),
        cachedInputTokens=told.get("cache_read_input_tokens"),
        cacheWriteTokens=told.get("cache_creation_input_tokens") or None,
    )
