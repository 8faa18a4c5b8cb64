"""The JSON shapes of users' own keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from threadline.routes.shapes import Sent, Times

Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000, description="The provider's API key.")]
BaseUrl = Annotated[str, Field(min_length=1, max_length=2048)]


class Key(BaseModel):
    """A key of yours, of which no more is ever told than its end. ``base_url``: where it is for; null is the provider's
    own address. ``used_at`` is exact to a minute."""

    provider: str
    provider_name: str
    last_four: str
    base_url: str | None
    created_at: Times
    used_at: Times | None


class Keys(BaseModel):
    """Your keys, by provider."""

    items: list[Key]
    next: None = None


class NewKey(Sent):
    """A key to keep."""

    key: Secret
    base_url: BaseUrl | None = None


class KeyToTest(Sent):
    """A key to try out before it is kept; without ``key`` the one that is."""

    key: Secret | None = None
    base_url: BaseUrl | None = None


class KeyTested(BaseModel):
    """Whether the provider took the key, in words for people; ``models`` is how many models it listed."""

    ok: bool
    message: str
    models: int | None


class KeyProvider(BaseModel):
    """A provider for which you may bring a key. ``has_server_key``: it can be used without; ``base_url_allowed``: the
    key may be for another address."""

    provider: str
    provider_name: str
    has_server_key: bool
    base_url_allowed: bool


class KeyProviders(BaseModel):
    """All of them."""

    items: list[KeyProvider]
    next: None = None
