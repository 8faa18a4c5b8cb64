"""Who is asking: the session that a cookie names, or a new guest."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Annotated, Final

from fastapi import Depends, Request

from threadline.domain.errors import Unauthorized
from threadline.routes.context import Context
from threadline.routes.exchange import Scope, exchange_of, header
from threadline.services.accounts import SESSION_SECONDS, Opened, UserRow

COOKIE: Final = "threadline_session"


async def who(context: Context, scope: Scope) -> UserRow:
    """The user of a request. Who has no session becomes a guest, and the answer carries the cookie.

    Raises ``Unauthorized`` where guests are off.
    """
    user = await context.accounts.identify(_token(scope))
    if user is not None:
        return user
    if not context.guests:
        raise Unauthorized(surface="session")
    opened = await context.accounts.guest()
    exchange_of(scope).headers.append((b"set-cookie", _cookie(opened, scope)))
    return opened.user


async def context_of(request: Request) -> Context:
    """The context that the application was built with."""
    context: Context = request.app.state.context
    return context


Services = Annotated[Context, Depends(context_of)]


async def _visitor(request: Request, context: Services) -> UserRow:
    return await who(context, request.scope)


User = Annotated[UserRow, Depends(_visitor)]


def _token(scope: Scope) -> str | None:
    try:
        found = SimpleCookie(header(scope, b"cookie") or "").get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _cookie(opened: Opened, scope: Scope) -> bytes:
    attributes = [f"{COOKIE}={opened.token}", "HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={int(SESSION_SECONDS)}"]
    if scope["scheme"] in ("https", "wss"):
        attributes.append("Secure")
    return "; ".join(attributes).encode()
