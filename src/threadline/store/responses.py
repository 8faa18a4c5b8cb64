"""Responses: what is remembered of a run that a program asked for in OpenAI's dialect, beside the run itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, exists, insert, select, update

from threadline.store.tables import responses, runs
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """``request`` is what the response object repeats of its request."""

    run_id: str
    request: dict[str, Any]
    deleted_at: float | None


_INSERT = insert(responses)
_GET = select(responses).where(responses.c.run_id == bindparam("run"))
_HIDE = update(responses).where(responses.c.run_id == bindparam("run")).values(deleted_at=bindparam("at"))
_LEFT = select(
    exists()
    .where(runs.c.conversation_id == bindparam("conversation"))
    .where(~exists().where(responses.c.run_id == runs.c.id, responses.c.deleted_at.is_not(None)))
)


def add(tx: Tx, run_id: str, request: dict[str, Any]) -> ResponseRow:
    """Remember what was asked for."""
    tx.conn.execute(_INSERT, {"run_id": run_id, "request": orjson.dumps(request).decode()})
    return ResponseRow(run_id, request, None)


def get(tx: Tx, run_id: str) -> ResponseRow | None:
    """What is remembered of a run; None for one that was asked for in another way."""
    row = tx.conn.execute(_GET, {"run": run_id}).first()
    return ResponseRow(row.run_id, orjson.loads(row.request), row.deleted_at) if row else None


def hide(tx: Tx, run_id: str) -> None:
    """Let nobody find it any more."""
    if get(tx, run_id) is None:
        add(tx, run_id, {})
    tx.conn.execute(_HIDE, {"run": run_id, "at": tx.now})


def any_left(tx: Tx, conversation_id: str) -> bool:
    """Whether a conversation has a run that is not hidden."""
    return bool(tx.conn.execute(_LEFT, {"conversation": conversation_id}).scalar())
