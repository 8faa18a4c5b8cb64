"""Conversations: whose they are, what they are called, and the status that their runs give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import Row, Select, bindparam, delete, exists, func, insert, literal, select, text, update

from threadline.store import cursors
from threadline.store.tables import conversations, runs
from threadline.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation; ``status`` is idle, streaming, completed or error; times are Unix seconds.

    ``keeping``: ``listed`` in its user's list; ``unlisted``, as a program made it; or ``passing``, which is not listed
    and not kept for long after its last answer."""

    id: str
    user_id: str
    title: str | None
    title_by: str | None
    model: str | None
    settings: dict[str, Any]
    leaf_id: str | None
    created_at: float
    updated_at: float
    deleted_at: float | None
    status: str
    keeping: str = "listed"
    visibility: str = "private"


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation that is about to be made; ``id`` None: a new one. ``title_by`` is user or model."""

    user_id: str
    id: str | None = None
    title: str | None = None
    title_by: str | None = None
    model: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    leaf_id: str | None = None
    keeping: str = "listed"


@dataclass(frozen=True, slots=True)
class LeftRun:
    """A run of a deleted conversation. ``silent``: the one worker that ever claimed it has ended it; of another one a
    worker may still turn up that was paused beyond its lease, or a reader that waits for its beginning."""

    id: str
    silent: bool


# As text, since an IN with parameters is put together anew at each call.
_OPEN = text("runs.status IN ('queued', 'running')")
_own_run = runs.c.conversation_id == conversations.c.id
_STATUS = func.coalesce(
    select(literal("running")).select_from(runs).where(_own_run, _OPEN).limit(1).scalar_subquery(),
    select(runs.c.status)
    .where(_own_run)
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(1)
    .scalar_subquery(),
).label("status")
COLUMNS: Final = (
    conversations.c.id,
    conversations.c.user_id,
    conversations.c.title,
    conversations.c.title_by,
    conversations.c.model,
    conversations.c.settings,
    conversations.c.leaf_id,
    conversations.c.created_at,
    conversations.c.updated_at,
    conversations.c.deleted_at,
    _STATUS,
    conversations.c.keeping,
    conversations.c.visibility,
)
_STATUS_OF_RUN: Final = {
    None: "idle",
    "queued": "streaming",
    "running": "streaming",
    "error": "error",
    "interrupted": "error",
}

_THIS = conversations.c.id == bindparam("conversation")
_LIVING = conversations.c.deleted_at.is_(None)
_LISTED = conversations.c.keeping == literal("listed")
_FIND = select(*COLUMNS).where(_THIS)
_INSERT = insert(conversations)


def find(tx: Tx, conversation_id: str) -> ConversationRow | None:
    """A conversation by id, whosever it is, also a deleted one of which something is left."""
    row = tx.conn.execute(_FIND, {"conversation": conversation_id}).first()
    return row_of(row) if row else None


def get(tx: Tx, user_id: str, conversation_id: str) -> ConversationRow | None:
    """A conversation of this user; None where there is none, it is another's, or it is deleted."""
    row = find(tx, conversation_id)
    return row if row is not None and row.user_id == user_id and row.deleted_at is None else None


def add(tx: Tx, conversation: NewConversation) -> ConversationRow:
    """Make a conversation."""
    conversation_id = conversation.id or tx.new_id("conv")
    tx.conn.execute(
        _INSERT,
        {
            "id": conversation_id,
            "user_id": conversation.user_id,
            "title": conversation.title,
            "title_by": conversation.title_by,
            "model": conversation.model,
            "settings": orjson.dumps(conversation.settings).decode(),
            "leaf_id": conversation.leaf_id,
            "keeping": conversation.keeping,
            "created_at": tx.now,
            "updated_at": tx.now,
        },
    )
    return ConversationRow(
        conversation_id,
        conversation.user_id,
        conversation.title,
        conversation.title_by,
        conversation.model,
        conversation.settings,
        conversation.leaf_id,
        tx.now,
        tx.now,
        None,
        "idle",
        conversation.keeping,
    )


_WRITE_TO = (
    update(conversations)
    .where(_THIS)
    .values(updated_at=bindparam("at"), leaf_id=bindparam("leaf"), model=bindparam("chosen"))
)
_STIR = update(conversations).where(_THIS).values(updated_at=bindparam("at"))
_NAME = (
    update(conversations)
    .where(_THIS, _LIVING, conversations.c.title.is_(None), conversations.c.title_by.is_distinct_from("user"))
    .values(title=bindparam("name"), title_by="model")
)


def write_to(tx: Tx, conversation_id: str, leaf_id: str, model: str | None) -> None:
    """Note that an answer is wanted at ``leaf_id``, and the model that the conversation has from now on."""
    tx.conn.execute(_WRITE_TO, {"conversation": conversation_id, "at": tx.now, "leaf": leaf_id, "chosen": model})


def stir(tx: Tx, conversation_id: str) -> None:
    """Note activity that does not change what is in it."""
    tx.conn.execute(_STIR, {"conversation": conversation_id, "at": tx.now})


def name_by_model(tx: Tx, conversation_id: str, title: str) -> bool:
    """Give a title that a model made; False where it has one already, of whomever, or is gone."""
    return tx.conn.execute(_NAME, {"conversation": conversation_id, "name": title}).rowcount == 1


def change(tx: Tx, conversation_id: str, **values: Any) -> None:
    """Set any of its columns by name; ``settings`` is a dict."""
    if "settings" in values:
        values["settings"] = orjson.dumps(values["settings"]).decode()
    if values:
        tx.conn.execute(update(conversations).where(_THIS).values(values), {"conversation": conversation_id})


def _list_query(*, after: bool, search: bool) -> Select[Any]:
    query = select(*COLUMNS).where(conversations.c.user_id == bindparam("user"), _LISTED, _LIVING)
    if after:
        query = query.where(
            conversations.c.updated_at <= bindparam("at"),
            (conversations.c.updated_at < bindparam("at")) | (conversations.c.id < bindparam("after")),
        )
    if search:
        query = query.where(func.lower(conversations.c.title).contains(bindparam("words"), escape="/"))
    return query.order_by(conversations.c.updated_at.desc(), conversations.c.id.desc()).limit(bindparam("most"))


_LISTS = {
    (after, search): _list_query(after=after, search=search) for after in (False, True) for search in (False, True)
}


def page(
    tx: Tx, user_id: str, cursor: str | None, most: int, words: str | None = None
) -> tuple[list[ConversationRow], str | None]:
    """A user's conversations, newest activity first, and the cursor of what follows, None at the end.

    ``words``: only those whose title holds this text, in whatever case.
    """
    given: dict[str, Any] = {"user": user_id, "most": most + 1}
    if words:
        given["words"] = escaped(words.lower())
    if cursor is not None:
        given["at"], given["after"] = cursors.decode(cursor)
    found = tx.conn.execute(_LISTS[cursor is not None, bool(words)], given).all()
    rows = [row_of(row) for row in found[:most]]
    more = cursors.encode(rows[-1].updated_at, rows[-1].id) if len(found) > most else None
    return rows, more


_IDS = select(conversations.c.id).where(conversations.c.user_id == bindparam("user"), _LISTED, _LIVING)
_HIDE = (
    update(conversations)
    .where(conversations.c.id.in_(bindparam("ids", expanding=True)), _LIVING)
    .values(deleted_at=bindparam("at"))
    .returning(conversations.c.id)
)
_CANCEL = (
    update(runs)
    .where(runs.c.conversation_id.in_(bindparam("ids", expanding=True)), _OPEN)
    .values(cancel="deleted")
    .returning(runs.c.id)
)
_HIDDEN = (
    select(conversations.c.id)
    .where(conversations.c.deleted_at.is_not(None))
    .order_by(conversations.c.deleted_at)
    .limit(bindparam("most"))
)
_PASSED = (
    select(conversations.c.id, conversations.c.user_id)
    .where(text("keeping = 'passing'"), _LIVING, conversations.c.updated_at < bindparam("before"))
    .where(~exists().where(_own_run, _OPEN))
    .order_by(conversations.c.updated_at)
    .limit(bindparam("most"))
)
_of_this = runs.c.conversation_id == bindparam("conversation")
_LEASES = select(runs.c.lease_until).where(_of_this, runs.c.status == "running")
_END = (
    update(runs)
    .where(_of_this, _OPEN)
    # Beyond the first epoch, and the newest claimant's: that is how it is known again after a crash.
    .values(status="stopped", epoch=runs.c.epoch + 2, worker=None, lease_until=None, ended_at=bindparam("at"))
)
_RUNS = select(runs.c.id, runs.c.epoch).where(_of_this)
_PURGE = delete(conversations).where(_THIS, conversations.c.deleted_at.is_not(None))


def ids_of(tx: Tx, user_id: str) -> list[str]:
    """The ids of all conversations in a user's list."""
    return list(tx.conn.execute(_IDS, {"user": user_id}).scalars())


def hide(tx: Tx, conversation_ids: Sequence[str]) -> list[str]:
    """Mark conversations as deleted, and ask for an end of their runs; returns those that were there.

    From the commit on nobody sees them; :func:`purge` removes what is left of them.
    """
    ids = list(conversation_ids)
    hidden = list(tx.conn.execute(_HIDE, {"ids": ids, "at": tx.now}).scalars())
    stopped = list(tx.conn.execute(_CANCEL, {"ids": hidden}).scalars()) if hidden else []
    if stopped:
        tx.poke("stops")
        tx.poke("runs")
    return hidden


def passed(tx: Tx, before: float, most: int) -> dict[str, list[str]]:
    """Conversations that are not kept for long, in which nothing has been going on since ``before``, by user."""
    found: dict[str, list[str]] = {}
    for conversation_id, user_id in tx.conn.execute(_PASSED, {"before": before, "most": most}):
        found.setdefault(user_id, []).append(conversation_id)
    return found


def hidden(tx: Tx, most: int) -> list[str]:
    """Deleted conversations of which something is left, those that wait longest first."""
    return list(tx.conn.execute(_HIDDEN, {"most": most}).scalars())


def end_runs(tx: Tx, conversation_id: str) -> list[LeftRun] | None:
    """End the runs of a deleted conversation for good, so that no worker claims one any more, and return them all;
    None while a worker holds one and may still write, and for a conversation that is not deleted."""
    row = find(tx, conversation_id)
    if row is None or row.deleted_at is None:
        return None
    this = {"conversation": conversation_id}
    if any((until or 0.0) > tx.now for until in tx.conn.execute(_LEASES, this).scalars()):
        return None
    tx.conn.execute(_END, {**this, "at": tx.now})
    found = tx.conn.execute(_RUNS, this).all()
    return [LeftRun(row.id, silent=row.epoch <= 1) for row in found]


def purge(tx: Tx, conversation_id: str) -> bool:
    """Remove a deleted conversation with its messages and runs; False where there was none."""
    return tx.conn.execute(_PURGE, {"conversation": conversation_id}).rowcount == 1


def escaped(words: str) -> str:
    """Words as they stand in a LIKE whose escape is a slash."""
    return words.replace("/", "//").replace("%", "/%").replace("_", "/_")


def row_of(row: Row[*tuple[Any, ...]]) -> ConversationRow:
    """A conversation out of a row that begins with ``COLUMNS``."""
    values = list(row[: len(COLUMNS)])
    values[5] = orjson.loads(row.settings)
    values[10] = _STATUS_OF_RUN.get(row.status, "completed")
    return ConversationRow(*values)
