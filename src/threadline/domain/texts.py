"""What a text that names something must not hold."""

from __future__ import annotations

import re
from typing import Final

CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Control characters, and halves of surrogate pairs: no screen shows them, and not every storage keeps them."""


def names(text: str) -> bool:
    """Whether a text can name something: there is one, and it has no control characters."""
    return bool(text) and CONTROLS.search(text) is None
