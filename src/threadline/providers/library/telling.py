"""Tells what pydantic-ai's events say in ours."""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai import messages as theirs
from pydantic_ai.models import StreamedResponse

from threadline.domain import events
from threadline.domain.events import Event
from threadline.providers import decoding
from threadline.providers.calls import Call, Calls
from threadline.providers.decoding import counted
from threadline.providers.protocol import ModelRequest

_REASONS: Final = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_call": "tool-calls",
    "error": "error",
}


class Telling(decoding.Decoder):
    """One answer: feed it with :meth:`take`, end it with :meth:`over`. No bytes come here: they were read already."""

    __slots__ = ("_calls", "_family", "_open_calls")

    def __init__(self, provider: str, request: ModelRequest, family: str) -> None:
        super().__init__(provider, request.first_part)
        self._family = family
        self._calls = Calls(request.messages)
        self._open_calls: dict[int, Call] = {}

    def take(self, event: Any) -> list[Event]:
        """Our events for one of theirs, possibly none."""
        out: list[Event] = []
        if isinstance(event, theirs.PartStartEvent):
            self._began(event.index, event.part, out)
        elif isinstance(event, theirs.PartDeltaEvent):
            self._grew(event.index, event.delta, out)
        elif isinstance(event, theirs.PartEndEvent):
            self._ended(event.index, event.part, out)
        return out

    def over(self, response: StreamedResponse) -> list[Event]:
        """The last events: what is open ends, and ``finish-step`` tells why, and what it took."""
        out: list[Event] = []
        usage = response.usage if not callable(response.usage) else response.usage()
        self._usage = counted(
            inputTokens=usage.input_tokens,
            outputTokens=usage.output_tokens,
            totalTokens=usage.input_tokens + usage.output_tokens,
            reasoningTokens=usage.details.get("reasoning_tokens"),
            cachedInputTokens=usage.cache_read_tokens or None,
            cacheWriteTokens=usage.cache_write_tokens or None,
        )
        self._reason = _REASONS.get(response.finish_reason or "", "other")
        if self._calls and self._reason in ("stop", "other"):
            self._reason = "tool-calls"
        self._finish(out)
        return out

    def _began(self, index: int, part: theirs.ModelResponsePart, out: list[Event]) -> None:
        if isinstance(part, theirs.TextPart):
            self._add("text", part.content, out)
        elif isinstance(part, theirs.ThinkingPart):
            self._flush(out)
            self._open("reasoning", out)
            self._add("reasoning", part.content, out)
        elif isinstance(part, theirs.ToolCallPart | theirs.NativeToolCallPart):
            self._flush(out)
            executed = isinstance(part, theirs.NativeToolCallPart)
            call = self._open_calls[index] = self._calls.open(part.tool_call_id, part.tool_name, out, executed=executed)
            if isinstance(part.args, str):
                self._calls.more(call, part.args, out)
        elif isinstance(part, theirs.NativeToolReturnPart):
            self._returned(part, out)

    def _grew(self, index: int, delta: Any, out: list[Event]) -> None:
        if isinstance(delta, theirs.TextPartDelta):
            self._add("text", delta.content_delta, out)
        elif isinstance(delta, theirs.ThinkingPartDelta):
            self._add("reasoning", delta.content_delta or "", out)
        elif isinstance(delta, theirs.ToolCallPartDelta) and isinstance(delta.args_delta, str):
            self._calls.more(self._open_calls[index], delta.args_delta, out)

    def _ended(self, index: int, part: theirs.ModelResponsePart, out: list[Event]) -> None:
        if isinstance(part, theirs.ThinkingPart) and self._kind == "reasoning":
            proof = {"id": part.id, "signature": part.signature, "provider": part.provider_name}
            known = {name: value for name, value in proof.items() if value}
            self._close(out, {self._family: known} if part.signature else None)
        elif isinstance(part, theirs.ToolCallPart | theirs.NativeToolCallPart):
            call = self._open_calls.pop(index)
            whole, said = part.args_as_json_str(), "".join(call.pieces)
            if whole.startswith(said):
                self._calls.more(call, whole[len(said) :], out)
            self._calls.close(call, out)

    def _returned(self, part: theirs.NativeToolReturnPart, out: list[Event]) -> None:
        """What a tool gave that the provider ran itself."""
        told = events.tool_output_available(part.tool_call_id, part.model_response_str())
        out.append({**told, "providerExecuted": True})

    def _calls_end(self, out: list[Event]) -> None:
        self._calls.end(out, cut=self._reason == "length")
