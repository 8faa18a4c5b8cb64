"""A light provider of the Interactions API on loopback: what ``answers`` plans, told as that API tells it.

Built from its documentation and from the types of Google's own client, as the dialect is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tests.fakes.answers import Cut, Item, Stall
from tests.fakes.responses import FakeResponses


class FakeInteractions(FakeResponses):
    """``async with FakeInteractions() as fake``: see ``FakeResponses``."""

    place = "/v1/interactions"

    def chat_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        if body.get("system_instruction"):
            messages.append({"role": "system", "content": body["system_instruction"]})
        for step in body["input"]:
            kind = step["type"]
            if kind in ("user_input", "model_output"):
                role = "user" if kind == "user_input" else "assistant"
                messages.append({"role": role, "content": "".join(one.get("text", "") for one in step["content"])})
            elif kind == "function_call":
                messages.append({"role": "assistant", "tool_calls": [step]})
            elif kind == "function_result":
                messages.append({"role": "tool", "content": step["result"]})
        told = {name: body[name] for name in ("model", "tools") if name in body}
        return {**told, "messages": messages, "stream_options": {"include_usage": True}}

    def events_of(
        self, items: Sequence[Item], run: str, model: str, *, keeps: bool
    ) -> Iterator[dict[str, Any] | float | Cut | Stall]:
        writer = _Writer(run, model)
        yield {"event_type": "interaction.created", "interaction": writer.interaction("in_progress")}
        for item in items:
            if not isinstance(item, bytes):
                yield item
                continue
            for block in item.split(b"\n\n"):
                if block.startswith(b"data: "):
                    yield from writer.take(block[6:])

    def whole(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"type": "user_input", "content": [{"type": "text", "text": "?"}]}]
        for event in events:
            if event["event_type"] == "step.start":
                steps.append(dict(event["step"]))
            elif event["event_type"] == "step.delta":
                _grow(steps[-1], event["delta"])
        for step in steps:
            if step["type"] == "function_call":
                step["arguments"] = orjson.loads(step.pop("text", "") or "{}")
        return {**events[-1]["interaction"], "steps": steps}


def _grow(step: dict[str, Any], delta: dict[str, Any]) -> None:
    kind = delta["type"]
    if kind == "arguments_delta":
        step["text"] = step.get("text", "") + delta["arguments"]
    elif kind == "thought_signature":
        step["signature"] = delta["signature"]
    else:
        content = delta["content"] if kind == "thought_summary" else delta
        pieces = step.setdefault("summary" if kind == "thought_summary" else "content", [{"type": "text", "text": ""}])
        pieces[0]["text"] += content["text"]


class _Writer:
    """Tells one interaction; a step is open at a time."""

    def __init__(self, run: str, model: str) -> None:
        self.run = run
        self.model = model
        self.open = ""
        self.text = ""
        self.index = -1
        self.finish = "stop"
        self.usage: dict[str, Any] = {}
        self.called = False

    def interaction(self, status: str) -> dict[str, Any]:
        return {"id": self.run, "object": "interaction", "model": self.model, "status": status, "usage": self.usage}

    def take(self, data: bytes) -> Iterator[dict[str, Any]]:
        if data == b"[DONE]":
            yield from self._close()
            status = "incomplete" if self.finish == "length" else "requires_action" if self.called else "completed"
            yield {"event_type": "interaction.completed", "interaction": self.interaction(status)}
            return
        chunk = orjson.loads(data)
        if chunk.get("error"):
            yield {"event_type": "error", "error": {"code": "internal", "message": chunk["error"]["message"]}}
            return
        if usage := chunk.get("usage"):
            details = usage.get("completion_tokens_details") or {}
            self.usage = {
                "total_input_tokens": usage["prompt_tokens"],
                "total_output_tokens": usage["completion_tokens"],
                "total_tokens": usage["total_tokens"],
                "total_thought_tokens": details.get("reasoning_tokens", 0),
            }
        for choice in chunk["choices"]:
            self.finish = choice.get("finish_reason") or self.finish
            yield from self._delta(choice["delta"])

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if text := delta.get("reasoning_content"):
            yield from self._opened("thought", {})
            yield self._piece({"type": "thought_summary", "content": {"type": "text", "text": text}}, text)
        if text := delta.get("content"):
            yield from self._opened("model_output", {})
            yield self._piece({"type": "text", "text": text}, text)
        for call in delta.get("tool_calls", ()):
            if call.get("id"):
                yield from self._close()
                self.called = True
                yield from self._opened(
                    "function_call", {"id": call["id"], "name": call["function"]["name"], "arguments": {}}
                )
            if text := call["function"].get("arguments"):
                yield self._piece({"type": "arguments_delta", "arguments": text}, text)

    def _piece(self, delta: dict[str, Any], text: str) -> dict[str, Any]:
        self.text += text
        return {"event_type": "step.delta", "index": self.index, "delta": delta}

    def _opened(self, kind: str, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if self.open == kind:
            return
        yield from self._close()
        self.open, self.text = kind, ""
        self.index += 1
        yield {"event_type": "step.start", "index": self.index, "step": {"type": kind, **told}}

    def _close(self) -> Iterator[dict[str, Any]]:
        kind, self.open = self.open, ""
        if kind == "thought":
            signed = {"type": "thought_signature", "signature": f"secret of {self.text}"}
            yield {"event_type": "step.delta", "index": self.index, "delta": signed}
        if kind:
            yield {"event_type": "step.stop", "index": self.index}
