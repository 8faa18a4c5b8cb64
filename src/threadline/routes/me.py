"""``/api/me``: who is asking; asked first, so that a new visitor becomes one guest and not several."""

from __future__ import annotations

from fastapi import Request

from threadline.routes import cookies, shapes
from threadline.routes.account_shapes import Farewell, MePatch
from threadline.routes.identity import Services, SignedIn, User
from threadline.routes.proxies import visit_of


async def show(user: User) -> shapes.Me:
    """Who you are; a visitor without a session becomes a guest."""
    return shapes.Me.model_validate(user, from_attributes=True)


async def change(request: Request, body: MePatch, asker: SignedIn, context: Services) -> shapes.Me:
    """Change what is given."""
    user = await context.profile.change(
        asker.user, name=body.name, email=body.email, password=body.password, visit=visit_of(request.scope)
    )
    return shapes.Me.model_validate(user, from_attributes=True)


async def delete(request: Request, asker: SignedIn, context: Services, body: Farewell = Farewell()) -> None:
    """Delete the account, or the guest, with all that is its own."""
    visit = visit_of(request.scope)
    await context.profile.confirm(asker.user, body.password, visit)
    await context.deletion.delete(asker.user.id, visit)
    cookies.take_back(request.scope, asker.token)
