"""``/api/models``: what may be chosen to answer, and what a user chose."""

from __future__ import annotations

from threadline.routes import model_shapes
from threadline.routes.identity import Services, User


async def listing(context: Services, user: User) -> model_shapes.Models:
    """Every model, grouped by provider; those that cannot be used now with the reason."""
    return model_shapes.Models.model_validate(await context.models.listed(user.id))


async def validate(context: Services, user: User, model: model_shapes.AskedModel) -> model_shapes.Validated:
    """Whether you can ask a model, and why not."""
    return model_shapes.Validated.model_validate(await context.models.validated(user.id, model))


async def favour(context: Services, user: User, model: model_shapes.AskedModel) -> None:
    """Like a model; at most 100."""
    await context.preferences.favour(user.id, model)


async def unfavour(context: Services, user: User, model: model_shapes.AskedModel) -> None:
    """Like a model no more."""
    await context.preferences.unfavour(user.id, model)


async def slots(context: Services, user: User) -> model_shapes.Slots:
    """Which model does what for you."""
    return model_shapes.Slots.model_validate(await context.preferences.slots(user.id))


async def choose(context: Services, user: User, chosen: model_shapes.ChosenSlots) -> model_shapes.Slots:
    """Choose which model does what for you."""
    named = {slot: getattr(chosen, slot) for slot in chosen.model_fields_set}
    return model_shapes.Slots.model_validate(await context.preferences.choose(user.id, named))
