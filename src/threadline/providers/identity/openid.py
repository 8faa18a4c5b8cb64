"""Signing in through a provider that speaks OpenID Connect, by authorization code with PKCE."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any, Final
from urllib.parse import quote_plus

from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Attempt, LoginConfig, Person, Returned
from threadline.providers.identity.published import Metadata, Published
from threadline.providers.identity.web import Web, asking_address, name_in, refusal
from threadline.world import World

_SCOPES: Final = ("email", "profile")
_SPENT: Final = frozenset({"invalid_grant"})


class OpenId:
    """One provider, as ``IdentityProvider`` wants it."""

    def __init__(self, config: LoginConfig, web: Web, world: World) -> None:
        self._config = config
        self._web = web
        self._world = world
        self._published = Published(config.issuer or "", web, world)

    @property
    def config(self) -> LoginConfig:
        """See ``IdentityProvider.config``."""
        return self._config

    async def address(self, attempt: Attempt) -> str:
        """See ``IdentityProvider.address``."""
        metadata = await self._published.metadata()
        scopes = " ".join(dict.fromkeys(("openid", *(self._config.scopes or _SCOPES))))
        return asking_address(metadata.asks_at, self._config, attempt, scopes, nonce=attempt.nonce)

    async def person(self, attempt: Attempt, returned: Returned) -> Person:
        """See ``IdentityProvider.person``."""
        metadata = await self._published.metadata()
        if (metadata.tells_issuer or returned.issuer is not None) and returned.issuer != metadata.issuer:
            raise LoginFailed("other_issuer")
        tokens = await self._tokens(metadata, attempt, returned)
        access_token = tokens.get("access_token")
        claims = await self._claims(metadata, attempt, tokens.get("id_token"), access_token)
        if "email" not in claims and metadata.person_at is not None and isinstance(access_token, str):
            claims = {**await self._more(metadata.person_at, access_token, claims["sub"]), **claims}
        email = claims.get("email")
        return Person(
            subject=claims["sub"],
            email=email if isinstance(email, str) else None,
            # Some write it as a text.
            email_verified=claims.get("email_verified") in (True, "true"),
            name=name_in(claims.get("name"), claims.get("preferred_username")),
        )

    async def _tokens(self, metadata: Metadata, attempt: Attempt, returned: Returned) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": returned.code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        client_id, secret = self._config.client_id, self._config.client_secret
        headers = {}
        if secret is not None and metadata.basic:
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = client_id
            form |= {"client_secret": secret} if secret is not None else {}
        reply = await self._web.post(metadata.tokens_at, form, headers)
        if reply.status != 200 or "error" in reply.fields:
            raise refusal(reply, _SPENT, self._config, returned.code, attempt.verifier)
        return reply.fields

    async def _claims(self, metadata: Metadata, attempt: Attempt, token: Any, access_token: Any) -> dict[str, Any]:
        if not isinstance(token, str):
            raise LoginFailed("token_invalid")

        def claims_by(keys: list[dict[str, Any]]) -> dict[str, Any] | None:
            from threadline.providers.identity import id_token

            try:
                return id_token.claims_of(
                    token,
                    keys,
                    metadata.algorithms,
                    issuer=metadata.issuer,
                    client_id=self._config.client_id,
                    nonce=attempt.nonce,
                    access_token=access_token if isinstance(access_token, str) else None,
                    now=self._world.now(),
                )
            except id_token.UnknownKey:
                return None

        # On a thread: to load what checks it takes a fifth of a second.
        for anew in (False, True):
            found = await asyncio.to_thread(claims_by, await self._published.keys(metadata, anew=anew))
            if found is not None:
                return found
        raise LoginFailed("token_signature")

    async def _more(self, url: str, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider tells of a person beside the token."""
        reply = await self._web.get(url, {"Authorization": f"Bearer {access_token}"})
        if reply.status != 200:
            raise LoginFailed("provider_unreachable")
        # Else somebody else's address could be put in the place of his.
        if reply.fields.get("sub") != subject:
            raise LoginFailed("token_invalid")
        return reply.fields
