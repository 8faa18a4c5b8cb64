"""What a sign-in through a provider is about: which providers are set up, what one is asked, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

LoginKind = Literal["oidc", "github"]


@dataclass(frozen=True, slots=True)
class LoginConfig:
    """A provider that people sign in through, as it was set up. ``name`` is in its addresses, ``title`` is for people.

    ``issuer`` is that of an OpenID Connect provider; ``base_url`` the address of a GitHub of one's own. An empty
    ``scopes`` asks for the usual ones.
    """

    name: str
    kind: LoginKind
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    issuer: str | None = None
    base_url: str | None = None
    scopes: tuple[str, ...] = ()
    title: str | None = None

    @property
    def display_name(self) -> str:
        """The provider's name for people."""
        return self.title or ("GitHub" if self.kind == "github" else self.name)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in, from its beginning to its end: where the provider sends the browser back to, and the secrets that
    tie its answer to this one. ``verifier`` is that of PKCE."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brought back: the ``code``, and who says to have given it (``iss``, RFC 9207)."""

    code: str = field(repr=False)
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a provider tells. ``subject`` is his for ever; ``email`` is as it is written there, None where it is hidden,
    and ``email_verified`` only where the provider says so itself."""

    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None


class IdentityProvider(Protocol):
    """Who tells who somebody is. Every method raises ``LoginFailed``."""

    @property
    def config(self) -> LoginConfig:
        """As it was set up."""
        ...

    async def address(self, attempt: Attempt) -> str:
        """Where the browser is sent to."""
        ...

    async def person(self, attempt: Attempt, returned: Returned) -> Person:
        """Who came back, asked of the provider itself."""
        ...
