"""Every way in which a sign-in through a provider can fail, with its words for people: the one list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from threadline.domain.texts import CONTROLS

FailureCode = Literal[
    "denied",
    "provider_refused",
    "provider_unknown",
    "provider_unreachable",
    "state_unknown",
    "state_used",
    "state_expired",
    "other_browser",
    "other_issuer",
    "code_refused",
    "token_invalid",
    "token_signature",
    "token_issuer",
    "token_audience",
    "token_nonce",
    "token_expired",
    "email_taken",
    "identity_taken",
    "provider_linked",
    "not_signed_in",
    "link_elsewhere",
    "registration_off",
    "account_disabled",
    "too_many",
    "unavailable",
]
"""Stable names, for programs and for the page."""

_LONGEST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Action:
    """What one can do about a failure: what is written on it, and where it leads, as a path of the page."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure in words. ``{provider}`` stands in them for the provider's name."""

    title: str
    message: str
    action: Action


class LoginFailed(Exception):
    """A sign-in through a provider failed. ``words`` are the provider's own, where it gave any; ``linking``: somebody
    wanted to link it to his account, as far as that is known."""

    def __init__(self, code: FailureCode, words: str | None = None, *, linking: bool = False) -> None:
        super().__init__(code)
        self.code: FailureCode = code
        self.linking = linking
        self.words = CONTROLS.sub(" ", words).strip()[:_LONGEST_WORDS] or None if words else None


_AGAIN: Final = Action("Sign in again", "/login")
_PASSWORD: Final = Action("Sign in with a password", "/login")
_SETTINGS: Final = Action("Open Settings", "/settings/account")
_HOME: Final = Action("Go on without an account", "/")

_TELL: Final = "Sign in again; if it fails again, tell whoever runs this server."


def _token(what: str, message: str) -> Failure:
    return Failure(f"What {{provider}} sent {what}", f"{message} You were not signed in. {_TELL}", _AGAIN)


FAILURES: Final[Mapping[FailureCode, Failure]] = {
    "denied": Failure(
        "You did not agree",
        "{provider} asked whether it may tell this server who you are, and the answer was no. Nothing was changed. "
        "Sign in again and agree, or sign in another way.",
        _AGAIN,
    ),
    "provider_refused": Failure(
        "{provider} refused the sign-in",
        f"{{provider}} did not let this server sign you in. {_TELL}",
        _AGAIN,
    ),
    "provider_unknown": Failure(
        "This way to sign in is not there",
        "Nobody can sign in here through a provider of this name. Choose one of the ways that the sign-in page shows.",
        Action("See how to sign in", "/login"),
    ),
    "provider_unreachable": Failure(
        "{provider} could not be reached",
        "{provider} did not answer this server, or not in a form that it understands. Wait a moment and sign in again, "
        "or sign in another way.",
        _AGAIN,
    ),
    "state_unknown": Failure(
        "This sign-in is not known here",
        "The address that you came by belongs to no sign-in that was begun on this server. Begin a new one.",
        _AGAIN,
    ),
    "state_used": Failure(
        "This sign-in is over already",
        "The address that you came by was opened before, and works only once. If you are signed in, just go on; else "
        "sign in again.",
        _AGAIN,
    ),
    "state_expired": Failure(
        "The sign-in took too long",
        "A sign-in must be finished within 10 minutes, and this one was not. Sign in again.",
        _AGAIN,
    ),
    "other_browser": Failure(
        "This sign-in was begun in another browser",
        "A sign-in is finished in the browser that began it, with cookies allowed. If somebody sent you the address, "
        "do not use it. Else sign in again, here.",
        _AGAIN,
    ),
    "other_issuer": Failure(
        "The answer came from another provider",
        f"The sign-in was begun with {{provider}}, and another provider answered. You were not signed in. {_TELL}",
        _AGAIN,
    ),
    "code_refused": Failure(
        "{provider} did not take the code any more",
        "The code that {provider} gave your browser is used or too old. Sign in again.",
        _AGAIN,
    ),
    "token_invalid": _token("cannot be read", "{provider} did not tell who you are in a form that can be checked."),
    "token_signature": _token(
        "is not signed by it", "The message that says who you are does not bear a signature of {provider}."
    ),
    "token_issuer": _token("is from somebody else", "The message that says who you are names another issuer."),
    "token_audience": _token("is for somebody else", "The message that says who you are was made for another program."),
    "token_nonce": _token(
        "belongs to another sign-in", "The message that says who you are was not made for this sign-in."
    ),
    "token_expired": _token(
        "is too old", "The message that says who you are is past its time; a clock may be wrong here or there."
    ),
    "email_taken": Failure(
        "There is an account with your e-mail address",
        "An account here has the e-mail address that {provider} knows you by, and has not proved that it is its own. "
        "If it is yours, sign in with the password first, then link {provider} in Settings.",
        _PASSWORD,
    ),
    "identity_taken": Failure(
        "This account at {provider} belongs to somebody else here",
        "It signs in to another account of this server. Sign in to that one and unlink it in Settings, or choose "
        "another account at {provider}.",
        _SETTINGS,
    ),
    "provider_linked": Failure(
        "Another account at {provider} is linked already",
        "Your account is linked to one account at {provider} at a time. Unlink that one in Settings first.",
        _SETTINGS,
    ),
    "not_signed_in": Failure(
        "Sign in first",
        "To link {provider} to your account, be signed in to it from the beginning to the end. Sign in, then link "
        "{provider} in Settings.",
        Action("Sign in", "/login?return_to=/settings/account"),
    ),
    "link_elsewhere": Failure(
        "Nothing was linked",
        "{provider} is linked to your account from Settings alone, and this was asked for elsewhere. If you want it, "
        "link it there.",
        _SETTINGS,
    ),
    "registration_off": Failure(
        "New accounts are not made here",
        "No account here is linked to you at {provider}, and this server lets nobody register. If you have an account, "
        "sign in with its password and link {provider} in Settings; else ask whoever runs this server.",
        _PASSWORD,
    ),
    "account_disabled": Failure(
        "This account is disabled",
        "Whoever runs this server has disabled the account that you would sign in to. Ask them.",
        _HOME,
    ),
    "too_many": Failure(
        "Too many tries",
        "Too many sign-ins were tried from where you are. Wait a quarter of an hour, then sign in again.",
        _AGAIN,
    ),
    "unavailable": Failure(
        "The sign-in did not work here",
        "This server is starting, stopping or out of room. Wait a moment and sign in again.",
        _AGAIN,
    ),
}
"""The words of every code."""


def told(code: FailureCode, provider: str | None, *, linking: bool = False) -> Failure:
    """The words of a failure with the provider's name in them. ``linking``: it was to be linked to an account that
    somebody was signed in to, and whoever tries again goes back to where that began."""
    found = FAILURES[code]
    name = provider or "the provider"
    title, message = (words.replace("{provider}", name) for words in (found.title, found.message))
    again = linking and found.action is _AGAIN
    return Failure(
        title[:1].upper() + title[1:], message[:1].upper() + message[1:], _SETTINGS if again else found.action
    )
