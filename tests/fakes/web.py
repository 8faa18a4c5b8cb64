"""What the fakes of identity providers share: a small web server on a free port of loopback, in the test's own loop."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from aiohttp import web


@dataclass(frozen=True)
class Given:
    """A code that was given out, and what it was asked with."""

    asked: dict[str, str]
    whom: str

    def is_proved_by(self, verifier: str) -> bool:
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return self.asked.get("code_challenge_method") == "S256" and self.asked.get("code_challenge") == challenge


class FakeWeb:
    """``async with`` it, and it listens. ``whom`` it is that uses the browser; ``denies``: he does not agree."""

    client_id = "us"
    client_secret = "hush-client-secret"

    def __init__(self) -> None:
        self.whom = "1"
        self.denies = ""
        self.given: dict[str, Given] = {}
        self.calls: list[str] = []
        self.down = False
        self._runner: web.AppRunner | None = None
        self.port = 0

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> FakeWeb:
        app = web.Application(middlewares=[self._note])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
        self.calls.append(request.path)
        if self.down:
            return web.Response(status=503, text="Down for a while.")
        return await handler(request)

    def send_back(self, request: web.Request, **more: str) -> web.Response:
        """Back to where the browser came from, with a code; or without one."""
        asked = dict(request.query)
        code = secrets.token_urlsafe(12)
        if self.denies:
            answer = {"error": "access_denied", "error_description": self.denies}
        else:
            self.given[code] = Given(asked, self.whom)
            answer = {"code": code, **more}
        query = urlencode({**answer, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{query}"})
