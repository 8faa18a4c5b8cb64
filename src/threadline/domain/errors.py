"""Every error that Threadline raises on purpose, as one tree.

ThreadlineError                internal            500
├── BadRequest                 bad_request         400
│   ├── MissingKey             missing_key         400
│   ├── UnsupportedModel       unsupported_model   400
│   ├── ContextTooLong         context_length_exceeded 400
│   └── TooLarge               too_large           413
├── Unauthorized               unauthorized        401
├── Forbidden                  forbidden           403
├── NotFound                   not_found           404
├── NotAllowed                 method_not_allowed  405
├── Conflict                   conflict            409
│   ├── Busy                   busy                409
│   ├── Closed                 closed              409
│   ├── Gap                    gap                 409
│   └── Fenced                 fenced              403
├── Gone                       gone                410
├── RateLimited                rate_limited        429
├── ProviderError              provider            502
│   ├── ContextExceeded        context_exceeded    400
│   ├── ProviderStalled        provider_stalled    504
│   └── ProviderUnreachable    provider_unreachable 502
└── Unavailable                unavailable         503

A class's docstring is its default message. ``code`` is ``type:surface``; the surface says where it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ThreadlineError(Exception):
    """Something went wrong on our side. Nothing that was acknowledged is lost; try again."""

    type: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: bool = True

    def __init__(
        self,
        message: str | None = None,
        *,
        surface: str = "api",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.surface = surface
        self.details = dict(details) if details else None
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """``type:surface``, for programs."""
        return f"{self.type}:{self.surface}"


class BadRequest(ThreadlineError):
    """The request is not of the form that this address takes."""

    type = "bad_request"
    status = 400
    retryable = False


class MissingKey(BadRequest):
    """No key for this provider was found. Add one in Settings."""

    type = "missing_key"


class UnsupportedModel(BadRequest):
    """This model is not known here. Pick one of those that /api/models lists."""

    type = "unsupported_model"


class ContextTooLong(BadRequest):
    """This goes on from more than a model is given here. Send less, or begin anew."""

    type = "context_length_exceeded"


class TooLarge(BadRequest):
    """The request is larger than is taken here. Send less at once."""

    type = "too_large"
    status = 413


class Unauthorized(ThreadlineError):
    """Sign in, or send a valid access token."""

    type = "unauthorized"
    status = 401
    retryable = False


class Forbidden(ThreadlineError):
    """This is not allowed from here."""

    type = "forbidden"
    status = 403
    retryable = False


class NotFound(ThreadlineError):
    """There is no such thing here, or it is not yours."""

    type = "not_found"
    status = 404
    retryable = False


class NotAllowed(ThreadlineError):
    """This address does not take that method."""

    type = "method_not_allowed"
    status = 405
    retryable = False


class Conflict(ThreadlineError):
    """This does not fit what is already there."""

    type = "conflict"
    status = 409
    retryable = False


class Busy(Conflict):
    """An answer is still being written in this conversation. Wait for it, or stop it."""

    type = "busy"
    retryable = True


class Closed(Conflict):
    """The stream is closed; nothing can be appended to it."""

    type = "closed"


class Gap(Conflict):
    """A producer's sequence has a gap; send what is missing first."""

    type = "gap"


class Fenced(Conflict):
    """A newer epoch holds this stream; this producer may not append to it any more."""

    type = "fenced"
    status = 403


class Gone(ThreadlineError):
    """This part of the stream is past its retention."""

    type = "gone"
    status = 410
    retryable = False


class RateLimited(ThreadlineError):
    """Too many messages for now. Wait for the time that Retry-After names."""

    type = "rate_limited"
    status = 429


class ProviderError(ThreadlineError):
    """The provider refused or failed; its own message follows where it gave one.

    ``provider_status`` is its HTTP status where there was one; ``retryable`` says whether the same request may
    succeed later (429, 5xx, connection faults).
    """

    type = "provider"
    status = 502

    def __init__(
        self,
        message: str | None = None,
        *,
        provider_status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, surface="chat", details=details, retry_after=retry_after)
        self.provider_status = provider_status
        self.retryable = retryable


class ContextExceeded(ProviderError):
    """This is more than the model takes. Shorten your message, or choose a model with a larger context."""

    type = "context_exceeded"
    status = 400


class ProviderStalled(ProviderError):
    """The provider sent nothing for too long. The text so far is kept; try again."""

    type = "provider_stalled"
    status = 504


class ProviderUnreachable(ProviderError):
    """The provider could not be reached. Check its address and the network, then try again."""

    type = "provider_unreachable"


class Unavailable(ThreadlineError):
    """The server is starting, stopping or out of room. Try again shortly."""

    type = "unavailable"
    status = 503


def restored(message: str, code: str | None, retryable: bool) -> ThreadlineError:
    """An error out of what was written down of it; of its code's class, or a provider's where that is not known."""
    kind = (code or "").partition(":")[0]
    found = next((cls for cls in _tree(ThreadlineError) if cls.type == kind), ProviderError)
    error = found(message)
    error.retryable = retryable
    return error


def _tree(top: type[ThreadlineError]) -> list[type[ThreadlineError]]:
    return [top, *(cls for below in top.__subclasses__() for cls in _tree(below))]


def error_body(error: ThreadlineError, request_id: str) -> dict[str, Any]:
    """The one JSON shape of an error: ``{"error": {code, message, status, request_id, retryable, details?}}``."""
    body: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "status": error.status,
        "request_id": request_id,
        "retryable": error.retryable,
    }
    if error.details is not None:
        body["details"] = error.details
    return {"error": body}
