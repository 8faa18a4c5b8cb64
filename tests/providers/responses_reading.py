"""What a recording of the Responses API says, read from its JSON alone and without any of the product's code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.providers.replaying import each, recordings

FINISH = {"max_output_tokens": "length", "content_filter": "content-filter"}


@dataclass
class Answer:
    """One of the answers in a recording, which may hold several."""

    name: str
    lines: list[str]

    def wire(self, newline: str = "\n") -> bytes:
        """Its bytes on the wire."""
        blocks = [f"event: {json.loads(line)['type']}{newline}data: {line}{newline * 2}" for line in self.lines]
        return "".join(blocks).encode()

    @property
    def last(self) -> dict[str, Any]:
        """The whole answer, as its last event has it."""
        found: dict[str, Any] = json.loads(self.lines[-1])["response"]
        return found


def answers() -> list[Answer]:
    """Every answer of every recording that did not fail."""
    found: list[Answer] = []
    for path in recordings("openai-responses").values():
        for line in path.read_text().splitlines():
            if json.loads(line)["type"] == "response.created":
                found.append(Answer(f"{path.stem}.{len(found)}", []))
            found[-1].lines.append(line)
    return [answer for answer in found if answer.last["status"] in ("completed", "incomplete")]


each_answer = each("answer", {answer.name: answer for answer in answers()})


@dataclass
class Reading:
    """``steps`` are the pieces in their order: ``(text|reasoning, piece)`` and ``(call, id, piece of arguments)``;
    ``secrets`` what was encrypted of each reasoning item."""

    steps: list[tuple[str, ...]] = field(default_factory=list)
    calls: dict[str, tuple[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str | None] = field(default_factory=dict)
    finish: str = "stop"
    usage: dict[str, int] = field(default_factory=dict)

    def joined(self, kind: str) -> str:
        return "".join(step[1] for step in self.steps if step[0] == kind)


def read(answer: Answer) -> Reading:
    reading = Reading()
    ids: dict[str, str] = {}
    for line in answer.lines:
        event = json.loads(line)
        kind = event["type"]
        if kind == "response.output_text.delta":
            reading.steps.append(("text", event["delta"]))
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            reading.steps.append(("reasoning", event["delta"]))
        elif kind == "response.output_item.added" and event["item"]["type"] == "function_call":
            ids[event["item"]["id"]] = event["item"]["call_id"]
        elif kind == "response.function_call_arguments.delta":
            reading.steps.append(("call", ids[event["item_id"]], event["delta"]))
        elif kind == "response.function_call_arguments.done":
            call = ids[event["item_id"]]
            if not any(step[:2] == ("call", call) for step in reading.steps):
                reading.steps.append(("call", call, event["arguments"]))
        elif kind == "response.output_item.done":
            _item(event["item"], reading)
    _end(answer.last, reading)
    return reading


def _item(item: dict[str, Any], reading: Reading) -> None:
    if item["type"] == "function_call":
        reading.calls[item["call_id"]] = (item["name"], json.loads(item["arguments"]))
    elif item["type"] == "reasoning":
        reading.secrets[item["id"]] = item.get("encrypted_content")


def _end(response: dict[str, Any], reading: Reading) -> None:
    why = (response.get("incomplete_details") or {}).get("reason")
    reading.finish = FINISH[why] if why else "tool-calls" if reading.calls else "stop"
    told = response["usage"]
    reading.usage = {
        "inputTokens": told["input_tokens"],
        "outputTokens": told["output_tokens"],
        "totalTokens": told["total_tokens"],
        "reasoningTokens": told["output_tokens_details"]["reasoning_tokens"],
        "cachedInputTokens": told["input_tokens_details"]["cached_tokens"],
    }
