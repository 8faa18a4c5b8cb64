"""How an answer ends: its last event, the status that follows from its events, and what its message remembers."""

from __future__ import annotations

from typing import Any

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import Usage, add_usage


def beginning(message_id: str, run_id: str, model: str, created_at: float) -> Event:
    """A run's first event; the message remembers run, model and time (Unix seconds) from it."""
    return events.start(message_id, {"run": run_id, "model": model, "createdAt": created_at})


def ending(record: Fold, reason: str, usage: Usage | None = None) -> Event:
    """A run's last event; ``usage`` is that of a step whose end is appended together with it."""
    total = add_usage(record.usage, usage or {})
    return events.finish(reason, {"usage": total, "finishReason": reason})


def lost_usage(record: Fold) -> Usage:
    """The usage of a step whose model call is told of in the log, but whose end is not."""
    told: dict[str, Any] = record.metadata.get("usage") or {}
    counted: dict[str, Any] = dict(record.usage)
    return {key: value - counted.get(key, 0) for key, value in told.items()}  # type: ignore[return-value]


def status_of(record: Fold) -> str:
    """What a finished run's status is: completed, stopped, error or interrupted."""
    if record.error_text is not None:
        return "error"
    if record.aborted:
        return "stopped"
    return "interrupted" if record.finish_reason == "interrupted" else "completed"
