"""Who is asking: the session that a cookie names, or a new guest."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final

from fastapi import Depends, Request

from threadline.domain.errors import Unauthorized
from threadline.routes import hosts
from threadline.routes.context import Context
from threadline.routes.exchange import Scope, exchange_of
from threadline.services.accounts import SESSION_SECONDS, UserRow

COOKIE: Final = "threadline_session"

_MOST: Final = 8
"""How many values of a request are looked up at the most."""


async def who(context: Context, scope: Scope) -> UserRow:
    """The user of a request. Who has no session becomes a guest, and the answer carries the cookie.

    Raises ``Unauthorized`` where guests are off.
    """
    # All servers on the ports of one host see the same cookies. A value that speaks for nobody here may be another
    # server's, so it is left as it is, and ours gets a name of its own.
    own = f"{COOKIE}_{hosts.port(scope)}"
    sent = _sent(scope, own)
    for name, token in islice(sent, _MOST):
        known = await context.accounts.identify(token)
        if known is not None:
            if known.renewed:
                _set_cookie(scope, name, token)
            return known.user
    if not context.guests:
        raise Unauthorized(surface="session")
    opened = await context.accounts.guest()
    _set_cookie(scope, own if any(name == COOKIE for name, _ in sent) else COOKIE, opened.token)
    return opened.user


async def context_of(request: Request) -> Context:
    """The context that the application was built with."""
    context: Context = request.app.state.context
    return context


Services = Annotated[Context, Depends(context_of)]


async def _visitor(request: Request, context: Services) -> UserRow:
    return await who(context, request.scope)


User = Annotated[UserRow, Depends(_visitor)]


def _sent(scope: Scope, own: str) -> list[tuple[str, str]]:
    """The sessions among a request's cookies, ours first. Other sites' pages on this host may set what they like beside
    them, so that no cookie may hide those behind it."""
    found = []
    for key, line in scope["headers"]:
        if key == b"cookie":
            for pair in line.decode("latin-1").split(";"):
                name, _, value = pair.partition("=")
                if (name := name.strip()) in (COOKIE, own):
                    found.append((name, value.strip().strip('"')))
    return sorted(found, key=lambda one: one[0] != own)


def _set_cookie(scope: Scope, name: str, token: str) -> None:
    attributes = [f"{name}={token}", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={int(SESSION_SECONDS)}"]
    if scope["scheme"] in ("https", "wss"):
        attributes.append("Secure")
    exchange_of(scope).headers.append((b"set-cookie", "; ".join(attributes).encode()))
