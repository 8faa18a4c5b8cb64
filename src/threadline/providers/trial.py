"""Tries out a key: asks a provider, at no cost, for something that it gives only to a key that it takes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson

from threadline.domain.catalog import KINDS, ProviderConfig
from threadline.domain.errors import ProviderError
from threadline.domain.trials import Trial
from threadline.providers.faults import redacted
from threadline.providers.http import Http
from threadline.providers.remote import auth_headers

_SECONDS: Final = 15.0


async def tried(http: Http, config: ProviderConfig) -> Trial:
    """Ask a provider whether it takes the key of ``config``; what fails, fails in words."""
    title, kind = config.display_name, KINDS[config.kind]
    usual = config.base_url in (None, kind.base_url)
    path = (usual and kind.probe) or kind.listing
    try:
        async with (
            asyncio.timeout(_SECONDS),
            http.get(
                title, f"{config.address}{path}", {**auth_headers(config), "Accept": "application/json"}
            ) as answer,
        ):
            count = _count(await answer.rest())
    except TimeoutError:
        return Trial(False, f"{title} did not answer in time. Try again.")
    except ProviderError as fault:
        error = redacted(fault, (config.api_key,))
        if error.provider_status == HTTPStatus.NOT_FOUND:
            return Trial(False, f"{title} answers, but has no list of models there (404). Check base_url.")
        if error.provider_status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return Trial(False, f"{title} refuses this key: {error.message}")
        return Trial(False, error.message)
    told = "" if count is None else f" It has {count} {'model' if count == 1 else 'models'}."
    return Trial(True, f"{title} takes this key.{told}", count)


def _count(body: bytes) -> int | None:
    """How many models are listed; None where that is no list of models."""
    try:
        listed: Any = orjson.loads(body)
    except ValueError:
        return None
    rows = listed.get("data", listed.get("models")) if isinstance(listed, dict) else listed
    return len(rows) if isinstance(rows, list) else None
