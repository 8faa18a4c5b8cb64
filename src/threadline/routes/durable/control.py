"""``/v1/stream/__ds/*``: subscriptions to streams, and the keys that their webhooks are signed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import orjson
from starlette.types import Receive, Send

from threadline.domain.errors import BadRequest, NotAllowed, TooLarge
from threadline.domain.subscriptions import (
    MAX_STREAMS,
    Kind,
    gone,
    name_of,
    path_of,
    paths_of,
    protocol_error,
    refusal,
    wanted,
)
from threadline.routes import body, origin
from threadline.routes.context import Context
from threadline.routes.errors import to_error
from threadline.routes.exchange import Scope
from threadline.routes.identity import bearer, owner_of
from threadline.routes.replies import JSON, NO_STORE, reply
from threadline.services.subscriptions import Claimed, Shown, SubscriptionRow
from threadline.wire import subscriptions as wire

ROOT: Final = "__ds"

_KEYS: Final = [(b"content-type", b"application/jwk-set+json"), (b"cache-control", b"public, max-age=300")]
_MAX_WORKER: Final = 256


@dataclass(frozen=True, slots=True)
class _Asked:
    """An address below ``subscriptions/``: whose, what of it, and which of its streams."""

    name: str
    action: str = ""
    path: str = ""


class Control:
    """The endpoint. Addresses begin with ``prefix``."""

    def __init__(self, context: Context, prefix: str) -> None:
        self._context = context
        self._prefix = prefix
        self._subscriptions = context.subscriptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What is refused in the protocol's own words is answered here."""
        try:
            await self._answer(scope, receive, send)
        except Exception as fault:
            told = protocol_error(to_error(fault))
            if told is None:
                raise
            await reply(send, to_error(fault).status, [JSON, NO_STORE], orjson.dumps(told))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        segments = scope["raw_path"].decode("latin-1").removeprefix(self._prefix).split("/")[1:]
        if segments == ["jwks.json"]:
            _only(scope, "GET", "HEAD")
            keys = orjson.dumps(self._subscriptions.signing.jwks())
            await reply(send, 200, _KEYS, keys, only_head=scope["method"] == "HEAD")
            return
        asked = _asked(segments)
        match asked.action:
            case "":
                await self._one(asked, scope, receive, send)
            case "streams":
                await self._streams(asked, scope, receive, send)
            case "claim":
                await self._claim(asked, scope, receive, send)
            case _:
                await self._report(asked, scope, receive, send)

    async def _one(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        _only(scope, "PUT", "GET", "HEAD", "DELETE")
        owner, method = await owner_of(self._context, scope), scope["method"]
        if method == "PUT":
            want = wanted(await _object(scope, receive))
            base = origin.public(scope, self._context.origins)
            shown, new = await self._subscriptions.create(owner, name_of(asked.name), want, base)
            await self._reply(send, 201 if new else 200, self._shown(shown))
        elif method == "DELETE":
            await self._subscriptions.delete(owner, asked.name)
            await reply(send, 204, [])
        else:
            shown = await self._subscriptions.get(owner, asked.name)
            await self._reply(send, 200, self._shown(shown), only_head=method == "HEAD")

    async def _streams(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        _only(scope, "DELETE" if asked.path else "POST")
        owner = await owner_of(self._context, scope)
        if asked.path:
            await self._subscriptions.remove(owner, asked.name, path_of(asked.path))
        else:
            paths = paths_of((await _object(scope, receive)).get("streams"))
            await self._subscriptions.add(owner, asked.name, paths)
        await reply(send, 204, [])

    async def _claim(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        _only(scope, "POST")
        owner = await owner_of(self._context, scope)
        worker = (await _object(scope, receive)).get("worker")
        if not isinstance(worker, str) or not 0 < len(worker) <= _MAX_WORKER or not worker.isprintable():
            raise refusal("INVALID_REQUEST", f"worker must be a text of up to {_MAX_WORKER} printable characters.")
        await self._reply(send, 200, _claimed(await self._subscriptions.claim(owner, asked.name, worker)))

    async def _report(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Who is awake speaks by the token of the wake, and for nobody."""
        _only(scope, "POST")
        token = bearer(scope)
        if token is None:
            raise refusal("TOKEN_INVALID", "Send the token of the wake: Authorization: Bearer …")
        report = wire.report(await _object(scope, receive))
        if asked.action == "release":
            await self._subscriptions.release(asked.name, token, report)
            await reply(send, 204, [])
            return
        kind: Kind = "webhook" if asked.action == "callback" else "pull-wake"
        again = await self._subscriptions.report(asked.name, token, kind, report)
        await self._reply(send, 200, {"ok": True, "next_wake": again})

    async def _reply(self, send: Send, status: int, value: dict[str, Any], *, only_head: bool = False) -> None:
        await reply(send, status, [JSON, NO_STORE], orjson.dumps(value), only_head=only_head)

    def _shown(self, shown: Shown) -> dict[str, Any]:
        row = shown.row
        told = {
            "id": row.name,
            "subscription_id": row.name,
            "owner": row.user_id,
            "type": row.type,
            "pattern": row.pattern,
            "streams": [wire.link(link) for link in shown.links],
            "webhook": self._webhook(row),
            "wake_stream": row.wake_stream,
            "lease_ttl_ms": row.lease_ms,
            "created_at": wire.instant(row.created_at),
            "status": row.status,
            "full": len(shown.links) >= MAX_STREAMS or None,
            "description": row.description,
        }
        return {name: value for name, value in told.items() if value is not None}

    def _webhook(self, row: SubscriptionRow) -> dict[str, Any] | None:
        if row.webhook_url is None:
            return None
        signing = {
            "alg": "ed25519",
            "kid": self._subscriptions.signing.kid,
            "jwks_url": f"{row.base}{self._prefix}{ROOT}/jwks.json",
        }
        return {"url": row.webhook_url, "signing": signing}


def _asked(segments: list[str]) -> _Asked:
    names = [unquote(segment) for segment in segments]
    match names:
        case ["subscriptions", name] if name:
            return _Asked(name)
        case ["subscriptions", name, "streams", *rest] if name:
            return _Asked(name, "streams", "/".join(rest))
        case ["subscriptions", name, ("claim" | "callback" | "ack" | "release") as action] if name:
            return _Asked(name, action)
    raise gone()


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        raise NotAllowed(surface="subscription")


async def _object(scope: Scope, receive: Receive) -> dict[str, Any]:
    try:
        return body.parse_object(await body.read(scope, receive))
    except TooLarge:
        raise
    except BadRequest as fault:
        raise refusal("INVALID_REQUEST", fault.message) from None


def _claimed(claimed: Claimed) -> dict[str, Any]:
    return {
        "wake_id": claimed.row.wake_id,
        "generation": claimed.row.generation,
        "token": claimed.token,
        "streams": [wire.state(state) for state in claimed.streams],
        "lease_ttl_ms": claimed.row.lease_ms,
    }
