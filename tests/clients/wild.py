"""Seeded chunks without any plan, of which those are kept that a program may write at that place."""

from __future__ import annotations

import random
from typing import Any, Final

from tests.clients.chunks import Chunk
from threadline.domain.chunks import checked
from threadline.domain.order import Order

_KINDS: Final = [
    "start-step", "finish-step", "reset-step", "text-start", "text-delta", "text-end", "reasoning-start",
    "reasoning-delta", "reasoning-end", "tool-input-start", "tool-input-delta", "tool-input-available",
    "tool-input-error", "tool-output-available", "tool-output-error", "tool-output-denied", "tool-approval-request",
    "tool-approval-response", "data-x", "file", "source-url", "custom", "message-metadata",
]  # fmt: skip


def wild(seed: int) -> list[Chunk]:
    """Few names, so that everything meets everything."""
    chance, order = random.Random(seed), Order()
    made = (_chunk(chance) for _ in range(chance.randint(5, 60)))
    return [chunk for chunk in made if order.take(chunk) is None]


def _chunk(chance: random.Random) -> Chunk:
    kind, call = chance.choice(_KINDS), chance.choice("cd")
    fields: dict[str, Any] = {"providerMetadata": chance.choice([{}, {"x": {"n": chance.random()}}])}
    if kind.startswith("tool-"):
        fields |= {
            "toolCallId": call,
            "providerExecuted": chance.random() < 0.5,
            "toolMetadata": {"n": chance.random()},
        }
        fields |= {"title": chance.choice(["", "T"]), "preliminary": chance.random() < 0.5, "reason": "because"}
        fields |= {"isAutomatic": True, "signature": "s", "inputEncoding": chance.choice(["json", "text"])}
    for name in [*fields]:
        if chance.random() < 0.6:
            del fields[name]
    needed: dict[str, Any] = {"id": chance.choice("12"), "delta": chance.choice(["", "a"])}
    if kind.startswith("tool-"):
        # One call is one kind of part for good.
        needed = {"toolCallId": call, "toolName": chance.choice("tu"), "dynamic": call == "d", "errorText": "no"}
        needed |= {"inputTextDelta": chance.choice(["", "[", '{"a":', "1,"]), "output": chance.choice([None, 1])}
        needed |= {
            "approvalId": chance.choice("qr"),
            "approved": chance.random() < 0.5,
            "input": chance.choice([None, 1]),
        }
    needed |= {"data": 1, "url": "data:,x", "mediaType": "text/plain", "sourceId": "s", "kind": "own.k"}
    chunk = {"type": kind, **needed, "messageMetadata": {"a": {"b": chance.random()}}, **fields}
    if kind == "tool-input-error" and chance.random() < 0.5:
        del chunk["input"]
    [found] = checked([chunk])
    assert found is not None
    return found
