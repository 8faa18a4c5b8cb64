"""The table of bad input for users' own keys."""

from __future__ import annotations

from typing import Final

from tests.routes.bad_rows import HUGE, Bad, Row, bodies

_KEY: Final = {"key": "sk-0123456789abcdef", "base_url": "http://127.0.0.1:1024/v1"}
_BAD: Final = (
    *bodies(
        400,
        "bad_request",
        {"key": ""},
        {"key": 7},
        {"key": None, "base_url": "https://example.org"},
        {"key": ["sk"]},
        {"key": "x" * 1001},
        {"key": "two words"},
        {"key": "a\x00b"},
        {"key": "a\r\nx-more: 1"},
        {"key": "sk-é"},
        {**_KEY, "base_url": 7},
        {**_KEY, "base_url": ""},
        {**_KEY, "base_url": "nowhere"},
        {**_KEY, "base_url": "ftp://127.0.0.1:1024"},
        {**_KEY, "base_url": "http://u:p@127.0.0.1:1024"},
        {**_KEY, "base_url": "http://127.0.0.1:22"},
        {**_KEY, "base_url": "http://127.0.0.1:1024/v1?a=b"},
        {**_KEY, "base_url": "https://10.0.0.1/v1"},
        {**_KEY, "base_url": "https://[::ffff:169.254.169.254]/v1"},
        {**_KEY, "base_url": "https://example.org/" + "x" * 3000},
        {**_KEY, "more": HUGE},
    ),
    *(Bad(404, "not_found", address=f"/api/keys/{name}") for name in ("nobody", "demo", "ollama", "%00", "%2e%2e")),
)

TABLE: Final[dict[tuple[str, str], Row]] = {
    ("GET", "/api/keys"): Row("/api/keys", by_session=True),
    ("GET", "/api/keys/providers"): Row("/api/keys/providers", by_session=True),
    ("PUT", "/api/keys/{provider}"): Row(
        "/api/keys/openai",
        _KEY,
        bad=(*_BAD, *bodies(400, "bad_request", {}), Bad(405, "method_not_allowed", address="/api/keys/providers")),
        form="object",
        by_session=True,
    ),
    ("DELETE", "/api/keys/{provider}"): Row(
        "/api/keys/openai", bad=(Bad(404, "not_found", address="/api/keys/groq"),), by_session=True
    ),
    ("POST", "/api/keys/{provider}/test"): Row(
        "/api/keys/openai/test",
        _KEY,
        bad=tuple(one if one.address is None else Bad(404, "not_found", address=f"{one.address}/test") for one in _BAD),
        form="object",
        by_session=True,
    ),
}
