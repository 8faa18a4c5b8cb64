"""What Google's models take and refuse, by the generation that a model's name tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

LEVELS: Final = ("MINIMAL", "LOW", "MEDIUM", "HIGH")

_NAME: Final = re.compile(r"gemini-(\d)(?:\.(\d+))?(?!\d)")
_NEWEST: Final = (99, 0)
_SPECIAL: Final = re.compile(r"image|tts|audio|live|embedding|computer-use|robotics")


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model takes; the defaults are those of a model that is not Google's own.

    ``thinking``: how it is told how much to think, by a level out of ``levels`` or by a budget of at least ``least``
    tokens, or of ``off`` where it is not to think, or as little as it can. ``signs``: it gives signatures, and wants
    each call back with one. ``sampling``: it takes a temperature and top_p. ``penalties``: it takes presence and
    frequency penalties. ``prefill``: it goes on from an answer that comes last. ``both``: it holds to a schema also
    where it has tools, and searches the web beside them. ``fetches``: it gets files from their addresses. ``system``:
    it takes instructions apart from what the user says.
    """

    thinking: Literal["level", "budget"] | None = None
    levels: tuple[str, ...] = LEVELS
    least: int = 0
    off: int = 0
    signs: bool = False
    sampling: bool = True
    penalties: bool = True
    prefill: bool = True
    both: bool = True
    fetches: bool = True
    system: bool = True


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """The traits of the model of that name. A name of Google's that tells no generation is taken for a newer one."""
    if "gemma" in model:
        return Traits(penalties=False, fetches=False, system=False)
    found = _NAME.search(model)
    if found is None and "gemini" not in model:
        return Traits()
    generation = (int(found[1]), int(found[2] or 0)) if found else _NEWEST
    lite = "flash-lite" in model
    special = _SPECIAL.search(model) is not None
    thinks = generation >= (2, 5) and not special
    strict = generation >= (3, 6) or (generation == (3, 5) and lite)
    return Traits(
        thinking=("level" if generation >= (3, 0) else "budget") if thinks else None,
        levels=_levels(model, generation),
        least=512 if lite else 128,
        off=128 if "pro" in model else 0,
        signs=thinks or (special and generation >= (3, 0)),
        sampling=not strict,
        penalties=generation < (2, 5),
        prefill=not strict,
        both=generation >= (3, 0),
        fetches=generation >= (2, 5),
    )


def _levels(model: str, generation: tuple[int, int]) -> tuple[str, ...]:
    """The levels that a model knows. The newest ones, and those called Pro, cannot think as little as the others."""
    if generation == (3, 0) and "pro" in model:
        return ("LOW", "HIGH")
    return LEVELS[1:] if generation >= (3, 7) or "pro" in model else LEVELS
