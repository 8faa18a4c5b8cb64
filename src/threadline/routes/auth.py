"""``/api/auth``: registering, signing in and out, and where one is signed in."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Request

from threadline.domain.errors import NotFound
from threadline.routes import cookies, shapes
from threadline.routes.account_shapes import Login, NewPassword, Registration, Session, Sessions
from threadline.routes.identity import Asker, Services, SignedIn, identified, let_in
from threadline.routes.proxies import visit_of


async def register(request: Request, body: Registration, asker: Asker, context: Services) -> shapes.Me:
    """Make an account of whoever asks; a guest keeps all that he has."""
    user = None if asker is None else asker.user
    visit = visit_of(request.scope)
    opened = await context.registration.register(user, body.email, body.password, body.name, visit)
    let_in(request.scope, opened, asker)
    return shapes.Me.model_validate(opened.user, from_attributes=True)


async def login(request: Request, body: Login, asker: Asker, context: Services) -> shapes.Me:
    """Sign in with a password; what a guest has made is his account's from then on."""
    visit = visit_of(request.scope)
    opened = await context.signing_in.login(identified(asker), body.email, body.password, visit)
    let_in(request.scope, opened, asker)
    return shapes.Me.model_validate(opened.user, from_attributes=True)


async def logout(request: Request, asker: Asker, context: Services) -> None:
    """End the session that asks."""
    if asker is not None:
        # Another process may have ended it, which is known here a little later.
        with suppress(NotFound):
            await context.accounts.revoke(asker.user.id, asker.session_id, visit_of(request.scope))
        cookies.take_back(request.scope, asker.token)


async def change_password(request: Request, body: NewPassword, asker: SignedIn, context: Services) -> None:
    """Set the password; every other session is over."""
    await context.profile.change_password(
        asker.user, asker.session_id, body.current, body.password, visit_of(request.scope)
    )


async def sessions(asker: SignedIn, context: Services) -> Sessions:
    """Where one is signed in."""
    found = await context.accounts.sessions(asker.user.id)
    return Sessions(
        items=[
            Session(
                id=row.id,
                agent=row.agent,
                address=row.address,
                created_at=row.created_at,
                seen_at=row.seen_at,
                expires_at=row.expires_at,
                current=row.id == asker.session_id,
            )
            for row in found
        ]
    )


async def revoke(request: Request, session_id: str, asker: SignedIn, context: Services) -> None:
    """End one session."""
    await context.accounts.revoke(asker.user.id, session_id, visit_of(request.scope))


async def revoke_others(request: Request, asker: SignedIn, context: Services) -> None:
    """End every session but the one that asks."""
    await context.accounts.revoke_others(asker.user.id, asker.session_id, visit_of(request.scope))
