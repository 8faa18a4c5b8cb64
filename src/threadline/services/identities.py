"""Identities: people sign in through providers that know them, and link those to their accounts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from threadline.domain.errors import BadRequest, Conflict, NotFound, RateLimited, ThreadlineError
from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Attempt, IdentityProvider, Person, Returned
from threadline.services.accounts import Accounts, Identified, Opened, Visit
from threadline.services.audit import record
from threadline.services.bearers import LONGEST, hashed, new_secret
from threadline.services.belonging import account_of, link
from threadline.services.registration import Registration, checked_email
from threadline.services.signing_in import Entered, SigningIn
from threadline.services.throttles import Limit, network_of, take
from threadline.store import identities, logins, users
from threadline.store.database import Store
from threadline.store.logins import LoginRow
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

logger = logging.getLogger(__name__)

LOGIN_SECONDS: Final = 600.0
"""How long a sign-in may take, from its beginning to its end."""

_KEPT_SECONDS: Final = 86_400.0
_LONGEST_PATH: Final = 2000
_LONGEST_CODE: Final = 4096
_DENIED: Final = "access_denied"
_BEGUN: Final = Limit("login:begin", 200, 900.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants who begins. ``browser`` is the secret that his browser has from a sign-in before; ``links``:
    the provider is to be linked to the account of ``user``."""

    redirect_uri: str
    return_to: str
    browser: str | None = field(default=None, repr=False)
    user: UserRow | None = None
    links: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser is sent to, and the secret by which it is known when it comes back."""

    url: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """What a browser brought back from a provider: ``code``, or ``error`` with the provider's ``words``."""

    redirect_uri: str
    browser: str | None = field(repr=False)
    state: str | None = field(repr=False)
    code: str | None = field(default=None, repr=False)
    issuer: str | None = None
    error: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Where he goes on, and his new session; None where an account that he is signed in to was linked."""

    return_to: str
    opened: Opened | None = None


class Identities:
    """Signs people in through providers, each by the name under which it was set up.

    What a provider calls somebody is what counts. An address leads to an account that is there only if the provider has
    verified it, and the account has proved it too.
    """

    def __init__(
        self,
        store: Store,
        world: World,
        *,
        accounts: Accounts,
        registration: Registration,
        signing_in: SigningIn,
        providers: Mapping[str, IdentityProvider],
    ) -> None:
        self._store = store
        self._world = world
        self._accounts = accounts
        self._registration = registration
        self._signing_in = signing_in
        self._providers = providers

    def offered(self) -> list[dict[str, Any]]:
        """The providers, as ``{name, title}``."""
        return [{"name": name, "title": one.config.display_name} for name, one in self._providers.items()]

    def title_of(self, name: str | None) -> str | None:
        """What a provider is called by people; None for one that is not there."""
        found = self._providers.get(name or "")
        return found.config.display_name if found else None

    async def begin(self, name: str, asked: Asked, visit: Visit = Visit()) -> Begun:
        """Begin a sign-in. Raises ``LoginFailed``."""
        provider = self._provider(name)
        if asked.links and (asked.user is None or asked.user.kind != "registered"):
            raise LoginFailed("not_signed_in", linking=True)
        known = asked.browser if asked.browser and len(asked.browser) <= LONGEST else None
        # The same for all of a browser, so that it may begin several side by side.
        browser = known or new_secret(self._world)
        attempt = Attempt(asked.redirect_uri, new_secret(self._world), new_secret(self._world), new_secret(self._world))

        def work(tx: Tx) -> None:
            logins.forget(tx, tx.now - _KEPT_SECONDS)
            row = LoginRow(
                provider=name,
                browser_hash=hashed(browser),
                verifier=attempt.verifier,
                nonce=attempt.nonce,
                user_id=asked.user.id if asked.user else None,
                links=asked.links,
                return_to=local(asked.return_to),
                created_at=tx.now,
            )
            logins.add(tx, hashed(attempt.state), row)

        try:
            # Before the provider is asked anything: it is not to be asked by all who come here.
            await self._store.write(lambda tx: take(tx, _BEGUN, network_of(visit.address)))
            url = await provider.address(attempt)
            await self._store.write(work)
        except (LoginFailed, ThreadlineError) as fault:
            raise _failure(fault, linking=asked.links) from None
        return Begun(url, browser)

    async def finish(
        self, name: str, callback: Callback, visitor: Identified | None, visit: Visit = Visit()
    ) -> Finished:
        """End a sign-in: open a session for whom the provider tells, or link him to the account of the ``visitor``. The
        session that the visitor came with is over then, unless he links. Raises ``LoginFailed``."""
        provider = self._provider(name)
        try:
            login = await self._store.write(lambda tx: self._claim(tx, name, callback))
        except ThreadlineError as fault:
            raise _failure(fault) from None
        try:
            if callback.code is None or callback.error is not None or len(callback.code) > _LONGEST_CODE:
                raise LoginFailed(
                    "denied" if callback.error == _DENIED else "provider_refused", callback.words or callback.error
                )
            attempt = Attempt(callback.redirect_uri, callback.state or "", login.nonce, login.verifier)
            person = await provider.person(attempt, Returned(callback.code, callback.issuer))
            person = replace(person, email=_email_of(person))
            if login.links:
                await self._store.write(lambda tx: self._link(tx, name, person, login, visitor, visit))
                self._accounts.forget(login.user_id or "")
                return Finished(login.return_to)
            entered = await self._store.write(lambda tx: self._enter(tx, name, person, visitor, visit))
        except (LoginFailed, ThreadlineError) as fault:
            failure = _failure(fault, linking=login.links)
            await self._note(name, failure, visit)
            raise failure from None
        await self._signing_in.entered(entered)
        return Finished(login.return_to, entered.opened)

    async def listed(self, user_id: str) -> dict[str, Any]:
        """``{items, next}`` of ``{provider, title, email, created_at}``: what is linked to an account."""
        rows = await self._store.read(lambda tx: identities.of_user(tx, user_id))
        items = [
            {
                "provider": row.provider,
                "title": self.title_of(row.provider) or row.provider,
                "email": row.email,
                "created_at": row.created_at,
            }
            for row in rows
        ]
        return {"items": items, "next": None}

    async def unlink(self, user_id: str, name: str, visit: Visit = Visit()) -> None:
        """Unlink a provider from an account. Raises ``NotFound``, and ``Conflict`` for the last way in."""

        def work(tx: Tx) -> None:
            user, rows = users.get(tx, user_id), identities.of_user(tx, user_id)
            if user is None or all(row.provider != name for row in rows):
                raise NotFound("This provider is not linked to your account.", surface="identity")
            # Of a provider that is not set up any more nobody can come.
            others = any(row.provider != name and row.provider in self._providers for row in rows)
            if not others and not (user.has_password and user.email):
                raise Conflict(
                    "This is the only way into your account. Set a password first, and an e-mail address to sign in "
                    "with.",
                    surface="identity",
                )
            identities.remove(tx, user_id, name)
            record(tx, "identity.unlinked", user_id, target=user_id, address=visit.address, provider=name)

        await self._store.write(work)

    def _provider(self, name: str) -> IdentityProvider:
        found = self._providers.get(name)
        if found is None:
            raise LoginFailed("provider_unknown")
        return found

    def _claim(self, tx: Tx, name: str, callback: Callback) -> LoginRow:
        """The sign-in that a browser comes back to, which nobody else comes back to from now on."""
        if callback.state is None and callback.error == _DENIED:
            # Some leave the state out then. Nothing is changed; but whoever says so may be anybody, and is not quoted.
            raise LoginFailed("denied")
        key = hashed(callback.state or "")
        login = logins.get(tx, key)
        if login is None or login.provider != name:
            raise LoginFailed("state_unknown")
        if login.browser_hash != hashed(callback.browser or ""):
            raise LoginFailed("other_browser", linking=login.links)
        if login.used_at is not None or not logins.use(tx, key):
            raise LoginFailed("state_used", linking=login.links)
        if tx.now - login.created_at > LOGIN_SECONDS:
            raise LoginFailed("state_expired", linking=login.links)
        return login

    def _enter(self, tx: Tx, name: str, person: Person, visitor: Identified | None, visit: Visit) -> Entered:
        guest = visitor.user if visitor is not None and visitor.user.kind == "guest" else None
        user = account_of(tx, name, person, visit, guest=guest, is_open=self._registration.is_open)
        return self._signing_in.enter(tx, visitor, user, visit, name)

    def _link(
        self, tx: Tx, name: str, person: Person, login: LoginRow, visitor: Identified | None, visit: Visit
    ) -> None:
        user = users.get(tx, login.user_id) if login.user_id is not None else None
        if user is None or visitor is None or visitor.user.id != user.id or user.disabled_at is not None:
            raise LoginFailed("not_signed_in")
        link(tx, name, person, user, visit)

    async def _note(self, name: str, failure: LoginFailed, visit: Visit) -> None:
        logger.info("signing in through %s failed: %s", name, failure.code)
        with suppress(ThreadlineError):
            await self._store.write(
                lambda tx: record(tx, "session.failed", None, address=visit.address, method=name, reason=failure.code)
            )


def local(path: str) -> str:
    """A path of this server to go to; ``/`` in the place of what could lead elsewhere, or is no page."""
    # Browsers write everything else with percent signs, and no header holds it.
    plain = path.isascii() and path.isprintable() and not {"\\", " "} & set(path) and len(path) <= _LONGEST_PATH
    if not plain or not path.startswith("/") or path.startswith(("//", "/api/", "/v1/")):
        return "/"
    return path


def _email_of(person: Person) -> str | None:
    with suppress(BadRequest):
        return checked_email(person.email or "")
    return None


def _failure(fault: LoginFailed | ThreadlineError, *, linking: bool = False) -> LoginFailed:
    if isinstance(fault, LoginFailed):
        return LoginFailed(fault.code, fault.words, linking=linking)
    return LoginFailed("too_many" if isinstance(fault, RateLimited) else "unavailable", linking=linking)
