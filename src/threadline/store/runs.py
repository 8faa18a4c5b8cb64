"""Runs: what is wanted, and how it ended; who works on it is told by :mod:`threadline.store.leases`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Row, bindparam, select, update

from threadline.domain.catalog import KeyOwner
from threadline.domain.messages import Usage
from threadline.store.tables import runs
from threadline.store.transaction import Tx

UNFINISHED: Final = ("queued", "running")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as it stands; ``model`` is ``provider/name``, times are Unix seconds, ``next_offset`` is the tail of its
    closed stream. ``trail`` is not loaded with it (see :func:`trail`). ``kind`` is model, or recorded where a program
    outside writes it (see :mod:`threadline.store.recordings`): no worker ever has such a one. ``key_owner`` is server
    or user, and ``cost`` in millionths of a US dollar."""

    id: str
    conversation_id: str
    user_id: str
    message_id: str
    parent_id: str
    after_run_id: str | None
    status: str
    model: str
    settings: dict[str, Any]
    created_at: float
    key_owner: KeyOwner = "server"
    epoch: int = 0
    worker: str | None = None
    lease_until: float | None = None
    cancel: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None
    next_offset: int | None = None
    trimmed_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    kind: str = "model"
    lease_seconds: float | None = None
    author_id: str | None = None
    cost: int | None = None

    @property
    def asker_id(self) -> str:
        """The id of the user who asked: his keys and his limits count."""
        return self.author_id or self.user_id

    @property
    def ended(self) -> bool:
        """Whether its answer is folded into its message."""
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is wanted of a run that is about to be queued."""

    conversation_id: str
    user_id: str
    message_id: str
    parent_id: str
    model: str
    settings: dict[str, Any]
    after_run_id: str | None = None
    author_id: str | None = None
    key_owner: KeyOwner = "server"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: what :func:`finish` writes down."""

    status: str
    finish_reason: str | None
    usage: Usage
    error: str | None
    next_offset: int
    trail: bytes | None
    cost: int | None = None


COLUMNS: Final = [column for column in runs.c if column.name not in ("trail", "open_key")]
_INSERT = runs.insert()


def insert(tx: Tx, run_id: str, run: NewRun) -> RunRow:
    """Want a run; it is claimable at once, or when ``after_run_id`` has ended."""
    row = RunRow(
        id=run_id,
        conversation_id=run.conversation_id,
        user_id=run.user_id,
        message_id=run.message_id,
        parent_id=run.parent_id,
        after_run_id=run.after_run_id,
        status="queued",
        model=run.model,
        settings=run.settings,
        created_at=tx.now,
        author_id=run.author_id,
        key_owner=run.key_owner,
    )
    tx.conn.execute(
        _INSERT,
        {
            "id": row.id,
            "conversation_id": row.conversation_id,
            "user_id": row.user_id,
            "message_id": row.message_id,
            "parent_id": row.parent_id,
            "after_run_id": row.after_run_id,
            "status": row.status,
            "model": row.model,
            "settings": orjson.dumps(row.settings).decode(),
            "created_at": row.created_at,
            "author_id": row.author_id,
            "key_owner": row.key_owner,
        },
    )
    return row


_GET = select(*COLUMNS).where(runs.c.id == bindparam("run_id"))


def get(tx: Tx, run_id: str) -> RunRow | None:
    """A run by its id."""
    row = tx.conn.execute(_GET, {"run_id": run_id}).first()
    return row_of(row) if row else None


_BY_MESSAGE = select(*COLUMNS).where(runs.c.message_id == bindparam("message"))


def by_message(tx: Tx, message_id: str) -> RunRow | None:
    """The run that writes, or wrote, a message."""
    row = tx.conn.execute(_BY_MESSAGE, {"message": message_id}).first()
    return row_of(row) if row else None


_OF_PARENT = (
    select(*COLUMNS)
    .where(runs.c.conversation_id == bindparam("conversation"), runs.c.parent_id == bindparam("parent"))
    .order_by(runs.c.created_at, runs.c.id)
)


def of_parent(tx: Tx, conversation_id: str, parent_id: str) -> list[RunRow]:
    """The runs that answer one message, oldest first."""
    return [row_of(row) for row in tx.conn.execute(_OF_PARENT, {"conversation": conversation_id, "parent": parent_id})]


_UNFINISHED = select(*COLUMNS).where(runs.c.conversation_id == bindparam("conversation"), runs.c.status.in_(UNFINISHED))


def unfinished(tx: Tx, conversation_id: str) -> list[RunRow]:
    """A conversation's runs that have not ended, oldest first."""
    found = [row_of(row) for row in tx.conn.execute(_UNFINISHED, {"conversation": conversation_id})]
    # Sorted here: an ORDER BY makes SQLite walk all of the conversation's runs for the few that are meant.
    return sorted(found, key=lambda run: (run.created_at, run.id))


_LATELY: Final = 16
_LATEST = (
    select(*COLUMNS)
    .where(runs.c.conversation_id == bindparam("conversation"))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(_LATELY)
)


def latest_ended(tx: Tx, conversation_id: str) -> RunRow | None:
    """The run of a conversation that ended last, among its newest."""
    newest = [row_of(row) for row in tx.conn.execute(_LATEST, {"conversation": conversation_id})]
    return max((run for run in newest if run.ended), key=lambda run: run.ended_at or 0.0, default=None)


def set_key_owner(tx: Tx, run_id: str, owner: KeyOwner) -> None:
    """Note with whose key a run is written after all: a key was added or removed since it was wanted."""
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(key_owner=owner))


_CANCELLED = select(runs.c.id).where(runs.c.status == "running", runs.c.cancel.is_not(None))


def cancelled(tx: Tx) -> list[str]:
    """The runs that somebody works on and that are to end."""
    return [row.id for row in tx.conn.execute(_CANCELLED)]


def request_cancel(tx: Tx, run_id: str, reason: str) -> None:
    """Ask whoever works on a run to end it; the first reason stays."""
    tx.conn.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status.in_(UNFINISHED), runs.c.cancel.is_(None))
        .values(cancel=reason)
    )
    tx.poke("stops")


_FINISH = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"), runs.c.status.in_(UNFINISHED))
    .values(
        status=bindparam("how"),
        finish_reason=bindparam("reason"),
        usage=bindparam("tokens"),
        cost=bindparam("price"),
        error=bindparam("fault"),
        next_offset=bindparam("tail"),
        trail=bindparam("chunks"),
        worker=None,
        lease_until=None,
        ended_at=bindparam("at"),
    )
    .returning(runs.c.cancel, runs.c.conversation_id, runs.c.after_run_id)
)
_PASS_ON = (
    update(runs)
    .where(
        runs.c.conversation_id == bindparam("conversation"),
        runs.c.status.in_(UNFINISHED),
        runs.c.after_run_id == bindparam("gone"),
    )
    .values(after_run_id=bindparam("before"))
)


def finish(tx: Tx, run_id: str, ending: Ending) -> bool:
    """Write down how a run ended; False where that had been done already, or the run is gone.

    Those that wait for it wait from now on for what it waited for itself: it may have ended before its turn. Rings
    ``deleted`` where it was to end because its conversation was deleted.
    """
    given = {
        "run_id": run_id,
        "how": ending.status,
        "reason": ending.finish_reason,
        "tokens": orjson.dumps(ending.usage).decode(),
        "price": ending.cost,
        "fault": ending.error,
        "tail": ending.next_offset,
        "chunks": ending.trail,
        "at": tx.now,
    }
    done = tx.conn.execute(_FINISH, given).first()
    if done is not None and done.after_run_id is not None:
        passed = {"conversation": done.conversation_id, "gone": run_id, "before": done.after_run_id}
        tx.conn.execute(_PASS_ON, passed)
    if done is not None and done.cancel == "deleted":
        tx.poke("deleted")
    return done is not None


def trail(tx: Tx, run_id: str) -> bytes | None:
    """The chunk boundaries of an ended run; None where its events are kept instead."""
    data: bytes | None = tx.conn.execute(select(runs.c.trail).where(runs.c.id == run_id)).scalar()
    return data


def trimmable(tx: Tx, ended_before: float, most: int) -> list[str]:
    """Ended runs that have a trail and whose stream is still whole."""
    found = tx.conn.execute(
        select(runs.c.id)
        .where(runs.c.trimmed_at.is_(None), runs.c.ended_at <= ended_before, runs.c.trail.is_not(None))
        .order_by(runs.c.ended_at)
        .limit(most)
    )
    return [row.id for row in found]


def mark_trimmed(tx: Tx, run_ids: Sequence[str]) -> None:
    """Remember that the streams of these runs are served from their trails."""
    tx.conn.execute(update(runs).where(runs.c.id.in_(run_ids)).values(trimmed_at=tx.now))


def keep_events(tx: Tx, run_id: str) -> None:
    """Forget a trail that does not tell the events exactly, so that the stream itself is kept."""
    tx.conn.execute(update(runs).where(runs.c.id == run_id).values(trail=None))


def row_of(row: Row[Any]) -> RunRow:
    """A run out of the columns of ``COLUMNS``."""
    fields = dict(row._mapping)
    fields["settings"] = orjson.loads(fields["settings"])
    fields["usage"] = orjson.loads(fields["usage"]) if fields["usage"] else None
    return RunRow(**fields)
