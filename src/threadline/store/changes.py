"""Changes: each user's feed as an outbox, written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from threadline.domain.errors import Gone
from threadline.store.tables import changes, users
from threadline.store.transaction import Tx

KEEP: Final = 10_000
"""Changes that a user's feed keeps at the most."""

KEEP_SECONDS: Final = 7 * 86_400.0
"""How long a change is kept at the most."""

LARGEST_BYTES: Final = 64 * 1024
"""A message that would make its change larger than this is told without its parts."""

READ_BYTES: Final = 1 << 20
"""About how much is read at once."""

_FORGOTTEN: Final = {"type": "forgotten"}
"""What stays in the place of a change that told of something deleted, so that the offsets have no gap."""

_TRIM_EVERY: Final = 256


@dataclass(frozen=True, slots=True)
class Page:
    """What one bounded read of a feed found: ``events`` (JSON) from offset ``first`` on, and the feed's ``tail``."""

    first: int
    events: list[bytes]
    tail: int


_NEXT = (
    update(users)
    .where(users.c.id == bindparam("user"))
    .values(feed_seq=users.c.feed_seq + bindparam("count"))
    .returning(users.c.feed_seq)
)
_INSERT = insert(changes)
_TAIL = select(users.c.feed_seq).where(users.c.id == bindparam("user"))
_READ = (
    select(changes.c.seq, changes.c.event)
    .where(changes.c.user_id == bindparam("user"), changes.c.seq >= bindparam("start"))
    .order_by(changes.c.seq)
    .limit(bindparam("most"))
)
_TRIM = delete(changes).where(changes.c.user_id == bindparam("user"), changes.c.seq < bindparam("before"))
_FORGET = (
    update(changes)
    .where(changes.c.conversation_id.in_(bindparam("ids", expanding=True)))
    .values(event=orjson.dumps(_FORGOTTEN).decode(), conversation_id=None)
)
_FORGET_OF = _FORGET.where(changes.c.user_id == bindparam("user"))
_OLD = (select(changes.c.user_id, func.max(changes.c.seq)).where(changes.c.created_at < bindparam("before"))).group_by(
    changes.c.user_id
)


def topic(user_id: str) -> str:
    """The doorbell of a user's feed."""
    return f"feed:{user_id}"


def record(tx: Tx, user_id: str, *events: Mapping[str, Any]) -> int:
    """Put ``events`` at the end of the user's feed and return the last one's offset; offsets are gap-free, from 0.

    They are there for readers if, and only if, the transaction is committed; then the feed's bell rings. A ``message``
    that is too large for a feed has no parts there, and the event says ``truncated``: readers fetch it elsewhere.
    """
    tail = int(tx.conn.execute(_NEXT, {"user": user_id, "count": len(events)}).scalar_one())
    first = tail - len(events)
    rows = [
        {
            "user_id": user_id,
            "seq": seq,
            "event": _told(event),
            "created_at": tx.now,
            "conversation_id": _worded(event),
        }
        for seq, event in enumerate(events, first)
    ]
    tx.conn.execute(_INSERT, rows)
    if tail // _TRIM_EVERY > first // _TRIM_EVERY and tail > KEEP:
        tx.conn.execute(_TRIM, {"user": user_id, "before": tail - KEEP})
    tx.poke(topic(user_id))
    return tail - 1


def tail(tx: Tx, user_id: str) -> int:
    """The offset that the next change will get; 0 for a user who is not there."""
    return int(tx.conn.execute(_TAIL, {"user": user_id}).scalar() or 0)


def read(tx: Tx, user_id: str, start: int, most: int) -> Page:
    """Up to ``most`` changes from offset ``start`` on, about :data:`READ_BYTES` of them but one at the least; raises
    ``Gone`` where these are not kept any more, and where the feed never came so far, as after a return to an older
    copy of the database."""
    end = tail(tx, user_id)
    events: list[bytes] = []
    first, size = end, 0
    # Row by row, so that what is beyond the bound is not even fetched.
    with tx.conn.execute(_READ, {"user": user_id, "start": start, "most": most}) as rows:
        for seq, text in rows:
            event = text.encode()
            size += len(event)
            if events and size > READ_BYTES:
                break
            first = min(first, seq)
            events.append(event)
    if start < first or start > end:
        raise Gone("These changes are not kept any more. Load the list again.", surface="feed", details={"tail": end})
    return Page(start, events, end)


def forget(tx: Tx, conversation_ids: Sequence[str]) -> int:
    """Take the words of deleted conversations out of the feed, and leave ``{"type": "forgotten"}`` in each place."""
    return tx.conn.execute(_FORGET, {"ids": list(conversation_ids)}).rowcount if conversation_ids else 0


def forget_of(tx: Tx, user_id: str, conversation_id: str) -> None:
    """The same in the feed of one user, for whom the conversation is gone."""
    tx.conn.execute(_FORGET_OF, {"ids": [conversation_id], "user": user_id})


def forget_old(tx: Tx) -> int:
    """Drop what is past its time in every feed; always a feed's oldest changes, so that no gap comes to be."""
    gone = 0
    for user_id, last in tx.conn.execute(_OLD, {"before": tx.now - KEEP_SECONDS}).all():
        gone += tx.conn.execute(_TRIM, {"user": user_id, "before": last + 1}).rowcount
    return gone


def _worded(event: Mapping[str, Any]) -> str | None:
    """The conversation whose words a change holds: its title and settings, or a message; None where there are only
    ids."""
    conversation = event.get("conversation")
    found = conversation.get("id") if isinstance(conversation, Mapping) else event.get("conversation_id")
    return found if isinstance(found, str) else None


def _told(event: Mapping[str, Any]) -> str:
    data, message = orjson.dumps(event), event.get("message")
    if len(data) > LARGEST_BYTES and isinstance(message, Mapping):
        data = orjson.dumps({**event, "message": {**message, "parts": []}, "truncated": True})
    return data.decode()
