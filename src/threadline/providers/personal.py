"""What providers list for users' own keys: asked for when somebody looks, remembered for a while, never for long."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from threadline.domain.catalog import ProviderConfig
from threadline.domain.facts import Known
from threadline.world import World

Ask = Callable[[ProviderConfig], Awaitable[list[Known] | None]]

_MOST: Final = 1000
_MOST_MODELS: Final = 50_000
_AT_ONCE: Final = 16
_FRESH_SECONDS: Final = 600.0
_RETRY_SECONDS: Final = 60.0


class Personal:
    """The models of a provider at an address for a key, of which only a hash is kept; at most 1,000 such lists, and
    50,000 models in them, the least used of which go first. ``ask`` asks a provider; None: it did not answer."""

    def __init__(self, world: World, ask: Ask) -> None:
        self._world = world
        self._ask = ask
        self._known: OrderedDict[bytes, tuple[Sequence[Known] | None, float]] = OrderedDict()
        self._models = 0
        self._asking: dict[bytes, asyncio.Task[None]] = {}

    def found(self, config: ProviderConfig) -> Sequence[Known] | None:
        """What is remembered; None where nothing is."""
        known = self._known.get(_digest(config))
        return known[0] if known is not None else None

    async def look(self, configs: Iterable[ProviderConfig], seconds: float) -> None:
        """Ask for what is not remembered or not fresh, and wait for the first of it at most ``seconds``. What does not
        come in time is there at the next look."""
        new: list[asyncio.Task[None]] = []
        for config in configs:
            digest = _digest(config)
            known, asked = self._known.get(digest), self._asking.get(digest)
            if known is not None:
                self._known.move_to_end(digest)
            if asked is None and (known is None or known[1] <= self._world.monotonic()):
                if len(self._asking) >= _AT_ONCE:
                    continue
                asked = asyncio.create_task(self._find(digest, config), name="models of a user's key")
                self._asking[digest] = asked
            if asked is not None and known is None:
                new.append(asked)
        if new and seconds > 0:
            await asyncio.wait(new, timeout=seconds)

    async def close(self) -> None:
        """Ask no more."""
        left = list(self._asking.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _find(self, digest: bytes, config: ProviderConfig) -> None:
        try:
            found = await self._ask(config)
        finally:
            del self._asking[digest]
        before = self._known.get(digest)
        kept = before[0] if found is None and before is not None else found
        until = self._world.monotonic() + (_RETRY_SECONDS if found is None else _FRESH_SECONDS)
        self._known[digest] = kept, until
        self._known.move_to_end(digest)
        self._models += len(kept or ()) - (0 if before is None else len(before[0] or ()))
        while len(self._known) > _MOST or self._models > _MOST_MODELS:
            _, (dropped, _) = self._known.popitem(last=False)
            self._models -= len(dropped or ())


def _digest(config: ProviderConfig) -> bytes:
    words = (config.name, config.address or "", config.api_key or "")
    return sha256("\n".join(words).encode("utf-8", "surrogatepass")).digest()
