"""Cursors of lists: opaque to clients, the sort key of the last item to us; never a count of rows."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from threadline.domain.errors import BadRequest


def encode(at: float, item_id: str) -> str:
    """The cursor after an item that sorts by time and then by id."""
    return urlsafe_b64encode(orjson.dumps([at, item_id])).rstrip(b"=").decode()


def decode(cursor: str) -> tuple[float, str]:
    """The sort key in a cursor; what we did not make raises ``BadRequest``."""
    try:
        key = orjson.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except ValueError:
        key = None
    match key:
        case [float() | int() as at, str() as item_id] if not isinstance(at, bool):
            return float(at), item_id
        case _:
            raise BadRequest("This cursor is not one of ours. Begin the list again without it.")
