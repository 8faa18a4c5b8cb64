"""Bearers: who was found behind a secret is remembered for a moment, so that a request costs no read."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, Generic, TypeVar

from threadline.world import World

T = TypeVar("T")

LONGEST: Final = 200
"""How many characters a secret may have: what is longer is none of ours."""

_MOST: Final = 10_000
_SECONDS: Final = 25.0
_BYTES: Final = 32


def new_secret(world: World) -> str:
    """A secret that nobody guesses."""
    return urlsafe_b64encode(world.entropy(_BYTES)).rstrip(b"=").decode()


def hashed(secret: str) -> bytes:
    """What is kept of a secret, here and in the database."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Bearers(Generic[T]):
    """Who was found by the hash of a secret, each for at most 25 s; at most 10,000 of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: OrderedDict[bytes, tuple[T, float]] = OrderedDict()
        self._revocations = 0
        self._watchers: list[Callable[[], None]] = []

    def watch(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after each :meth:`revoke`."""
        self._watchers.append(listener)

    def remembers(self, key: bytes) -> bool:
        """Whether :meth:`find` would find somebody without a look."""
        known = self._known.get(key)
        return known is not None and known[1] > self._world.monotonic()

    async def find(self, key: bytes, look: Callable[[], Awaitable[tuple[T, float] | None]]) -> T | None:
        """Who is behind a key. ``look`` finds out where that is not remembered, and for how many seconds it holds."""
        began = self._world.monotonic()
        known = self._known.get(key)
        if known is not None and known[1] > began:
            self._known.move_to_end(key)
            return known[0]
        revocations = self._revocations
        found = await look()
        if found is None:
            self._known.pop(key, None)
            return None
        if revocations != self._revocations:
            # Somebody's was revoked while this was read, and it may be this one.
            return await self.find(key, look)
        self._keep(key, *found, began)
        return found[0]

    def keep(self, key: bytes, bearer: T, seconds: float) -> None:
        """Remember who is behind a key, as long as that holds."""
        self._keep(key, bearer, seconds, self._world.monotonic())

    def revoke(self, those: Callable[[T], bool]) -> None:
        """Forget those, also where they are being looked up at this moment, and tell who watches."""
        self._revocations += 1
        for key in [key for key, (bearer, _) in self._known.items() if those(bearer)]:
            del self._known[key]
        for listener in self._watchers:
            listener()

    def _keep(self, key: bytes, bearer: T, seconds: float, since: float) -> None:
        self._known[key] = bearer, since + min(_SECONDS, seconds)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
