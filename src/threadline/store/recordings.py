"""Recordings: runs that a program outside writes, under a lease of its own, and how they are taken from it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, text, update

from threadline.store import runs as rows
from threadline.store.runs import NewRun, RunRow
from threadline.store.tables import runs
from threadline.store.transaction import Tx

KIND: Final = "recorded"
PROGRAM: Final = "program"
"""What stands in the place of a worker while the program writes."""

HEARD: Final = 10
"""A program's lease need be renewed at most so often while it lasts: it lasts so much longer."""

_CLOSER: Final = "closer"

_this = runs.c.id == bindparam("run")
_going = text("runs.kind = 'recorded' AND runs.status = 'running'")
_the_programs = and_(_going, text("runs.worker = 'program'"), runs.c.cancel.is_(None))
_over = or_(runs.c.cancel.is_not(None), runs.c.lease_until <= bindparam("now"))
_until: Final[ColumnElement[float]] = bindparam("now") + runs.c.lease_seconds * (1 + 1 / HEARD)

_BEGIN = (
    update(runs)
    .where(_this)
    .values(
        kind=KIND,
        status="running",
        epoch=1,
        worker=PROGRAM,
        lease_seconds=bindparam("seconds"),
        lease_until=bindparam("until"),
        open_key=bindparam("key"),
        started_at=bindparam("at"),
    )
)
_BY_KEY = (
    select(runs.c.id)
    .where(runs.c.user_id == bindparam("user"), runs.c.open_key == bindparam("key"))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
)
_REOPEN = update(runs).where(_this, _the_programs).values(epoch=runs.c.epoch + 1, lease_until=_until)
_ADVANCE = (
    update(runs)
    .where(_this, _the_programs, runs.c.epoch <= bindparam("wanted"))
    .values(epoch=bindparam("wanted"), lease_until=_until)
)
_RENEW = update(runs).where(_this, _the_programs, runs.c.epoch == bindparam("had")).values(lease_until=_until)
_RENEW_ALL = update(runs).where(_the_programs, runs.c.lease_until < _until).values(lease_until=_until)
_DUE = select(runs.c.id).where(_going, _over).order_by(runs.c.lease_until).limit(bindparam("most"))
_CLAIM = (
    update(runs)
    .where(_this, _going, _over, or_(runs.c.worker == PROGRAM, runs.c.lease_until <= bindparam("now")))
    .values(epoch=runs.c.epoch + 1, worker=_CLOSER, lease_until=bindparam("until"))
)
_GOING = select(runs.c.id).where(_going)
_NEXT_LAPSE = select(func.min(runs.c.lease_until)).where(_going)


def insert(tx: Tx, run_id: str, new: NewRun, seconds: float, key: str | None) -> RunRow:
    """A run that its program has from the start, for ``seconds`` after its last word. Rings ``recordings``."""
    rows.insert(tx, run_id, new)
    tx.conn.execute(_BEGIN, {"run": run_id, "seconds": seconds, "until": tx.now + seconds, "key": key, "at": tx.now})
    tx.poke("recordings")
    return _found(tx, run_id)


def by_key(tx: Tx, user_id: str, key: str) -> list[RunRow]:
    """The user's runs that were opened with a key, newest first."""
    return [_found(tx, run_id) for run_id in tx.conn.execute(_BY_KEY, {"user": user_id, "key": key}).scalars()]


def reopen(tx: Tx, run_id: str) -> RunRow:
    """Give the run to whoever asks now, under a new epoch, where a program may still write it; the run as it is."""
    tx.conn.execute(_REOPEN, {"run": run_id, "now": tx.now})
    return _found(tx, run_id)


def writable(run: RunRow) -> bool:
    """Whether a program may write the run as it stands."""
    return run.status == "running" and run.worker == PROGRAM and run.cancel is None


def advance(tx: Tx, run_id: str, epoch: int) -> bool:
    """Note that its program has taken a newer epoch itself; False where it may not write any more, or where there is
    a newer one."""
    return tx.conn.execute(_ADVANCE, {"run": run_id, "wanted": epoch, "now": tx.now}).rowcount == 1


def renew(tx: Tx, run_id: str, epoch: int) -> bool:
    """Its program lives; False where it may not write any more."""
    return tx.conn.execute(_RENEW, {"run": run_id, "had": epoch, "now": tx.now}).rowcount == 1


def renew_all(tx: Tx) -> int:
    """After a time in which no program could be heard, each has all of its own from now on."""
    return tx.conn.execute(_RENEW_ALL, {"now": tx.now}).rowcount


def going(tx: Tx) -> list[str]:
    """Those that have not ended."""
    return list(tx.conn.execute(_GOING).scalars())


def due(tx: Tx, most: int) -> list[str]:
    """Those that are to end: somebody wants it, or nothing was heard of their programs for too long."""
    return list(tx.conn.execute(_DUE, {"now": tx.now, "most": most}).scalars())


def claim(tx: Tx, run_id: str, lease: float) -> RunRow | None:
    """Take a run that is due from its program, to end it within ``lease`` seconds, under a new epoch; None where it is
    not due, or another is at it."""
    given = {"run": run_id, "now": tx.now, "until": tx.now + lease}
    return _found(tx, run_id) if tx.conn.execute(_CLAIM, given).rowcount == 1 else None


def next_lapse(tx: Tx) -> float | None:
    """When the next one is due, if nothing is heard of its program."""
    lapse: float | None = tx.conn.execute(_NEXT_LAPSE).scalar()
    return lapse


def _found(tx: Tx, run_id: str) -> RunRow:
    row = rows.get(tx, run_id)
    assert row is not None
    return row
