"""The JSON shapes of usage and of its limits; times are Unix seconds, costs US dollars."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from threadline.routes.admin_shapes import Used
from threadline.routes.shapes import ModelId, Sent, Times

_NONE = "A number; `off` for no limit; null where what stands behind it holds."
Count = Annotated[Annotated[int, Field(ge=0, le=10**15)] | Literal["off"] | None, Field(description=_NONE)]
Cost = Annotated[Annotated[float, Field(ge=0, le=10**9)] | Literal["off"] | None, Field(description=_NONE)]
Subject = Annotated[
    str,
    Field(min_length=1, max_length=200, description="`guest`, `registered`, `service`, or the id of a user."),
]


class Left(BaseModel):
    """How much of a limit is ``used``; a ``limit`` of null is none. ``resets_at``: when some of it is free again."""

    used: float
    limit: float | None
    resets_at: Times | None


class Limits(BaseModel):
    """The limits for all models together: messages in any 24 hours, tokens and costs of a day and a month (UTC)."""

    messages: Left
    tokens_day: Left
    tokens_month: Left
    cost_day: Left
    cost_month: Left


class Usage(BaseModel):
    """What somebody used, the newest day first, and what is left of his limits."""

    items: list[Used]
    limits: Limits


class NewEntitlement(Sent):
    """The limits of a subject for a model, or for ``*``: all of them together."""

    subject: Subject
    model: ModelId | Literal["*"] = "*"
    messages: Count = None
    tokens_day: Count = None
    tokens_month: Count = None
    cost_day: Cost = None
    cost_month: Cost = None


class Entitlement(BaseModel):
    """The same, as it is written down."""

    subject: str
    model: str
    messages: Count
    tokens_day: Count
    tokens_month: Count
    cost_day: Cost
    cost_month: Cost


class Entitlements(BaseModel):
    """All that is written down."""

    items: list[Entitlement]
    next: None = None
