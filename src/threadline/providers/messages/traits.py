"""What Anthropic's models take and refuse, by the generation that a model's name tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

_NAME: Final = re.compile(r"claude-(?:([a-z]+)-)?(\d)(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST: Final = (99, 0)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes; the defaults are those of a model that is not Anthropic's own.

    ``most``: how many tokens it gives at most, where that is certain. ``prefill``: it goes on from an assistant
    message that comes last. ``thinking``: how it is told to think, with a budget of tokens or as it sees fit. ``asks``:
    it thinks without being told to. ``off``: how it is told not to (None: by saying nothing; ``never``: it cannot be).
    ``hides``: it keeps its thinking to itself unless it is asked to show it. ``bound``: it refuses or drops thinking
    whose conversation has changed before it. ``sampling``: it takes a temperature and top_p, and both of them only with
    ``pair``. ``forced``: it can be made to call a tool. ``schemas``: it holds to a JSON schema.
    """

    most: int | None = None
    prefill: bool = True
    thinking: Literal["budget", "adaptive"] | None = "budget"
    asks: bool = False
    off: Literal["disabled", "between_tools", "never"] | None = None
    hides: bool = False
    bound: bool = False
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh")
    sampling: bool = True
    pair: bool = True
    forced: bool = True
    schemas: bool = False


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """The traits of the model of that name. A name of Anthropic's that tells no generation is taken for a newer one."""
    found = _NAME.search(model)
    if found is None and "claude" not in model:
        return Traits()
    family, major, minor = found.groups() if found else (None, None, None)
    generation = (int(major), int(minor or 0)) if major else _NEWEST
    adaptive = generation >= (4, 6)
    thinks: Literal["budget", "adaptive"] | None = (
        "adaptive" if adaptive else "budget" if generation >= (3, 7) else None
    )
    return Traits(
        most=128_000 if adaptive else 64_000 if generation >= (4, 5) else None,
        prefill=not adaptive,
        thinking=thinks,
        asks=generation >= (5, 0),
        off=_off(family, generation),
        hides=generation >= (4, 7),
        bound=generation >= (5, 1),
        efforts=("low", "medium", "high", "xhigh" if generation >= (4, 7) else "max"),
        sampling=generation < (4, 7),
        pair=generation < (4, 1),
        forced=generation < (5, 1) or family == "haiku",
        schemas=generation >= (4, 5) or (family, generation) == ("opus", (4, 1)),
    )


def _off(family: str | None, generation: tuple[int, int]) -> Literal["disabled", "between_tools", "never"] | None:
    if generation < (5, 0):
        return None
    if (family, generation) in (("opus", (5, 0)), ("sonnet", (5, 0)), ("haiku", (5, 5))):
        return "disabled"
    return "between_tools" if (family, generation) == ("sonnet", (5, 5)) else "never"
