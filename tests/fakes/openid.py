"""An OpenID Connect provider that can be made to tell what an honest one never would; honest as long as it is not."""

from __future__ import annotations

import time
from base64 import b64decode
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.fakes.web import FakeWeb


class FakeOpenId(FakeWeb):
    """``claims`` take the place of those that an honest ID token has; None leaves one out. ``published`` likewise, of
    the discovery document."""

    def __init__(self) -> None:
        super().__init__()
        self.be_honest()

    def be_honest(self) -> None:
        """As at the beginning."""
        self.claims: dict[str, Any] = {}
        self.published: dict[str, Any] = {}
        self.person: dict[str, Any] = {}
        self.answers: dict[str, Any] = {}
        self.keys: list[ECKey] = []
        self.shared: list[dict[str, Any]] = []
        self.signs_with: ECKey | OctKey | None = None
        self.algorithm: str | None = None
        self.token: str | None = None
        self.is_public = self.down = False
        self.calls.clear()
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        """Sign with another key from now on, and publish it beside no other."""
        self.keys = [ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/openid-configuration", self.metadata),
            web.get("/jwks", self.jwks),
            web.get("/authorize", self.authorize),
            web.post("/token", self.issue),
            web.get("/userinfo", self.userinfo),
        ]

    async def metadata(self, _request: web.Request) -> web.Response:
        honest = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
        return web.json_response(_without_none(honest | self.published))

    async def jwks(self, _request: web.Request) -> web.Response:
        odd = [{"kty": "AKP", "kid": "of-tomorrow"}, {"kty": "RSA", "kid": "broken", "n": "!"}]
        return web.json_response({"keys": [*odd, *self.shared, *(key.as_dict(private=False) for key in self.keys)]})

    async def authorize(self, request: web.Request) -> web.Response:
        assert request.query["tenant"] == "1"
        assert "openid" in request.query["scope"].split()
        return self.send_back(request, **self.answers)

    async def issue(self, request: web.Request) -> web.Response:
        form = await request.post()
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        given = self.given.pop(str(form.get("code")), None)
        if given is None or not given.is_proved_by(str(form.get("code_verifier", ""))):
            words = f"The code {form.get('code')} of {form.get('code_verifier')} is not good any more."
            return web.json_response({"error": "invalid_grant", "error_description": words}, status=400)
        now = int(time.time())
        honest = {
            "iss": self.url,
            "sub": given.whom,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": given.asked["nonce"],
        }
        token = self.token or self.signed(_without_none(honest | self.claims))
        return web.json_response({"access_token": f"at-{given.whom}", "token_type": "Bearer", "id_token": token})

    def signed(self, claims: dict[str, Any]) -> str:
        key = self.signs_with or self.keys[0]
        header = {"alg": self.algorithm or "ES256", "kid": self.keys[0].kid}
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])

    async def userinfo(self, request: web.Request) -> web.Response:
        whom = request.headers["Authorization"].removeprefix("Bearer at-")
        return web.json_response({"sub": whom, **self.person})

    def _is_client(self, request: web.Request, form: Any) -> bool:
        """As the discovery document says, which is by a header where it says nothing."""
        if self.is_public:
            return form.get("client_id") == self.client_id and "client_secret" not in form
        if "token_endpoint_auth_methods_supported" in self.published:
            return bool(form.get("client_id") == self.client_id and form.get("client_secret") == self.client_secret)
        scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
        told = unquote_plus(b64decode(pair).decode()) if scheme == "Basic" else ""
        return told == f"{self.client_id}:{self.client_secret}"


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
