"""What a recording says, read from its JSON alone and without any of the product's code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.providers.replaying import each, recordings

each_recording = each("recording", recordings("openai-chat"))


@dataclass
class Reading:
    """``steps`` are the pieces in their order: ``(text|reasoning, piece)`` and ``(call, id, piece of arguments)``."""

    steps: list[tuple[str, ...]] = field(default_factory=list)
    calls: dict[str, tuple[str, str]] = field(default_factory=dict)
    finish: str | None = None
    usage: dict[str, int] = field(default_factory=dict)

    def joined(self, kind: str) -> str:
        return "".join(step[1] for step in self.steps if step[0] == kind)


def read(path: Path) -> Reading:
    reading = Reading()
    ids: dict[int, str] = {}
    for line in path.read_text().splitlines():
        chunk = json.loads(line)
        for choice in chunk["choices"][:1]:
            delta = choice["delta"]
            for name in ("reasoning_content", "reasoning"):
                if delta.get(name):
                    reading.steps.append(("reasoning", delta[name]))
                    break
            if delta.get("content"):
                reading.steps.append(("text", delta["content"]))
            for call in delta.get("tool_calls") or []:
                _take(call, ids, reading)
            reading.finish = choice.get("finish_reason") or reading.finish
        reading.usage = _usage(chunk.get("usage")) or reading.usage
    return reading


def _take(call: dict[str, Any], ids: dict[int, str], reading: Reading) -> None:
    if call.get("id"):
        ids[call["index"]] = call["id"]
        reading.calls[call["id"]] = (call["function"]["name"], "")
    this = ids[call["index"]]
    name, text = reading.calls[this]
    piece = call["function"].get("arguments") or ""
    reading.calls[this] = (name, text + piece)
    if piece:
        reading.steps.append(("call", this, piece))


def _usage(told: dict[str, Any] | None) -> dict[str, int]:
    if not told:
        return {}
    prompt, completion = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    found = {
        "inputTokens": told["prompt_tokens"],
        "outputTokens": told["completion_tokens"],
        "totalTokens": told["total_tokens"],
        "reasoningTokens": completion.get("reasoning_tokens"),
        "cachedInputTokens": prompt.get("cached_tokens"),
    }
    return {name: number for name, number in found.items() if number is not None}
