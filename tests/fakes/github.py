"""GitHub's OAuth and as much of its API as signing in asks for, as its documentation tells; as an Enterprise Server.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps,
https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors,
https://docs.github.com/en/rest/users/users, https://docs.github.com/en/rest/users/emails
"""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from tests.fakes.web import FakeWeb

DENIED = "The user has denied your application access."
_DOCS = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#"


class FakeGitHub(FakeWeb):
    """``users`` by their numbers as ``GET /user`` tells them, ``emails`` as ``GET /user/emails`` does."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, dict[str, Any]] = {}
        self.emails: dict[str, list[dict[str, Any]]] = {}
        self.granted: str | None = None
        self.tokens: dict[str, tuple[str, set[str]]] = {}
        self.refuses = ""

    def add(self, number: int, login: str, *emails: dict[str, Any], name: str | None = None) -> None:
        # The address of a profile is null unless its owner made one public.
        self.users[str(number)] = {"id": number, "login": login, "name": name, "email": None, "type": "User"}
        self.emails[str(number)] = list(emails)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/login/oauth/authorize", self.authorize),
            web.post("/login/oauth/access_token", self.access_token),
            web.get("/api/v3/user", self.user),
            web.get("/api/v3/user/emails", self.user_emails),
        ]

    async def authorize(self, request: web.Request) -> web.Response:
        assert request.query["client_id"] == self.client_id
        assert request.query["code_challenge_method"] == "S256"
        return self.send_back(request)

    async def access_token(self, request: web.Request) -> web.Response:
        """Errors come with status 200."""
        form = await request.post()
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            return _error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        if self.refuses:
            return _error("unverified_user_email", self.refuses)
        given = self.given.pop(str(form.get("code")), None)
        if given is None or not given.is_proved_by(str(form.get("code_verifier", ""))):
            return _error("bad_verification_code", "The code passed is incorrect or expired.")
        if given.asked["redirect_uri"] != form.get("redirect_uri"):
            return _error(
                "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application."
            )
        scopes = set((self.granted if self.granted is not None else given.asked["scope"]).split())
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token] = given.whom, scopes
        assert request.headers["Accept"] == "application/json"
        return web.json_response({"access_token": token, "scope": ",".join(scopes), "token_type": "bearer"})

    async def user(self, request: web.Request) -> web.Response:
        whom, _ = self._bearer(request)
        return web.json_response(self.users[whom])

    async def user_emails(self, request: web.Request) -> web.Response:
        whom, scopes = self._bearer(request)
        if not scopes & {"user", "user:email"}:
            return _message(404, "Not Found")
        return web.json_response(self.emails[whom])

    def _bearer(self, request: web.Request) -> tuple[str, set[str]]:
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert request.headers["User-Agent"]
        found = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if found is None:
            raise web.HTTPUnauthorized(text='{"message": "Bad credentials"}', content_type="application/json")
        return found


def address(email: str, *, primary: bool = True, verified: bool = True) -> dict[str, Any]:
    """One of the addresses of an account."""
    return {"email": email, "primary": primary, "verified": verified, "visibility": "private" if primary else None}


def _error(error: str, description: str) -> web.Response:
    words = {"error": error, "error_description": description, "error_uri": _DOCS + error.replace("_", "-")}
    return web.json_response(words)


def _message(status: int, message: str) -> web.Response:
    return web.json_response({"message": message, "documentation_url": "https://docs.github.com/rest"}, status=status)
