"""A message and its parts, in the shape of an AI SDK UI message; what history is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypedDict

from threadline.domain.calls import OpenCalls

Role = Literal["system", "user", "assistant"]
Part = dict[str, Any]
"""One part: ``{"type": "text", "text", "state"?}``, ``reasoning``, ``tool-NAME``, ``dynamic-tool``, ``file``,
``source-url``, ``source-document``, ``step-start`` or ``data-NAME``."""


TOOL_OUTPUT: Final = "data-tool-output"
"""The type of a part by which a later message brings what a client's own tool answered; see :func:`with_outputs`."""


class Usage(TypedDict, total=False):
    """Tokens that an answer took; a number that the provider did not tell is absent. Those that it read from its cache
    or wrote to it are input, and reasoning is output."""

    inputTokens: int
    outputTokens: int
    totalTokens: int
    reasoningTokens: int
    cachedInputTokens: int
    cacheWriteTokens: int


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


def output_part(call_id: str, output: Any) -> Part:
    """A part that brings the output of a call; any JSON."""
    return {"type": TOOL_OUTPUT, "data": {"toolCallId": call_id, "output": output}}


def tool_output(part: Part) -> tuple[str, Any] | None:
    """The call and the output that a part brings; None where it brings none."""
    data = part.get("data") if part["type"] == TOOL_OUTPUT else None
    if not isinstance(data, dict) or not isinstance(data.get("toolCallId"), str):
        return None
    return data["toolCallId"], data.get("output")


def with_outputs(messages: Sequence[Message]) -> list[Message]:
    """A branch as a model is given it: what later messages bring stands at its calls, and a message that brought
    nothing else is left out. The messages themselves stay as they are.

    Only a call that has no output yet takes one, and only the newest of its name.
    """
    out: list[Message] = []
    waiting: OpenCalls[int] = OpenCalls()
    changed: set[int] = set()
    for message in messages:
        brought = [found for part in message.parts if (found := tool_output(part)) is not None]
        for call_id, output in brought:
            place = waiting.take(call_id)
            if place is not None:
                _settle(out, changed, place, output)
        if brought:
            message = replace(message, parts=[part for part in message.parts if part["type"] != TOOL_OUTPUT])
        if message.parts or not brought:
            for at, part in enumerate(message.parts):
                if is_tool(part) and part.get("state") == "input-available":
                    waiting.add(part["toolCallId"], len(out), at)
            out.append(message)
    return out


def untaken(branch: Iterable[Sequence[Part]]) -> list[str]:
    """The calls for which a message of the branch brings an output that none takes, as :func:`with_outputs` places
    them; ``branch`` is the parts of its messages."""
    waiting: OpenCalls[None] = OpenCalls()
    found = []
    for number, parts in enumerate(branch):
        brought = [told[0] for part in parts if (told := tool_output(part)) is not None]
        found += [call_id for call_id in brought if waiting.take(call_id) is None]
        for part in parts:
            if is_tool(part) and part.get("state") == "input-available":
                waiting.add(part["toolCallId"], number, None)
    return found


def _settle(messages: list[Message], changed: set[int], place: tuple[int, int], output: Any) -> None:
    at, number = place
    if at not in changed:
        messages[at] = replace(messages[at], parts=list(messages[at].parts))
        changed.add(at)
    parts = messages[at].parts
    parts[number] = {**parts[number], "state": "output-available", "output": output}
