"""Signing in with GitHub, of the world or of one's own: OAuth, and its API for who came."""

from __future__ import annotations

from typing import Final

from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Attempt, LoginConfig, Person, Returned
from threadline.providers.identity.web import Reply, Web, asking_address, name_in, refusal

_WORLD: Final = "https://github.com"
_WORLDS_API: Final = "https://api.github.com"
_OWN_API: Final = "/api/v3"
_SCOPES: Final = ("read:user", "user:email")
_VERSION: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_SPENT: Final = frozenset({"bad_verification_code"})


class GitHub:
    """GitHub, as ``IdentityProvider`` wants it."""

    def __init__(self, config: LoginConfig, web: Web) -> None:
        self._config = config
        self._web = web
        own = config.base_url.rstrip("/") if config.base_url else None
        self._root = own or _WORLD
        self._api = own + _OWN_API if own else _WORLDS_API

    @property
    def config(self) -> LoginConfig:
        """See ``IdentityProvider.config``."""
        return self._config

    async def address(self, attempt: Attempt) -> str:
        """See ``IdentityProvider.address``."""
        scopes = " ".join(self._config.scopes or _SCOPES)
        return asking_address(f"{self._root}/login/oauth/authorize", self._config, attempt, scopes)

    async def person(self, attempt: Attempt, returned: Returned) -> Person:
        """See ``IdentityProvider.person``."""
        headers = {**_VERSION, "Authorization": f"Bearer {await self._token(attempt, returned)}"}
        user = await self._web.get(f"{self._api}/user", headers)
        number = user.fields.get("id")
        if user.status != 200 or type(number) is not int:
            raise LoginFailed("provider_unreachable")
        email = _primary(await self._web.get(f"{self._api}/user/emails", headers))
        name = name_in(user.fields.get("name"), user.fields.get("login"))
        # A login name may be given up and taken by somebody else; the number stays his.
        return Person(str(number), email, email is not None, name)

    async def _token(self, attempt: Attempt, returned: Returned) -> str:
        form = {
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret or "",
            "code": returned.code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        reply = await self._web.post(f"{self._root}/login/oauth/access_token", form)
        token = reply.fields.get("access_token")
        # It tells of errors with status 200, too.
        if not isinstance(token, str) or "error" in reply.fields:
            raise refusal(reply, _SPENT, self._config, returned.code, attempt.verifier)
        return token


def _primary(reply: Reply) -> str | None:
    """The address that is his first and is verified. None where he has none, or where the scope does not show it."""
    listed = reply.body if reply.status == 200 and isinstance(reply.body, list) else []
    for one in listed:
        if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
            email = one.get("email")
            return email if isinstance(email, str) else None
    return None
