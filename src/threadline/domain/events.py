"""The vocabulary of a run's log: one event is one UI message chunk, in the AI SDK's own words.

Source: ``uiMessageChunkSchema`` of the npm package ``ai`` (5 to 7). Every object there is loose, so our own fields may
ride along: ``v`` on ``start`` (format version), ``usage`` and ``finishReason`` on ``finish-step``.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from threadline.domain.errors import ThreadlineError
from threadline.domain.messages import Usage

Event = dict[str, Any]
"""A chunk as a dict; its first key is always ``type``, so that encoded events can be told apart without parsing."""

FORMAT_VERSION: Final = 1
PROVIDER_RUN: Final = "data-provider-run"

_TYPE_AT: Final = len(b'{"type":"')


def encode(event: Event) -> bytes:
    """An event as it is kept and sent: compact JSON that begins with ``{"type":"``."""
    return orjson.dumps(event)


def decode(data: bytes) -> Event:
    """The reverse of :func:`encode`."""
    event: Event = orjson.loads(data)
    return event


def type_of(data: bytes) -> bytes:
    """The type of an encoded event, without parsing it."""
    return data[_TYPE_AT : data.index(b'"', _TYPE_AT)]


def start(message_id: str, metadata: dict[str, Any]) -> Event:
    """The first event of every run."""
    return {"type": "start", "messageId": message_id, "messageMetadata": metadata, "v": FORMAT_VERSION}


def finish(reason: str, metadata: dict[str, Any]) -> Event:
    """The last event of every run, also after ``abort`` and ``error``."""
    return {"type": "finish", "finishReason": reason, "messageMetadata": metadata}


def abort(reason: str) -> Event:
    """The user stopped the answer."""
    return {"type": "abort", "reason": reason}


def error(fault: ThreadlineError) -> Event:
    """The answer failed; ``errorText`` is for people, ``code`` and ``retryable`` for programs."""
    return {"type": "error", "errorText": fault.message, "code": fault.code, "retryable": fault.retryable}


def message_metadata(metadata: dict[str, Any]) -> Event:
    """More that the message is to remember; merged with what it has."""
    return {"type": "message-metadata", "messageMetadata": metadata}


def start_step() -> Event:
    """A call of the model begins."""
    return {"type": "start-step"}


def finish_step(reason: str, usage: Usage | None = None) -> Event:
    """A call of the model ended; the last event of every provider's stream.

    ``reason`` is one of stop, length, content-filter, tool-calls, error, other.
    """
    event: Event = {"type": "finish-step", "finishReason": reason}
    if usage:
        event["usage"] = usage
    return event


def text_start(part: str) -> Event:
    """A text part opens."""
    return {"type": "text-start", "id": part}


def text_delta(part: str, delta: str) -> Event:
    """More of an open text part."""
    return {"type": "text-delta", "id": part, "delta": delta}


def text_end(part: str) -> Event:
    """A text part is whole."""
    return {"type": "text-end", "id": part}


def reasoning_start(part: str) -> Event:
    """A reasoning part opens."""
    return {"type": "reasoning-start", "id": part}


def reasoning_delta(part: str, delta: str) -> Event:
    """More of an open reasoning part."""
    return {"type": "reasoning-delta", "id": part, "delta": delta}


def reasoning_end(part: str, metadata: dict[str, Any] | None = None) -> Event:
    """A reasoning part ended; ``metadata`` becomes its ``providerMetadata``."""
    event: Event = {"type": "reasoning-end", "id": part}
    if metadata:
        event["providerMetadata"] = metadata
    return event


def tool_input_start(call: str, tool: str) -> Event:
    """The model begins to write a tool call."""
    return {"type": "tool-input-start", "toolCallId": call, "toolName": tool}


def tool_input_delta(call: str, delta: str) -> Event:
    """More of a tool call's arguments, as JSON text."""
    return {"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": delta}


def tool_input_available(call: str, tool: str, arguments: Any) -> Event:
    """A tool call's arguments are whole and are valid JSON."""
    return {"type": "tool-input-available", "toolCallId": call, "toolName": tool, "input": arguments}


def tool_input_error(call: str, tool: str, arguments: Any, text: str) -> Event:
    """A tool call's arguments are broken or were cut short; ``arguments`` is what there is of them."""
    return {"type": "tool-input-error", "toolCallId": call, "toolName": tool, "input": arguments, "errorText": text}


def tool_output_available(call: str, output: Any) -> Event:
    """What a tool answered; any JSON."""
    return {"type": "tool-output-available", "toolCallId": call, "output": output}


def tool_output_error(call: str, text: str) -> Event:
    """A tool failed, or its effect is not known."""
    return {"type": "tool-output-error", "toolCallId": call, "errorText": text}


def recovery(epoch: int, action: str, *, handover: bool, reset: bool = False) -> Event:
    """A worker took the run over; in the log, not in the message. ``handover``: the one before gave it up cleanly.
    ``reset``: the step begins anew, and all that came of it so far is reasoning that was cut off."""
    data: dict[str, Any] = {"epoch": epoch, "action": action, "handover": handover, "v": FORMAT_VERSION}
    if reset:
        data["reset"] = True
    return {"type": "data-recovery", "data": data, "transient": True}


def provider_run(theirs: str) -> Event:
    """The provider keeps this step's answer under its own id ``theirs``; in the log, not in the message."""
    return {"type": PROVIDER_RUN, "data": {"id": theirs, "v": FORMAT_VERSION}, "transient": True}
