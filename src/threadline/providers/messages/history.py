"""Writes the messages of a conversation as Anthropic's messages, which take turns between user and assistant."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from threadline.domain.messages import Message, Part, tool_name
from threadline.providers.history import Piece as Block
from threadline.providers.history import arguments_of, as_text, data_of, is_text, result_of, rounds, unseen, was_cut

FAMILY: Final = "anthropic"
"""The name under which a part keeps what the provider wants back with it."""

_IMAGES: Final = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_PDF: Final = "application/pdf"
_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_ID: Final = 64
_LONGEST_NAME: Final = 128
_LONGEST_TITLE: Final = 500
THOUGHTS: Final = ("thinking", "redacted_thinking")


def messages_of(
    messages: Sequence[Message], *, origin: str | None, reasoning: bool, past: bool = True
) -> list[dict[str, Any]]:
    """The history as Anthropic takes it: user and assistant take turns, every tool call has a result right after it,
    and nothing is empty. Messages of the system are left out; see ``history.system_of``.

    With ``reasoning``, what has a signature of Anthropic's or of this ``origin`` goes back with it, and with ``past``
    also that of the turns before the last one.
    """
    out: list[dict[str, Any]] = []
    turn = max((at for at, message in enumerate(messages) if message.role == "user"), default=-1)
    ids = _Ids()
    for at, message in enumerate(messages):
        if message.role == "assistant":
            _assistant(message.parts, out, ids, (None, origin) if reasoning and (past or at > turn) else ())
        elif message.role == "user":
            put(out, "user", [block for part in message.parts if (block := _user_block(part))])
    return out


def put(out: list[dict[str, Any]], role: str, blocks: list[Block]) -> None:
    """Add blocks to the last message where it is of the same role, else a message of its own.

    What two answers thought is left out where they become one: the provider would find its own turn changed.
    """
    if not blocks:
        return
    if not out or out[-1]["role"] != role:
        out.append({"role": role, "content": blocks})
        return
    joined = [*out[-1]["content"], *blocks]
    out[-1]["content"] = [block for block in joined if block["type"] not in THOUGHTS]


class _Ids:
    """The provider's form of the ids of calls, each used once; the same for the same history, however often it is
    written, and for a longer one of the same beginning."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, call: str) -> str:
        """An id for one more call."""
        made = call
        if not call or len(call) > _LONGEST_ID or _NO_ID.search(call):
            made = f"{_NO_ID.sub('_', call)[:47]}_{_digest(call)}"
        number = 1
        while made in self._taken:
            number += 1
            made = f"{_NO_ID.sub('_', call)[:40]}_{_digest(f'{call} {number}')}"
        self._taken.add(made)
        return made


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _user_block(part: Part) -> Block | None:
    if part["type"] == "text":
        return _text(part["text"]) if part["text"].strip() else None
    if part["type"] == "file" and part.get("url"):
        return _file(part)
    return None


def _file(part: Part) -> Block:
    url = str(part["url"])
    media_type = str(part.get("mediaType") or "").split(";")[0].strip().lower()
    name = str(part.get("filename") or "file")
    data = data_of(url)
    if media_type in _IMAGES and (data or url.startswith("https://")):
        return {"type": "image", "source": _source(url, data, _IMAGES[media_type])}
    if media_type == _PDF and (data or url.startswith("https://")):
        document = {"type": "document", "source": _source(url, data, _PDF)}
        return document | ({"title": name[:_LONGEST_TITLE]} if part.get("filename") else {})
    if data is not None and (is_text(media_type) or media_type == "image/svg+xml"):
        return _text(as_text(name, data))
    return _text(unseen(name, url, media_type))


def _source(url: str, data: bytes | None, media_type: str) -> dict[str, str]:
    if data is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}


def _assistant(parts: Sequence[Part], out: list[dict[str, Any]], ids: _Ids, origins: Sequence[str | None]) -> None:
    def called(part: Part, _first: bool) -> tuple[Block, Block]:
        call = ids.of(str(part["toolCallId"]))
        return _call(part, call), _result(part, call)

    for blocks, results in rounds(parts, lambda part: _said(part, origins), called):
        put(out, "assistant", _worded(blocks))
        put(out, "user", results)


def _said(part: Part, origins: Sequence[str | None]) -> Block | None:
    if part["type"] == "text":
        return _text(part["text"])
    return _thought(part, origins) if part["type"] == "reasoning" else None


def _worded(blocks: Sequence[Block]) -> list[Block]:
    """The blocks as the provider takes them: text that follows text joins it, none is nothing but white space, and no
    reasoning comes last."""
    out: list[Block] = []
    for block in blocks:
        if block["type"] == "text" and out and out[-1]["type"] == "text":
            out[-1] = _text(out[-1]["text"] + block["text"])
        else:
            out.append(block)
    out = [block for block in out if block["type"] != "text" or block["text"].strip()]
    while out and out[-1]["type"] in THOUGHTS:
        out.pop()
    return out


def _thought(part: Part, origins: Sequence[str | None]) -> Block | None:
    """Reasoning as it came, which the provider's signature proves; None where there is none of these origins."""
    own = (part.get("providerMetadata") or {}).get(FAMILY)
    if not isinstance(own, dict) or own.get("origin") not in origins or was_cut(part):
        return None
    if isinstance(own.get("redactedData"), str) and own["redactedData"]:
        return {"type": "redacted_thinking", "data": own["redactedData"]}
    if isinstance(own.get("signature"), str) and own["signature"]:
        return {"type": "thinking", "thinking": part["text"], "signature": own["signature"]}
    return None


def _call(part: Part, call: str) -> Block:
    name = _NO_ID.sub("_", tool_name(part))[:_LONGEST_NAME] or "unknown"
    return {"type": "tool_use", "id": call, "name": name, "input": arguments_of(part)}


def _result(part: Part, call: str) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": call}
    text = result_of(part)
    if text.strip():
        block["content"] = text
    if part.get("state") != "output-available":
        block["is_error"] = True
    return block
