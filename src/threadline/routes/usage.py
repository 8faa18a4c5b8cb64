"""``/api/usage``: what one's own answers took and cost, and what is left of one's limits."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from threadline.routes import limit_shapes as shapes
from threadline.routes.identity import Services, User

Days = Annotated[int, Query(ge=1, le=366, description="How many days, today's (UTC) among them.")]


async def show(context: Services, user: User, days: Days = 30) -> shapes.Usage:
    """Day by day and model by model."""
    return shapes.Usage.model_validate(await context.usages.of(user, days))
