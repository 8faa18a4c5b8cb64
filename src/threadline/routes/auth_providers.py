"""``/api/auth/{provider}``: a browser goes to a provider and comes back signed in, or to a page that says why not."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import Response

from threadline.domain.errors import NotFound
from threadline.domain.login_failures import FAILURES, FailureCode, LoginFailed, told
from threadline.routes import cookies, origin
from threadline.routes.exchange import Scope
from threadline.routes.identity import Services, SignedIn, identified, let_in, session
from threadline.routes.login_shapes import (
    FailureAction,
    LinkedIdentities,
    LoginFailure,
    LoginFailures,
    LoginProvider,
    LoginProviders,
)
from threadline.routes.proxies import visit_of
from threadline.services.identities import LOGIN_SECONDS, Asked, Callback

LEADS_ON: Final[dict[str, Any]] = {
    "status_code": 303,
    "response_class": Response,
    "responses": {303: {"description": "The address to go on to, in `Location`."}},
}
"""What these two answer a browser, whatever happens."""

_BROWSER: Final = "threadline_login"
_WORDS: Final = "threadline_login_words"
_NOWHERE: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}

Told = Annotated[str | None, Query()]


async def listing(context: Services) -> LoginProviders:
    """How one may sign in here."""
    items = [LoginProvider(**one) for one in context.identities.offered()]
    return LoginProviders(items=items, passwords=True, registration=context.registration.is_open)


async def begin(
    request: Request, provider: str, context: Services, return_to: Told = None, link: Told = None
) -> Response:
    """Send a browser to a provider."""
    scope, links = request.scope, _is_set(link)
    if request.method == "HEAD":
        return Response(status_code=204)
    try:
        if links and not origin.comes_from_here(scope, context.origins):
            raise LoginFailed("link_elsewhere", linking=True)
        asker = await session(context, scope)
        asked = Asked(
            redirect_uri=_back(scope, context.origins, provider),
            return_to=return_to or "/",
            browser=cookies.beside(scope, _BROWSER),
            user=None if asker is None else asker.user,
            links=links,
        )
        begun = await context.identities.begin(provider, asked, visit_of(scope))
    except LoginFailed as fault:
        return _failed(scope, provider, fault)
    cookies.put_beside(scope, _BROWSER, begun.browser, LOGIN_SECONDS)
    return _to(begun.url)


async def finish(
    request: Request,
    provider: str,
    context: Services,
    state: Told = None,
    code: Told = None,
    iss: Told = None,
    error: Told = None,
    error_description: Told = None,
) -> Response:
    """Take a browser back from a provider."""
    scope = request.scope
    if request.method == "HEAD":
        return Response(status_code=204)
    asker = await session(context, scope)
    callback = Callback(
        redirect_uri=_back(scope, context.origins, provider),
        browser=cookies.beside(scope, _BROWSER),
        state=state,
        code=code,
        issuer=iss,
        error=error,
        words=error_description,
    )
    try:
        finished = await context.identities.finish(provider, callback, identified(asker), visit_of(scope))
    except LoginFailed as fault:
        return _failed(scope, provider, fault)
    if finished.opened is not None:
        let_in(scope, finished.opened, asker)
    return _to(finished.return_to)


async def failures() -> LoginFailures:
    """Every way in which signing in through a provider can fail."""
    return LoginFailures(items=[_shown(code, None) for code in FAILURES])


async def failure(
    request: Request, code: str, context: Services, provider: Told = None, link: Told = None
) -> LoginFailure:
    """Why it failed, and what to do."""
    found = next((one for one in FAILURES if one == code), None)
    if found is None:
        raise NotFound("A sign-in does not fail by this name.", surface="login")
    shown = _shown(found, context.identities.title_of(provider), linking=_is_set(link))
    return shown.model_copy(update={"words": _words_in(request.scope, found)})


async def identities(asker: SignedIn, context: Services) -> LinkedIdentities:
    """The providers that are linked to one's account."""
    return LinkedIdentities.model_validate(await context.identities.listed(asker.user.id))


async def unlink(request: Request, provider: str, asker: SignedIn, context: Services) -> None:
    """Unlink one."""
    await context.identities.unlink(asker.user.id, provider, visit_of(request.scope))


def _back(scope: Scope, origins: tuple[str, ...], provider: str) -> str:
    return f"{origin.public(scope, origins)}/api/auth/{provider}/callback"


def _is_set(link: str | None) -> bool:
    return link in ("1", "true")


def _shown(code: FailureCode, provider: str | None, *, linking: bool = False) -> LoginFailure:
    found = told(code, provider, linking=linking)
    action = FailureAction(label=found.action.label, href=found.action.href)
    return LoginFailure(code=code, title=found.title, message=found.message, action=action)


def _failed(scope: Scope, provider: str, fault: LoginFailed) -> Response:
    # What a provider says stands in no address: else anybody could put words into the mouth of this server by a link.
    words = urlsafe_b64encode((fault.words or "").encode()).decode()
    cookies.put_beside(scope, _WORDS, f"{fault.code}.{words}", LOGIN_SECONDS if fault.words else 0)
    asked = {"code": fault.code, "provider": provider, **({"link": "1"} if fault.linking else {})}
    return _to(f"/auth/error?{urlencode(asked)}")


def _words_in(scope: Scope, code: FailureCode) -> str | None:
    """What the provider said in the failure that this browser has just come from."""
    kept, _, words = (cookies.beside(scope, _WORDS) or "").partition(".")
    if kept != code:
        return None
    try:
        return urlsafe_b64decode(words).decode() or None
    except ValueError:
        return None


def _to(location: str) -> Response:
    return Response(status_code=303, headers={"location": location, **_NOWHERE})
