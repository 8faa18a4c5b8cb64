"""The JSON shapes of administration; times are Unix seconds, costs US dollars."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from threadline.routes.shapes import Sent, Times

Kind = Literal["guest", "registered", "service"]
Role = Literal["user", "admin"]
KeyOwner = Literal["server", "user"]
Next = Annotated[str | None, Field(description="The cursor of what follows; null at the end.")]


class AdminUser(BaseModel):
    """A user. ``seen_at``: when he, or a program of his, was here last, as far as it is known. ``messages`` is how many
    of his were answered while usage is kept, ``cost`` what that took; null where none of it has a price."""

    id: str
    kind: Kind
    name: str | None
    email: str | None
    role: Role
    disabled: bool
    created_at: Times
    seen_at: Times | None
    messages: int
    cost: float | None


class AdminUsers(BaseModel):
    """A page of them, the newest first."""

    items: list[AdminUser]
    next: Next


class UserPatch(Sent):
    """What is to change of a user; what is absent stays."""

    role: Role | None = None
    disabled: bool | None = None


class Used(BaseModel):
    """What was used on one ``day`` (UTC) of one model; ``cost`` is null where it has no price."""

    day: str
    model: str
    key_owner: KeyOwner
    runs: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: float | None


class AdminUsage(BaseModel):
    """All of it, the newest day first."""

    items: list[Used]
    next: None = None


class SpenderUser(BaseModel):
    """Who spent it."""

    id: str
    kind: Kind
    name: str | None
    email: str | None


class Spender(BaseModel):
    """What one user spent altogether. ``cost`` is of the answers that have a price, of which ``unpriced`` have none;
    null where none has."""

    user: SpenderUser
    runs: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost: float | None
    unpriced: int


class Spenders(BaseModel):
    """A page of them, the dearest first."""

    items: list[Spender]
    next: Next


class AuditEntry(BaseModel):
    """One thing that was done: by whom (null: by nobody who is known here), to what (an id), and from where."""

    id: str
    at: Times
    actor_id: str | None
    action: str
    target: str | None
    address: str | None
    details: dict[str, Any]


class AuditLog(BaseModel):
    """A page of it, the newest first."""

    items: list[AuditEntry]
    next: Next
