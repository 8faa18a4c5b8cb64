"""The same request sent again: by a key that its client gave it, or by a client that says it got no answer before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from threadline.domain.errors import Conflict, NotFound
from threadline.services.access import owned_run
from threadline.store import attempts, responses
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx

WAITS_SECONDS: Final = 600.0
"""For how long a request that got no answer is known again without a key, once that is written: who waits longer than
this for one that is being written, and asks again only then, finds it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request as it came. ``digest`` is a hash of its user and of all that it asks for, ``key`` one of its user and
    the key that the client gave it, where it gave one. ``again``: the client says that it has sent it before."""

    digest: bytes
    key: bytes | None = None
    again: bool = False


def run_of_attempt(tx: Tx, user_id: str, attempt: Attempt) -> RunRow | None:
    """The run that this request asked for before; None where it is a new one. Raises ``Conflict`` where its key belongs
    to another request."""
    if attempt.key is not None:
        known = attempts.by_key(tx, attempt.key)
        run = _there(tx, user_id, known[0]) if known is not None else None
        if known is not None and run is not None and known[1] != attempt.digest:
            raise Conflict(
                "This Idempotency-Key came with another request before. Give each request a key of its own.",
                surface="response",
            )
        return _joined(tx, run)
    found = attempts.waiting(tx, attempt.digest, WAITS_SECONDS) if attempt.again else ()
    return _joined(tx, next((run for name in found if (run := _there(tx, user_id, name)) is not None), None))


def _joined(tx: Tx, run: RunRow | None) -> RunRow | None:
    if run is not None:
        attempts.asked_again(tx, run.id)
    return run


def _there(tx: Tx, user_id: str, run_id: str) -> RunRow | None:
    """A run that its user can find yet; one that was deleted is not known by its request any more."""
    row = responses.get(tx, run_id)
    try:
        if row is not None and row.deleted_at is None:
            return owned_run(tx, user_id, run_id)
    except NotFound:
        pass
    attempts.forget(tx, run_id)
    return None
