"""Passwords: which are taken, and how one is kept and compared, beside the event loop and never by all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from unicodedata import normalize

from threadline.domain.errors import BadRequest, Unavailable

if TYPE_CHECKING:
    from pwdlib import PasswordHash

T = TypeVar("T")

SHORTEST: Final = 8
LONGEST: Final = 1000

_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1
_WORKERS: Final = 1
_MOST_WAITING: Final = 64
_RETRY_SECONDS: Final = 2.0

NOBODYS: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${'A' * 22}${'A' * 43}"
"""What a password is compared with where there is nothing to compare it with: the work is the same, and none fits."""


class Hasher(Protocol):
    """How a password is turned into what is kept of it. Called in a thread of its own."""

    def hash(self, password: str) -> str:
        """What is kept of a password; never twice the same."""
        ...

    def verify_and_update(self, password: str, hash: str) -> tuple[bool, str | None]:
        """Whether a password fits, and what is to be kept of it from now on, where that has changed."""
        ...


class Argon2:
    """Argon2id with what OWASP recommends where many sign in on one machine: 19 MiB, two passes, one lane. It is loaded
    when the first password comes."""

    def __init__(self) -> None:
        self._loaded: PasswordHash | None = None

    def hash(self, password: str) -> str:
        """See ``Hasher.hash``."""
        return self._hasher().hash(password)

    def verify_and_update(self, password: str, hash: str) -> tuple[bool, str | None]:
        """See ``Hasher.verify_and_update``."""
        return self._hasher().verify_and_update(password, hash)

    def _hasher(self) -> PasswordHash:
        if self._loaded is None:
            from pwdlib import PasswordHash
            from pwdlib.hashers.argon2 import Argon2Hasher

            self._loaded = PasswordHash([Argon2Hasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)])
        return self._loaded


class Passwords:
    """Hashes and compares, one at a time: whoever signs in has to wait for whoever came before, and nothing else has to
    wait for either. Where too many wait, the next is told to come again."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher = hasher or Argon2()
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="threadline-passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises ``Unavailable`` where too many wait."""
        return await self._beside(self._hasher.hash, _spelled(password))

    async def fits(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether this is the password of which ``kept`` is kept, and what is to be kept of it from now on, where that
        has changed. Without ``kept`` the work is the same, and the answer no. Raises ``Unavailable`` where too many
        wait."""
        fits, update = await self._beside(self._hasher.verify_and_update, _spelled(password), kept or NOBODYS)
        return fits and kept is not None, update

    async def _beside(self, work: Callable[..., T], *given: Any) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable(
                "Too many people are signing in at this moment. Try again in a few seconds.",
                surface="login",
                retry_after=_RETRY_SECONDS,
            )
        self._waiting += 1
        task = asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        task.add_done_callback(self._done)
        return await task

    def _done(self, _task: asyncio.Future[Any]) -> None:
        self._waiting -= 1


def check_new(password: str, email: str | None, name: str | None) -> None:
    """Raise ``BadRequest`` for a password that is not taken as a new one: it is the length that makes one strong, and
    that nobody tries it first. No kinds of characters are asked for."""
    spelled = _spelled(password)
    if not SHORTEST <= len(spelled) <= LONGEST:
        _refuse(f"A password has at least {SHORTEST} characters, and at most {LONGEST}.")
    from threadline.services.guessed_passwords import GUESSED

    plain = spelled.casefold()
    own = {word.casefold() for word in (email, (email or "").partition("@")[0], name) if word}
    if plain in own:
        _refuse("This is your own name or address, which is tried first. Choose another password.")
    if plain in GUESSED or len(set(plain)) == 1:
        _refuse("This password is one of those that are tried first. Choose another, such as four words.")


def _refuse(words: str) -> None:
    raise BadRequest(words, surface="password")


def _spelled(password: str) -> str:
    """The same password from every keyboard: some write an ä as one character, some as two."""
    return normalize("NFC", password)
