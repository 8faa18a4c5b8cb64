"""Short ways to ask a provider and to look at what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from threadline.domain.events import Event
from threadline.domain.fold import Fold, fold
from threadline.domain.messages import Message, Part, text_of
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec
from threadline.providers.registry import Registry

TOOL = ToolSpec("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}})


def user(text: str, number: int = 0) -> Message:
    return Message(f"u{number}", "user", [{"type": "text", "text": text}])


def assistant(*parts: Part) -> Message:
    return Message("a0", "assistant", list(parts))


def said(text: str) -> Part:
    return {"type": "text", "text": text, "state": "done"}


def request(model: str, text: str = "Hello", **more: Any) -> ModelRequest:
    messages: Sequence[Message] = more.pop("messages", None) or [user(text)]
    settings = more.pop("settings", ModelSettings())
    return ModelRequest(model, messages, settings, **more)


async def ask(registry: Registry, model_id: str, text: str = "Hello", **more: Any) -> list[Event]:
    """All events of one call."""
    return [event for batch in await batches(registry, model_id, text, **more) for event in batch]


async def batches(registry: Registry, model_id: str, text: str = "Hello", **more: Any) -> list[list[Event]]:
    """The batches of one call."""
    provider, model = registry.get(model_id)
    async with aclosing(provider.stream(request(model, text, **more))) as stream:
        return [batch async for batch in stream]


def answer(events: list[Event]) -> str:
    return text_of(fold(events).parts)


def check_form(events: list[Event], first_part: int = 0) -> Fold:
    """What the protocol promises of a whole stream: parts one after another with ids that count up, tool calls in
    their order, one ``finish-step``, last; returns the fold."""
    opened: str | None = None
    calls: dict[str, str] = {}
    number = first_part
    for event in events:
        kind = event["type"]
        if kind in ("text-start", "reasoning-start"):
            assert opened is None, f"{kind} while {opened} is open"
            assert event["id"] == f"p{number}"
            opened, number = event["id"], number + 1
        elif kind in ("text-delta", "reasoning-delta"):
            assert event["id"] == opened
            assert event["delta"], "an empty delta"
        elif kind in ("text-end", "reasoning-end"):
            assert event["id"] == opened
            opened = None
        elif kind == "tool-input-start":
            assert opened is None
            assert event["toolCallId"] not in calls
            calls[event["toolCallId"]] = "open"
        elif kind == "tool-input-delta":
            assert calls[event["toolCallId"]] == "open"
            assert event["inputTextDelta"], "an empty delta"
        elif kind in ("tool-input-available", "tool-input-error"):
            assert calls[event["toolCallId"]] == "open"
            calls[event["toolCallId"]] = "done"
    assert opened is None
    assert set(calls.values()) <= {"done"}
    assert [event["type"] for event in events].index("finish-step") == len(events) - 1
    return fold(events)
