"""Turns what a provider says of its own failure into ``ProviderError``, in the provider's own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from threadline.domain.errors import ContextExceeded, ProviderError
from threadline.providers import lenient

RETRYABLE_STATUS: Final = frozenset({408, 409, 425, 429, *range(500, 600)})
"""Answers after which the same request may succeed later."""

_RETRYABLE_WORDS: Final = ("rate_limit", "overload", "server_error", "internal", "unavailable", "timeout", "try again")
_TOO_LONG: Final = re.compile(
    r"context[ _](?:length|window|size|limit)|maximum (?:context|prompt length|allowed input length)"
    r"|(?:prompt|input) (?:is )?too long|input token count.{0,40}exceeds|reduce the length of|too large for model with",
    re.IGNORECASE,
)
"""How providers say that a request is longer than their model's context: OpenAI, Anthropic, Google, xAI, Mistral, Groq,
OpenRouter, vLLM, llama.cpp and LM Studio, as their users report it."""
_TOO_LONG_STATUS: Final = frozenset({None, 400, 413, 422})
_LONGEST: Final = 2000
_LONGEST_WAIT: Final = 24 * 3600.0
_DEEPEST: Final = 8
_SHORTEST_SECRET: Final = 4
_SURELY_SECRET: Final = 16


def from_response(
    provider: str, status: int, reason: str, headers: Mapping[str, str], body: bytes, now: float
) -> ProviderError:
    """The error of an answer whose status is not 2xx. ``headers`` find names in any case; ``now`` is Unix seconds."""
    parsed = _parsed(body)
    told = message_of(parsed) or _plain_text(body)
    message = told or f"{provider} answered {status} {reason}".strip() + "."
    kind = ContextExceeded if _says_too_long(status, _code_of(parsed), message) else ProviderError
    return kind(
        message,
        provider_status=status,
        retryable=status in RETRYABLE_STATUS,
        retry_after=retry_after(headers, now),
        details={"provider": provider, "status": status},
    )


def from_event(provider: str, error: Any) -> ProviderError:
    """The error that came in the middle of a stream; ``error`` is what stood under ``error`` there."""
    message = message_of({"error": error}) or f"{provider} reported an error without saying which."
    status = _status_in(error)
    code = _code_of({"error": error})
    passing = status in RETRYABLE_STATUS if status else any(word in code for word in _RETRYABLE_WORDS)
    kind = ContextExceeded if _says_too_long(status, code, message) else ProviderError
    return kind(message, provider_status=status, retryable=passing, details={"provider": provider})


def message_of(body: Any, depth: int = _DEEPEST) -> str | None:
    """The message in an error's body, in the several shapes that providers give it."""
    if isinstance(body, list):
        body = body[0] if body else None
    if isinstance(body, str):
        return _shortened(body) or None
    if not isinstance(body, dict) or not depth:
        return None
    for key in ("error", "message", "detail", "error_message", "msg"):
        found = message_of(body.get(key), depth - 1)
        if found:
            return found
    return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``Retry-After`` (seconds or a date); None where it is not told."""
    for name, unit in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - now
            except (ValueError, OverflowError):
                continue
        if seconds == seconds:
            return min(max(seconds, 0.0), _LONGEST_WAIT)
    return None


def redacted(error: ProviderError, secrets: Iterable[str | None]) -> ProviderError:
    """The same error without any of ``secrets`` in its message, which a provider may repeat from the request.

    A secret may be a header's value: of ``Bearer abc`` the second word alone is hidden too, and so is any long word.
    """
    message = error.message
    words: set[str] = set()
    for secret in filter(None, secrets):
        parts = secret.split()
        words |= {secret, *parts[1:2]} if len(parts) == 2 else {secret}
        words |= {part for part in parts if len(part) >= _SURELY_SECRET}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _SHORTEST_SECRET:
            message = message.replace(word, "…")
    if message == error.message:
        return error
    return type(error)(
        message,
        provider_status=error.provider_status,
        retryable=error.retryable,
        retry_after=error.retry_after,
        details=error.details,
    )


def _says_too_long(status: int | None, code: str, message: str) -> bool:
    return status in _TOO_LONG_STATUS and _TOO_LONG.search(f"{code} {message}") is not None


def _code_of(body: Any) -> str:
    """What an error calls itself, for programs; empty where it says nothing."""
    error = body.get("error") if isinstance(body, dict) else None
    return f"{error.get('type')} {error.get('code')}".lower() if isinstance(error, dict) else ""


def _parsed(body: bytes) -> Any:
    text = body.strip()
    if text.startswith(b"data:"):
        text = text[5:].strip()
    try:
        return lenient.loads(text)
    except ValueError:
        return None


def _plain_text(body: bytes) -> str | None:
    """The body itself where it is a sentence and no page or data."""
    text = body.decode("utf-8", "replace").strip()
    if not text or text[0] in "<{[" or "\x00" in text:
        return None
    return _shortened(text)


def _shortened(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _status_in(error: Any) -> int | None:
    if not isinstance(error, dict):
        return None
    for key in ("code", "status", "status_code", "http_status"):
        try:
            status = int(error.get(key) or 0)
        except (TypeError, ValueError, OverflowError):
            continue
        if 400 <= status <= 599:
            return status
    return None
