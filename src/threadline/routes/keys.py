"""``/api/keys``: the keys for providers that users bring themselves."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from starlette.convertors import StringConvertor, register_url_convertor

from threadline.domain.catalog import OwnKey
from threadline.domain.errors import BadRequest
from threadline.routes import key_shapes
from threadline.routes.identity import Services, User
from threadline.routes.proxies import visit_of


class _OneProvider(StringConvertor):
    """A provider's name in an address, in which the list of them is none."""

    regex = "(?!providers(?:/|$))[^/]+"


register_url_convertor("provider", _OneProvider())

ProviderName = Annotated[str, Path(description="A provider's name, as in a model's id.", max_length=200)]


async def listing(context: Services, user: User) -> key_shapes.Keys:
    """Your keys; of each its provider and its end."""
    return key_shapes.Keys.model_validate(await context.credentials.listed(user.id))


async def providers(context: Services, _user: User) -> key_shapes.KeyProviders:
    """The providers for which you may bring a key."""
    return key_shapes.KeyProviders.model_validate(context.credentials.offered())


async def put(
    context: Services, user: User, request: Request, provider: ProviderName, wanted: key_shapes.NewKey
) -> key_shapes.Key:
    """Keep a key, in the place of the one that you had for this provider."""
    key = wanted.key.get_secret_value().strip()
    kept = await context.credentials.put(
        user.id, provider, key, _trimmed(wanted.base_url), visit_of(request.scope).address
    )
    return key_shapes.Key.model_validate(kept)


async def remove(context: Services, user: User, request: Request, provider: ProviderName) -> None:
    """Forget a key."""
    await context.credentials.remove(user.id, provider, visit_of(request.scope).address)


async def try_out(
    context: Services,
    user: User,
    request: Request,
    provider: ProviderName,
    wanted: key_shapes.KeyToTest | None = None,
) -> key_shapes.KeyTested:
    """Ask the provider whether it takes a key: one that you send, or the one that is kept."""
    asked = wanted or key_shapes.KeyToTest()
    if asked.key is None and asked.base_url is not None:
        raise BadRequest("Send the key, too: the one that is kept is for its own address.", surface="keys")
    given = None
    if asked.key is not None:
        given = OwnKey(asked.key.get_secret_value().strip(), _trimmed(asked.base_url))
    trial = await context.credentials.test(user.id, provider, given, visit_of(request.scope).address)
    return key_shapes.KeyTested.model_validate(trial, from_attributes=True)


def _trimmed(base_url: str | None) -> str | None:
    return None if base_url is None else base_url.strip().rstrip("/")
