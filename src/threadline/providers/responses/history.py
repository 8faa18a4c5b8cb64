"""Writes the messages of a conversation as the items of a Responses API's input."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain.messages import Message, Part, is_tool, text_of, tool_name
from threadline.providers.history import Piece as Item
from threadline.providers.history import arguments_of, as_text, data_of, is_text, joined, result_of, was_cut

_LONGEST_ID: Final = 64
_LONGEST_NAME: Final = 64
_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_UNREADABLE: Final = ("audio/", "video/")


def input_of(messages: Sequence[Message], family: str) -> list[Item]:
    """The history as a provider of that family takes it: every call has its output, and no message is empty.

    Nothing depends on what the provider may have kept: no item is named by its id, except reasoning, which is sent
    back to its own family alone, whole and encrypted as it came, in front of what the model made of it.
    """
    out: list[Item] = []
    for message in messages:
        if message.role == "assistant":
            _assistant(message.parts, out, family)
        elif message.role == "user":
            content = joined([block for part in message.parts if (block := _block(part))])
            if content:
                out.append({"role": "user", "content": content})
        else:
            text = text_of(message.parts)
            if text:
                out.append({"role": "system", "content": text})
    return out


def _block(part: Part) -> Item | None:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]} if part["text"] else None
    if part["type"] == "file" and part.get("url"):
        return _file(part)
    return None


def _file(part: Part) -> Item:
    url, media_type = str(part["url"]), str(part.get("mediaType") or "")
    name = str(part.get("filename") or ("file.pdf" if media_type == "application/pdf" else "file"))
    if media_type.startswith("image/"):
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    if media_type.startswith(_UNREADABLE):
        # No model takes it here, and a request that holds it would be refused for ever.
        return {"type": "input_text", "text": f"({name}: a file of the type {media_type}, which you cannot read.)"}
    data = data_of(url)
    if data is not None and is_text(media_type):
        return {"type": "input_text", "text": as_text(name, data)}
    if url.startswith("data:"):
        return {"type": "input_file", "filename": name, "file_data": url}
    return {"type": "input_file", "file_url": url}


def _assistant(parts: Sequence[Part], out: list[Item], family: str) -> None:
    """What a model said, thought and called, in that order, with the outputs of its calls after them."""
    items: list[Item] = []
    waiting: list[Part] = []

    def answer() -> None:
        items.extend(
            {"type": "function_call_output", "call_id": _id_of(part), "output": result_of(part)} for part in waiting
        )
        waiting.clear()

    def flush() -> None:
        answer()
        out.extend(item for at, item in enumerate(items) if _may_go(items, at))
        items.clear()

    for part in parts:
        kind = part["type"]
        if kind == "step-start":
            flush()
        elif is_tool(part) and not part.get("providerExecuted"):
            items.append(_call(part))
            waiting.append(part)
        elif kind == "text" and part["text"]:
            answer()
            items.append(_said(part, family))
        elif kind == "reasoning":
            answer()
            _think(part, items, family)
    flush()


def _said(part: Part, family: str) -> Item:
    item: Item = {"role": "assistant", "content": part["text"]}
    phase = _told(part, family).get("phase")
    if phase in ("commentary", "final_answer"):
        item["phase"] = phase
    return item


def _think(part: Part, items: list[Item], family: str) -> None:
    """One more part of a reasoning item; only its last part has what makes it valid."""
    told = _told(part, family)
    secret, theirs = told.get("reasoningEncryptedContent"), told.get("itemId")
    last = items[-1] if items else {}
    if last.get("type") != "reasoning" or last.get("id") != theirs:
        last = {"type": "reasoning", "id": theirs, "summary": [], "encrypted_content": None}
        items.append(last)
    if part["text"]:
        last["summary"].append({"type": "summary_text", "text": part["text"]})
    if isinstance(secret, str) and not was_cut(part):
        last["encrypted_content"] = secret


def _may_go(items: list[Item], at: int) -> bool:
    """Whether an item of a step may be sent: reasoning only with its id and what was encrypted of it, and right in
    front of what the model made of it, as providers demand."""
    item = items[at]
    if item.get("type") != "reasoning":
        return True
    follows = at + 1 < len(items) and items[at + 1].get("type") in (None, "function_call")
    return follows and bool(item["encrypted_content"]) and isinstance(item["id"], str)


def _told(part: Part, family: str) -> dict[str, Any]:
    told = (part.get("providerMetadata") or {}).get(family)
    return told if isinstance(told, dict) else {}


def _call(part: Part) -> Item:
    name = _NOT_IN_A_NAME.sub("_", tool_name(part))[:_LONGEST_NAME] or "unknown"
    return {
        "type": "function_call",
        "call_id": _id_of(part),
        "name": name,
        "arguments": orjson.dumps(arguments_of(part)).decode(),
    }


def _id_of(part: Part) -> str:
    """A call's id as every provider of this dialect takes it, the same each time."""
    theirs = str(part["toolCallId"])
    if len(theirs) <= _LONGEST_ID:
        return theirs
    return f"call_{hashlib.sha256(theirs.encode()).hexdigest()[:40]}"
