"""``/api/runs/{run}``: a run as a program sees it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from threadline.routes import shapes
from threadline.routes.identity import Services, User

RunId = Annotated[str, Path(description="A run's id.", max_length=200)]


async def show(context: Services, user: User, run_id: RunId) -> shapes.RunView:
    """How far a run is, and its text so far."""
    return shapes.RunView.model_validate(await context.answers.view(user.id, run_id))
