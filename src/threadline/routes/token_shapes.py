"""The JSON shapes of access tokens; times are Unix seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from threadline.domain.scopes import Scope
from threadline.routes.shapes import Sent, Times


class NewToken(Sent):
    """A token that is wanted; without ``expires_in_days`` it lives until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class Token(BaseModel):
    """A token, but for what nobody is told again. ``used_at`` is exact to a minute."""

    id: str
    name: str
    scopes: list[str]
    created_at: Times
    used_at: Times | None
    expires_at: Times | None


class MadeToken(Token):
    """A new one; ``token`` is shown this once."""

    token: str = Field(repr=False)


class Tokens(BaseModel):
    """All of them, the newest first."""

    items: list[Token]
    next: None = None
