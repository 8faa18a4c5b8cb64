"""What an answer cost, out of the tokens that it took and the price of its model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from threadline.domain.messages import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in millionths of a US dollar. ``output`` holds for reasoning, too. ``cached`` is for
    input that the provider read from its cache, ``cache_write`` for input that it wrote to it; None: as all input.
    ``long`` is the price of a whole call whose input has more than ``long_above`` tokens; it has no ``long`` itself."""

    input: int
    output: int
    cached: int | None = None
    cache_write: int | None = None
    long_above: int | None = None
    long: Price | None = None


def cost(price: Price | None, usage: Usage) -> int | None:
    """What one call of a model cost, in millionths of a US dollar, half of one counted as a whole; None where nobody
    knows: the model has no price, or the provider told no tokens. What it told in part is counted in part."""
    return cost_of_calls(price, [usage])


def cost_of_calls(price: Price | None, calls: Iterable[Usage]) -> int | None:
    """What all the calls of an answer cost together; as :func:`cost`, rounded once."""
    told = [usage for usage in calls if "inputTokens" in usage or "outputTokens" in usage]
    if price is None or not told:
        return None
    exact = sum(_exact(price, usage) for usage in told)
    return (exact + MILLION // 2) // MILLION


def dollars(cost: int | None) -> float | None:
    """Millionths of a US dollar as the API tells them: in US dollars."""
    return None if cost is None else cost / MILLION


def millionths(dollars: float | None) -> int | None:
    """US dollars as they are kept; exact for every number that :func:`dollars` gave."""
    return None if dollars is None else round(dollars * MILLION)


def _exact(price: Price, usage: Usage) -> int:
    """In millionths of a millionth, so that nothing is rounded yet."""
    given = usage.get("inputTokens", 0)
    if price.long is not None and price.long_above is not None and given > price.long_above:
        price = price.long
    read = min(usage.get("cachedInputTokens", 0), given)
    written = min(usage.get("cacheWriteTokens", 0), given - read)
    return (
        (given - read - written) * price.input
        + read * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + usage.get("outputTokens", 0) * price.output
    )
