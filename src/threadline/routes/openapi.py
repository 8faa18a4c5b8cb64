"""The schema of the whole API: what FastAPI knows of the resources, and by hand what it cannot know."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from threadline.routes import shapes
from threadline.routes.cookies import COOKIE
from threadline.routes.durable import schema as durable
from threadline.routes.openai import schema as openai

MESSAGES: Final[dict[int | str, dict[str, Any]]] = {200: {"model": shapes.Messages}}
_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}
_OFFSET: Final = {"type": "integer", "minimum": -1, "maximum": 2**53 - 1}
_INDEX: Final = {"type": "integer", "minimum": -(2**53 - 1), "maximum": 2**53 - 1}
_ERROR: Final = {
    "description": "What went wrong, in the one shape of all errors.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
}
_EVENTS: Final = {
    "description": "Server-sent events, each `id:` the event's offset; with `live=poll` what is there or comes next.",
    "content": {
        **openai.STREAM,
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "events": {"type": "array", "items": {}},
                    "offset": {"type": "integer", "description": "Of the first event."},
                    "next": {"type": "integer", "description": "One past the last; ask with `after` one less."},
                    "end": {"type": "boolean", "description": "Nothing comes after these."},
                    "up_to_date": {"type": "boolean", "description": "These were all at that time."},
                },
                "required": ["events", "offset", "next", "end", "up_to_date"],
            }
        },
    },
}
_STREAM: Final = {
    "description": "Server-sent events; each `id:` is the event's offset.",
    "content": openai.STREAM,
}
_ADDRESS: Final = {
    "description": "Where the answer is, with a key to read it.",
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["streamUrl"], "properties": {"streamUrl": _TEXT}}
        }
    },
}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


_LIVE: Final = {"enum": ["true", "1", "false", "0", "poll"]}
_SDK: Final = _query("sdk", _TEXT, "The major of the npm package `ai` that the client runs: 5 (without it), 6 or 7.")
_AFTER: Final = _query("after", _OFFSET, "The last offset that you have; -1 for the start.")
_LAST: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^(-1|[0-9]{0,15})$"},
    "description": "As `after`, and before it.",
}
_NAMES: Final = ("run_id", "conversation_id", "message_id", "parent_id")
_ACCEPTED: Final = {
    "type": "object",
    "required": [*_NAMES, "duplicate"],
    "properties": {**dict.fromkeys(_NAMES, _TEXT), "duplicate": {"type": "boolean"}},
}
_PRODUCER: Final = [
    {"name": name, "in": "header", "required": required, "schema": schema, "description": text}
    for name, required, schema, text in (
        ("Producer-Id", True, {"const": "program"}, "As it was told when the recording was opened."),
        ("Producer-Epoch", True, {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, "The same."),
        ("Producer-Seq", True, {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, "Counts from 0."),
        ("Stream-Closed", False, {"enum": ["true", "false"]}, "true: this is the end of the answer."),
    )
]
_APPENDED: Final = {
    "description": "It is on disk.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["next_offset", "closed", "duplicate"],
                "properties": {
                    "next_offset": {"type": "integer"},
                    "closed": {"type": "boolean"},
                    "duplicate": {"type": "boolean", "description": "It had come before."},
                },
            }
        }
    },
}
_CHAT_FIELDS: Final = {
    "id": {**_ID, "description": "The chat's id, chosen by the client."},
    "message": {"type": "object", "description": "The newest message: `{id?, role, parts}`."},
    "messages": {
        "type": "array",
        "items": {"type": "object"},
        "description": "In the place of `message`; only the last one counts, the history is the server's own.",
    },
    "trigger": {"enum": ["submit-message", "regenerate-message"]},
    "messageId": {**_ID, "description": "The message to edit, or the answer to write again."},
    "parentId": {**_ID, "description": "Answer below this message."},
    "model": {"type": "string", "pattern": "^[^/]+/.+$", "description": "`provider/model`."},
    "settings": {"$ref": "#/components/schemas/AnswerSettings"},
    "whenBusy": {"enum": ["enqueue", "reject", "interrupt"]},
}
_CHAT_BODY: Final = {
    "type": "object",
    "properties": {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in _CHAT_FIELDS.items()},
}

_BY_HAND: Final[dict[str, dict[str, Any]]] = {
    "/api/chat": {
        "post": {
            "summary": "Say something, and read the answer",
            "operationId": "chat",
            "description": "Answers an AI SDK UI message stream; with `Accept: application/json` it waits for the end "
            "and answers the message. The answer is written whether or not anyone reads it.",
            "parameters": [_SDK],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _CHAT_BODY}}},
            "responses": {
                "200": {
                    "description": "The answer.",
                    "content": {
                        **openai.STREAM,
                        "application/json": {"schema": {"type": "object"}},
                    },
                },
                "202": {
                    "description": "With `Prefer: respond-async`: it is wanted; follow its run.",
                    "content": {"application/json": {"schema": _ACCEPTED}},
                },
            },
        }
    },
    "/api/chat/{chat_id}/stream": {
        "get": {
            "summary": "Come back to an answer",
            "operationId": "chat_stream",
            "parameters": [
                _path("chat_id"),
                _query("run", _TEXT, "Which run; without it the one that is active, or has just ended."),
                {**_AFTER, "description": "The last offset that you have of the run that is named."},
                _query("startIndex", _INDEX, "The first offset to send; negative counts from the tail."),
                _SDK,
                _LAST,
            ],
            "responses": {"200": _STREAM, "204": {"description": "Nothing is active."}},
        }
    },
    "/api/durable/chat": {
        "post": {
            "summary": "Say something, and be told at which Durable Stream the answer is",
            "operationId": "durable_chat",
            "parameters": [_SDK],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _CHAT_BODY}}},
            "responses": {"201": _ADDRESS},
        }
    },
    "/api/durable/chat/{chat_id}/stream": {
        "get": {
            "summary": "At which Durable Stream the active answer of a chat is",
            "operationId": "durable_chat_stream",
            "parameters": [_path("chat_id"), _query("run", _TEXT, "Which run; without it the active one."), _SDK],
            "responses": {"200": _ADDRESS, "204": {"description": "Nothing is active."}},
        }
    },
    "/api/runs/{run_id}/events": {
        "get": {
            "summary": "Follow a run from any offset, also long after its end",
            "operationId": "run_events",
            "parameters": [
                _path("run_id"),
                _AFTER,
                _query("live", _LIVE, "false: only what is there now; poll: a long-poll."),
                _LAST,
            ],
            "responses": {"200": _EVENTS},
        },
        "post": {
            "summary": "Write a recording",
            "operationId": "record",
            "description": "Appends all of the chunks or none, and tells the offset that comes next.",
            "parameters": [_path("run_id"), *_PRODUCER],
            "requestBody": {
                "required": False,
                "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
            },
            "responses": {"200": _APPENDED},
        },
    },
    "/api/feed/events": {
        "get": {
            "summary": "Follow the changes of everything that you have",
            "operationId": "feed_events",
            "parameters": [_AFTER, _query("live", {"enum": ["true", "1", "poll"]}, "poll: a long-poll."), _LAST],
            "responses": {"200": _EVENTS},
        }
    },
}


def complete(api: FastAPI) -> None:
    """Make ``api`` answer with the whole schema; it is put together when it is first asked for."""

    def schema() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _whole(api)
        return api.openapi_schema

    api.openapi = schema  # type: ignore[method-assign]


def _whole(api: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=api.title, version=api.version, routes=api.routes)
    found["paths"].update(deepcopy({**_BY_HAND, **openai.OPERATIONS, **durable.OPERATIONS}))
    schemas = found["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    definitions = shapes.ErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(definitions.pop("$defs"))
    schemas["ErrorBody"] = definitions
    schemas[openai.ERROR_NAME] = openai.ERROR
    schemas[durable.ERROR_NAME] = durable.ERROR
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"].setdefault("default", _ERROR)
    return found
