"""How each model does, by our own measurements: when its answers began, and which of its calls failed."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from threadline.domain.catalog import Health, join_model_id
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.providers.protocol import ModelRequest, Provider
from threadline.world import World

_CALLS: Final = 20
_FEWEST: Final = 3
_LATELY_SECONDS: Final = 1800.0
_SLOW_SECONDS: Final = 10.0
_MOST_MODELS: Final = 1000
_TIMED_OUT: Final = 408


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model: when it was made, and how many seconds its answer took to begin; None: it failed."""

    at: float
    began_after: float | None


class Healths:
    """The last 20 calls of each model, of the 1,000 that were called last; in memory alone."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: OrderedDict[str, deque[Call]] = OrderedDict()

    def saw(self, model_id: str, began_after: float | None) -> None:
        """A call was made of which the answer began after so many seconds; None: it failed, and nobody but the provider
        or the way to it is to blame."""
        calls = self._calls.setdefault(model_id, deque(maxlen=_CALLS))
        self._calls.move_to_end(model_id)
        calls.append(Call(self._world.monotonic(), began_after))
        if len(self._calls) > _MOST_MODELS:
            self._calls.popitem(last=False)

    def of(self, model_id: str) -> Health | None:
        """``failing``: at least half of the calls of the last half hour failed; ``slow``: half of the answers took more
        than 10 seconds to begin; None where there were fewer than 3 calls."""
        since = self._world.monotonic() - _LATELY_SECONDS
        calls = [call for call in self._calls.get(model_id, ()) if call.at >= since]
        if len(calls) < _FEWEST:
            return None
        began = [call.began_after for call in calls if call.began_after is not None]
        if 2 * len(began) <= len(calls):
            return "failing"
        return "slow" if sorted(began)[len(began) // 2] > _SLOW_SECONDS else "ok"


class Watched:
    """A ``Provider`` whose calls are measured; else it is the one that it was made of."""

    def __init__(self, provider: Provider, healths: Healths, world: World) -> None:
        self.name = provider.name
        self.continues = provider.continues
        self._provider = provider
        self._healths = healths
        self._world = world

    def __repr__(self) -> str:
        return f"Watched({self._provider!r})"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See ``protocol.Provider.stream``."""
        model_id = join_model_id(self.name, request.model)
        asked = self._world.monotonic()
        began_after: float | None = None
        try:
            async with aclosing(self._provider.stream(request)) as batches:
                async for batch in batches:
                    if began_after is None:
                        began_after = self._world.monotonic() - asked
                    yield batch
        except ProviderError as error:
            if is_to_blame(error):
                self._healths.saw(model_id, None)
            raise
        except GeneratorExit:
            # Whoever asked has gone; what came before is seen all the same.
            if began_after is not None:
                self._healths.saw(model_id, began_after)
            raise
        if began_after is not None:
            self._healths.saw(model_id, began_after)

    async def cancel(self, kept: str) -> None:
        """See ``protocol.Provider.cancel``."""
        await self._provider.cancel(kept)


def is_to_blame(error: ProviderError) -> bool:
    """Whether a failure says something of the model, and not of the request, of a key or of what that may use."""
    status = error.provider_status
    return status is None or status >= 500 or status == _TIMED_OUT
