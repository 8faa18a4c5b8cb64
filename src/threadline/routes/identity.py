"""Who is asking: the session that a cookie names, or a new guest."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Final

from fastapi import Depends, Request

from threadline.domain.errors import Unauthorized
from threadline.routes import cookies, origin, scopes
from threadline.routes.context import Context
from threadline.routes.exchange import Scope, header
from threadline.routes.proxies import visit_of
from threadline.services.accounts import Identified, Opened, UserRow, lifetime
from threadline.services.tokens import Program

_MOST: Final = 8
"""How many values of a request are looked up at the most."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by what: the access token of a program, or the token of a session."""

    user: UserRow
    token: str = field(repr=False)
    program: Program | None = None
    session_id: str = ""

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
    known = await session(context, scope)
    if known is not None:
        return known
    if not context.guests:
        raise Unauthorized(surface="session")
    opened = await context.accounts.guest(visit_of(scope))
    let_in(scope, opened, None)
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
    found = await session(context, scope)
    if found is None:
        raise Unauthorized("Send an access token: Authorization: Bearer …", surface="stream")
    return found.user.id, found


async def program(context: Context, scope: Scope, token: str) -> Caller:
    """Who asks by an access token. Raises ``Unauthorized``, and ``Forbidden`` where the token is not for this."""
    found = await context.tokens.identify(token)
    if found is None:
        raise Unauthorized("This access token is not known here, or was revoked, or is over.", surface="token")
    scopes.check(found, scope)
    return Caller(found.user, token, found)


async def session(context: Context, scope: Scope) -> Caller | None:
    """Who asks by a session; None for who has none. Nobody is made a guest."""
    for name, token in islice(cookies.sent(scope), _MOST):
        known = await context.accounts.identify(token)
        if known is not None:
            if known.renewed:
                cookies.put(scope, token, lifetime(known.user), name=name)
            return Caller(known.user, token, session_id=known.session_id)
    return None


def let_in(scope: Scope, opened: Opened, before: Caller | None) -> None:
    """Hand out the cookie of a new session, in the place of the one ``before``."""
    name = None if before is None else cookies.name_of(scope, before.token)
    cookies.put(scope, opened.token, lifetime(opened.user), name=name)


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


async def _asker(request: Request, context: Services) -> Caller | None:
    if (token := bearer(request.scope)) is not None:
        return await program(context, request.scope, token)
    return await session(context, request.scope)


Asker = Annotated[Caller | None, Depends(_asker)]
"""Who asks, for what is asked of nobody, too: nobody is made a guest for it."""


async def _signed_in(asker: Asker) -> Caller:
    if asker is None:
        raise Unauthorized(surface="session")
    return asker


SignedIn = Annotated[Caller, Depends(_signed_in)]
"""Who asks by a session, a guest's too; without one that is refused."""


def identified(one: Caller | None) -> Identified | None:
    """Who asks, as the services know him."""
    return None if one is None else Identified(one.user, session_id=one.session_id)
