"""Writes the messages of a conversation as the steps of an interaction."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from threadline.domain.messages import Message, Part, tool_name
from threadline.providers.history import (
    ANSWER,
    BEGUN,
    CONTINUE,
    Piece,
    arguments_of,
    as_text,
    data_of,
    is_text,
    result_of,
    rounds,
    unseen,
    was_cut,
)

_KINDS: Final = (("image/", "image"), ("audio/", "audio"), ("video/", "video"), ("application/pdf", "document"))


def steps_of(messages: Sequence[Message], family: str, partial: str = "") -> list[dict[str, Any]]:
    """The history, and the beginning of the answer that is to be gone on with; a user has the first word and the last,
    or a tool. ``family`` is the name under which the provider's signatures are kept."""
    out: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "assistant":
            _answer(message.parts, out, family)
        elif message.role == "user":
            _put(out, "user_input", [one for part in message.parts if (one := _said(part)) is not None])
    if partial:
        _put(out, "model_output", [_text(partial)])
        _put(out, "user_input", [_text(CONTINUE)])
    elif not out or out[-1]["type"] not in ("user_input", "function_result"):
        _put(out, "user_input", [_text(ANSWER)])
    if out[0]["type"] != "user_input":
        out.insert(0, {"type": "user_input", "content": [_text(BEGUN)]})
    return out


def _put(out: list[dict[str, Any]], kind: str, content: list[Piece]) -> None:
    """Content of one kind that follows its like is of one step."""
    if content and out and out[-1]["type"] == kind:
        out[-1]["content"] += content
    elif content:
        out.append({"type": kind, "content": content})


def _text(text: str) -> Piece:
    return {"type": "text", "text": text}


def _said(part: Part) -> Piece | None:
    if part["type"] == "text":
        return _text(part["text"]) if part["text"] else None
    if part["type"] != "file" or not part.get("url"):
        return None
    url, media_type = str(part["url"]), str(part.get("mediaType") or "").split(";")[0].strip().lower()
    name = str(part.get("filename") or "file")
    kind = next((kind for beginning, kind in _KINDS if media_type.startswith(beginning)), None)
    data = data_of(url)
    if kind and data:
        return {"type": kind, "data": base64.b64encode(data).decode(), "mime_type": media_type}
    if data is not None and is_text(media_type):
        return _text(as_text(name, data))
    if kind and url.startswith("https://"):
        return {"type": kind, "uri": url, "mime_type": media_type}
    return _text(unseen(name, url, media_type))


def _answer(parts: Sequence[Part], out: list[dict[str, Any]], family: str) -> None:
    def said(part: Part) -> Piece | None:
        if part["type"] == "text" and part["text"]:
            return {"type": "model_output", "content": [_text(part["text"])]}
        return _thought(part, family) if part["type"] == "reasoning" else None

    def called(part: Part, _first: bool) -> tuple[Piece, Piece]:
        named = {"id": part["toolCallId"], "name": tool_name(part)}
        result = {"call_id": part["toolCallId"], "name": tool_name(part), "result": result_of(part)}
        if part.get("state") != "output-available":
            result["is_error"] = True
        return {"type": "function_call", **named, "arguments": arguments_of(part)}, {
            "type": "function_result",
            **result,
        }

    for pieces, results in rounds(parts, said, called):
        out += [*pieces, *results]


def _thought(part: Part, family: str) -> Piece | None:
    """Reasoning goes back with the signature that proves it, and not without."""
    signature = ((part.get("providerMetadata") or {}).get(family) or {}).get("thoughtSignature")
    if not signature or was_cut(part):
        return None
    summary = [_text(part["text"])] if part["text"] else []
    return {"type": "thought", "signature": signature, "summary": summary}
