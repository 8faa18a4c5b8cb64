"""Writes the messages of a conversation as the Gemini API's contents."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain.messages import Message, Part, tool_name
from threadline.providers.gemini.traits import Traits
from threadline.providers.history import (
    ANSWER,
    BEGUN,
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

UNSIGNED: Final = "skip_thought_signature_validator"
"""What the provider wants in place of the signature of a call that has none: one of another provider's model."""

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_SEEN: Final = ("audio/", "video/", "application/pdf")
_FETCHED: Final = ("image/png", "image/jpeg", "image/webp", "image/bmp", "application/pdf", "video/", "text/")
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST_NAME: Final = 128


def contents_of(messages: Sequence[Message], traits: Traits, *, family: str) -> list[dict[str, Any]]:
    """The history as the Gemini API takes it: every call has a result right after it, and nothing is empty. Messages of
    the system are left out; see ``history.system_of``. Signatures go back to their own ``family``."""
    out: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "assistant":
            _assistant(message.parts, out, family if traits.signs else None)
        elif message.role == "user":
            put(out, "user", [piece for part in message.parts if (piece := _user_piece(part, traits))])
    return out


def finished(contents: list[dict[str, Any]], *, prefill: bool) -> None:
    """Let the user have the first word and, but for a ``prefill``, the last one, as the provider demands."""
    if contents and contents[0]["role"] == "model":
        contents.insert(0, {"role": "user", "parts": [{"text": BEGUN}]})
    if not contents or (contents[-1]["role"] == "model" and not prefill):
        put(contents, "user", [{"text": ANSWER}])


def put(out: list[dict[str, Any]], role: str, pieces: list[Piece]) -> None:
    """Add pieces to the last content where it is of the same role, else a content of its own.

    Results and what a user says are never in one: a content that has results is read as the model's.
    """
    if not pieces:
        return
    last = out[-1] if out else None
    if (
        not last
        or last["role"] != role
        or ("functionResponse" in last["parts"][-1]) != ("functionResponse" in pieces[0])
    ):
        out.append({"role": role, "parts": []})
    out[-1]["parts"] += pieces


def _user_piece(part: Part, traits: Traits) -> Piece | None:
    if part["type"] == "text":
        return {"text": part["text"]} if part["text"] else None
    if part["type"] == "file" and part.get("url"):
        return _file(part, traits)
    return None


def _file(part: Part, traits: Traits) -> Piece:
    url = str(part["url"])
    kind = _kind(part)
    name = str(part.get("filename") or "file")
    data = data_of(url)
    if data and (kind in _IMAGES or kind.startswith(_SEEN)):
        return _inline(kind, data)
    if data is not None and (is_text(kind) or kind == "image/svg+xml"):
        return {"text": as_text(name, data)}
    if traits.fetches and url.startswith("https://") and kind.startswith(_FETCHED):
        return {"fileData": {"mimeType": kind, "fileUri": url}}
    return {"text": unseen(name, url, kind)}


def _kind(part: Part) -> str:
    kind = str(part.get("mediaType") or "").split(";")[0].strip().lower()
    return "image/jpeg" if kind == "image/jpg" else kind


def _inline(kind: str, data: bytes) -> Piece:
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}


def _assistant(parts: Sequence[Part], out: list[dict[str, Any]], family: str | None) -> None:
    """With a ``family``, the first call of each content has a signature, as the provider demands."""

    def said(part: Part) -> Piece | None:
        return _said(part, _signature(part, "providerMetadata", family))

    def called(part: Part, first: bool) -> tuple[Piece, Piece]:
        call = _call(part, _signature(part, "callProviderMetadata", family))
        if family and first:
            call.setdefault("thoughtSignature", UNSIGNED)
        return call, _result(part)

    for pieces, results in rounds(parts, said, called):
        put(out, "model", pieces)
        put(out, "user", results)


def _said(part: Part, signature: dict[str, str]) -> Piece | None:
    """A part of an answer as it came; reasoning only with the signature that proves it."""
    kind = part["type"]
    if kind == "text" and (part["text"] or signature):
        return {"text": part["text"], **signature}
    if kind == "reasoning" and signature:
        return {"text": part["text"], "thought": True, **signature}
    if kind == "file" and _kind(part) in _IMAGES:
        data = data_of(str(part.get("url")))
        return {**_inline(_kind(part), data), **signature} if data else None
    return None


def _signature(part: Part, place: str, family: str | None) -> dict[str, str]:
    """The signature of a part that came whole from the same family of providers; empty where there is none."""
    own = (part.get(place) or {}).get(family) if family else None
    found = own.get("thoughtSignature") if isinstance(own, dict) and not was_cut(part, place) else None
    return {"thoughtSignature": found} if isinstance(found, str) and found else {}


def _name(part: Part) -> str:
    name = _NO_NAME.sub("_", tool_name(part)) or "unknown"
    return (name if name[0].isalpha() or name[0] == "_" else f"_{name}")[:_LONGEST_NAME]


def _call(part: Part, signature: dict[str, str]) -> Piece:
    call = {"id": part["toolCallId"], "name": _name(part), "args": arguments_of(part)}
    return {"functionCall": call, **signature}


def _result(part: Part) -> Piece:
    """A result under the name that tells the provider whether it is one, or is what went wrong."""
    response: dict[str, Any] = {"error": result_of(part)}
    if part.get("state") == "output-available":
        output = part.get("output")
        response = {"output": orjson.dumps(output).decode() if _refers(output) else output}
    return {"functionResponse": {"id": part["toolCallId"], "name": _name(part), "response": response}}


def _refers(value: Any) -> bool:
    """Whether anything in a value is called ``$ref``, which the provider takes for a part of the result."""
    if isinstance(value, dict):
        return "$ref" in value or any(_refers(one) for one in value.values())
    return isinstance(value, list) and any(_refers(one) for one in value)
