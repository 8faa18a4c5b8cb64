"""The object of an answer that has ended, out of its message instead of its events, where both give the same; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from threadline.domain.messages import Message, Part
from threadline.wire.openai.items import OutputItem, Thoughts, Words
from threadline.wire.openai.objects import Head, Status, item_id, response_object

_ENDS: Final[dict[str, tuple[Status, str | None]]] = {
    "stop": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content-filter": ("incomplete", "content_filter"),
}
_PLAIN: Final = ("step-start", "text", "reasoning")


def written_object(head: Head, message: Message, ended_at: float | None) -> dict[str, Any] | None:
    """The response object of an answer that came to its end by itself; ``ended_at`` is Unix seconds.

    None where the message does not tell all of it: of calls it has not the words in which the model made them, of
    sources not the places, of errors not the kind.
    """
    found = _ENDS.get(str(message.metadata.get("finishReason")))
    if found is None or any(not _is_plain(part) for part in message.parts):
        return None
    status, reason = found
    return response_object(
        head,
        status,
        [item.view() for item in _items(head, message.parts)],
        usage=message.metadata.get("usage") or None,
        reason=reason,
        completed_at=message.metadata.get("endedAt", ended_at),
    )


def _is_plain(part: Part) -> bool:
    if part["type"] not in _PLAIN:
        return False
    return part["type"] == "step-start" or part.get("state") == "done"


def _items(head: Head, parts: Sequence[Part]) -> list[OutputItem]:
    found: list[OutputItem] = []
    for part in parts:
        if part["type"] == "step-start":
            continue
        number = len(found)
        kind, name = (Words, "msg") if part["type"] == "text" else (Thoughts, "rs")
        item: OutputItem = kind(item_id(name, head.message_id, number), number)
        item.fill(part["text"], "incomplete" if _was_cut(part) else "completed")
        found.append(item)
    return found


def _was_cut(part: Part) -> bool:
    marks = part.get("providerMetadata") or {}
    return part["type"] == "reasoning" and bool(marks.get("threadline", {}).get("interrupted"))
