"""Responses: by what a request is known again, so that the same request sent twice is one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, or_, select, update

from threadline.store.tables import responses, runs
from threadline.store.transaction import Tx

_MOST: Final = 20

_REMEMBER = (
    update(responses)
    .where(responses.c.run_id == bindparam("run"))
    .values(request_key=bindparam("key"), request_digest=bindparam("digest"), asked_at=bindparam("at"))
)
_BY_KEY = select(responses.c.run_id, responses.c.request_digest).where(responses.c.request_key == bindparam("key"))
_WAITING = (
    select(responses.c.run_id)
    .join(runs, runs.c.id == responses.c.run_id)
    .where(
        responses.c.request_digest == bindparam("digest"),
        responses.c.asked_at.is_not(None),
        or_(
            responses.c.asked_at >= bindparam("since"), runs.c.ended_at.is_(None), runs.c.ended_at >= bindparam("since")
        ),
    )
    .order_by(responses.c.asked_at, responses.c.run_id)
    .limit(_MOST)
)
_ASKED = update(responses).where(responses.c.run_id == bindparam("run")).values(asked_at=bindparam("at"))
_FORGET = update(responses).where(responses.c.run_id == bindparam("run")).values(request_key=None, asked_at=None)


def remember(tx: Tx, run_id: str, digest: bytes, key: bytes | None) -> None:
    """A request for this response came, and has no answer yet. ``digest`` and ``key`` are hashes over all that tells
    it from another, its user too."""
    tx.conn.execute(_REMEMBER, {"run": run_id, "key": key, "digest": digest, "at": tx.now})


def by_key(tx: Tx, key: bytes) -> tuple[str, bytes] | None:
    """The run that was asked for under a key, and the digest of that request."""
    row = tx.conn.execute(_BY_KEY, {"key": key}).first()
    return (row.run_id, row.request_digest) if row else None


def waiting(tx: Tx, digest: bytes, seconds: float) -> Sequence[str]:
    """The runs that this very request asked for and that nobody was told of yet: those that go on, and those that ended
    or were asked for within the last ``seconds``. The one that was asked for longest ago comes first."""
    rows = tx.conn.execute(_WAITING, {"digest": digest, "since": tx.now - seconds})
    return [row.run_id for row in rows]


def asked_again(tx: Tx, run_id: str) -> None:
    """The request came again, and waits anew."""
    tx.conn.execute(_ASKED, {"run": run_id, "at": tx.now})


def answered(tx: Tx, run_id: str) -> None:
    """The request has its answer: the same without a key is another one from here on."""
    tx.conn.execute(_ASKED, {"run": run_id, "at": None})


def forget(tx: Tx, run_id: str) -> None:
    """Nobody is to find this response by its request any more."""
    tx.conn.execute(_FORGET, {"run": run_id})
