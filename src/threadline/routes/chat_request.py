"""What a client asks for when it posts to ``/api/chat``, in either of the forms that clients use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from threadline.domain.errors import BadRequest
from threadline.services.turns import Submit

_SETTINGS: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "maxTokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "system": "system",
    "reasoning_effort": "reasoning_effort",
    "reasoningEffort": "reasoning_effort",
}


def parse(fields: Mapping[str, Any], user_id: str) -> Submit:
    """The submit that a body asks for. Raises ``BadRequest``.

    The workflow transport names no chat: its chat is then told by its first message's id, which stays the same in all
    its requests and means nothing to another user.
    """
    messages = _messages(fields)
    chat_id = _text(fields, "id")
    if chat_id is None:
        first = messages[0].get("id") if messages else None
        if not isinstance(first, str) or not first:
            raise BadRequest("id is missing: name the chat, or give each message an id.", surface="chat")
        chat_id = "chat-" + hashlib.sha256(f"{user_id}\n{first}".encode()).hexdigest()[:32]
    return Submit(
        chat_id=chat_id,
        trigger=_text(fields, "trigger") or "submit-message",
        message=messages[-1] if messages else None,
        message_id=_text(fields, "messageId"),
        parent_id=_text(fields, "parentId"),
        model=_text(fields, "model") or _text(fields, "selectedChatModel"),
        settings=_settings(fields.get("settings")),
        when_busy=_text(fields, "whenBusy"),
    )


def _messages(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Only the last of these is believed; the history is the server's own."""
    listed = fields.get("messages")
    if listed is None:
        listed = [] if fields.get("message") is None else [fields["message"]]
    if not isinstance(listed, list) or not all(isinstance(message, dict) for message in listed):
        raise BadRequest("messages must be a list of messages.", surface="chat")
    return listed


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} must be a text that is not empty.", surface="chat")
    return value


def _settings(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("settings must be an object.", surface="chat")
    return {_SETTINGS.get(name, name): setting for name, setting in value.items()}
