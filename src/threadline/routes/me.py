"""``/api/me``: who is asking; asked first, so that a new visitor becomes one guest and not several."""

from __future__ import annotations

from threadline.routes import shapes
from threadline.routes.identity import User


async def show(user: User) -> shapes.Me:
    """Who you are; a visitor without a session becomes a guest."""
    return shapes.Me.model_validate(user, from_attributes=True)
