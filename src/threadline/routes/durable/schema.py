"""What the schema of the whole API says of Durable Streams, and of the subscriptions to them."""

from __future__ import annotations

from typing import Any, Final

ERROR_NAME: Final = "SubscriptionErrorBody"

_TEXT: Final = {"type": "string"}
_BYTES: Final = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_WHOLE: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,14})$"}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 256}
_STREAM_PATH: Final = {"type": "string", "minLength": 1, "maxLength": 1024}
_PATHS: Final = {"type": "array", "maxItems": 1000, "items": _STREAM_PATH}
_OFFSET_TEXT: Final = {"type": "string", "maxLength": 256}

ERROR: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": {"type": "string", "pattern": "^[A-Z_]+$"},
                        "message": _TEXT,
                        "current_holder": _TEXT,
                        "generation": {"type": "integer"},
                    },
                    "additionalProperties": False,
                }
            },
        },
        {"$ref": "#/components/schemas/ErrorBody"},
    ]
}
"""The shape of an error below ``__ds/``: in the protocol's own words, or else ours."""

_FAILS: Final = {
    "description": "What went wrong, in the protocol's words where it has some.",
    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ERROR_NAME}"}}},
}
_NEXT: Final = {"Stream-Next-Offset": {"description": "Where to read on.", "schema": _TEXT}}
_CLOSED: Final = {"Stream-Closed": {"description": "Nothing comes after this.", "schema": {"enum": ["true"]}}}
_UP_TO_DATE: Final = {"Stream-Up-To-Date": {"description": "This was all.", "schema": {"enum": ["true"]}}}
_PLACE: Final = {**_NEXT, **_CLOSED, **_UP_TO_DATE}


def _in(where: str, name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": text}


_PATH: Final = _in("path", "path", _STREAM_PATH, "The stream's path, of any number of segments.")
_OFFSET: Final = _in("query", "offset", _OFFSET_TEXT, "-1, now, or one that a Stream-Next-Offset named.")
_CLOSE: Final = _in("header", "Stream-Closed", {"enum": ["true", "false"]}, "true: nothing comes after this.")


def _answer(text: str, **more: Any) -> dict[str, Any]:
    return {"description": text, **more}


def _operation(summary: str, name: str, parameters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"summary": summary, "operationId": name, "parameters": parameters, "security": _SECURITY, **more}


_SECURITY: Final[list[dict[str, Any]]] = [{"token": []}, {"session": []}]

_STREAM: Final[dict[str, Any]] = {
    "put": _operation(
        "Make a stream, with its first content",
        "make_stream",
        [
            _PATH,
            _in("header", "Stream-TTL", _WHOLE, "Seconds after its last use."),
            _in("header", "Stream-Expires-At", {"type": "string", "format": "date-time"}, "Or when it ends."),
            _CLOSE,
            _in("header", "Stream-Forked-From", _TEXT, "The address of another: it begins like that one."),
            _in("header", "Stream-Fork-Offset", _OFFSET_TEXT, "Up to here; without it, up to its tail."),
            _in("header", "Stream-Fork-Sub-Offset", _WHOLE, "And with so much of the next message."),
        ],
        requestBody={"content": {**_BYTES, "application/json": {"schema": {}}}},
        responses={
            "201": _answer("It is made.", headers={**_NEXT, **_CLOSED, "Location": {"schema": _TEXT}}),
            "200": _answer("It was there, with this configuration.", headers={**_NEXT, **_CLOSED}),
        },
    ),
    "post": _operation(
        "Append to a stream, or close it",
        "append_to_stream",
        [
            _PATH,
            _in("header", "Producer-Id", {"type": "string", "minLength": 1}, "Who appends; the next two belong to it."),
            _in("header", "Producer-Epoch", _WHOLE, "An older one is refused."),
            _in("header", "Producer-Seq", _WHOLE, "Counts this epoch's appends, from 0."),
            _in("header", "Stream-Seq", _TEXT, "May only rise."),
            _CLOSE,
        ],
        requestBody={"content": {**_BYTES, "application/json": {"schema": {}}}},
        responses={
            "200": _answer("A producer's append, for the first time.", headers={**_NEXT, **_CLOSED}),
            "204": _answer("It is written.", headers={**_NEXT, **_CLOSED}),
        },
    ),
    "get": _operation(
        "Read a stream, or a run at `runs/{run}`",
        "read_stream",
        [
            _PATH,
            _OFFSET,
            _in("query", "live", {"enum": ["long-poll", "sse"]}, "Also what comes next; with an offset alone."),
            _in("query", "cursor", _TEXT, "The last Stream-Cursor."),
            _in("query", "sdk", _TEXT, "Of a run: its events as this major of the npm package `ai` has them."),
            _in("query", "key", _TEXT, "Of a run: the key that its address came with."),
            _in("header", "If-None-Match", _TEXT, "The ETag of what you have."),
        ],
        responses={
            "200": _answer("What is there, of the stream's own type.", content={"*/*": {}}, headers=_PLACE),
            "204": _answer("Nothing came within the time of a long-poll.", headers=_PLACE),
            "304": _answer("You have it.", headers=_PLACE),
        },
    ),
    "delete": _operation("Forget a stream", "delete_stream", [_PATH], responses={"204": _answer("It is gone.")}),
}

_LINK: Final = {
    "type": "object",
    "required": ["path", "link_type", "acked_offset"],
    "properties": {"path": _TEXT, "link_type": _TEXT, "acked_offset": _TEXT},
}
_LEASE: Final = {"type": "integer", "minimum": 1_000, "maximum": 600_000}
_SHOWN: Final = {
    "type": "object",
    "required": ["id", "subscription_id", "type", "streams", "lease_ttl_ms", "created_at", "status"],
    "properties": {
        "id": _TEXT,
        "subscription_id": _TEXT,
        "owner": _TEXT,
        "full": {"const": True},
        "type": {"enum": ["webhook", "pull-wake"]},
        "pattern": _TEXT,
        "streams": {"type": "array", "items": _LINK},
        "webhook": {"type": "object"},
        "wake_stream": _TEXT,
        "lease_ttl_ms": _LEASE,
        "created_at": {"type": "string", "format": "date-time"},
        "status": {"enum": ["active", "failed"]},
        "description": _TEXT,
    },
}
_WANTED: Final = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["webhook", "pull-wake"]},
        "pattern": {"type": "string", "maxLength": 1024},
        "streams": _PATHS,
        "webhook": {"type": "object", "required": ["url"], "properties": {"url": _TEXT}},
        "wake_stream": _STREAM_PATH,
        "lease_ttl_ms": _LEASE,
        "description": {"type": "string", "maxLength": 4096},
    },
}
_REPORT: Final = {
    "type": "object",
    "required": ["wake_id", "generation"],
    "properties": {
        "wake_id": _TEXT,
        "generation": {"type": "integer"},
        "acks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["stream", "offset"],
                "properties": {"stream": _STREAM_PATH, "offset": _OFFSET_TEXT},
            },
        },
        "done": {"type": "boolean"},
    },
}
_CLAIMED: Final = {
    "type": "object",
    "required": ["wake_id", "generation", "token", "streams", "lease_ttl_ms"],
    "properties": {"wake_id": _TEXT, "generation": {"type": "integer"}, "token": _TEXT, "streams": {"type": "array"}},
}
_TOLD: Final = {
    "type": "object",
    "required": ["ok", "next_wake"],
    "properties": {"ok": {"const": True}, "next_wake": {"type": "boolean"}},
}
_SUBSCRIPTION: Final = _in("path", "name", {"type": "string", "minLength": 1}, "The subscription's name.")


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _control(
    summary: str, name: str, body: dict[str, Any] | None, answers: dict[str, dict[str, Any] | None], *more: Any
) -> dict[str, Any]:
    """An operation on a subscription; ``answers``: by status, the schema of each, None where it has no body."""
    told = {
        status: _answer("Nothing more to say.") if schema is None else _answer("It is so.", content=_json(schema))
        for status, schema in answers.items()
    }
    found = _operation(summary, name, [_SUBSCRIPTION, *more], responses={**told, "default": _FAILS})
    if body is not None:
        found["requestBody"] = {"required": True, "content": _json(body)}
    return found


_AT: Final = "/v1/stream/__ds/subscriptions/{name}"

OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "/v1/stream/{path}": _STREAM,
    "/v1/stream/__ds/jwks.json": {
        "get": {
            "summary": "The public keys of the signatures",
            "operationId": "signing_keys",
            "responses": {
                "200": _answer(
                    "The keys.",
                    content={"application/jwk-set+json": {"schema": {"type": "object", "required": ["keys"]}}},
                ),
                "default": _FAILS,
            },
        }
    },
    _AT: {
        "put": _control("Make a subscription", "make_subscription", _WANTED, {"201": _SHOWN, "200": _SHOWN}),
        "get": _control("Show a subscription", "show_subscription", None, {"200": _SHOWN}),
        "delete": _control("Forget a subscription", "delete_subscription", None, {"204": None}),
    },
    f"{_AT}/streams": {
        "post": _control(
            "Name more streams",
            "add_streams",
            {"type": "object", "required": ["streams"], "properties": {"streams": _PATHS}},
            {"204": None},
        )
    },
    f"{_AT}/streams/{{path}}": {
        "delete": _control("Name a stream no more", "remove_stream", None, {"204": None}, _PATH),
    },
    f"{_AT}/claim": {
        "post": _control(
            "Take a wake",
            "claim_wake",
            {"type": "object", "required": ["worker"], "properties": {"worker": _NAME}},
            {"200": _CLAIMED},
        )
    },
    f"{_AT}/callback": {"post": _control("Report on a webhook's wake", "report_webhook", _REPORT, {"200": _TOLD})},
    f"{_AT}/ack": {"post": _control("Report on a pulled wake", "report_pull", _REPORT, {"200": _TOLD})},
    f"{_AT}/release": {"post": _control("Give a wake back", "release_wake", _REPORT, {"204": None})},
}
"""By address and method."""
