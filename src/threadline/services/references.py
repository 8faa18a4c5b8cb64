"""What a program names instead of sending it again, put in its place; and how much that may be."""

from __future__ import annotations

from typing import Final

import orjson

from threadline.domain.errors import BadRequest, TooLarge
from threadline.domain.messages import Message, Part
from threadline.services.imports import Row, reference_in
from threadline.store import messages
from threadline.store.transaction import Tx
from threadline.wire.openai.inputs import told_parts
from threadline.wire.openai.objects import place_of

MOST_BYTES: Final = 4 << 20
"""What is named may be as much as a body that has it itself."""

_MOST_READ: Final = 4 * MOST_BYTES
"""The messages in which it stands may be more than that: one of them can have much else."""


def refers(rows: list[Row]) -> bool:
    """Whether anything is only named."""
    return any(reference_in(part) is not None for _, parts in rows for part in parts)


def resolved(tx: Tx, user_id: str, rows: list[Row]) -> list[Row]:
    """The rows with what they only name in its place; no reasoning, which no model is told of again. Raises
    ``BadRequest`` for what is not there, and ``TooLarge``."""
    found = _Found(tx, user_id)
    out: list[Row] = []
    for role, parts in rows:
        given = [(reference_in(part), part) for part in parts]
        whole = [part if name is None else found.part(name) for name, part in given]
        out.append((role, [part for part in whole if part["type"] != "reasoning"]))
    return out


class _Found:
    """What was looked up for one request: each message once, however often it is named."""

    def __init__(self, tx: Tx, user_id: str) -> None:
        self._tx = tx
        self._user_id = user_id
        self._messages: dict[str, list[Part]] = {}
        self._sizes: dict[str, int] = {}
        self._read = 0
        self._size = 0

    def part(self, name: str) -> Part:
        place = place_of(name)
        told = self._told(place[0]) if place is not None else []
        if place is None or place[1] >= len(told):
            raise BadRequest(f"Item with id {name[:100]!r} not found.", surface="response", details={"param": "input"})
        part = told[place[1]]
        if name not in self._sizes:
            self._sizes[name] = len(orjson.dumps(part))
        self._size += self._sizes[name]
        _bound(self._size, MOST_BYTES)
        return part

    def _told(self, message_id: str) -> list[Part]:
        if message_id not in self._messages:
            row = messages.of_user(self._tx, self._user_id, message_id)
            parts = (row.parts or []) if row is not None and row.role == "assistant" else []
            self._read += len(orjson.dumps(parts))
            _bound(self._read, _MOST_READ)
            self._messages[message_id] = told_parts(Message(message_id, "assistant", parts))
        return self._messages[message_id]


def _bound(size: int, most: int) -> None:
    if size > most:
        words = "The items that are referred to are larger than is taken here. Use previous_response_id instead."
        raise TooLarge(words, surface="response", details={"param": "input"})
