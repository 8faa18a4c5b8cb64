"""``/api/admin/limits``: how much whom is allowed, beside what the settings say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request

from threadline.domain.limits import ALL, COSTS, NAMES, OFF, Entitlement, Name
from threadline.domain.prices import millionths
from threadline.routes import limit_shapes as shapes
from threadline.routes.admin import Admin
from threadline.routes.identity import Services
from threadline.routes.proxies import visit_of
from threadline.services.entitlements import told_of


async def listing(context: Services, _: Admin) -> shapes.Entitlements:
    """All that is written down, by subject and model."""
    return shapes.Entitlements(items=[_shown(row) for row in await context.entitlements.listed()])


async def put(context: Services, who: Admin, request: Request, wanted: shapes.NewEntitlement) -> shapes.Entitlement:
    """Write limits down, in the place of those of the same subject and model; they hold from the next message on."""
    numbers: dict[str, Any] = {name: _kept(name, getattr(wanted, name)) for name in NAMES}
    row = Entitlement(wanted.subject, wanted.model, **numbers)
    await context.entitlements.put(who.id, row, visit_of(request.scope).address)
    return _shown(row)


async def delete(
    context: Services,
    who: Admin,
    request: Request,
    subject: Annotated[str, Query(description="Whose limits.", max_length=200)],
    model: Annotated[str, Query(description="For which model; without it those for all together.")] = ALL,
) -> None:
    """Forget limits, so that what stands behind them holds again."""
    await context.entitlements.remove(who.id, subject, model, visit_of(request.scope).address)


def _kept(name: Name, told: float | Literal["off"] | None) -> int | None:
    if told == "off":
        return OFF
    return millionths(told) if name in COSTS else None if told is None else int(told)


def _shown(row: Entitlement) -> shapes.Entitlement:
    return shapes.Entitlement.model_validate({"subject": row.subject, "model": row.model, **told_of(row)})
