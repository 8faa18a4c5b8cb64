"""What an access token may do: by the family of the address, and by the scopes that its user gave it.

A family that is not in the table is for tokens of the scope ``all`` alone. What opens an account, and who is in it, is
in the table for no token at all: whoever gets hold of one must not be able to lock its user out, or to stay when it is
revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from threadline.domain.errors import Forbidden, NotFound
from threadline.domain.scopes import SCOPES, Scope
from threadline.routes import exchange
from threadline.services.tokens import Program


@dataclass(frozen=True, slots=True)
class Family:
    """Addresses of one kind, and the scopes of which one is enough to read there, and to do all else."""

    reading: frozenset[str]
    writing: frozenset[str]


def _family(writing: Collection[Scope], *more: Scope) -> Family:
    return Family(frozenset((*writing, *more)), frozenset(writing))


_ELSEWHERE: Final = _family(["all"])
_CHAT: Final = _family(["all", "chat"], "read")
_STREAMS: Final = _family(["all", "streams"], "read")
_OPENAI: Final = _family(["all", "openai"], "read")
_ADMIN: Final = _family(["admin"])
_SELF: Final = _family([], *SCOPES)
_ACCOUNT: Final = _family([])

FAMILIES: Final[Mapping[str, Family]] = {
    "/api/admin": _ADMIN,
    "/api/auth": _ACCOUNT,
    "/api/chat": _CHAT,
    "/api/conversations": _CHAT,
    "/api/durable": _CHAT,
    "/api/feed": _CHAT,
    "/api/keys": _ACCOUNT,
    "/api/live": _family(["all", "chat", "streams", "read"]),
    "/api/me": _SELF,
    "/api/models": _CHAT,
    "/api/recordings": _CHAT,
    "/api/runs": _CHAT,
    "/api/shares": _CHAT,
    "/api/tokens": _ACCOUNT,
    "/api/usage": _CHAT,
    "/v1/chat": _OPENAI,
    "/v1/models": _OPENAI,
    "/v1/responses": _OPENAI,
    "/v1/stream": _STREAMS,
}
"""By the first two names of an address."""

_RUNS: Final = "/v1/stream/runs/"
"""Answers, which are read here too."""


def family(path: str) -> Family | None:
    """The family of an address; None where it is in none."""
    if path.startswith(_RUNS):
        return _CHAT
    return FAMILIES.get("/".join(path.split("/", 3)[:3]))


def check(program: Program, scope: exchange.Scope) -> None:
    """Whether a token may ask for this. Raises ``Forbidden``, in words for who made it, and ``NotFound`` where its user
    himself may not."""
    found = family(scope["path"]) or _ELSEWHERE
    if found is _ADMIN and program.user.role != "admin":
        raise NotFound
    reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    _allow(program, found.reading if reads else found.writing)


def check_stream(program: Program | None, *, own: bool) -> None:
    """Whether a socket may follow one of its user's ``own`` streams, or else an answer or the feed; None: a session,
    which may. Raises ``Forbidden``."""
    if program is not None:
        _allow(program, (_STREAMS if own else _CHAT).reading)


def covers(program: Program, before: Program | None) -> bool:
    """Whether a token may follow whatever could be followed ``before``; None: by a session."""
    followed = [one for one in (_CHAT, _STREAMS) if before is None or before.scopes & one.reading]
    return all(program.scopes & one.reading for one in followed)


def _allow(program: Program, enough: frozenset[str]) -> None:
    if program.scopes & enough:
        return
    if not enough:
        raise Forbidden(
            "An access token may not do this, whatever its scopes. Sign in, and do it on the page.", surface="token"
        )
    named = " or ".join(name for name in SCOPES if name in enough)
    given = ", ".join(name for name in SCOPES if name in program.scopes)
    raise Forbidden(
        f"This needs an access token with the scope {named}; this one has {given}. Make another for it.",
        surface="token",
    )
