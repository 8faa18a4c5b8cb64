"""What the schema of the whole API says of the addresses that speak OpenAI's dialect."""

from __future__ import annotations

from typing import Any, Final

ERROR_NAME: Final = "OpenAIErrorBody"

_TEXT: Final = {"type": "string"}
_OBJECT: Final = {"type": "object"}
_EVENT: Final = {"type": "object", "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT}}
STREAM: Final[dict[str, Any]] = {"text/event-stream": {"itemSchema": _EVENT}}
"""Server-sent events; ``data`` is a JSON value, or a mark that ends them."""

ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"anyOf": [_TEXT, {"type": "null"}]},
                "code": {"anyOf": [_TEXT, {"type": "null"}]},
            },
        }
    },
}
"""The shape of an error here."""

_FAILS: Final = {
    "description": "What went wrong, in OpenAI's shape.",
    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ERROR_NAME}"}}},
}


def _of(kind: str, *more: str) -> dict[str, Any]:
    needed = ["object", *more]
    return {"type": "object", "required": needed, "properties": {"object": {"const": kind}}}


def _operation(
    summary: str,
    name: str,
    answer: dict[str, Any],
    *,
    path: str | None = None,
    query: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    streams: bool = False,
) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}, **(STREAM if streams else {})}
    parameters = list(query or [])
    if path is not None:
        parameters.insert(
            0, {"name": path, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        )
    found: dict[str, Any] = {
        "summary": summary,
        "operationId": f"openai_{name}",
        "parameters": parameters,
        "security": [{"token": []}],
        "responses": {"200": {"description": "The answer.", "content": content}, "default": _FAILS},
    }
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


_RESPONSE: Final = _of("response", "id", "status", "output", "model", "created_at")
_ITEMS: Final = {"anyOf": [_TEXT, {"type": "array", "items": _OBJECT, "minItems": 1}]}
_MODEL: Final = {"type": "string", "description": "`provider/model`, or a name that only one provider has."}
_FLAG: Final = {"type": "boolean"}
_TOKENS: Final = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
_TEMPERATURE: Final = {"type": "number", "minimum": 0, "maximum": 2}
_TOOLS: Final = {"type": "array", "items": _OBJECT}


def _body(name: str, needed: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """A body with one field that has to be there; of the others, null counts as absent."""
    fields = {one: {"anyOf": [schema, {"type": "null"}]} for one, schema in more.items()}
    return {"type": "object", "required": [name], "properties": {name: needed, **fields}}


_CREATE: Final = _body(
    "input",
    _ITEMS,
    model=_MODEL,
    instructions=_TEXT,
    previous_response_id=_TEXT,
    background=_FLAG,
    stream=_FLAG,
    store=_FLAG,
    tools=_TOOLS,
    max_output_tokens=_TOKENS,
    temperature=_TEMPERATURE,
    metadata={"type": "object", "additionalProperties": _TEXT},
)
_COMPLETE: Final = _body(
    "messages",
    {"type": "array", "items": _OBJECT, "minItems": 1},
    model=_MODEL,
    stream=_FLAG,
    tools=_TOOLS,
    max_completion_tokens=_TOKENS,
    temperature=_TEMPERATURE,
)
_ID: Final = "response_id"
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}

OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "/v1/responses": {
        "post": _operation("Make an answer", "create_response", _RESPONSE, body=_CREATE, streams=True),
    },
    "/v1/responses/{response_id}": {
        "get": _operation(
            "Come back to an answer, whole or from any place",
            "retrieve_response",
            _RESPONSE,
            path=_ID,
            query=[
                _query("stream", {"enum": ["true", "false"]}, "true: as events, live to the end."),
                _query("starting_after", _NUMBER, "The last sequence_number that you have."),
            ],
            streams=True,
        ),
        "delete": _operation("Forget an answer", "delete_response", _of("response", "id", "deleted"), path=_ID),
    },
    "/v1/responses/{response_id}/cancel": {
        "post": _operation("End an answer; what came of it is kept", "cancel_response", _RESPONSE, path=_ID),
    },
    "/v1/responses/{response_id}/input_items": {
        "get": _operation(
            "What an answer rests on",
            "list_input_items",
            _of("list", "data", "has_more"),
            path=_ID,
            query=[
                _query("order", {"enum": ["asc", "desc"]}, "desc without it: the newest first."),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "20 without it."),
                _query("after", _TEXT, "The id of the item before."),
            ],
        ),
    },
    "/v1/chat/completions": {
        "post": _operation(
            "Answer a history that the client keeps",
            "create_completion",
            _of("chat.completion", "id", "choices", "model", "created"),
            body=_COMPLETE,
            streams=True,
        ),
    },
    "/v1/models": {"get": _operation("Every model that can answer now", "list_models", _of("list", "data"))},
    "/v1/models/{model}": {
        "get": _operation("One model", "retrieve_model", _of("model", "id", "owned_by"), path="model"),
    },
}
"""By address and method."""
