"""Writes the messages of a conversation as OpenAI-compatible chat messages."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain.messages import Message, Part, is_tool, text_of, tool_name
from threadline.providers.history import arguments_of, as_text, data_of, is_text, joined, result_of

_AUDIO: Final = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


def messages_of(messages: Sequence[Message], *, reasoning_field: str | None = None) -> list[dict[str, Any]]:
    """The history as a provider takes it: every tool call has a result, and no message is empty.

    Reasoning is left out; with ``reasoning_field`` that of the current turn goes back under that name, on the
    messages that called tools: on all of them (some of which may have none) where there is any.
    """
    out: list[dict[str, Any]] = []
    turn = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    current = [part["type"] for message in messages[turn + 1 :] for part in message.parts]
    if "reasoning" not in current:
        reasoning_field = None
    for at, message in enumerate(messages):
        if message.role == "assistant":
            _assistant(message.parts, out, reasoning_field if at > turn else None)
        elif message.role == "user":
            content = joined([block for part in message.parts if (block := _user_block(part))])
            if content:
                out.append({"role": "user", "content": content})
        else:
            text = text_of(message.parts)
            if text:
                out.append({"role": "system", "content": text})
    return out


def _user_block(part: Part) -> dict[str, Any] | None:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]} if part["text"] else None
    if part["type"] == "file" and part.get("url"):
        return _file(part)
    return None


def _file(part: Part) -> dict[str, Any]:
    url = str(part["url"])
    media_type = str(part.get("mediaType") or "")
    name = str(part.get("filename") or "file")
    if media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    data = data_of(url)
    if data is not None and media_type.split(";")[0] in _AUDIO:
        audio = {"data": base64.b64encode(data).decode(), "format": _AUDIO[media_type.split(";")[0]]}
        return {"type": "input_audio", "input_audio": audio}
    if data is not None and is_text(media_type):
        return {"type": "text", "text": as_text(name, data)}
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _assistant(parts: Sequence[Part], out: list[dict[str, Any]], reasoning_field: str | None) -> None:
    """One message for each call of the model: its text, then its tool calls, then their results."""
    texts: list[str] = []
    reasoning: list[str] = []
    tools: list[Part] = []

    def flush() -> None:
        if tools or any(texts):
            message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
            if tools:
                if reasoning_field:
                    message[reasoning_field] = "".join(reasoning)
                message["tool_calls"] = [_call(tool) for tool in tools]
            out.append(message)
            out.extend(
                {"role": "tool", "tool_call_id": tool["toolCallId"], "content": result_of(tool)} for tool in tools
            )
        texts.clear()
        reasoning.clear()
        tools.clear()

    for part in parts:
        kind = part["type"]
        if kind == "step-start":
            flush()
        elif kind == "text":
            if tools:
                flush()
            texts.append(part["text"])
        elif kind == "reasoning":
            reasoning.append(part["text"])
        elif is_tool(part) and not part.get("providerExecuted"):
            tools.append(part)
    flush()


def _call(part: Part) -> dict[str, Any]:
    return {
        "id": part["toolCallId"],
        "type": "function",
        "function": {"name": tool_name(part), "arguments": orjson.dumps(arguments_of(part)).decode()},
    }
