"""What a reader of a conversation who is not its owner is shown: what was said, and never how its owner set it up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Person = dict[str, Any]
"""``{id, name}``: never an address."""

_OWNERS_ALONE: Final = frozenset({"settings", "system", "requestId", "request_id"})
"""What a message may remember and its owner alone is shown."""


def conversation(view: Mapping[str, Any], role: str, owner: Person) -> dict[str, Any]:
    """A conversation's view for one who is only ``role`` there."""
    return {**view, "settings": {}, "role": role, "owner": owner}


def message(view: Mapping[str, Any]) -> dict[str, Any]:
    """A message's view for others than the owner."""
    return {**view, "metadata": metadata(view["metadata"])}


def metadata(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a message remembers, for others than the owner."""
    return {name: value for name, value in told.items() if name not in _OWNERS_ALONE}


def event(told: Mapping[str, Any], role: str, owner: Person) -> dict[str, Any]:
    """A change of a conversation for the feed of one who is only ``role`` there."""
    shown = dict(told)
    if "conversation" in told:
        shown["conversation"] = conversation(told["conversation"], role, owner)
    if "message" in told:
        shown["message"] = message(told["message"])
    return shown
