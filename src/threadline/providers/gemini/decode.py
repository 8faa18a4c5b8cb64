"""Reads the stream of an answer of the Gemini API as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.depth import shallow
from threadline.domain.events import Event
from threadline.domain.messages import Message, Usage
from threadline.providers import decoding
from threadline.providers.calls import Call, Calls
from threadline.providers.decoding import counted, table
from threadline.providers.gemini.arguments import Forming
from threadline.providers.gemini.sources import Sources

_REASONS: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    # A request's own limit was met before that of the answer.
    "CONTINUATION": "length",
    "SAFETY": "content-filter",
    "RECITATION": "content-filter",
    "BLOCKLIST": "content-filter",
    "PROHIBITED_CONTENT": "content-filter",
    "SPII": "content-filter",
    "ESCALATION": "content-filter",
    "MODEL_ARMOR": "content-filter",
    "IMAGE_SAFETY": "content-filter",
    "IMAGE_PROHIBITED_CONTENT": "content-filter",
    "IMAGE_RECITATION": "content-filter",
    "LANGUAGE": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "NO_IMAGE": "error",
    "PUP_LIMITED_DISABLED": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
}
_SEARCH: Final = "google_search"
_CODE: Final = "code_execution"
_NAMES: Final = {"GOOGLE_SEARCH_WEB": _SEARCH, "GOOGLE_SEARCH_IMAGE": "google_search_image"}


class Decoder(decoding.Decoder):
    """See ``decoding.Decoder``; signatures are kept under the ``family`` of providers to whom they are proof.

    ``joined``: the text goes on from one that was cut, and will be one part with it, of which no signature is proof.
    """

    __slots__ = (
        "_call",
        "_calls",
        "_executed",
        "_family",
        "_forming",
        "_joined",
        "_searched",
        "_signature",
        "_sources",
        "_told",
    )

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        family: str = "google",
        joined: bool = False,
    ) -> None:
        super().__init__(provider, first_part)
        self._family = family
        self._joined = joined
        self._calls = Calls(messages)
        self._call: Call | None = None
        self._forming = Forming()
        self._signature: Any = None
        self._executed: dict[str, Call] = {}
        self._searched = False
        self._sources = Sources()
        self._told: dict[str, Any] = {}

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        if chunk.get("error"):
            self._reported(chunk["error"])
            return
        usage = chunk.get("usageMetadata")
        if usage.__class__ is dict:
            # Counts are cumulative, but one that was told may be absent later.
            self._told.update(usage)
        candidates = chunk.get("candidates")
        if candidates:
            self._candidate(candidates[0], out)
        elif table(chunk.get("promptFeedback")).get("blockReason"):
            self._reason = "content-filter"

    def _take_whole(self, answer: Any, out: list[Event]) -> None:
        """An answer, or the list of its chunks, which is how the provider streams where it is not asked for events."""
        for one in answer if isinstance(answer, list) else [answer]:
            super()._take_whole(one, out)

    def _candidate(self, candidate: dict[str, Any], out: list[Event]) -> None:
        content = candidate.get("content")
        if content:
            for part in content.get("parts") or ():
                self._piece(part, out)
        if "groundingMetadata" in candidate or "urlContextMetadata" in candidate or "citationMetadata" in candidate:
            self._sources.take(candidate, out)
        reason = candidate.get("finishReason")
        # Nothing is ended yet: there are servers that tell a reason with every chunk.
        if reason and reason != "FINISH_REASON_UNSPECIFIED":
            self._reason = _REASONS.get(reason, "other") if isinstance(reason, str) else "other"

    def _piece(self, part: dict[str, Any], out: list[Event]) -> None:
        text = part.get("text")
        signature = part.get("thoughtSignature")
        if text and text.__class__ is str and len(part) == 1 and self._kind == "text":
            # The path of nearly every chunk: one more piece of an open text, and nothing else.
            out.append({"type": "text-delta", "id": self._part, "delta": text})
        elif text.__class__ is str:
            self._words("reasoning" if part.get("thought") is True else "text", text, signature, out)
        elif "functionCall" in part:
            self._function(part["functionCall"], signature, out)
        elif "inlineData" in part or "fileData" in part:
            self._file(part, signature, out)
        elif "toolCall" in part or "executableCode" in part:
            self._execute(part, signature, out)
        elif "toolResponse" in part or "codeExecutionResult" in part:
            self._result(part, out)

    def _words(self, kind: str, text: str, signature: Any, out: list[Event]) -> None:
        """More of a part; a signature ends it, since it is proof of no more than what came with it and before it."""
        signed = None if self._joined and kind == "text" else self._signed(signature)
        if text or signed:
            self._settle(out)
            self._add(kind, text, out)
        if signed:
            if self._kind != kind:
                self._open(kind, out)
            self._close(out, signed)

    def _signed(self, signature: Any) -> dict[str, Any] | None:
        if isinstance(signature, str) and signature:
            return {self._family: {"thoughtSignature": signature}}
        return None

    def _function(self, told: dict[str, Any], signature: Any, out: list[Event]) -> None:
        """A call, whole or a piece of it: the first piece has its name, and the last one does not continue."""
        self._flush(out)
        name = _text(told.get("name"))
        args = told.get("args")
        if name or (self._call is None and args):
            self._settle(out)
            self._call = self._calls.open(_text(told.get("id")), name, out)
            self._forming = Forming()
            self._signature = signature
        call = self._call
        if call is None:
            return
        if args is not None and not call.pieces:
            self._calls.more(call, _json(args), out)
        for one in told.get("partialArgs") or ():
            self._calls.more(call, self._forming.take(one), out)
        if not told.get("willContinue"):
            self._settle(out)

    def _settle(self, out: list[Event], *, cut: bool = False) -> None:
        """The open call is over; ``cut``: the token limit was met before it was whole."""
        call, self._call = self._call, None
        if call is not None:
            if not cut:
                self._calls.more(call, self._forming.end(), out)
            self._calls.close(call, out, cut=cut, metadata=self._signed(self._signature))

    def _file(self, part: dict[str, Any], signature: Any, out: list[Event]) -> None:
        told = table(part.get("inlineData") or part.get("fileData"))
        kind, data, url = told.get("mimeType"), told.get("data"), told.get("fileUri")
        if isinstance(data, str) and isinstance(kind, str):
            url = f"data:{kind};base64,{data}"
        if not isinstance(url, str) or not isinstance(kind, str):
            return
        self._flush(out)
        self._settle(out)
        event: Event = {"type": "reasoning-file" if part.get("thought") is True else "file", "mediaType": kind}
        event["url"] = url
        signed = self._signed(signature)
        out.append({**event, "providerMetadata": signed} if signed else event)

    def _execute(self, part: dict[str, Any], signature: Any, out: list[Event]) -> None:
        """A call of a tool that the provider runs itself."""
        self._flush(out)
        self._settle(out)
        told = part.get("toolCall")
        if told is not None:
            kind = told.get("toolType")
            # Looking at a film again is the one tool without a name.
            name = _NAMES.get(kind) or kind.lower() if isinstance(kind, str) and kind else "media_processing"
            given = told.get("args") or {}
            self._searched = self._searched or name == _SEARCH
        else:
            told = part["executableCode"]
            name, given = _CODE, {key: told[key] for key in ("language", "code") if key in told}
        theirs = _text(told.get("id"))
        call = self._calls.open(theirs, name, out, executed=True)
        self._executed[theirs] = call
        self._calls.more(call, _json(given), out)
        self._calls.close(call, out, metadata=self._signed(signature))

    def _result(self, part: dict[str, Any], out: list[Event]) -> None:
        """What a tool of the provider gave; of code it may not be told which it was of, which is then the last."""
        told = part.get("toolResponse")
        output = told.get("response") or {} if told is not None else None
        if told is None:
            told = part["codeExecutionResult"]
            output = {key: told[key] for key in ("outcome", "output") if key in told}
        call = self._executed.get(_text(told.get("id")))
        if call is not None and _json(output):
            out.append({**events.tool_output_available(call.id, output), "providerExecuted": True})

    def _calls_end(self, out: list[Event]) -> None:
        self._settle(out, cut=self._reason == "length")
        if self._sources.queries and not self._searched:
            self._searched = True
            call = self._calls.open("", _SEARCH, out, executed=True)
            self._calls.more(call, _json({"queries": self._sources.queries}), out)
            self._calls.close(call, out)
            out.append({**events.tool_output_available(call.id, self._sources.pages), "providerExecuted": True})

    def _finish(self, out: list[Event]) -> None:
        self._usage = _usage(self._told) or None
        if self._reason is None or (self._reason == "stop" and self._calls):
            self._reason = "tool-calls" if self._calls else "other"
        super()._finish(out)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:
    """A value as JSON text. Raises ``ValueError`` where it is nested deeper than what can be stored."""
    if not shallow([value]):
        raise ValueError("nested too deep")
    return orjson.dumps(value).decode()


def _usage(told: dict[str, Any]) -> Usage:
    """The provider counts apart what its own tools gave the model to read, and what the model thought; what came from
    its cache is a part of the prompt. Some models tell no count of the answer, but that of all."""
    given, thought, total = (
        _sum(told, "promptTokenCount", "toolUsePromptTokenCount"),
        told.get("thoughtsTokenCount"),
        told.get("totalTokenCount"),
    )
    made = _sum(told, "candidatesTokenCount", "thoughtsTokenCount")
    if not isinstance(told.get("candidatesTokenCount"), int) and isinstance(total, int) and given is not None:
        made = max(total - given, made or 0)
    return counted(
        inputTokens=given,
        outputTokens=made,
        totalTokens=total if isinstance(total, int) or given is None or made is None else given + made,
        reasoningTokens=thought,
        cachedInputTokens=told.get("cachedContentTokenCount"),
    )


def _sum(told: dict[str, Any], *names: str) -> int | None:
    counts = [told[name] for name in names if isinstance(told.get(name), int)]
    return sum(counts) if counts else None
