"""Pages of a list, as OpenAI has them: by the id of the item before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from threadline.routes.openai.errors import invalid

_USUAL: Final = 20
_MOST: Final = 100


def page(items: Sequence[Mapping[str, Any]], asked: Mapping[str, str]) -> dict[str, Any]:
    """The page that a query asks for (``order``, ``after``, ``limit``), out of items from the oldest on. Raises
    ``BadRequest``."""
    order, after, limit = asked.get("order", "desc"), asked.get("after"), asked.get("limit", str(_USUAL))
    if order not in ("asc", "desc"):
        raise invalid("order", "must be asc or desc.")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= _MOST):
        raise invalid("limit", f"must be a whole number from 1 to {_MOST}.")
    left = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        at = next((number for number, item in enumerate(left) if item["id"] == after), None)
        if at is None:
            raise invalid("after", "is none of the items.")
        left = left[at + 1 :]
    found = left[: int(limit)]
    return {
        "object": "list",
        "data": found,
        "first_id": found[0]["id"] if found else None,
        "last_id": found[-1]["id"] if found else None,
        "has_more": len(left) > len(found),
    }
