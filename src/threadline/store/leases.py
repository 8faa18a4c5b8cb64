"""Leases: which worker has a run, under which epoch, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, or_, select, text, update

from threadline.store.runs import COLUMNS, UNFINISHED, RunRow, get, row_of
from threadline.store.tables import runs
from threadline.store.transaction import Tx

_OURS: Final = text("runs.kind = 'model'")


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as its renewal found it."""

    run_id: str
    epoch: int
    cancel: str | None


_before = runs.alias("before")
_CLAIMABLE = (
    select(*COLUMNS)
    .where(
        or_(
            and_(
                runs.c.status == "queued",
                or_(
                    runs.c.after_run_id.is_(None),
                    ~exists(
                        select(_before.c.id).where(
                            _before.c.id == runs.c.after_run_id, _before.c.status.in_(UNFINISHED)
                        )
                    ),
                ),
            ),
            and_(runs.c.status == "running", runs.c.lease_until <= bindparam("lapsed_before"), _OURS),
        )
    )
    .order_by(runs.c.created_at, runs.c.id)
    .limit(bindparam("most"))
)
_TAKE = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"), runs.c.epoch == bindparam("had"))
    .values(
        status="running",
        epoch=bindparam("had") + 1,
        worker=bindparam("by"),
        lease_until=bindparam("until"),
        started_at=func.coalesce(runs.c.started_at, bindparam("at")),
    )
)


def claim(
    tx: Tx,
    worker: str,
    lease: float,
    most: int,
    *,
    held: frozenset[str] = frozenset(),
    lapsed_before: float | None = None,
) -> list[RunRow]:
    """Take up to ``most`` runs for ``lease`` seconds: those that are wanted, and those whose lease is over.

    Each comes back as it was found, but for the epoch, which is the new one; ``worker`` therefore tells who had it,
    or None after a clean hand-over. ``held`` are those that the worker drives already: a clock that jumped or a process
    that was paused does not make it its own rival. ``lapsed_before``: leases that end after this do not count as over
    (default: now).
    """
    found = tx.conn.execute(
        _CLAIMABLE, {"lapsed_before": tx.now if lapsed_before is None else lapsed_before, "most": most}
    ).all()
    if not held.isdisjoint(row.id for row in found):
        renew(tx, worker, list(held), lease)
    return _take(tx, [row_of(row) for row in found if row.id not in held], worker, lease)


def claim_queued(tx: Tx, run_id: str, worker: str, lease: float) -> RunRow | None:
    """Take one run that nobody has begun, whatever it waits for; None where that is too late."""
    row = get(tx, run_id)
    if row is None or row.status != "queued":
        return None
    return _take(tx, [row], worker, lease)[0]


def _take(tx: Tx, rows: list[RunRow], worker: str, lease: float) -> list[RunRow]:
    if rows:
        until = tx.now + lease
        tx.conn.execute(
            _TAKE, [{"run_id": row.id, "had": row.epoch, "by": worker, "until": until, "at": tx.now} for row in rows]
        )
    return [replace(row, epoch=row.epoch + 1, status="running") for row in rows]


def renew(tx: Tx, worker: str, run_ids: Sequence[str], lease: float) -> list[Held]:
    """Hold ``run_ids`` for ``lease`` seconds more; those that are not in the answer are lost."""
    mine = and_(runs.c.id.in_(run_ids), runs.c.worker == worker, runs.c.status == "running")
    tx.conn.execute(update(runs).where(mine).values(lease_until=tx.now + lease))
    found = tx.conn.execute(select(runs.c.id, runs.c.epoch, runs.c.cancel).where(mine))
    return [Held(row.id, row.epoch, row.cancel) for row in found]


def release(tx: Tx, run_id: str, epoch: int) -> None:
    """Hand a run over: its lease is over now, and no worker has it."""
    mine = and_(runs.c.id == run_id, runs.c.epoch == epoch, runs.c.status == "running")
    tx.conn.execute(update(runs).where(mine).values(lease_until=0.0, worker=None))
    tx.poke("runs")


def break_leases(tx: Tx) -> int:
    """End every worker's lease; only for who is alone with this database. Returns how many there were."""
    return tx.conn.execute(update(runs).where(runs.c.status == "running", _OURS).values(lease_until=0.0)).rowcount


_NEXT_LAPSE = select(func.min(runs.c.lease_until)).where(runs.c.status == "running", _OURS)


def next_lapse(tx: Tx) -> float | None:
    """When the next lease of a worker ends."""
    lapse: float | None = tx.conn.execute(_NEXT_LAPSE).scalar()
    return lapse
