"""Who is asking: the session that a cookie names, or a new guest."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Final

from fastapi import Depends, Request

from threadline.domain.errors import Unauthorized
from threadline.routes import hosts, origin, scopes
from threadline.routes.context import Context
from threadline.routes.exchange import Scope, exchange_of, header
from threadline.services.accounts import SESSION_SECONDS, UserRow
from threadline.services.tokens import Program

COOKIE: Final = "threadline_session"

_MOST: Final = 8
"""How many values of a request are looked up at the most."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by what: the access token of a program, or the token of a session."""

    user: UserRow
    token: str = field(repr=False)
    program: Program | None = None

    @property
    def is_program(self) -> bool:
        """Whether it asks by an access token."""
        return self.program is not None


async def who(context: Context, scope: Scope) -> UserRow:
    """The user of a request; see :func:`caller`."""
    return (await caller(context, scope)).user


async def caller(context: Context, scope: Scope) -> Caller:
    """The user of a request. Who has no session becomes a guest, and the answer carries the cookie.

    A program's token counts before any cookie. Raises ``Unauthorized`` for a token that speaks for nobody, and where
    guests are off; ``Forbidden`` for a token that is not for this.
    """
    token = bearer(scope)
    if token is not None:
        return await program(context, scope, token)
    known = await _session(context, scope)
    if known is not None:
        return known
    if not context.guests:
        raise Unauthorized(surface="session")
    opened = await context.accounts.guest()
    own = f"{COOKIE}_{hosts.port(scope)}"
    _set_cookie(scope, own if any(name == COOKIE for name, _ in _sent(scope, own)) else COOKIE, opened.token)
    return Caller(opened.user, opened.token)


def remembered(context: Context, one: Caller) -> bool:
    """Whether a caller is known to be who it was, without a look into the database: for half a minute at the most."""
    return context.tokens.remembers(one.token) if one.is_program else context.accounts.remembers(one.token)


async def stands(context: Context, one: Caller) -> bool:
    """Whether a caller's token still speaks for its user: it may have been revoked since, or be over."""
    if one.is_program:
        return await context.tokens.identify(one.token) is not None
    return await context.accounts.lives(one.token)


async def owner_of(context: Context, scope: Scope) -> str:
    """The id of the user whose streams a request is about; see :func:`asker_of`."""
    return (await asker_of(context, scope))[0]


async def asker_of(context: Context, scope: Scope) -> tuple[str, Caller | None]:
    """The id of the user whose streams a request is about, and by what it asks: by nothing, where it has no token and
    the streams are open to all. Nobody is made a guest for a stream.

    Raises ``Unauthorized`` for who has neither a token nor a session, where they are not open, and ``Forbidden`` where
    they are, and the page of another site asks: what is open to this network is not open to the pages that it looks at.
    """
    token = bearer(scope)
    if token is not None:
        one = await program(context, scope, token)
        return one.user.id, one
    if context.open_owner is not None:
        origin.check(scope, context.origins, reading=True)
        return context.open_owner, None
    session = await _session(context, scope)
    if session is None:
        raise Unauthorized("Send an access token: Authorization: Bearer …", surface="stream")
    return session.user.id, session


async def program(context: Context, scope: Scope, token: str) -> Caller:
    """Who asks by an access token. Raises ``Unauthorized``, and ``Forbidden`` where the token is not for this."""
    found = await context.tokens.identify(token)
    if found is None:
        raise Unauthorized("This access token is not known here, or was revoked, or is over.", surface="token")
    scopes.check(found, scope)
    return Caller(found.user, token, found)


async def _session(context: Context, scope: Scope) -> Caller | None:
    # All servers on the ports of one host see the same cookies. A value that speaks for nobody here may be another
    # server's, so it is left as it is, and ours gets a name of its own.
    own = f"{COOKIE}_{hosts.port(scope)}"
    sent = _sent(scope, own)
    for name, token in islice(sent, _MOST):
        known = await context.accounts.identify(token)
        if known is not None:
            if known.renewed:
                _set_cookie(scope, name, token)
            return Caller(known.user, token)
    return None


def bearer(scope: Scope) -> str | None:
    """The access token that a request carries, where it carries one."""
    return bearer_of(header(scope, b"authorization"))


def bearer_of(authorization: str | None) -> str | None:
    """The access token in the value of an ``Authorization`` header."""
    kind, _, token = (authorization or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


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
