"""Asks a provider which models it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from threadline.domain.catalog import KINDS, Capabilities, Known, ProviderConfig
from threadline.providers.http import Http
from threadline.providers.remote import auth_headers

_SECONDS: Final = 2.0
_MOST: Final = 1000
_CONTEXT: Final = ("context_length", "context_window", "max_context_length", "max_input_tokens", "inputTokenLimit")


async def discover(http: Http, config: ProviderConfig) -> list[Known] | None:
    """The provider's models, or None where it did not answer within a short time, or not in a form that is known."""
    try:
        if KINDS[config.kind].discovers == "ollama":
            return await _ollama(http, str(config.address).removesuffix("/v1"))
        return await _listed(http, config)
    except (AttributeError, TypeError):
        return None


async def _listed(http: Http, config: ProviderConfig) -> list[Known] | None:
    url = f"{config.address}{KINDS[config.kind].listing}"
    listed = await http.get_json(url, auth_headers(config), _SECONDS * 5)
    rows = listed.get("data", listed.get("models")) if isinstance(listed, dict) else listed
    if not isinstance(rows, list):
        return None
    return [_told(row, name) for row in rows[:_MOST] if isinstance(row, dict) and (name := _name(row))]


async def _ollama(http: Http, root: str) -> list[Known] | None:
    listed = await http.get_json(f"{root}/api/tags", {}, _SECONDS)
    rows = listed.get("models") if isinstance(listed, dict) else None
    if not isinstance(rows, list):
        return None
    names = [row.get("name") or row.get("model") for row in rows[:_MOST] if isinstance(row, dict)]
    return [await _ollama_model(http, root, name) for name in names if isinstance(name, str)]


async def _ollama_model(http: Http, root: str, name: str) -> Known:
    shown = await http.get_json(f"{root}/api/show", {}, _SECONDS, orjson.dumps({"model": name}))
    told = shown.get("capabilities") if isinstance(shown, dict) else None
    if not isinstance(told, list):
        return Known(name)
    facts = _table(shown.get("model_info"))
    length = _length(value for key, value in facts.items() if key.endswith(".context_length"))
    can = Capabilities(tools="tools" in told, reasoning="thinking" in told, vision="vision" in told)
    return Known(name, can, length)


def _name(row: dict[str, Any]) -> str | None:
    """The name by which a listed model is called; None where it has none, or does not write text."""
    does = row.get("supportedGenerationMethods")
    if isinstance(does, list) and "generateContent" not in does:
        return None
    name = row.get("id", row.get("name"))
    return name.removeprefix("models/") if isinstance(name, str) else None


def _told(row: dict[str, Any], name: str) -> Known:
    """What a provider's own list says of a model; each has a spelling of its own, and many say nothing."""
    context = _length(row.get(key) for key in _CONTEXT)
    takes, can = row.get("supported_parameters"), _table(row.get("capabilities"))
    modalities = _table(row.get("architecture")).get("input_modalities")
    tools = reasoning = vision = None
    if isinstance(takes, list):
        tools, reasoning = "tools" in takes, "reasoning" in takes
    if isinstance(modalities, list):
        vision = "image" in modalities
    tools = _flag(can.get("function_calling"), tools)
    vision = _flag(can.get("vision"), vision)
    reasoning = _flag(row.get("thinking"), reasoning)
    return Known(name, Capabilities(tools, reasoning, vision), context)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _flag(value: Any, usual: bool | None) -> bool | None:
    return value if isinstance(value, bool) else usual


def _length(values: Iterable[Any]) -> int | None:
    """The first of them that is a number of tokens."""
    return next((value for value in values if type(value) is int and value > 0), None)
