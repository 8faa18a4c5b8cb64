"""Audience: who is told of what happens in a conversation, each in his own feed and in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from threadline.services import shown
from threadline.store import changes, participants, users
from threadline.store.transaction import Tx

Told = tuple[str, str, Sequence[Mapping[str, Any]]]
"""A conversation, its owner, and what happened there."""


def tell(tx: Tx, conversation_id: str, owner_id: str, *events: Mapping[str, Any]) -> None:
    """Let the owner's pages hear of it, and those of all who are in."""
    tell_all(tx, [(conversation_id, owner_id, events)])


def tell_all(tx: Tx, told: Iterable[Told]) -> None:
    """The same, for several conversations."""
    told = list(told)
    present = participants.of_all(tx, [conversation_id for conversation_id, *_ in told])
    heard: dict[str, list[Mapping[str, Any]]] = {}
    for conversation_id, owner_id, events in told:
        heard.setdefault(owner_id, []).extend(events)
        others = present.get(conversation_id, [])
        owner = person(tx, owner_id) if others else {}
        for one in others:
            heard.setdefault(one.user_id, []).extend(shown.event(event, one.role, owner) for event in events)
    for user_id, events in heard.items():
        if events:
            changes.record(tx, user_id, *events)


def person(tx: Tx, user_id: str) -> shown.Person:
    """Somebody, as others see him; without a name where he has none, or is not there any more."""
    found = users.get(tx, user_id)
    return {"id": user_id, "name": None if found is None else found.name}
