"""What an OpenID Connect provider publishes of itself: where it is asked what, and the keys that it signs with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from threadline.domain.login_failures import LoginFailed
from threadline.providers.identity.web import Web
from threadline.world import World

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_KEPT_SECONDS: Final = 3600.0
_USUAL_ALGORITHM: Final = "RS256"
_USUAL_METHOD: Final = "client_secret_basic"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where a provider is asked what. ``tells_issuer``: it says with each answer who it is. ``basic``: the client's
    secret goes into a header. ``person_at`` tells more of a person than the ID token, where it is there."""

    issuer: str
    asks_at: str
    tokens_at: str
    keys_at: str
    person_at: str | None
    algorithms: tuple[str, ...]
    tells_issuer: bool
    basic: bool


class Published:
    """All of it, of one provider; kept for an hour."""

    def __init__(self, issuer: str, web: Web, world: World) -> None:
        self._issuer = issuer.rstrip("/")
        self._web = web
        self._world = world
        self._kept: dict[str, tuple[dict[str, Any], float]] = {}

    async def metadata(self) -> Metadata:
        """Where it is asked what. Raises ``LoginFailed``."""
        found = await self._fetch(self._issuer + _WELL_KNOWN)
        issuer = found.get("issuer")
        # Some write their own name with a slash at its end, and some who set them up do not.
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer:
            raise LoginFailed("other_issuer")
        return Metadata(
            issuer=issuer,
            asks_at=_address(found, "authorization_endpoint"),
            tokens_at=_address(found, "token_endpoint"),
            keys_at=_address(found, "jwks_uri"),
            person_at=_address(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
            algorithms=_texts(found, "id_token_signing_alg_values_supported", _USUAL_ALGORITHM),
            tells_issuer=found.get("authorization_response_iss_parameter_supported") is True,
            basic=_USUAL_METHOD in _texts(found, "token_endpoint_auth_methods_supported", _USUAL_METHOD),
        )

    async def keys(self, metadata: Metadata, *, anew: bool = False) -> list[dict[str, Any]]:
        """The keys that it signs with; ``anew``: as they are now. Raises ``LoginFailed``."""
        if anew:
            self._kept.pop(metadata.keys_at, None)
        listed = (await self._fetch(metadata.keys_at)).get("keys")
        return [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []

    async def _fetch(self, url: str) -> dict[str, Any]:
        kept = self._kept.get(url)
        if kept is not None and kept[1] > self._world.monotonic():
            return kept[0]
        reply = await self._web.get(url)
        if reply.status != 200 or not reply.fields:
            raise LoginFailed("provider_unreachable")
        self._kept[url] = reply.fields, self._world.monotonic() + _KEPT_SECONDS
        return reply.fields


def _address(found: dict[str, Any], name: str) -> str:
    address = found.get(name)
    if not isinstance(address, str) or urlsplit(address).scheme not in ("https", "http"):
        raise LoginFailed("provider_unreachable")
    return address


def _texts(found: dict[str, Any], name: str, usual: str) -> tuple[str, ...]:
    listed = found.get(name)
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else (usual,)
