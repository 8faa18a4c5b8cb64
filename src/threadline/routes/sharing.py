"""Who may read the answers from a page of another site: CORS, by address.

The page's own API is for pages of the origins that the operator named, with their cookies. What programs use with a
token of their own is for every page, without cookies.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from starlette.types import Scope, Send

from threadline.routes.exchange import Headers, header
from threadline.routes.identity import bearer

_FOR_PROGRAMS: Final = "/v1/"
_EXPOSED: Final = (
    b"x-request-id, x-threadline-run, x-workflow-run-id, x-workflow-stream-tail-index, location, retry-after"
)
_EXPOSED_TO_ALL: Final = (
    b"stream-next-offset, stream-cursor, stream-up-to-date, stream-closed, stream-ttl, stream-expires-at, "
    b"stream-sse-data-encoding, producer-epoch, producer-seq, producer-expected-seq, producer-received-seq, etag, "
    b"location, content-type, content-encoding, vary, retry-after, x-request-id, x-threadline-run, "
    b"x-should-retry"
)
_TAKEN: Final = (
    b"content-type, authorization, if-none-match, stream-seq, stream-ttl, stream-expires-at, stream-closed, "
    b"stream-forked-from, stream-fork-offset, stream-fork-sub-offset, producer-id, producer-epoch, producer-seq, "
    b"last-event-id"
)

_OF_ANSWERS: Final = [
    (b"vary", b"authorization, cookie, origin"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
"""Of every answer to a program: an address is another thing for each user."""

_OF_CLIENTS: Final = (b"x-stainless-", b"openai-", b"x-client-", b"idempotency-key")


def open_to_all(scope: Scope) -> bool:
    """Whether a request speaks by a token: a page of another site has none but its own. Without one, a browser may have
    been made to send it, with a cookie or just from where this server can be reached."""
    return _for_programs(scope) and bearer(scope) is not None


def headers(scope: Scope, origins: Collection[str]) -> Headers:
    """What an answer tells a browser about who may read it."""
    asking = header(scope, b"origin")
    more, exposed = (_OF_ANSWERS, _EXPOSED_TO_ALL) if _for_programs(scope) else ([(b"vary", b"origin")], _EXPOSED)
    if asking is not None and asking.lower() in origins:
        return [
            (b"access-control-allow-origin", asking.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", exposed),
            *more,
        ]
    if not _for_programs(scope):
        return []
    return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", exposed), *more]


def is_preflight(scope: Scope, origins: Collection[str]) -> bool:
    """Whether a browser asks if it may ask."""
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    return _for_programs(scope) or (header(scope, b"origin") or "").lower() in origins


async def preflight(scope: Scope, send: Send, methods: Sequence[str]) -> None:
    """Answer that."""
    wanted = header(scope, b"access-control-request-headers")
    taken = (wanted or "content-type").encode("latin-1")
    if _for_programs(scope):
        # Published clients say with each request what they are, in headers of their own.
        own = [name for name in taken.lower().replace(b" ", b"").split(b",") if name.startswith(_OF_CLIENTS)]
        taken = b", ".join([_TAKEN, *own])
    answer: Headers = [
        (b"access-control-allow-methods", ", ".join([*methods, "HEAD", "OPTIONS"]).encode()),
        (b"access-control-allow-headers", taken),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


def _for_programs(scope: Scope) -> bool:
    found: bool = scope["path"].startswith(_FOR_PROGRAMS)
    return found
