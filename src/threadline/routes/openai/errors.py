"""Errors of the addresses that speak OpenAI's dialect, in OpenAI's shape; the tree is the one that all others have."""

from __future__ import annotations

from typing import Any, Final

import orjson

from threadline.domain.errors import (
    BadRequest,
    Forbidden,
    RateLimited,
    ThreadlineError,
    Unauthorized,
    UnsupportedModel,
)
from threadline.routes.exchange import Headers

NO_RETRY: Final = (b"x-should-retry", b"false")
"""OpenAI's own clients send a request again where its status looks as if that would help, unless they are told this."""

_ADDRESSES: Final = ("/v1/responses", "/v1/chat/completions", "/v1/models")
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


def speaks(path: str) -> bool:
    """Whether an address speaks this dialect."""
    return path.startswith(_ADDRESSES)


def error_object(error: ThreadlineError) -> dict[str, Any]:
    """``{"error": {message, type, param, code}}``; what to do about it is in the message: it has no other place."""
    details = error.details or {}
    remedy = details.get("remedy")
    usual = "server_error" if error.status >= 500 else "invalid_request_error"
    told = {
        "message": f"{error.message} {remedy}" if remedy else error.message,
        "type": _TYPES.get(type(error), usual),
        "param": details.get("param"),
        "code": _CODES.get(type(error), error.type),
    }
    return {"error": told}


def answer(error: ThreadlineError) -> tuple[Headers, bytes]:
    """Headers and body of an error's answer; the status is ``error.status``."""
    body = orjson.dumps(error_object(error), default=str)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if not error.retryable:
        headers.append(NO_RETRY)
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    return headers, body


def invalid(param: str, words: str) -> BadRequest:
    """What is wrong with a parameter, by its place in the body."""
    return BadRequest(f"{param} {words}", surface="openai", details={"param": param})
