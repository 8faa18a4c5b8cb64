"""A message and its parts, in the shape of an AI SDK UI message; what history is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

Role = Literal["system", "user", "assistant"]
Part = dict[str, Any]
"""One part: ``{"type": "text", "text", "state"?}``, ``reasoning``, ``tool-NAME``, ``dynamic-tool``, ``file``,
``source-url``, ``source-document``, ``step-start`` or ``data-NAME``."""


class Usage(TypedDict, total=False):
    """Tokens that an answer took; a number that the provider did not tell is absent."""

    inputTokens: int
    outputTokens: int
    totalTokens: int
    reasoningTokens: int
    cachedInputTokens: int


@dataclass(frozen=True, slots=True)
class Message:
    """One node of a conversation's tree; ``parts`` are never changed once the message is complete."""

    id: str
    role: Role
    parts: list[Part]
    parent_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def text_of(parts: Iterable[Part]) -> str:
    """The plain text of a message, its text parts one after another."""
    return "".join(part["text"] for part in parts if part["type"] == "text")


def is_tool(part: Part) -> bool:
    """Whether a part is a tool call, of either kind."""
    kind: str = part["type"]
    return kind == "dynamic-tool" or kind.startswith("tool-")


def tool_name(part: Part) -> str:
    """The name of the tool that a tool part calls."""
    if part["type"] == "dynamic-tool":
        return str(part["toolName"])
    return str(part["type"]).removeprefix("tool-")


def add_usage(total: Usage, more: Usage) -> Usage:
    """The sum of two usages; a number that either knows is known of the sum."""
    out: dict[str, int] = dict(total)  # type: ignore[arg-type]
    for key, value in more.items():
        out[key] = out.get(key, 0) + int(value)  # type: ignore[call-overload]
    return out  # type: ignore[return-value]
