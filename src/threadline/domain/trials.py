"""What comes of it when a key is tried out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether the provider took the key, in words for people, and how many models it lists; None: it does not say."""

    ok: bool
    message: str
    models: int | None = None
