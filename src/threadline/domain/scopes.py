"""Scopes: what an access token is for, in words that are kept with it."""

from __future__ import annotations

from typing import Final, Literal, get_args

Scope = Literal["all", "read", "chat", "openai", "streams", "admin"]

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""Every scope there is; what each opens is told by :mod:`threadline.routes.scopes`."""
