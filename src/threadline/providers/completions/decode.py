"""Reads the stream of an OpenAI-compatible ``/chat/completions`` answer as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.messages import Message, Usage
from threadline.providers import faults
from threadline.providers.completions.think import Thinking
from threadline.providers.completions.tools import ToolCalls
from threadline.providers.lenient import Halves
from threadline.providers.sse import Splitter, TooLong

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


class Decoder:
    """One answer's bytes in, its events out; ``finish-step`` is the last of them.

    After :meth:`feed` or :meth:`end`, ``failure`` is set when the provider reported an error or ended early; the
    events that came before it were given back, and nothing follows. ``done``: the provider said that it is done, no
    more has to be read. ``finished``: the answer itself is whole, only its usage may still come.
    """

    __slots__ = (
        "_citations",
        "_halves",
        "_kind",
        "_next",
        "_part",
        "_provider",
        "_reason",
        "_refused",
        "_sse",
        "_think",
        "_tools",
        "_usage",
        "done",
        "failure",
    )

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        partial: str = "",
        think_tags: bool = True,
    ) -> None:
        self._provider = provider
        self._sse = Splitter()
        self._think = Thinking(partial) if think_tags else None
        self._tools = ToolCalls(messages)
        self._kind = ""
        self._part = ""
        self._next = first_part
        self._reason: str | None = None
        self._refused = False
        self._usage: Usage | None = None
        self._citations: set[str] = set()
        self._halves: Halves | None = None
        self.done = False
        self.failure: ProviderError | None = None

    @property
    def finished(self) -> bool:
        """Whether the provider gave the reason why the answer ended."""
        return self._reason is not None

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, possibly none."""
        out: list[Event] = []
        try:
            payloads = self._sse.feed(data)
        except TooLong as fault:
            self.failure = ProviderError(f"{self._provider} sent {fault}.", details={"provider": self._provider})
            return out
        think = self._think
        for payload in payloads:
            if self.done or self.failure:
                break
            try:
                chunk = self._parse(payload)
            except ValueError:
                self._not_json(payload, out)
                continue
            try:
                choice = chunk["choices"][0]
                delta = choice["delta"]
                text = delta.get("content")
                # The path of nearly every chunk: one more piece of an open text, and nothing else.
                if (
                    self._kind == "text"
                    and text
                    and len(delta) == 1
                    and text.__class__ is str
                    and (think is None or (think.plain and "<" not in text and "`" not in text))
                    and choice.get("finish_reason") is None
                    and chunk.get("usage") is None
                ):
                    out.append({"type": "text-delta", "id": self._part, "delta": text})
                    continue
            except (KeyError, IndexError, TypeError, AttributeError):
                pass
            self._take(chunk, out)
        return out

    def whole(self, body: bytes) -> list[Event]:
        """The events of an answer that was not streamed: one JSON object."""
        out: list[Event] = []
        try:
            self._take(self._parse(body), out)
        except ValueError:
            self._not_json(body, out)
        return out + self.end()

    def end(self) -> list[Event]:
        """The bytes are over; an answer without its reason and without ``[DONE]`` was cut, which is a failure."""
        out: list[Event] = []
        rest = self._sse.end()
        if rest and not (self.done or self.failure):
            # The last blank line may be missing; half an event is only a sign of the cut.
            try:
                self._take(self._parse(rest), out)
            except ValueError:
                if rest.strip() == b"[DONE]":
                    self._finish(out)
        if self.done or self.failure:
            return out
        if self._reason is None:
            self.failure = ProviderError(
                f"{self._provider} ended early: the answer broke off.",
                retryable=True,
                details={"provider": self._provider},
            )
        else:
            self._finish(out)
        return out

    def _parse(self, payload: bytes) -> Any:
        """A chunk; once a provider has sent what is not quite JSON, all of this answer is read with patience."""
        try:
            if self._halves is None:
                return orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._halves = Halves()
        return self._halves.loads(payload)

    def _not_json(self, payload: bytes, out: list[Event]) -> None:
        if payload.strip() == b"[DONE]":
            self._finish(out)
        elif payload.strip():
            self.failure = ProviderError(
                f"{self._provider} sent something that is not JSON.",
                retryable=True,
                details={"provider": self._provider},
            )

    def _take(self, chunk: Any, out: list[Event]) -> None:
        """Take a chunk. One that is of no form that is known is a failure; what it gave before that is kept."""
        try:
            self._chunk(chunk, out)
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            self.failure = ProviderError(
                f"{self._provider} sent an answer of a form that is not known.",
                retryable=True,
                details={"provider": self._provider},
            )

    def _chunk(self, chunk: Any, out: list[Event]) -> None:
        if not isinstance(chunk, dict):
            return
        error = chunk.get("error")
        if error:
            self.failure = faults.from_event(self._provider, error)
            return
        usage = chunk.get("usage") or _table(chunk.get("x_groq")).get("usage")
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
            self.failure = faults.from_event(self._provider, choice["error"])
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

    def _add(self, kind: str, text: str, out: list[Event]) -> None:
        """More text or reasoning, into the open part of that kind or a new one."""
        if not text:
            return
        if self._kind != kind:
            self._close(out)
            self._kind, self._part = kind, f"p{self._next}"
            self._next += 1
            out.append({"type": f"{kind}-start", "id": self._part})
        out.append({"type": "text-delta" if kind == "text" else "reasoning-delta", "id": self._part, "delta": text})

    def _close(self, out: list[Event]) -> None:
        if self._kind:
            out.append({"type": f"{self._kind}-end", "id": self._part})
            self._kind = ""

    def _flush(self, out: list[Event]) -> None:
        """Give what was held back, and close the open part."""
        if self._think is not None:
            for is_reasoning, piece in self._think.end():
                self._add("reasoning" if is_reasoning else "text", piece, out)
        if self._halves is not None:
            self._add(self._kind or "text", self._halves.left(), out)
        self._close(out)

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
        self._flush(out)
        self._tools.end(out)
        reason = self._reason or ("tool-calls" if self._tools else "other")
        if self._refused and reason in ("stop", "other"):
            reason = "content-filter"
        out.append(events.finish_step(reason, self._usage))
        self.done = True


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


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _usage(told: dict[str, Any]) -> Usage:
    """The provider's own numbers; what it did not tell is left out."""
    prompt, completion = _table(told.get("prompt_tokens_details")), _table(told.get("completion_tokens_details"))
    numbers = {
        "inputTokens": told.get("prompt_tokens"),
        "outputTokens": told.get("completion_tokens"),
        "totalTokens": told.get("total_tokens"),
        "reasoningTokens": completion.get("reasoning_tokens", told.get("reasoning_tokens")),
        "cachedInputTokens": prompt.get("cached_tokens", told.get("prompt_cache_hit_tokens")),
    }
    return {name: value for name, value in numbers.items() if isinstance(value, int)}  # type: ignore[return-value]
