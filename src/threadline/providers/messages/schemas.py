"""Writes a JSON schema in the part of JSON schema to which Anthropic's models can be held."""

from __future__ import annotations

from typing import Any, Final

_FORMATS: Final = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_KEPT: Final = ("type", "enum", "const", "description", "title", "required")
_NAMED: Final = ("properties", "$defs", "definitions")
_LISTS: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_DROPPED: Final = ("additionalProperties", "$schema", "$id")


def held(schema: Any) -> Any:
    """The schema with every object closed; what the provider refuses is told to the model in the description."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        # Nothing may stand beside it but the definitions.
        schema = {name: value for name, value in schema.items() if name in ("$ref", "$defs", "definitions")}
        return {name: value if name == "$ref" else _each(value) for name, value in schema.items()}
    if isinstance(schema.get("type"), list):
        rest = {name: value for name, value in schema.items() if name not in ("type", "$defs", "definitions")}
        out = {name: _each(schema[name]) for name in ("$defs", "definitions") if name in schema}
        # Values that are listed tell their types themselves.
        listed = "enum" in schema or "const" in schema
        return {**out, **(held(rest) if listed else {"anyOf": [held({**rest, "type": one}) for one in schema["type"]]})}
    return _closed(schema)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in _KEPT:
            out[name] = value
        elif name in _NAMED:
            out[name] = _each(value)
        elif name in _LISTS and isinstance(value, list):
            out[_LISTS[name]] = [held(one) for one in value]
        elif name == "items":
            out[name] = held(value)
        elif (name == "minItems" and value in (0, 1)) or (name == "format" and value in _FORMATS):
            out[name] = value
        elif name not in _DROPPED:
            told.append(f"{name}: {value}")
    if told:
        words = f"{{{', '.join(told)}}}"
        out["description"] = f"{out['description']}\n\n{words}" if out.get("description") else words
    if out.get("type") == "object":
        out["additionalProperties"] = False
    return out


def _each(schemas: Any) -> Any:
    return {name: held(one) for name, one in schemas.items()} if isinstance(schemas, dict) else schemas
