"""A browser that goes to a provider and comes back, one redirect after the other."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.client import Client, Reply

LINKING = {"Sec-Fetch-Site": "same-origin"}


def path_of(url: str) -> str:
    """What stands behind the host."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def ask(visitor: Client, provider: str, *, headers: dict[str, str] | None = None, **asked: str) -> str:
    """Begin to sign in; returns where the provider asks, or the page that says why not."""
    query = f"?{urlencode(asked)}" if asked else ""
    reply = await visitor.call("GET", f"/api/auth/{provider}/login{query}", headers=headers)
    assert reply.status == 303, reply.body
    assert reply.headers["cache-control"] == "no-store"
    return reply.headers["location"]


async def agree(url: str) -> str:
    """Ask at the provider, where the browser is known; returns the address that it leads back to."""
    reply = await Client(urlsplit(url).port or 0).call("GET", path_of(url))
    assert reply.status == 302, reply.body
    return reply.headers["location"]


async def come_back(visitor: Client, url: str, **more: str) -> str:
    """Follow the way back to the server; returns where that leads on to."""
    path = path_of(url)
    if more:
        path = f"{urlsplit(url).path}?{urlencode({**query_of(url), **more})}"
    reply: Reply = await visitor.call("GET", path)
    assert reply.status == 303, reply.body
    return reply.headers["location"]


async def sign_in(visitor: Client, provider: str, **asked: str) -> str:
    """All the way; returns where it ends."""
    headers = LINKING if "link" in asked else None
    return await come_back(visitor, await agree(await ask(visitor, provider, headers=headers, **asked)))


async def failure(visitor: Client, url: str) -> dict[str, Any]:
    """What the page for failures tells of one that led to it."""
    assert url.startswith("/auth/error?"), url
    query = query_of(url)
    told: dict[str, Any] = await visitor.get(f"/api/auth/errors/{query.pop('code')}?{urlencode(query)}")
    return told
