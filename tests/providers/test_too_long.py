"""A provider that says that a request is longer than its model takes is understood, in whichever words it does."""

from __future__ import annotations

import json

import pytest

from threadline.domain.errors import ContextExceeded
from threadline.providers.faults import from_event, from_response

LONG = [
    (
        400,
        {"message": "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000."},
    ),
    (400, {"message": "Your input exceeds the context window of this model.", "code": "context_length_exceeded"}),
    (400, {"type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum"}),
    (400, {"message": "input length and max_tokens exceed context limit: 198981 + 21333 > 200000"}),
    (
        400,
        {
            "code": 400,
            "message": "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
        },
    ),
    (400, {"message": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}),
    (
        400,
        {"message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum length."},
    ),
    (400, {"message": "Please reduce the length of the messages or completion.", "code": "context_length_exceeded"}),
    (400, {"message": "Input length 131393 exceeds the maximum allowed input length of 131040 tokens."}),
    (400, {"message": "request (66202 tokens) exceeds the available context size (65536 tokens), try increasing it"}),
    (413, {"message": "Request too large", "code": "context_length_exceeded"}),
]
OTHERS = [
    (429, {"message": "Rate limit reached: please reduce the length of the messages or wait.", "code": "rate_limit"}),
    (400, {"message": "Too many tokens, please wait before trying again."}),
    (400, {"message": "max_tokens is larger than this model's maximum output."}),
    (401, {"message": "Invalid key."}),
    (500, {"message": "The context window could not be opened."}),
]


@pytest.mark.parametrize(("status", "error"), LONG)
def test_what_is_too_long_is_told_from_all_else(status: int, error: dict[str, object]) -> None:
    found = from_response("Maker", status, "Bad Request", {}, json.dumps({"error": error}).encode(), 0.0)
    assert isinstance(found, ContextExceeded)
    assert found.message == error["message"]
    assert not found.retryable
    assert isinstance(from_event("Maker", error), ContextExceeded)


@pytest.mark.parametrize(("status", "error"), OTHERS)
def test_all_else_is_told_from_what_is_too_long(status: int, error: dict[str, object]) -> None:
    found = from_response("Maker", status, "No", {}, json.dumps({"error": error}).encode(), 0.0)
    assert not isinstance(found, ContextExceeded)
