"""The messages that an answer rests on, as the input items of OpenAI's Responses dialect; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from threadline.domain.messages import Message, Part, is_tool, tool_name, tool_output
from threadline.wire.openai.objects import item_id


def input_items(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The items of a branch, oldest first; reasoning is left out. Those of an answer have the ids that they had in
    its output."""
    return [item for message in messages for item in _items(message)]


def told_parts(message: Message) -> list[Part]:
    """The parts of an answer that its items tell of, in their order."""
    return [part for part in message.parts if part["type"] in ("text", "reasoning") or is_tool(part)]


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "assistant":
        return _answer(message)
    content = [block for part in message.parts if (block := _block(part)) is not None]
    found = [_output(message, number, part) for number, part in enumerate(message.parts) if tool_output(part)]
    if content:
        about = {"id": item_id("msg", message.id, 0), "type": "message", "role": message.role}
        found.append({**about, "status": "completed", "content": content})
    return found


def _answer(message: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    number = 0
    for part in message.parts:
        if part["type"] == "text":
            text = {"type": "output_text", "text": part["text"], "annotations": [], "logprobs": []}
            about = {"id": item_id("msg", message.id, number), "type": "message", "role": "assistant"}
            found.append({**about, "status": "completed", "content": [text]})
        elif is_tool(part):
            found += _call(message.id, number, part)
        elif part["type"] != "reasoning":
            continue
        number += 1
    return found


def _call(message_id: str, number: int, part: Part) -> list[dict[str, Any]]:
    """A call and its output, where it has one."""
    call, arguments = part["toolCallId"], part.get("input")
    text = (
        arguments if isinstance(arguments, str) else orjson.dumps(arguments if arguments is not None else {}).decode()
    )
    about = {"call_id": call, "name": tool_name(part), "arguments": text, "status": "completed"}
    found: list[dict[str, Any]] = [{"id": item_id("fc", message_id, number), "type": "function_call", **about}]
    output = part.get("output") if part.get("state") == "output-available" else part.get("errorText")
    if output is not None:
        found.append(_returned(item_id("fco", message_id, number), call, output))
    return found


def _output(message: Message, number: int, part: Part) -> dict[str, Any]:
    told = tool_output(part)
    assert told is not None
    return _returned(item_id("fco", message.id, number), told[0], told[1])


def _returned(name: str, call: str, output: Any) -> dict[str, Any]:
    text = output if isinstance(output, str) else orjson.dumps(output).decode()
    return {"id": name, "type": "function_call_output", "call_id": call, "output": text, "status": "completed"}


def _block(part: Part) -> dict[str, Any] | None:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    if part["type"] != "file":
        return None
    if str(part.get("mediaType", "")).startswith("image/"):
        return {"type": "input_image", "image_url": part.get("url"), "detail": "auto"}
    return {"type": "input_file", "file_data": part.get("url"), "filename": part.get("filename") or "file"}
