"""Writes a JSON schema in the part of JSON schema that Google's models are told of."""

from __future__ import annotations

from typing import Any, Final

_KEPT: Final = frozenset(
    {
        "$ref",
        "additionalProperties",
        "description",
        "enum",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "nullable",
        "required",
        "type",
    }
)
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
_LISTS: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "prefixItems": "prefixItems"}
_LOST: Final = frozenset({"$schema", "$id", "$comment", "title", "examples", "discriminator"})
_KINDS: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


def taken(schema: Any) -> Any:
    """The schema as the provider takes it; what it does not know is told to the model in the description."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in _NAMED and isinstance(value, dict):
            _join(out, {name: {key: taken(one) for key, one in value.items()}})
        elif name in _LISTS and isinstance(value, list):
            out[_LISTS[name]] = [taken(one) for one in value]
        elif name == "allOf" and isinstance(value, list):
            for one in value:
                _join(out, taken(one))
        elif name in ("items", "additionalProperties"):
            out[name] = taken(value)
        elif name == "const":
            out["enum"] = [value]
            if "type" not in schema and type(value) in _KINDS:
                out["type"] = _KINDS[type(value)]
        elif name in _KEPT:
            _join(out, {name: value})
        elif name not in _LOST:
            told.append(f"{name}: {value}")
    if told:
        words = f"({', '.join(told)})"
        out["description"] = f"{out['description']} {words}" if out.get("description") else words
    return out


def _join(out: dict[str, Any], more: Any) -> None:
    """Let a schema demand what another one does, too: the provider does not know ``allOf``."""
    for name, value in more.items() if isinstance(more, dict) else ():
        known = out.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            out[name] = {**known, **value}
        elif name == "required" and isinstance(known, list) and isinstance(value, list):
            out[name] = [*known, *(one for one in value if one not in known)]
        else:
            out[name] = value
