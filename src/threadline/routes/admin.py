"""``/api/admin``: users, what they spend, and what was done to accounts; for everybody but an admin it is not there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from threadline.domain.errors import NotFound
from threadline.domain.prices import dollars
from threadline.routes import admin_shapes as shapes
from threadline.routes.identity import Asker, Services
from threadline.routes.proxies import visit_of
from threadline.services.admin import Overview, Spender
from threadline.services.audit import Action
from threadline.store.users import UserRow

UserId = Annotated[str, Path(description="The id of a user.", max_length=200)]
Cursor = Annotated[str | None, Query(description="Where to go on: `next` of the page before.", max_length=500)]
Limit = Annotated[int | None, Query(ge=1, le=200, description="How many at the most; 50 without it.")]
Days = Annotated[int, Query(ge=1, le=366, description="How many days, today's (UTC) among them.")]


async def admin(asker: Asker) -> UserRow:
    """Who asks, where he is an admin. Raises ``NotFound``: nobody else is to learn what there is."""
    if asker is None or asker.user.role != "admin":
        raise NotFound
    return asker.user


Admin = Annotated[UserRow, Depends(admin)]


async def users(
    context: Services,
    _: Admin,
    q: Annotated[str | None, Query(description="Only whose e-mail address or name holds this.", max_length=200)] = None,
    kind: Annotated[shapes.Kind | None, Query(description="Only those of this kind.")] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> shapes.AdminUsers:
    """Users, the newest first."""
    found, more = await context.admin.users(cursor=cursor, limit=limit, words=(q or "").strip(), kind=kind)
    return shapes.AdminUsers.model_validate({"items": [_user(one) for one in found], "next": more})


async def change(
    context: Services, who: Admin, request: Request, user_id: UserId, patch: shapes.UserPatch
) -> shapes.AdminUser:
    """Make a user an admin or none any more, shut him out at once or let him in again."""
    changed = await context.admin.change(
        who.id, user_id, role=patch.role, disabled=patch.disabled, visit=visit_of(request.scope)
    )
    return shapes.AdminUser.model_validate(_user(changed))


async def delete(context: Services, who: Admin, request: Request, user_id: UserId) -> None:
    """Delete a user, with all that is his."""
    await context.admin.delete(who.id, user_id, visit_of(request.scope))


async def usage(
    context: Services,
    _: Admin,
    days: Days = 30,
    user: Annotated[str | None, Query(description="Only what this one used: his id.", max_length=200)] = None,
) -> shapes.AdminUsage:
    """What everybody's answers took, day by day and model by model."""
    return shapes.AdminUsage.model_validate({"items": await context.admin.usage(days=days, user_id=user)})


async def spenders(
    context: Services,
    _: Admin,
    days: Days = 30,
    key_owner: Annotated[shapes.KeyOwner | None, Query(description="Only what these keys paid.")] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> shapes.Spenders:
    """Who used how much, the dearest first."""
    found, more = await context.admin.spenders(days=days, cursor=cursor, limit=limit, key_owner=key_owner)
    return shapes.Spenders.model_validate({"items": [_spender(one) for one in found], "next": more})


async def audit(
    context: Services,
    _: Admin,
    actor: Annotated[str | None, Query(description="Only what this user did: his id.", max_length=200)] = None,
    action: Annotated[Action | None, Query(description="Only acts of this kind.")] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> shapes.AuditLog:
    """What was done, the newest first."""
    found, more = await context.audit.page(cursor=cursor, limit=limit, actor=actor, action=action)
    items = [shapes.AuditEntry.model_validate(row, from_attributes=True) for row in found]
    return shapes.AuditLog(items=items, next=more)


def _user(found: Overview) -> dict[str, Any]:
    return {
        **_person(found.user),
        "role": found.user.role,
        "disabled": found.user.disabled_at is not None,
        "created_at": found.user.created_at,
        "seen_at": found.seen_at,
        "messages": found.answers,
        "cost": _cost(found.cost, found.answers, found.unpriced),
    }


def _spender(found: Spender) -> dict[str, Any]:
    return {
        "user": _person(found.user),
        "runs": found.runs,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "cached_tokens": found.cached_tokens,
        "reasoning_tokens": found.reasoning_tokens,
        "cost": _cost(found.cost, found.runs, found.unpriced),
        "unpriced": found.unpriced,
    }


def _person(user: UserRow) -> dict[str, Any]:
    return {"id": user.id, "kind": user.kind, "name": user.name, "email": user.email}


def _cost(cost: int, runs: int, unpriced: int) -> float | None:
    """In US dollars; unknown is never 0."""
    return None if runs and unpriced == runs else dollars(cost)
