"""An identity provider in this very process: it tells whom it was told to tell, and notes what it was asked."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from threadline.domain.login_failures import LoginFailed
from threadline.domain.logins import Attempt, LoginConfig, Person, Returned


class FakeIdentity:
    """An ``IdentityProvider``. ``people`` are told by the code that a browser brings; a code is good once."""

    def __init__(self, name: str = "office") -> None:
        self.config = LoginConfig(name, "oidc", "us", issuer="https://accounts.example.org", title=name.title())
        self.people: dict[str, Person] = {}
        self.attempts: list[Attempt] = []
        self.fault: LoginFailed | None = None

    async def address(self, attempt: Attempt) -> str:
        if self.fault is not None:
            raise self.fault
        return f"https://accounts.example.org/ask?state={attempt.state}"

    async def person(self, attempt: Attempt, returned: Returned) -> Person:
        self.attempts.append(attempt)
        if self.fault is not None:
            raise self.fault
        found = self.people.pop(returned.code, None)
        if found is None:
            raise LoginFailed("code_refused", "The code passed is incorrect or expired.")
        return found


def state_in(url: str) -> str:
    """The state that a browser is sent to a provider with."""
    return dict(parse_qsl(urlsplit(url).query))["state"]
