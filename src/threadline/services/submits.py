"""What may be submitted: pure checks and defaults of a message and its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from threadline.domain.depth import MAX_DEPTH, shallow
from threadline.domain.errors import BadRequest, TooLarge
from threadline.domain.messages import Part, text_of
from threadline.domain.texts import names
from threadline.store.runs import RunRow

MAX_ID: Final = 128
MAX_MESSAGE_BYTES: Final = 2 << 20
MAX_SYSTEM_CHARACTERS: Final = 64_000
POLICIES: Final = ("enqueue", "reject", "interrupt")
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Submit:
    """A request for an answer. ``trigger`` is submit-message or regenerate-message; ``message`` the newest UI message
    (``{id?, role, parts}``); ``message_id`` the one to edit or to answer again; ``parent_id`` the branch to go on with
    (None: where the conversation is); ``when_busy`` enqueue, reject or interrupt (None: the server's setting)."""

    chat_id: str
    trigger: str = "submit-message"
    message: dict[str, Any] | None = None
    message_id: str | None = None
    parent_id: str | None = None
    model: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    when_busy: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The run that answers; ``duplicate``: it was there already. ``message_id`` is the answer, ``parent_id`` what it
    answers."""

    run: RunRow
    duplicate: bool

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def conversation_id(self) -> str:
        """Where it belongs."""
        return self.run.conversation_id

    @property
    def message_id(self) -> str:
        """The answer."""
        return self.run.message_id

    @property
    def parent_id(self) -> str:
        """The message that is answered."""
        return self.run.parent_id


def check(submit: Submit) -> None:
    """Raises ``BadRequest`` for what could never be answered."""
    for value in (submit.chat_id, submit.message_id, submit.parent_id, (submit.message or {}).get("id") or None):
        if value is not None and not (isinstance(value, str) and names(value) and len(value) <= MAX_ID):
            raise BadRequest(f"An id has 1 to {MAX_ID} characters, and no control characters.", surface="chat")
    if submit.chat_id in (".", "..") or "/" in submit.chat_id:
        raise BadRequest("A chat's id may not be '.' or '..' nor hold a slash.", surface="chat")
    if submit.trigger not in ("submit-message", "regenerate-message"):
        raise BadRequest("trigger is submit-message or regenerate-message.", surface="chat")
    if submit.when_busy is not None and submit.when_busy not in POLICIES:
        raise BadRequest(f"whenBusy is one of {', '.join(POLICIES)}.", surface="chat")
    check_settings(submit.settings)


def check_settings(settings: dict[str, Any]) -> None:
    """Raises ``BadRequest`` that names the setting which is not of its form."""
    checks: dict[str, tuple[Callable[[Any], bool], str]] = {
        "max_tokens": (lambda value: _whole(value) and 1 <= value <= 1_000_000, "a whole number from 1 to 1000000"),
        "temperature": (lambda value: _number(value) and 0 <= value <= 2, "a number from 0 to 2"),
        "system": (
            lambda value: isinstance(value, str) and len(value) <= MAX_SYSTEM_CHARACTERS,
            f"a text of at most {MAX_SYSTEM_CHARACTERS} characters",
        ),
        "tools": (lambda value: isinstance(value, bool), "true or false"),
        "web_search": (lambda value: isinstance(value, bool), "true or false"),
        "reasoning_effort": (lambda value: value in EFFORTS, f"one of {', '.join(EFFORTS)}"),
    }
    for name, value in settings.items():
        if name not in checks:
            raise BadRequest(f"There is no setting {name!r}; there are {', '.join(checks)}.", surface="chat")
        fits, words = checks[name]
        if value is not None and not fits(value):
            raise BadRequest(f"The setting {name} is {words}.", surface="chat")


def user_parts(message: dict[str, Any] | None) -> list[Part]:
    """The parts of a user's message, of the kinds that are kept. Raises ``BadRequest`` and ``TooLarge``."""
    if message is None or message.get("role") != "user":
        raise BadRequest("The last message is not a user's: there is nothing to answer.", surface="chat")
    parts = message.get("parts")
    if not isinstance(parts, list) and isinstance(message.get("content"), str):
        parts = [{"type": "text", "text": message["content"]}]
    if not isinstance(parts, list):
        raise BadRequest("A message has a list of parts.", surface="chat")
    if not shallow(parts):
        raise BadRequest(f"A message's parts are nested deeper than {MAX_DEPTH} levels.", surface="chat")
    kept = [_user_part(part) for part in parts]
    if len(orjson.dumps(kept)) > MAX_MESSAGE_BYTES:
        raise TooLarge("The message is larger than 2 MB. Send less at once.", surface="chat")
    # Parts of data are for pages alone: a model is given text and files.
    if not text_of(kept).strip() and all(part["type"] != "file" for part in kept):
        raise BadRequest("The message is empty.", surface="chat")
    return kept


def digest(parts: list[Part]) -> bytes:
    """The content's hash, by which the same message sent twice is known."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()


def _user_part(part: Any) -> Part:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if kind == "file" and isinstance(part.get("url"), str) and isinstance(part.get("mediaType"), str):
        if not isinstance(part.get("filename"), str | None):
            raise BadRequest("A file's filename is a text.", surface="chat")
        return {key: part[key] for key in ("type", "mediaType", "filename", "url") if part.get(key) is not None}
    if isinstance(kind, str) and kind.startswith("data-") and "data" in part:
        return dict(part)
    raise BadRequest("A user's message takes parts of the types text, file and data-….", surface="chat")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
