"""The JSON shapes of signing in through a provider; times are Unix seconds."""

from __future__ import annotations

from pydantic import BaseModel

from threadline.domain.login_failures import FailureCode
from threadline.routes.shapes import Times


class LoginProvider(BaseModel):
    """Who people may sign in through; ``name`` is in its addresses, ``title`` is for people."""

    name: str
    title: str


class LoginProviders(BaseModel):
    """All that the page of signing in shows. ``registration``: whoever comes may have an account."""

    items: list[LoginProvider]
    next: None = None
    passwords: bool
    registration: bool


class FailureAction(BaseModel):
    """What one can do about it, as a path of the page."""

    label: str
    href: str


class LoginFailure(BaseModel):
    """Why a sign-in failed, in words for people. ``words`` are the provider's own, to be shown as a quotation."""

    code: FailureCode
    title: str
    message: str
    words: str | None = None
    action: FailureAction


class LoginFailures(BaseModel):
    """Every way in which it can."""

    items: list[LoginFailure]
    next: None = None


class LinkedIdentity(BaseModel):
    """A provider that is linked to an account; ``email`` is as it told it last."""

    provider: str
    title: str
    email: str | None
    created_at: Times


class LinkedIdentities(BaseModel):
    """All of them, the oldest first."""

    items: list[LinkedIdentity]
    next: None = None
