"""Messages: the nodes of each conversation's tree, written once and never rewritten as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import LargeBinary, Row, and_, bindparam, cast, exists, func, insert, literal, select, update

from threadline.domain.messages import TOOL_OUTPUT, Part
from threadline.store import cursors
from threadline.store.tables import conversations, messages, responses, runs
from threadline.store.transaction import Tx

PAGE_BYTES: Final = 1 << 20
"""About how much of the messages' content one page has."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One node. ``parts`` is None while the run that writes it is not folded; ``run_status`` is that run's.

    ``author_id`` is who said it, where that is not the owner of the conversation."""

    id: str
    conversation_id: str
    parent_id: str | None
    client_id: str | None
    digest: bytes | None
    role: str
    parts: list[Part] | None
    metadata: dict[str, Any]
    run_id: str | None
    created_at: float
    run_status: str | None = None
    author_id: str | None = None

    @property
    def status(self) -> str:
        """streaming, queued, completed, stopped, error or interrupted."""
        if self.run_status == "running":
            return "streaming"
        return self.run_status or "completed"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A node to be written. ``parts`` None: the run ``run_id`` will write them. ``id`` None: a new one."""

    conversation_id: str
    role: str
    parts: list[Part] | None
    parent_id: str | None = None
    client_id: str | None = None
    digest: bytes | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    id: str | None = None
    author_id: str | None = None


_COLUMNS: Final = (
    messages.c.id,
    messages.c.conversation_id,
    messages.c.parent_id,
    messages.c.client_id,
    messages.c.digest,
    messages.c.role,
    messages.c.parts,
    messages.c.metadata,
    messages.c.run_id,
    messages.c.created_at,
    runs.c.status,
    messages.c.author_id,
)
_NODES = select(*_COLUMNS).select_from(messages.outerjoin(runs, runs.c.id == messages.c.run_id))
_OWN = messages.c.conversation_id == bindparam("conversation")
_ORDER = (messages.c.created_at, messages.c.id)

_INSERT = insert(messages)
_GET = _NODES.where(messages.c.id == bindparam("message"), _OWN)
_OF_USER = _NODES.join(conversations, conversations.c.id == messages.c.conversation_id).where(
    messages.c.id == bindparam("message"),
    conversations.c.user_id == bindparam("user"),
    conversations.c.deleted_at.is_(None),
    ~exists().where(responses.c.run_id == messages.c.run_id, responses.c.deleted_at.is_not(None)),
)
_BY_CLIENT_ID = (
    _NODES.where(_OWN, messages.c.client_id == bindparam("client"))
    .order_by(messages.c.created_at.desc(), messages.c.id.desc())
    .limit(1)
)
_SAME = (
    _NODES.where(_OWN, messages.c.client_id == bindparam("client"), messages.c.digest == bindparam("content"))
    .order_by(messages.c.created_at.desc(), messages.c.id.desc())
    .limit(1)
)
_PAGE = _NODES.where(_OWN).order_by(*_ORDER).limit(bindparam("most"))
_PAGE_AFTER = (
    _NODES.where(
        _OWN,
        messages.c.created_at >= bindparam("at"),
        (messages.c.created_at > bindparam("at")) | (messages.c.id > bindparam("after")),
    )
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)
_FILL = (
    update(messages)
    .where(messages.c.id == bindparam("message"), messages.c.parts.is_(None))
    .values(parts=bindparam("content"), metadata=bindparam("about"))
)


def add(tx: Tx, message: NewMessage) -> MessageRow:
    """Write a node of the tree."""
    return add_all(tx, [message])[0]


def add_all(tx: Tx, new: Sequence[NewMessage]) -> list[MessageRow]:
    """Write several nodes at once."""
    made = [(message.id or tx.new_id("msg"), message) for message in new]
    rows = [
        {
            "id": message_id,
            "conversation_id": message.conversation_id,
            "parent_id": message.parent_id,
            "client_id": message.client_id,
            "digest": message.digest,
            "role": message.role,
            "parts": None if message.parts is None else _dump(message.parts),
            "metadata": _dump(message.metadata),
            "run_id": message.run_id,
            "created_at": tx.now,
            "author_id": message.author_id,
        }
        for message_id, message in made
    ]
    tx.conn.execute(_INSERT, rows)
    return [_added(message_id, message, tx.now) for message_id, message in made]


def _added(message_id: str, message: NewMessage, now: float) -> MessageRow:
    return MessageRow(
        message_id,
        message.conversation_id,
        message.parent_id,
        message.client_id,
        message.digest,
        message.role,
        message.parts,
        message.metadata,
        message.run_id,
        now,
        author_id=message.author_id,
    )


def get(tx: Tx, conversation_id: str, message_id: str) -> MessageRow | None:
    """A node of this conversation by our own id."""
    row = tx.conn.execute(_GET, {"conversation": conversation_id, "message": message_id}).first()
    return _row(row) if row else None


def of_user(tx: Tx, user_id: str, message_id: str) -> MessageRow | None:
    """A node of any conversation of this user, where neither that is deleted nor the response that wrote it."""
    row = tx.conn.execute(_OF_USER, {"user": user_id, "message": message_id}).first()
    return _row(row) if row else None


def find(tx: Tx, conversation_id: str, any_id: str) -> MessageRow | None:
    """A node by our id, else the newest of those to which the client gave this id."""
    found = get(tx, conversation_id, any_id)
    if found is not None:
        return found
    row = tx.conn.execute(_BY_CLIENT_ID, {"conversation": conversation_id, "client": any_id}).first()
    return _row(row) if row else None


def find_same(tx: Tx, conversation_id: str, client_id: str, digest: bytes) -> MessageRow | None:
    """The newest node to which the client gave this id, with this very content."""
    given = {"conversation": conversation_id, "client": client_id, "content": digest}
    row = tx.conn.execute(_SAME, given).first()
    return _row(row) if row else None


def fill(tx: Tx, message_id: str, parts: list[Part], metadata: dict[str, Any]) -> bool:
    """Write down what a run's fold gave; False where that was done before, or the message is gone."""
    done = tx.conn.execute(_FILL, {"message": message_id, "content": _dump(parts), "about": _dump(metadata)})
    return done.rowcount == 1


def page(tx: Tx, conversation_id: str, cursor: str | None, most: int) -> tuple[list[MessageRow], str | None]:
    """Up to ``most`` nodes of the whole tree in order of creation, about :data:`PAGE_BYTES` of them but one at the
    least, and the cursor of what follows, None at the end."""
    given: dict[str, Any] = {"conversation": conversation_id, "most": most + 1}
    query = _PAGE
    if cursor is not None:
        query = _PAGE_AFTER
        given["at"], given["after"] = cursors.decode(cursor)
    rows: list[MessageRow] = []
    size = 0
    # Row by row, so that what is beyond the bound is not even fetched.
    with tx.conn.execute(query, given) as found:
        for row in found:
            size += len(row.parts or "") + len(row.metadata)
            if rows and (len(rows) == most or size > PAGE_BYTES):
                return rows, cursors.encode(rows[-1].created_at, rows[-1].id)
            rows.append(_row(row))
    return rows, None


_ANY_SIZE: Final = 1 << 62


def _size(parts: Any) -> Any:
    return func.coalesce(func.length(cast(parts, LargeBinary)), 0)


def _path_query() -> Any:
    start = select(
        messages.c.id, messages.c.parent_id, literal(1).label("depth"), _size(messages.c.parts).label("size")
    ).where(messages.c.id == bindparam("leaf"), _OWN)
    walk = start.cte("walk", recursive=True)
    up = messages.alias("up")
    more = walk.c.size + _size(up.c.parts)
    step = select(up.c.id, up.c.parent_id, walk.c.depth + 1, more).where(
        up.c.id == walk.c.parent_id, walk.c.depth < bindparam("most"), more <= bindparam("most_bytes")
    )
    walk = walk.union_all(step)
    source = walk.join(messages, messages.c.id == walk.c.id).outerjoin(runs, runs.c.id == messages.c.run_id)
    return select(*_COLUMNS).select_from(source).order_by(walk.c.depth.desc())


_PATH = _path_query()


def path(tx: Tx, conversation_id: str, leaf_id: str, most: int, most_bytes: int = _ANY_SIZE) -> list[MessageRow]:
    """The last ``most`` nodes from the root's side down to ``leaf_id``, the oldest first; fewer where the content of
    these is more than ``most_bytes``, but always the whole of ``leaf_id``.

    The cost is that of the nodes returned, however long the conversation is.
    """
    given = {"conversation": conversation_id, "leaf": leaf_id, "most": most, "most_bytes": most_bytes}
    found = tx.conn.execute(_PATH, given)
    return [_row(row) for row in found]


def _extent_query() -> Any:
    start = select(
        messages.c.id, messages.c.parent_id, literal(1).label("depth"), _size(messages.c.parts).label("size")
    ).where(messages.c.id == bindparam("leaf"), _OWN)
    walk = start.cte("walk", recursive=True)
    up = messages.alias("up")
    step = select(up.c.id, up.c.parent_id, walk.c.depth + 1, _size(up.c.parts)).where(
        up.c.id == walk.c.parent_id, walk.c.depth < bindparam("most")
    )
    walk = walk.union_all(step)
    return select(func.count(), func.coalesce(func.sum(walk.c.size), 0))


_EXTENT = _extent_query()


def extent(tx: Tx, conversation_id: str, leaf_id: str, most: int) -> tuple[int, int]:
    """How many nodes there are from the root down to ``leaf_id``, counted up to ``most``, and the bytes of their
    content. None of it is read for that."""
    given = {"conversation": conversation_id, "leaf": leaf_id, "most": most}
    nodes, size = tx.conn.execute(_EXTENT, given).one()
    return int(nodes), int(size)


_BROUGHT: Final = f'[{{"type":"{TOOL_OUTPUT}"%'
"""How the content begins of a message by which a program brings nothing but outputs."""


def _asks(node: Any) -> Any:
    return (node.c.role == "user") & (node.c.digest.is_not(None) | node.c.parts.not_like(_BROUGHT))


def _question_query() -> Any:
    start = select(messages.c.id, messages.c.parent_id, literal(1).label("depth"), _asks(messages).label("asks")).where(
        messages.c.id == bindparam("leaf"), _OWN
    )
    walk = start.cte("walk", recursive=True)
    up = messages.alias("up")
    step = select(up.c.id, up.c.parent_id, walk.c.depth + 1, _asks(up)).where(
        up.c.id == walk.c.parent_id, walk.c.asks.is_(False), walk.c.depth < _DEEPEST
    )
    walk = walk.union_all(step)
    return select(walk.c.id).where(walk.c.asks.is_(True)).limit(1)


_DEEPEST: Final = 100_000
_QUESTION = _question_query()


def question(tx: Tx, conversation_id: str, leaf_id: str) -> MessageRow | None:
    """The newest message of a user at ``leaf_id`` or above it that says something: not one that only brings outputs."""
    given = {"conversation": conversation_id, "leaf": leaf_id}
    found = tx.conn.execute(_QUESTION, given).scalar()
    return get(tx, conversation_id, found) if found is not None else None


def _leaf_query() -> Any:
    child = messages.alias("child")
    newest = (
        select(child.c.id)
        .where(child.c.conversation_id == bindparam("conversation"), child.c.parent_id == messages.c.id)
        .order_by(child.c.created_at.desc(), child.c.id.desc())
        .limit(1)
        .correlate(messages)
        .scalar_subquery()
    )
    start = select(messages.c.id, newest.label("down"), literal(1).label("depth")).where(
        messages.c.id == bindparam("message"), _OWN
    )
    walk = start.cte("walk", recursive=True)
    walk = walk.union_all(
        select(messages.c.id, newest.label("down"), walk.c.depth + 1).where(
            and_(messages.c.id == walk.c.down, walk.c.depth < _DEEPEST)
        )
    )
    return select(walk.c.id).order_by(walk.c.depth.desc()).limit(1)


_LEAF = _leaf_query()


def newest_leaf(tx: Tx, conversation_id: str, message_id: str) -> str | None:
    """Where one comes to from a node by going down to the newest child each time; None where there is no such node."""
    leaf: str | None = tx.conn.execute(_LEAF, {"conversation": conversation_id, "message": message_id}).scalar()
    return leaf


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def _row(row: Row[*tuple[Any, ...]]) -> MessageRow:
    values = list(row)
    values[6] = None if row.parts is None else orjson.loads(row.parts)
    values[7] = orjson.loads(row.metadata)
    return MessageRow(*values)
