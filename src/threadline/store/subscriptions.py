"""Subscriptions to streams: what they ask for, who is awake for them under which generation, and how far all is done.

A wake is present while ``wake_id`` is there. Whoever changes one names its generation, and a change that finds another
has no effect: see each function.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, select, update

from threadline.domain.subscriptions import Kind, Link, Wanted
from threadline.store.tables import subscription_streams as streams
from threadline.store.tables import subscriptions
from threadline.store.transaction import Tx

TOPIC: Final = "subscriptions"
"""Rung when a subscription comes or goes."""

WAKES: Final = "wakes"
"""Rung when there is something to look at or to deliver."""


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """One subscription as it stands; times are Unix seconds. ``attempts`` counts how often the present wake was taken
    to be delivered; ``next_attempt_at`` is when it may be taken again, None once it is delivered."""

    id: str
    user_id: str
    name: str
    type: Kind
    pattern: str | None
    webhook_url: str | None
    wake_stream: str | None
    lease_ms: int
    description: str | None
    digest: bytes
    base: str
    status: str
    generation: int
    wake_id: str | None
    holder: str | None
    lease_until: float | None
    attempts: int
    next_attempt_at: float | None
    created_at: float


_COLUMNS: Final = list(subscriptions.c)
_LINK: Final = [streams.c.path, streams.c.explicit, streams.c.glob, streams.c.acked, streams.c.snapshot, streams.c.born]
_IDLE: Final[dict[str, Any]] = {
    "wake_id": None,
    "holder": None,
    "lease_until": None,
    "attempts": 0,
    "next_attempt_at": None,
    "status": "active",
}

_INSERT = insert(subscriptions)
_BY_ID = select(*_COLUMNS).where(subscriptions.c.id == bindparam("id"))
_BY_NAME = select(*_COLUMNS).where(subscriptions.c.user_id == bindparam("user"), subscriptions.c.name == bindparam("n"))
_OF_USER = select(*_COLUMNS).where(subscriptions.c.user_id == bindparam("user")).order_by(subscriptions.c.id)
_OWNERS = select(subscriptions.c.user_id).distinct()
_COUNT = select(func.count()).select_from(subscriptions).where(subscriptions.c.user_id == bindparam("user"))
_REMOVE = delete(subscriptions).where(subscriptions.c.id == bindparam("id_"))
_LINKS = select(*_LINK).where(streams.c.subscription_id == bindparam("id")).order_by(streams.c.path)
_LINK_INSERT = insert(streams)
_LINK_CHANGE = (
    update(streams)
    .where(streams.c.subscription_id == bindparam("id_"), streams.c.path == bindparam("path_"))
    .values({name: bindparam(name) for name in ("explicit", "glob", "acked", "snapshot", "born")})
)
_LINK_REMOVE = delete(streams).where(
    streams.c.subscription_id == bindparam("id_"), streams.c.path == bindparam("path_")
)
_LAPSED = select(*_COLUMNS).where(subscriptions.c.lease_until <= bindparam("now"))
_BREAK = (
    update(subscriptions).where(subscriptions.c.next_attempt_at.is_not(None)).values(next_attempt_at=bindparam("now"))
)


def add(tx: Tx, user_id: str, name: str, wanted: Wanted, base: str) -> SubscriptionRow:
    """Keep a new subscription, nobody awake for it yet."""
    row = SubscriptionRow(
        id=tx.new_id("sub"),
        user_id=user_id,
        name=name,
        type=wanted.kind,
        pattern=wanted.pattern,
        webhook_url=wanted.url,
        wake_stream=wanted.wake_stream,
        lease_ms=wanted.lease_ms,
        description=wanted.description,
        digest=wanted.digest,
        base=base,
        status="active",
        generation=0,
        wake_id=None,
        holder=None,
        lease_until=None,
        attempts=0,
        next_attempt_at=None,
        created_at=tx.now,
    )
    tx.conn.execute(_INSERT, {column.name: getattr(row, column.name) for column in _COLUMNS})
    tx.poke(TOPIC)
    return row


def get(tx: Tx, subscription_id: str) -> SubscriptionRow | None:
    """A subscription by its own id."""
    return _one(tx.conn.execute(_BY_ID, {"id": subscription_id}).first())


def named(tx: Tx, user_id: str, name: str) -> SubscriptionRow | None:
    """A user's subscription by its name."""
    return _one(tx.conn.execute(_BY_NAME, {"user": user_id, "n": name}).first())


def of_user(tx: Tx, user_id: str) -> list[SubscriptionRow]:
    """All of a user's, the oldest first."""
    return [_row(row) for row in tx.conn.execute(_OF_USER, {"user": user_id})]


def owners(tx: Tx) -> frozenset[str]:
    """Who has any."""
    return frozenset(tx.conn.execute(_OWNERS).scalars())


def count_of_user(tx: Tx, user_id: str) -> int:
    """How many a user has."""
    return int(tx.conn.execute(_COUNT, {"user": user_id}).scalar_one())


def remove(tx: Tx, subscription_id: str) -> None:
    """Forget a subscription and its links."""
    tx.conn.execute(_REMOVE, {"id_": subscription_id})
    tx.poke(TOPIC)


def links(tx: Tx, subscription_id: str) -> list[Link]:
    """The streams of a subscription, by path."""
    return [Link(*row) for row in tx.conn.execute(_LINKS, {"id": subscription_id})]


def links_at(tx: Tx, ids: Collection[str], paths: Collection[str]) -> dict[str, list[Link]]:
    """The links that subscriptions have to the streams at ``paths``, by their ids."""
    found: dict[str, list[Link]] = {}
    asked = select(streams.c.subscription_id, *_LINK).where(
        streams.c.subscription_id.in_(list(ids)), streams.c.path.in_(list(paths))
    )
    for subscription_id, *link in tx.conn.execute(asked):
        found.setdefault(subscription_id, []).append(Link(*link))
    return found


def linked_paths(tx: Tx, ids: Collection[str]) -> set[str]:
    """The paths that any of these subscriptions has a link to."""
    asked = select(streams.c.path).where(streams.c.subscription_id.in_(list(ids))).distinct()
    return set(tx.conn.execute(asked).scalars())


def counted(tx: Tx, ids: Collection[str]) -> dict[str, int]:
    """How many streams each of these subscriptions has."""
    asked = (
        select(streams.c.subscription_id, func.count())
        .where(streams.c.subscription_id.in_(list(ids)))
        .group_by(streams.c.subscription_id)
    )
    found = dict.fromkeys(ids, 0)
    for subscription_id, count in tx.conn.execute(asked):
        found[subscription_id] = count
    return found


def unclaimed(tx: Tx, user_id: str) -> list[tuple[SubscriptionRow, str]]:
    """A user's subscriptions whose wake was announced and that nobody has claimed, each with a stream of the wake."""
    told = (
        select(func.min(streams.c.path))
        .where(streams.c.subscription_id == subscriptions.c.id, streams.c.snapshot.is_not(None))
        .scalar_subquery()
        .label("told")
    )
    asked = select(*_COLUMNS, told).where(
        subscriptions.c.user_id == user_id,
        subscriptions.c.type == "pull-wake",
        subscriptions.c.wake_id.is_not(None),
        subscriptions.c.holder.is_(None),
        subscriptions.c.next_attempt_at.is_(None),
    )
    rows = [dict(row._mapping) for row in tx.conn.execute(asked)]
    return [(SubscriptionRow(**row), path) for row in rows if (path := row.pop("told")) is not None]


def put_links(tx: Tx, subscription_id: str, before: Sequence[Link], after: Sequence[Link]) -> None:
    """Make the links ``after`` out of those that are there, ``before``."""
    known = {link.path: link for link in before}
    kept = {link.path for link in after}
    new = [_link(subscription_id, link) for link in after if link.path not in known]
    if new:
        tx.conn.execute(
            _LINK_INSERT, [{"subscription_id": subscription_id, "path": row["path_"], **row} for row in new]
        )
    changed = [_link(subscription_id, link) for link in after if link.path in known and known[link.path] != link]
    if changed:
        tx.conn.execute(_LINK_CHANGE, changed)
    gone = [{"id_": subscription_id, "path_": path} for path in known if path not in kept]
    if gone:
        tx.conn.execute(_LINK_REMOVE, gone)


def wake(tx: Tx, row: SubscriptionRow, wake_id: str, *, announced: bool = True) -> SubscriptionRow:
    """Begin the next generation of a subscription; ``announced``: its wake is to be delivered."""
    at = tx.now if announced else None
    return _set(tx, row, **{**_IDLE, "generation": row.generation + 1, "wake_id": wake_id, "next_attempt_at": at})


def rest(tx: Tx, row: SubscriptionRow) -> SubscriptionRow:
    """The present wake is over."""
    return _set(tx, row, **_IDLE)


def take(tx: Tx, row: SubscriptionRow, seconds: float) -> SubscriptionRow:
    """The wake is being delivered, and by nobody else for ``seconds``."""
    return _set(tx, row, attempts=row.attempts + 1, next_attempt_at=tx.now + seconds, lease_until=None)


def delivered(tx: Tx, row: SubscriptionRow, *, leased: bool) -> SubscriptionRow:
    """The wake has reached whom it is for; ``leased``: who has it now has a lease."""
    until = tx.now + row.lease_ms / 1000 if leased else row.lease_until
    return _set(tx, row, status="active", attempts=0, next_attempt_at=None, lease_until=until)


def put_off(tx: Tx, row: SubscriptionRow, seconds: float) -> SubscriptionRow:
    """The wake could not be delivered; it may be taken again after ``seconds``."""
    return _set(tx, row, status="failed", next_attempt_at=tx.now + seconds)


def hold(tx: Tx, row: SubscriptionRow, holder: str | None) -> SubscriptionRow:
    """Whoever has the wake has it for another lease, which shows that it has reached him."""
    until = tx.now + row.lease_ms / 1000
    return _set(tx, row, holder=holder, lease_until=until, status="active", next_attempt_at=None)


def due(
    tx: Tx, kind: Kind, most: int, *, but: Collection[str] = (), full: Collection[str] = ()
) -> list[SubscriptionRow]:
    """Whose wakes may be delivered now, in turns of their owners, and of each the one that waits the longest first.
    Those of the ids ``but`` and of the owners ``full`` are left out."""
    turn = func.row_number().over(partition_by=subscriptions.c.user_id, order_by=subscriptions.c.next_attempt_at)
    waiting = (
        select(*_COLUMNS, turn.label("turn"))
        .where(subscriptions.c.next_attempt_at <= tx.now, *_not_of(kind, but, full))
        .subquery()
    )
    asked = select(*(waiting.c[column.name] for column in _COLUMNS)).order_by(waiting.c.turn, waiting.c.next_attempt_at)
    return [_row(row) for row in tx.conn.execute(asked.limit(most))]


def lapsed(tx: Tx) -> list[SubscriptionRow]:
    """Whose leases are over."""
    return [_row(row) for row in tx.conn.execute(_LAPSED, {"now": tx.now})]


def next_attempt(tx: Tx, kind: Kind, *, but: Collection[str] = (), full: Collection[str] = ()) -> float | None:
    """When the next wake may be delivered; what is left out, as of :func:`due`."""
    attempt = (
        select(subscriptions.c.next_attempt_at)
        .where(subscriptions.c.next_attempt_at.is_not(None), *_not_of(kind, but, full))
        .order_by(subscriptions.c.next_attempt_at)
        .limit(1)
    )
    return tx.conn.execute(attempt).scalar()


def next_lapse(tx: Tx) -> float | None:
    """When the next lease is over."""
    lease = select(func.min(subscriptions.c.lease_until)).where(subscriptions.c.lease_until.is_not(None))
    return tx.conn.execute(lease).scalar()


def break_deliveries(tx: Tx) -> None:
    """Whoever was delivering is gone: every wake that has not arrived may be taken at once."""
    tx.conn.execute(_BREAK, {"now": tx.now})


def _not_of(kind: Kind, but: Collection[str], full: Collection[str]) -> list[ColumnElement[bool]]:
    return [
        subscriptions.c.type == kind,
        subscriptions.c.id.not_in(list(but)),
        subscriptions.c.user_id.not_in(list(full)),
    ]


def _set(tx: Tx, row: SubscriptionRow, **values: Any) -> SubscriptionRow:
    changed = (
        update(subscriptions)
        .where(subscriptions.c.id == row.id, subscriptions.c.generation == row.generation)
        .values(**values)
        .returning(*_COLUMNS)
    )
    tx.poke(WAKES)
    return _row(tx.conn.execute(changed).one())


def _one(row: Row[Any] | None) -> SubscriptionRow | None:
    return None if row is None else _row(row)


def _row(row: Row[Any]) -> SubscriptionRow:
    return SubscriptionRow(**row._mapping)


def _link(subscription_id: str, link: Link) -> dict[str, Any]:
    return {
        "id_": subscription_id,
        "path_": link.path,
        "explicit": link.explicit,
        "glob": link.glob,
        "acked": link.acked,
        "snapshot": link.snapshot,
        "born": link.born,
    }
