"""Why an answer did not come to its end, where no event of its own says it; pure."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain import events
from threadline.domain.errors import Conflict, ThreadlineError

BROKEN_OFF: Final = "The answer broke off and could not be continued. What came of it is kept; try again."
STOPPED: Final = "The answer was stopped before its end. What came of it is kept."


def fault_of(reason: str | None, *, aborted: bool) -> dict[str, Any] | None:
    """An ``error`` event for an answer that ended with ``reason``, or that somebody stopped; None for one that ended by
    itself."""
    if aborted:
        return events.error(Conflict(STOPPED, surface="chat"))
    return events.error(ThreadlineError(BROKEN_OFF, surface="chat")) if reason in ("interrupted", "error") else None
