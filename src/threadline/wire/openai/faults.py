"""What went wrong with an answer, in OpenAI's shape; pure."""

from __future__ import annotations

from typing import Any, Final

from threadline.domain import events
from threadline.domain.errors import (
    Conflict,
    Forbidden,
    RateLimited,
    ThreadlineError,
    Unauthorized,
    UnsupportedModel,
    restored,
)

BROKEN_OFF: Final = "The answer broke off and could not be continued. What came of it is kept; try again."
STOPPED: Final = "The answer was stopped before its end. What came of it is kept."

_TYPES: Final[dict[type[ThreadlineError], str]] = {
    RateLimited: "rate_limit_error",
    Unauthorized: "authentication_error",
    Forbidden: "permission_error",
}
_CODES: Final[dict[type[ThreadlineError], str]] = {
    RateLimited: "rate_limit_exceeded",
    Unauthorized: "invalid_api_key",
    UnsupportedModel: "model_not_found",
}


def fault_of(reason: str | None, *, aborted: bool) -> dict[str, Any] | None:
    """An ``error`` event for an answer that ended with ``reason``, or that somebody stopped, where no event of its own
    tells why; None for one that ended by itself."""
    if aborted:
        return events.error(Conflict(STOPPED, surface="chat"))
    return events.error(ThreadlineError(BROKEN_OFF, surface="chat")) if reason in ("interrupted", "error") else None


def error_object(error: ThreadlineError) -> dict[str, Any]:
    """``{message, type, param, code}``; what to do about it is in the message: it has no other place."""
    details = error.details or {}
    remedy = details.get("remedy")
    usual = "server_error" if error.status >= 500 else "invalid_request_error"
    return {
        "message": f"{error.message} {remedy}" if remedy else error.message,
        "type": _TYPES.get(type(error), usual),
        "param": details.get("param"),
        "code": _CODES.get(type(error), error.type),
    }


def told_error(event: dict[str, Any]) -> dict[str, Any]:
    """The same of an ``error`` event."""
    return error_object(restored(str(event["errorText"]), event.get("code"), retryable=False))
