"""The JSON shapes of accounts: signing in, and where one is signed in; times are Unix seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from threadline.routes.shapes import Sent, Times

Email = Annotated[str, Field(min_length=3, max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})]
"""How long a new one must be at the least, the service says in words."""


class Registration(Sent):
    """An account that is wanted."""

    email: Email
    password: Password = Field(repr=False)
    name: Name | None = None


class Login(Sent):
    """Who says that he has an account."""

    email: Email
    password: Password = Field(repr=False)


class NewPassword(Sent):
    """The password that is wanted; ``current`` where there is one."""

    password: Password = Field(repr=False)
    current: Password | None = Field(default=None, repr=False)


class MePatch(Sent):
    """What is to change of an account; what is absent stays. A new ``email`` takes the ``password``, where there is
    one."""

    name: Name | None = None
    email: Email | None = None
    password: Password | None = Field(default=None, repr=False)


class Farewell(Sent):
    """The end of an account; with its password, where there is one."""

    password: Password | None = Field(default=None, repr=False)


class Session(BaseModel):
    """Somewhere one is signed in: ``agent`` is what the browser calls itself, ``address`` from where it was opened.
    ``current``: it is the one that asks."""

    id: str
    agent: str | None
    address: str | None
    created_at: Times
    seen_at: Times
    expires_at: Times
    current: bool


class Sessions(BaseModel):
    """All of them, the newest first."""

    items: list[Session]
    next: None = None
