"""``/api/models``: what may be chosen to answer."""

from __future__ import annotations

from threadline.routes import shapes
from threadline.routes.identity import Services, User


async def listing(context: Services, user: User) -> shapes.Models:
    """Every model, grouped by provider; those that cannot be used now with the reason."""
    return shapes.Models.model_validate(await context.models.listed(user.id))
