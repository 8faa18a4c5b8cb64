"""Reads a streamed interaction as events."""

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

_OURS: Final = ("user_input", "function_result")
"""Steps that we sent; an interaction that is told as one has them before the answer's own."""
_CALLS: Final = "_call"
_RESULTS: Final = "_result"


class _Step:
    """One step of the answer as it comes; ``told``: pieces of it came."""

    __slots__ = ("call", "kind", "signature", "told")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.call: Call | None = None
        self.signature = ""
        self.told = False


class Decoder(decoding.Decoder):
    """See ``decoding.Decoder``. ``family`` is under which name signatures are kept; ``keeps``: the provider was asked
    to keep the answer, which its first event does not say."""

    __slots__ = ("_calls", "_cited", "_family", "_keeps", "_place", "_steps")

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        family: str = "google-interactions",
        keeps: bool = False,
    ) -> None:
        super().__init__(provider, first_part)
        self._family = family
        self._keeps = keeps
        self._calls = Calls(messages)
        self._cited: set[str] = set()
        self._steps: dict[Any, _Step] = {}
        self._place: Any = None

    def _more(self, chunk: Any) -> str | None:
        delta = chunk["delta"]
        if delta["type"] != "text" or chunk["index"] != self._place:
            return None
        text = delta["text"]
        return text if text.__class__ is str else None

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        kind = chunk.get("event_type")
        if kind == "interaction.created":
            theirs = table(chunk.get("interaction")).get("id")
            if self._keeps and isinstance(theirs, str) and theirs:
                out.append(events.provider_run(theirs))
        elif kind == "step.start":
            self._begin(chunk.get("index"), table(chunk.get("step")), out)
        elif kind == "step.delta":
            self._delta(chunk.get("index"), table(chunk.get("delta")), out)
        elif kind == "step.stop":
            self._end_step(chunk.get("index"), out)
        elif kind == "interaction.completed":
            self._settle(table(chunk.get("interaction")), out)
        elif chunk.get("error"):
            self._reported(chunk["error"])

    def _whole(self, answer: dict[str, Any], out: list[Event]) -> None:
        """An interaction as one object; one that still goes on has no events yet."""
        if answer.get("error"):
            self._reported(answer["error"])
        elif answer.get("status") not in (None, "in_progress"):
            steps = answer.get("steps")
            told = [table(step) for step in steps] if isinstance(steps, list) else []
            first = max((at for at, step in enumerate(told) if step.get("type") in _OURS), default=-1)
            for number, step in enumerate(told[first + 1 :]):
                self._begin(number, step, out)
                self._end_step(number, out)
            self._settle(answer, out)

    def _begin(self, index: Any, step: dict[str, Any], out: list[Event]) -> None:
        """A step begins, with whatever of it is there already."""
        self._flush(out)
        kind = _word(step, "type")
        known = self._steps[index] = _Step(kind)
        self._place = index
        if kind == "thought":
            self._open("reasoning", out)
            known.signature = _word(step, "signature")
            for content in _parts(step, "summary"):
                self._add("reasoning", _word(content, "text"), out)
        elif kind == "model_output":
            for content in _parts(step, "content"):
                self._content(content, out)
        elif kind.endswith(_CALLS):
            executed = kind != "function_call"
            name = _word(step, "name") or kind.removesuffix(_CALLS)
            known.call = self._calls.open(_word(step, "id"), name, out, executed=executed)
            self._arguments(known, step.get("arguments"), out)
        elif kind.endswith(_RESULTS):
            told = events.tool_output_available(_word(step, "call_id"), step.get("result"))
            out.append({**told, "providerExecuted": True})

    def _delta(self, index: Any, delta: dict[str, Any], out: list[Event]) -> None:
        known = self._steps.get(index)
        kind = delta.get("type")
        if kind == "text":
            self._add("text", _word(delta, "text"), out)
        elif kind == "text_annotation_delta":
            for annotation in _parts(delta, "annotations"):
                self._cite(annotation, out)
        elif kind == "thought_summary":
            self._add("reasoning", _word(table(delta.get("content")), "text"), out)
        elif known is None:
            return
        elif kind == "thought_signature":
            known.signature += _word(delta, "signature")
        elif kind == "arguments_delta" or known.call is not None:
            self._arguments(known, delta.get("arguments"), out)

    def _arguments(self, known: _Step, given: Any, out: list[Event]) -> None:
        """Arguments come as pieces of text, or as one object; an empty one stands for pieces that are to come."""
        if known.call is None or not given:
            return
        if isinstance(given, str):
            known.told = True
            self._calls.more(known.call, given, out)
        elif not known.told:
            known.told = True
            self._calls.more(known.call, orjson.dumps(given).decode(), out)

    def _end_step(self, index: Any, out: list[Event]) -> None:
        known = self._steps.get(index)
        if known is None:
            return
        if known.call is not None:
            self._calls.close(known.call, out)
        elif known.kind == "thought" and self._kind == "reasoning":
            proof = {self._family: {"thoughtSignature": known.signature}} if known.signature else None
            self._close(out, proof)
        else:
            self._flush(out)

    def _content(self, content: dict[str, Any], out: list[Event]) -> None:
        self._add("text", _word(content, "text"), out)
        for annotation in _parts(content, "annotations"):
            self._cite(annotation, out)

    def _cite(self, annotation: dict[str, Any], out: list[Event]) -> None:
        """Each source once."""
        url = _word(annotation, "url")
        if not url or url in self._cited:
            return
        self._cited.add(url)
        event: Event = {"type": "source-url", "sourceId": url, "url": url}
        if title := _word(annotation, "title"):
            event["title"] = title
        out.append(event)

    def _settle(self, interaction: dict[str, Any], out: list[Event]) -> None:
        """The answer is over."""
        status = interaction.get("status")
        if status == "failed":
            self._reported(interaction.get("error") or {})
        elif status == "cancelled":
            self._fail("cancelled the answer.")
        if self.failure:
            return
        self._usage = _usage(table(interaction.get("usage")))
        self._reason = "length" if status == "incomplete" else "other" if status == "budget_exceeded" else "stop"
        if self._calls and self._reason == "stop":
            self._reason = "tool-calls"
        self._finish(out)

    def _calls_end(self, out: list[Event]) -> None:
        self._calls.end(out, cut=self._reason == "length")


def _word(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _parts(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [table(one) for one in found] if isinstance(found, list) else []


def _usage(told: dict[str, Any]) -> Usage:
    return counted(
        inputTokens=told.get("total_input_tokens"),
        outputTokens=told.get("total_output_tokens"),
        totalTokens=told.get("total_tokens"),
        reasoningTokens=told.get("total_thought_tokens"),
        cachedInputTokens=told.get("total_cached_tokens"),
    )
