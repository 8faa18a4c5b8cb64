"""The object that stands for an answer in OpenAI's Responses dialect; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from threadline.domain.messages import Usage

Status = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
Item = dict[str, Any]

RESPONSE: Final = "resp_"
COMPLETION: Final = "chatcmpl-"
_RUN: Final = "run_"

_DEFAULTS: Final[dict[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""What an answer tells of its request where the request did not say it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an answer before its first event, and so is the same on every reading.

    ``message_id`` is our own id of the answer, from which those of its items are made; ``created_at`` is Unix seconds.
    ``request`` is what the object repeats of the request. ``handed``: a call of a tool is the client's to run; else the
    server runs it, and tells of it like of a call to a remote server.
    """

    run_id: str
    message_id: str
    model: str
    created_at: float
    request: Mapping[str, Any] = field(default_factory=dict)
    handed: bool = False

    @property
    def background(self) -> bool:
        """Whether the client did not want to wait for it."""
        return bool(self.request.get("background"))


def response_id(run_id: str) -> str:
    """The name that a run has in this dialect."""
    return RESPONSE + run_id.removeprefix(_RUN)


def completion_id(run_id: str) -> str:
    """The name that a run has as a chat completion."""
    return COMPLETION + run_id.removeprefix(_RUN)


def run_of(response: str) -> str | None:
    """The run that a response's id names; None for what is no such id."""
    digits = response.removeprefix(RESPONSE)
    return _RUN + digits if digits != response and digits else None


def item_id(kind: str, message_id: str, number: int) -> str:
    """The id of an answer's ``number``-th item; ``kind`` is msg, rs, fc or mcp."""
    return f"{kind}_{message_id.partition('_')[2]}_{number}"


def place_of(item: str) -> tuple[str, int] | None:
    """The message and the number of an item's id; None for what is no such id."""
    kind, _, rest = item.partition("_")
    digits, _, number = rest.rpartition("_")
    if kind not in ("msg", "rs", "fc", "mcp") or not digits or not (number.isascii() and number.isdigit()):
        return None
    return f"msg_{digits}", int(number[:9])


def response_object(
    head: Head,
    status: Status,
    output: Sequence[Item] = (),
    *,
    usage: Usage | None = None,
    error: Mapping[str, Any] | None = None,
    reason: str | None = None,
    completed_at: float | None = None,
) -> dict[str, Any]:
    """The object. ``reason`` tells why it is incomplete; ``completed_at`` is Unix seconds."""
    told = {name: head.request.get(name, usual) for name, usual in _DEFAULTS.items()}
    return {
        "id": response_id(head.run_id),
        "object": "response",
        "created_at": int(head.created_at),
        "completed_at": int(completed_at) if completed_at is not None and status == "completed" else None,
        "status": status,
        "error": dict(error) if error else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": head.model,
        "output": list(output),
        "usage": usage_object(usage) if usage else None,
        **told,
    }


def usage_object(usage: Usage) -> dict[str, Any]:
    """Tokens as Responses counts them; what the provider did not tell is 0."""
    read, written = usage.get("inputTokens", 0), usage.get("outputTokens", 0)
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.get("cachedInputTokens", 0),
            "cache_write_tokens": usage.get("cacheWriteTokens", 0),
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoningTokens", 0)},
        "total_tokens": usage.get("totalTokens", read + written),
    }
