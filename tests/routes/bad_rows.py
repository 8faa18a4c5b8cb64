"""The table of bad input: for every address and method, what is wrong with what may be asked there, and the refusal.

Whatever stands in braces is somebody's: ``{chat}``, ``{run}``, ``{resp}``, ``{rec}`` (a recording), ``{path}`` (a
stream), ``{sub}``. With ``foreign.`` before it, it is another user's; with ``no.``, nobody's.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Any, Final

MEGABYTE: Final = 1 << 20
LIMIT: Final = 4 * MEGABYTE
HUGE: Final = 10**30
DEEP: Final = 100_000

JSON: Final = {"Content-Type": "application/json"}
OCTETS: Final = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Bad:
    """One bad request: what is put in the place of the row's own, and how it is refused. ``code`` is how the code of
    the error begins."""

    status: int
    code: str
    address: str | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str | None = None


@dataclass(frozen=True)
class Row:
    """A route: a request that would be good, and ``bad`` ones. ``missing`` is the answer for what is nobody's, and
    ``foreign`` for what is another's; None where the address names nothing that could be. ``limit`` bytes of a body
    are taken, and ``form`` is what it must be. ``by_session``: no program may ask for it, so an admin does, on the
    page; ``by_nobody``: by who has no cookie."""

    address: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    bad: tuple[Bad, ...] = ()
    missing: int | None = None
    foreign: int | None = None
    form: str | None = None
    limit: int = LIMIT
    by_session: bool = False
    by_nobody: bool = False


MALFORMED: Final[dict[str, bytes]] = {
    "cut off": b"{",
    "no JSON": b"nonsense",
    "two values": b"{} {}",
    "an array": b"[]",
    "a number": b"7",
    "a text": b'"text"',
    "no number": b'{"id": NaN}',
    "half of a surrogate pair": b'{"id": "\\ud800"}',
    "a raw NUL": b'{"id": "a\x00b"}',
    "too deep to read": b'{"id": ' + b"[" * DEEP,
    "Latin-1": '{"id": "\xe9"}'.encode("latin-1"),
    "UTF-16": '{"id": "a"}'.encode("utf-16"),
    "UTF-8 with a mark before it": b"\xef\xbb\xbf{}",
    "compressed": gzip.compress(b"{}"),
}
"""Bodies that are no JSON object, by what is wrong."""


def text(said: str = "Say it at once.") -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "text": said}]}


def deep(levels: int = 70) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def bodies(status: int, code: str, *values: Any) -> tuple[Bad, ...]:
    return tuple(Bad(status, code, body=value) for value in values)


def queries(address: str, status: int, code: str, *asked: str) -> tuple[Bad, ...]:
    return tuple(Bad(status, code, address=f"{address}?{query}") for query in asked)


def headed(status: int, code: str, *headers: dict[str, str]) -> tuple[Bad, ...]:
    return tuple(Bad(status, code, headers=one) for one in headers)


OFFSETS: Final = ("after=-2", "after=x", "after=", "after=1.5", f"after={HUGE}", "after=%00", "after=9007199254740992")
CHAT: Final = {"id": "{chat}", "message": text(), "trigger": "submit-message", "model": "demo/demo"}
CHAT_BAD: Final = (
    *bodies(
        400,
        "bad_request",
        {**CHAT, "id": 7},
        {**CHAT, "id": ""},
        {**CHAT, "id": "x" * 129},
        {**CHAT, "id": "a\x00b"},
        {**CHAT, "id": "a/b"},
        {**CHAT, "id": ".."},
        {**CHAT, "message": {**text(), "id": "a\x7fb"}},
        {**CHAT, "message": {**text(), "id": "x" * 129}},
        {**CHAT, "message": {**text(), "id": 7}},
        {**CHAT, "message": {**text(), "id": {"a": []}}},
        {**CHAT, "message": "Hello"},
        {**CHAT, "message": {"role": "assistant", "parts": []}},
        {**CHAT, "message": {"role": "user", "parts": "Hello"}},
        {**CHAT, "message": {"role": "user", "parts": []}},
        {**CHAT, "message": text(" \n ")},
        {**CHAT, "message": {"role": "user", "parts": [{"type": "text", "text": 7}]}},
        {**CHAT, "message": {"role": "user", "parts": [{"type": "tool-x"}]}},
        {**CHAT, "message": {"role": "user", "parts": [{"type": "data-x", "data": deep()}]}},
        {**CHAT, "messages": "Hello"},
        {**CHAT, "messages": [7]},
        {**CHAT, "trigger": "guess"},
        {**CHAT, "trigger": 7},
        {**CHAT, "messageId": 7},
        {**CHAT, "parentId": ["x"]},
        {**CHAT, "whenBusy": "panic"},
        {**CHAT, "settings": []},
        {**CHAT, "settings": {"max_tokens": HUGE}},
        {**CHAT, "settings": {"max_tokens": "7"}},
        {**CHAT, "settings": {"temperature": -1}},
        {**CHAT, "settings": {"system": "x" * 64_001}},
        {**CHAT, "settings": {"unheard-of": 1}},
        {"message": text()},
    ),
    *bodies(400, "unsupported_model", {**CHAT, "model": "none/none"}, {**CHAT, "model": "none"}),
    *bodies(404, "not_found", {**CHAT, "id": "conv_none"}, {**CHAT, "id": "{foreign.chat}"}),
    *bodies(404, "not_found", {**CHAT, "messageId": "none"}, {**CHAT, "parentId": "none"}),
    *bodies(404, "not_found", {**CHAT, "trigger": "regenerate-message", "messageId": "{foreign.message}"}),
    *bodies(404, "not_found", {**CHAT, "parentId": "{foreign.message}"}),
    *bodies(413, "too_large", {**CHAT, "message": text("x" * (2 * MEGABYTE))}),
)
RECORDING: Final = {"message": text()}
STREAM: Final = "/v1/stream/{path}"
FRESH: Final = "/v1/stream/fresh"
FORK: Final = {"Stream-Forked-From": STREAM}
CHUNKS: Final = [{"type": "text-start", "id": "t"}]
PROGRAM: Final = {"Producer-Id": "program", "Producer-Epoch": "1", "Producer-Seq": "0"}
NO_MODEL: Final = ("", "model=", "model=a/%00", "model=" + "x" * 201)
NOWHERE: Final = (Bad(405, "method_not_allowed", method="TRACE"), Bad(405, "method_not_allowed", method="PATCH"))

TABLE: Final[dict[tuple[str, str], Row]] = {
    ("GET", "/healthz"): Row("/healthz", bad=NOWHERE),
    ("GET", "/readyz"): Row("/readyz", bad=NOWHERE),
    ("GET", "/api/me"): Row("/api/me", bad=NOWHERE[:1]),
    ("GET", "/api/models"): Row("/api/models", bad=NOWHERE),
    ("GET", "/api/models/validate"): Row(
        "/api/models/validate?model=demo/demo", bad=queries("/api/models/validate", 400, "bad_request", *NO_MODEL)
    ),
    ("PUT", "/api/models/favourites"): Row(
        "/api/models/favourites?model=demo/demo",
        bad=(
            *queries("/api/models/favourites", 400, "bad_request", *NO_MODEL),
            *queries("/api/models/favourites", 400, "unsupported_model", "model=demo"),
        ),
    ),
    ("DELETE", "/api/models/favourites"): Row(
        "/api/models/favourites?model=demo/demo", bad=queries("/api/models/favourites", 400, "bad_request", *NO_MODEL)
    ),
    ("GET", "/api/models/slots"): Row("/api/models/slots", bad=NOWHERE),
    ("PUT", "/api/models/slots"): Row(
        "/api/models/slots",
        body={"chat": "demo/demo"},
        form="object",
        bad=(
            *bodies(400, "bad_request", {"chat": 7}, {"chat": "none"}, {"chat": "a/" + "x" * 200}, {"other": "a/b"}),
            *bodies(400, "unsupported_model", {"chat": "none/none"}),
        ),
    ),
    ("GET", "/api/conversations"): Row(
        "/api/conversations",
        bad=queries(
            "/api/conversations",
            400,
            "bad_request",
            *("limit=0", "limit=x", "limit=201", f"limit={HUGE}", "limit=-1", "limit=%00", "cursor=nonsense"),
            *("cursor=%00", "cursor=" + "x" * 501, "q=" + "x" * 501),
        ),
    ),
    ("POST", "/api/conversations"): Row(
        "/api/conversations",
        body={"title": "New"},
        form="object",
        bad=(
            *bodies(400, "bad_request", {"title": 7}, {"title": ""}, {"title": " "}, {"title": "x" * 201}),
            *bodies(400, "bad_request", {"title": "a\x00b"}, {"title": "a\x1b[31m"}, {"title": "a\x85\x9f"}),
            *bodies(400, "bad_request", {"model": "none"}, {"model": 7}, {"name": "x"}, {"title": deep()}),
            *bodies(400, "bad_request", b'{"title": "a", "title": 7}'),
            *bodies(400, "unsupported_model", {"model": "none/none"}),
            Bad(400, "bad_request", headers={"Content-Type": "text/plain"}),
        ),
    ),
    ("DELETE", "/api/conversations"): Row("/api/conversations", bad=(Bad(405, "method_not_allowed", method="PUT"),)),
    ("GET", "/api/conversations/{conversation_id}"): Row("/api/conversations/{chat}", missing=404, foreign=404),
    ("PATCH", "/api/conversations/{conversation_id}"): Row(
        "/api/conversations/{chat}",
        body={"title": "Other"},
        form="object",
        missing=404,
        foreign=404,
        bad=(
            *bodies(
                400, "bad_request", {"title": 7}, {"title": "\x07"}, {"settings": {"max_tokens": 0}}, {"leaf_id": ""}
            ),
            *bodies(400, "bad_request", {"settings": {"temperature": HUGE}}, {"settings": 7}, {"id": "x"}),
            *bodies(400, "bad_request", {"title": "Ok", "leaf_exact": "yes"}),
            *bodies(400, "unsupported_model", {"title": "Ok", "model": "none/none"}),
            *bodies(404, "not_found", {"leaf_id": "none"}, {"title": "Ok", "leaf_id": "{foreign.message}"}),
        ),
    ),
    ("DELETE", "/api/conversations/{conversation_id}"): Row("/api/conversations/{chat}", missing=404, foreign=404),
    ("GET", "/api/conversations/{conversation_id}/messages"): Row(
        "/api/conversations/{chat}/messages",
        missing=404,
        foreign=404,
        bad=queries(
            "/api/conversations/{chat}/messages", 400, "bad_request", "limit=0", "limit=2001", "cursor=nonsense"
        ),
    ),
    ("POST", "/api/chat/{conversation_id}/stop"): Row(
        "/api/chat/{chat}/stop",
        body={"run": "{run}"},
        form="object",
        missing=404,
        foreign=404,
        bad=(
            *bodies(400, "bad_request", {"run": 7}, {"what": "x"}),
            *bodies(404, "not_found", {"run": "run_none"}, {"run": "{foreign.run}"}, {"run": "a\x00b"}),
        ),
    ),
    ("GET", "/api/runs/{run_id}"): Row("/api/runs/{run}", missing=404, foreign=404),
    ("POST", "/api/recordings"): Row(
        "/api/recordings",
        body=RECORDING,
        form="object",
        bad=(
            *bodies(400, "bad_request", {**RECORDING, "conversation_id": 7}, {**RECORDING, "message": "Hello"}),
            *bodies(400, "bad_request", {**RECORDING, "message": text(" ")}, {**RECORDING, "timeout_seconds": 1}),
            *bodies(400, "bad_request", {**RECORDING, "timeout_seconds": HUGE}, {**RECORDING, "parent_id": ""}),
            *bodies(400, "bad_request", {**RECORDING, "conversation_id": "a\x00b"}, {**RECORDING, "more": 1}),
            *bodies(404, "not_found", {**RECORDING, "conversation_id": "{foreign.chat}"}),
            *bodies(404, "not_found", {**RECORDING, "conversation_id": "{chat}", "parent_id": "{foreign.message}"}),
        ),
    ),
    ("POST", "/api/chat"): Row("/api/chat", body=CHAT, form="object", bad=CHAT_BAD),
    ("WS", "/api/chat/ws"): Row("/api/chat/ws", bad=(Bad(404, "not_found"),)),
    ("GET", "/api/chat/{chat_id}/stream"): Row(
        "/api/chat/{chat}/stream",
        missing=204,
        foreign=404,
        bad=(
            *queries("/api/chat/{chat}/stream", 400, "bad_request", *OFFSETS, "startIndex=x", f"startIndex={HUGE}"),
            *queries("/api/chat/{chat}/stream", 404, "not_found", "run=run_none", "run={foreign.run}", "run=%00"),
            *queries("/api/chat/{no.chat}/stream", 404, "not_found", "startIndex=0"),
            *queries(
                "/api/chat/{chat}/stream", 409, "conflict", "run={run}&after=100000", "run={run}&startIndex=100000"
            ),
            *headed(400, "bad_request", {"Last-Event-ID": "x"}, {"Last-Event-ID": "-2"}, {"Last-Event-ID": "\x85"}),
        ),
    ),
    ("POST", "/api/durable/chat"): Row("/api/durable/chat", body=CHAT, form="object", bad=CHAT_BAD),
    ("GET", "/api/durable/chat/{chat_id}/stream"): Row(
        "/api/durable/chat/{chat}/stream",
        missing=204,
        foreign=404,
        bad=queries("/api/durable/chat/{chat}/stream", 404, "not_found", "run=run_none", "run={foreign.run}"),
    ),
    ("GET", "/api/runs/{run_id}/events"): Row(
        "/api/runs/{run}/events?live=false",
        missing=404,
        foreign=404,
        bad=(
            *queries("/api/runs/{run}/events", 400, "bad_request", *OFFSETS, "live=maybe", "live=%00"),
            *queries("/api/runs/{run}/events", 409, "conflict", "after=100000"),
            *headed(400, "bad_request", {"Last-Event-ID": "x"}, {"Last-Event-ID": str(HUGE)}),
        ),
    ),
    ("POST", "/api/runs/{run_id}/events"): Row(
        "/api/runs/{rec}/events",
        body=CHUNKS,
        headers=PROGRAM,
        form="array",
        missing=404,
        foreign=404,
        bad=(
            *bodies(400, "bad_request", [7], [{"type": "unheard-of"}], [{"type": "text-delta", "id": "t"}]),
            *bodies(400, "bad_request", [{"type": "text-delta", "id": "none", "delta": "x"}], [deep()]),
            *headed(400, "bad_request", {"Producer-Seq": "x"}, {"Producer-Epoch": "-1"}, {"Producer-Id": ""}),
            *headed(400, "bad_request", {"Producer-Epoch": "7", "Producer-Seq": "1"}, {"Producer-Seq": str(HUGE)}),
            *headed(403, "fenced", {"Producer-Epoch": "0"}),
            *headed(409, "gap", {"Producer-Seq": "5"}),
            Bad(405, "method_not_allowed", address="/api/runs/{run}/events"),
        ),
    ),
    ("GET", "/api/feed/events"): Row(
        "/api/feed/events",
        bad=(
            *queries("/api/feed/events", 400, "bad_request", *OFFSETS, "live=false", "live=maybe"),
            *headed(400, "bad_request", {"Last-Event-ID": "x"}),
        ),
    ),
    ("WS", "/api/live"): Row("/api/live", bad=(Bad(404, "not_found"),)),
    ("GET", "/v1/stream/{path}"): Row(
        STREAM,
        missing=404,
        foreign=404,
        bad=(
            *queries(STREAM, 400, "bad_request", "offset=x", "offset=-2", f"offset={HUGE}", "offset=%00", "offset="),
            *queries(STREAM, 400, "bad_request", "live=sse", "offset=-1&live=maybe", "offset=0&offset=1"),
            *queries(STREAM, 400, "bad_request", "offset=0000000000000009_0000000000000000", "offset=" + "1" * 300),
            Bad(400, "bad_request", address="/v1/stream/a%00b"),
            Bad(400, "bad_request", address="/v1/stream/" + "x" * 1025),
            Bad(404, "not_found", address="/v1/stream/a//b"),
            Bad(404, "not_found", address="/v1/stream/runs/{foreign.run}"),
            Bad(404, "not_found", address="/v1/stream/runs/{foreign.run}?key=nonsense"),
            Bad(405, "method_not_allowed", method="PATCH"),
        ),
    ),
    ("PUT", "/v1/stream/{path}"): Row(
        STREAM,
        headers=JSON,
        bad=(
            *headed(400, "bad_request", {"Stream-TTL": "x"}, {"Stream-TTL": "01"}, {"Stream-TTL": str(HUGE)}),
            *headed(400, "bad_request", {"Stream-Expires-At": "soon"}, {"Stream-Fork-Offset": "0"}),
            *headed(400, "bad_request", {"Stream-TTL": "6", "Stream-Expires-At": "2030-01-01T00:00:00Z"}),
            *headed(400, "bad_request", {"Stream-Forked-From": "/v1/stream/"}),
            Bad(404, "not_found", address=FRESH, headers={"Stream-Forked-From": "/v1/stream/none"}),
            Bad(404, "not_found", address=FRESH, headers={"Stream-Forked-From": "/v1/stream/{foreign.path}"}),
            Bad(400, "bad_request", address=FRESH, headers={"Stream-Forked-From": "/v1/stream/a%00b"}),
            Bad(400, "bad_request", address=FRESH, headers={**FORK, "Stream-Fork-Offset": "x"}),
            Bad(400, "bad_request", address=FRESH, headers={**FORK, "Stream-Fork-Offset": f"{9:016}_{9:016}"}),
            Bad(400, "bad_request", address=FRESH, headers={**FORK, "Stream-Fork-Sub-Offset": "1"}),
            *headed(409, "conflict", {"Content-Type": "text/plain"}, {"Stream-TTL": "60"}),
            Bad(400, "bad_request", address=FRESH, body=b"{"),
            Bad(400, "bad_request", address=FRESH, body=b'"\\ud800'),
            Bad(400, "bad_request", address="/v1/stream/fresh%0Aname"),
            Bad(400, "bad_request", address="/v1/stream/" + "x" * 1025),
            Bad(404, "not_found", address="/v1/stream/a/../b"),
            Bad(405, "method_not_allowed", address="/v1/stream/runs/mine"),
            Bad(405, "method_not_allowed", address="/v1/stream/runs/{run}"),
        ),
    ),
    ("POST", "/v1/stream/{path}"): Row(
        STREAM,
        headers=JSON,
        body={"n": 1},
        missing=404,
        foreign=404,
        limit=64 * MEGABYTE,
        bad=(
            *bodies(400, "bad_request", b"{", b"[]", b"NaN", b'{"a":1} {"b":2}', b"[" * DEEP),
            *headed(400, "bad_request", {"Producer-Id": "p"}, {"Producer-Epoch": "1", "Producer-Seq": "0"}),
            *headed(400, "bad_request", {"Producer-Id": "", "Producer-Epoch": "1", "Producer-Seq": "0"}),
            *headed(400, "bad_request", {"Producer-Id": "p", "Producer-Epoch": "x", "Producer-Seq": "0"}),
            *headed(400, "bad_request", {"Producer-Id": "p", "Producer-Epoch": "9", "Producer-Seq": "3"}),
            *headed(403, "fenced", {"Producer-Id": "p", "Producer-Epoch": "1", "Producer-Seq": "0"}),
            *headed(409, "gap", {"Producer-Id": "p", "Producer-Epoch": "2", "Producer-Seq": "5"}),
            *headed(409, "conflict", OCTETS),
            Bad(405, "method_not_allowed", address="/v1/stream/runs/{run}", body=CHUNKS, headers=PROGRAM),
            Bad(404, "not_found", address="/v1/stream/runs/{foreign.rec}", body=CHUNKS, headers=PROGRAM),
            Bad(404, "not_found", address="/v1/stream/runs/{foreign.run}", body=CHUNKS, headers=PROGRAM),
            Bad(400, "bad_request", address="/v1/stream/runs/{rec}", headers=PROGRAM),
        ),
    ),
    ("DELETE", "/v1/stream/{path}"): Row(
        STREAM,
        missing=404,
        foreign=404,
        bad=(
            Bad(405, "method_not_allowed", address="/v1/stream/runs/{run}"),
            Bad(400, "bad_request", address="/v1/stream/%7F"),
        ),
    ),
}
