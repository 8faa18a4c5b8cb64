"""Errors of the addresses that speak OpenAI's dialect, in OpenAI's shape; the tree is the one that all others have."""

from __future__ import annotations

from typing import Final

import orjson

from threadline.domain.errors import BadRequest, ThreadlineError
from threadline.routes.exchange import Headers
from threadline.wire.openai.faults import error_object

NO_RETRY: Final = (b"x-should-retry", b"false")
"""OpenAI's own clients send a request again where its status looks as if that would help, unless they are told this."""

_ADDRESSES: Final = ("/v1/responses", "/v1/chat/completions", "/v1/models")


def speaks(path: str) -> bool:
    """Whether an address speaks this dialect."""
    return path.startswith(_ADDRESSES)


def answer(error: ThreadlineError) -> tuple[Headers, bytes]:
    """Headers and body of an error's answer; the status is ``error.status``."""
    body = orjson.dumps({"error": error_object(error)}, default=str)
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
