"""Errors of the addresses that speak OpenAI's dialect, in OpenAI's shape; the tree is the one that all others have."""

from __future__ import annotations

from typing import Final

from threadline.domain.errors import BadRequest, ThreadlineError
from threadline.routes.errors import dressed
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
    headers, body = dressed(error, {"error": error_object(error)})
    if not error.retryable:
        headers.append(NO_RETRY)
    return headers, body


def invalid(param: str, words: str) -> BadRequest:
    """What is wrong with a parameter, by its place in the body."""
    return BadRequest(f"{param} {words}", surface="openai", details={"param": param})
