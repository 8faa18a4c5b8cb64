"""The HTTP client for identity providers: short calls that answer JSON, and one word for every fault."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Attempt, LoginConfig

if TYPE_CHECKING:
    import aiohttp

# An HTTP client is loaded with the first sign-in: many servers see none, and all want to start fast.

_SECONDS: Final = 10.0
_ANSWER_BYTES: Final = 1 << 20
_LONGEST_NAME: Final = 100
_HEADERS: Final = {"User-Agent": "threadline", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, and the JSON that came with it: None where there was none."""

    status: int
    body: Any = field(repr=False)

    @property
    def fields(self) -> dict[str, Any]:
        """The body, where it is an object."""
        return self.body if isinstance(self.body, dict) else {}


class Web:
    """A pool of connections. No redirect is followed: it would carry secrets to an address that nobody set up."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """What a GET answers. Raises ``LoginFailed``."""
        return await self._ask("GET", url, headers or {}, None)

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Reply:
        """What a POST of a form answers. Raises ``LoginFailed``."""
        return await self._ask("POST", url, headers or {}, form)

    async def close(self) -> None:
        """Close every connection; calls that are still going on fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Reply:
        import aiohttp

        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._opened().request(method, url, data=form, headers=headers, allow_redirects=False) as response,
            ):
                return Reply(response.status, await _json(response))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            # Not from the fault: its words may hold the address, and that a secret.
            raise LoginFailed("provider_unreachable") from None

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._closed:
            raise LoginFailed("unavailable")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
            )
        return self._session


async def _json(response: aiohttp.ClientResponse) -> Any:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > _ANSWER_BYTES:
            raise ValueError("more than an identity provider has to say")
    try:
        return orjson.loads(found)
    except orjson.JSONDecodeError:
        return None


def asking_address(endpoint: str, config: LoginConfig, attempt: Attempt, scopes: str, **more: str) -> str:
    """Where the browser asks for a code, with PKCE; ``more`` fields come beside the usual ones."""
    parts = urlsplit(endpoint)
    challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        **dict(parse_qsl(parts.query)),
        "response_type": "code",
        "client_id": config.client_id,
        "redirect_uri": attempt.redirect_uri,
        "scope": scopes,
        "state": attempt.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return urlunsplit(parts._replace(query=urlencode(asked), fragment=""))


def refusal(reply: Reply, spent: frozenset[str], config: LoginConfig, *secrets: str) -> LoginFailed:
    """What a provider that gave no token says. ``spent``: how it calls a code that is used or too old. Of ``secrets``
    nothing is repeated."""
    error = reply.fields.get("error")
    if not isinstance(error, str):
        return LoginFailed("provider_unreachable")
    description = reply.fields.get("error_description")
    words = description if isinstance(description, str) and description else error
    for secret in (*secrets, config.client_secret):
        words = words.replace(secret, "…") if secret else words
    return LoginFailed("code_refused" if error in spent else "provider_refused", words)


def name_in(*told: object) -> str | None:
    """The first name for people that a provider tells, of at most 100 characters."""
    for name in told:
        if isinstance(name, str):
            shown = " ".join("".join(one if one.isprintable() else " " for one in name).split())[:_LONGEST_NAME].strip()
            if shown:
                return shown
    return None
