"""Reads the stream of an OpenAI-compatible ``/chat/completions`` answer as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from threadline.domain.events import Event
from threadline.domain.messages import Message, Usage
from threadline.providers import decoding
from threadline.providers.completions.think import Thinking
from threadline.providers.completions.tools import ToolCalls
from threadline.providers.decoding import counted, table

_REASONS: Final = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content-filter",
    "safety": "content-filter",
    "refusal": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "error": "error",
}


class Decoder(decoding.Decoder):
    """See ``decoding.Decoder``; ``partial`` is the text that the answer goes on from, where it goes on from one."""

    __slots__ = ("_citations", "_refused", "_think", "_tools")

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        partial: str = "",
        think_tags: bool = True,
    ) -> None:
        super().__init__(provider, first_part)
        self._think = Thinking(partial) if think_tags else None
        self._tools = ToolCalls(messages)
        self._refused = False
        self._citations: set[str] = set()

    def _more(self, chunk: Any) -> str | None:
        choice = chunk["choices"][0]
        delta = choice["delta"]
        text = delta.get("content")
        if text.__class__ is not str or len(delta) != 1 or choice.get("finish_reason") is not None:
            return None
        think = self._think
        plain = think is None or (think.plain and "<" not in text and "`" not in text)
        return text if plain and chunk.get("usage") is None else None

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        error = chunk.get("error")
        if error:
            self._reported(error)
            return
        usage = chunk.get("usage") or table(chunk.get("x_groq")).get("usage")
        if isinstance(usage, dict):
            self._usage = _usage(usage)
        choices = chunk.get("choices")
        if choices:
            self._choice(choices[0], out)
        citations = chunk.get("citations")
        if citations and self._reason is not None:
            self._cite(citations, out)

    def _choice(self, choice: dict[str, Any], out: list[Event]) -> None:
        if choice.get("error"):
            self._reported(choice["error"])
            return
        delta = choice.get("delta") or choice.get("message")
        if delta:
            self._delta(delta, out)
        reason = choice.get("finish_reason")
        if reason:
            self._reason = _REASONS.get(str(reason).lower(), "other")
            self._flush(out)
            self._tools.end(out, cut=self._reason == "length")

    def _delta(self, delta: dict[str, Any], out: list[Event]) -> None:
        get = delta.get
        reasoning = get("reasoning_content") or get("reasoning") or get("reasoning_details")
        if reasoning:
            self._add("reasoning", _reasoning(reasoning), out)
        content = get("content")
        if content:
            if content.__class__ is str:
                self._text(content, out)
            elif isinstance(content, list):
                self._blocks(content, out)
        refusal = get("refusal")
        if refusal:
            self._refused = True
            self._add("text", str(refusal), out)
        calls = get("tool_calls")
        if not calls and get("function_call"):
            calls = [{"index": 0, "function": delta["function_call"]}]
        if calls:
            self._flush(out)
            self._tools.take(calls, out)
        annotations = get("annotations")
        if annotations:
            self._cite(annotations, out)

    def _text(self, text: str, out: list[Event]) -> None:
        think = self._think
        if think is None or (think.plain and "<" not in text and "`" not in text):
            self._add("text", text, out)
            return
        for is_reasoning, piece in think.feed(text):
            self._add("reasoning" if is_reasoning else "text", piece, out)

    def _blocks(self, blocks: list[Any], out: list[Event]) -> None:
        """Content as a list of typed blocks, with the reasoning among them."""
        for block in blocks:
            if not isinstance(block, dict):
                continue
            if block.get("type") == "thinking":
                self._add("reasoning", _reasoning(block.get("thinking")), out)
            elif isinstance(block.get("text"), str):
                self._text(block["text"], out)

    def _held(self, out: list[Event]) -> None:
        if self._think is not None:
            for is_reasoning, piece in self._think.end():
                self._add("reasoning" if is_reasoning else "text", piece, out)

    def _calls_end(self, out: list[Event]) -> None:
        self._tools.end(out)

    def _cite(self, found: Any, out: list[Event]) -> None:
        """Annotations of the kind ``url_citation``, or a bare list of addresses."""
        for one in found if isinstance(found, list) else ():
            citation = one.get("url_citation", one) if isinstance(one, dict) else {"url": one}
            url = citation.get("url") if isinstance(citation, dict) else None
            if isinstance(url, str) and url and url not in self._citations:
                self._citations.add(url)
                event: Event = {"type": "source-url", "sourceId": url, "url": url}
                if citation.get("title"):
                    event["title"] = str(citation["title"])
                out.append(event)

    def _finish(self, out: list[Event]) -> None:
        self._reason = self._reason or ("tool-calls" if self._tools else "other")
        if self._refused and self._reason in ("stop", "other"):
            self._reason = "content-filter"
        super()._finish(out)


def _reasoning(value: Any) -> str:
    """The readable text of reasoning, in any of the shapes that it comes in."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return ""
    pieces = [one if isinstance(one, str) else one.get("text") or one.get("summary") or "" for one in value if one]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _usage(told: dict[str, Any]) -> Usage:
    """The provider's own numbers; what it did not tell is left out."""
    prompt, completion = table(told.get("prompt_tokens_details")), table(told.get("completion_tokens_details"))
    return counted(
        inputTokens=told.get("prompt_tokens"),
        outputTokens=told.get("completion_tokens"),
        totalTokens=told.get("total_tokens"),
        reasoningTokens=completion.get("reasoning_tokens", told.get("reasoning_tokens")),
        cachedInputTokens=prompt.get("cached_tokens", told.get("prompt_cache_hit_tokens")),
        cacheWriteTokens=prompt.get("cache_write_tokens") or None,
    )
