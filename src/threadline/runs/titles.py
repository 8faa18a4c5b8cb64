"""Titles: two to five words for a conversation, made beside its first answer; a user's own name is never replaced."""

from __future__ import annotations

import logging
import re
from contextlib import aclosing
from typing import Final

from threadline.domain.errors import ThreadlineError
from threadline.domain.messages import Message, text_of
from threadline.domain.naming import LONGEST, MOST_WORDS, first_words
from threadline.domain.texts import CONTROLS
from threadline.providers.protocol import ModelRequest, ModelSettings
from threadline.runs.context import Models
from threadline.services.conversations import tell
from threadline.services.preferences import slot_of
from threadline.store import conversations, messages
from threadline.store.database import Store
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx

_log = logging.getLogger(__name__)

_READ_CHARACTERS: Final = 2000
_ENOUGH_CHARACTERS: Final = 200
_ASK: Final = (
    "Write a title for a conversation that begins with the user's message: two to five words, in the language of the "
    "message, without quotes and without a full stop. Answer with the title alone."
)


async def ensure_title(store: Store, models: Models, run: RunRow, title_model: str | None) -> None:
    """Give the run's conversation a title if it has none, by the model that who asked has chosen for titles, or else
    ``title_model``. A model that fails is replaced by the message's own words."""

    def look(tx: Tx) -> tuple[str | None, str | None]:
        return _untitled(tx, run), slot_of(tx, run.asker_id, "title")

    message, chosen = await store.read(look)
    if message is None:
        return
    title = ""
    try:
        title = clean(await _ask(models, run, chosen or title_model or run.model, message))
    except ThreadlineError as error:
        _log.info("no title from the model", extra={"run": run.id, "code": error.code})
    name = title or first_words(message)
    await store.write(lambda tx: _name(tx, run, name))


def clean(text: str) -> str:
    """A model's answer as a title: its first line that says something, without marks, at most five words.

    Empty where it is a single word, except in a script that puts no blanks between them.
    """
    for line in (CONTROLS.sub(" ", line) for line in text.splitlines()):
        words = re.sub(r"^(?:title|titel)\s*:\s*", "", line.strip(" \t#*_`\"'“”«».:"), flags=re.IGNORECASE).split()
        if words and line.isascii() and len(words) == 1:
            return ""
        if words:
            return " ".join(words[:MOST_WORDS]).strip("\"'“”«».,:;*_` ")[:LONGEST]
    return ""


def _untitled(tx: Tx, run: RunRow) -> str | None:
    row = conversations.find(tx, run.conversation_id)
    if row is None or row.title is not None:
        return None
    message = messages.get(tx, run.conversation_id, run.parent_id)
    return text_of(message.parts or [])[:_READ_CHARACTERS] if message is not None else None


async def _ask(models: Models, run: RunRow, model_id: str, message: str) -> str:
    provider, model = await models.provider_for(run, model_id)
    request = ModelRequest(
        model=model,
        messages=[Message("title", "user", [{"type": "text", "text": message}])],
        settings=ModelSettings(max_tokens=1000, temperature=None, system=_ASK),
    )
    text = ""
    async with aclosing(provider.stream(request)) as batches:
        async for batch in batches:
            text += "".join(event["delta"] for event in batch if event["type"] == "text-delta")
            if len(text) > _ENOUGH_CHARACTERS:
                break
    return text


def _name(tx: Tx, run: RunRow, title: str) -> None:
    if conversations.name_by_model(tx, run.conversation_id, title):
        row = conversations.find(tx, run.conversation_id)
        assert row is not None
        tell(tx, row)
