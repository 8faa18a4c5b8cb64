"""Asks a provider which models it has."""

from __future__ import annotations

from typing import Final

import orjson

from threadline.domain.catalog import KINDS, ProviderConfig
from threadline.domain.facts import Known
from threadline.providers.http import Http
from threadline.providers.listed import listed, shown
from threadline.providers.remote import auth_headers

_SECONDS: Final = 2.0
_MOST: Final = 1000


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
    answer = await http.get_json(url, auth_headers(config), _SECONDS * 5)
    rows = answer.get("data", answer.get("models")) if isinstance(answer, dict) else answer
    if not isinstance(rows, list):
        return None
    priced = config.kind == "openrouter" and config.usual
    found = [listed(row, priced=priced) for row in rows[:_MOST] if isinstance(row, dict)]
    return [one for one in found if one is not None]


async def _ollama(http: Http, root: str) -> list[Known] | None:
    answer = await http.get_json(f"{root}/api/tags", {}, _SECONDS)
    rows = answer.get("models") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return None
    names = [row.get("name") or row.get("model") for row in rows[:_MOST] if isinstance(row, dict)]
    found = [await _ollama_model(http, root, name) for name in names if isinstance(name, str)]
    return [one for one in found if one is not None]


async def _ollama_model(http: Http, root: str, name: str) -> Known | None:
    return shown(name, await http.get_json(f"{root}/api/show", {}, _SECONDS, orjson.dumps({"model": name})))
