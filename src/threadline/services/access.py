"""Access: who may read a conversation, write into it and rule over it; the one place that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

from threadline.domain.errors import Forbidden, NotFound
from threadline.store import conversations, participants, runs
from threadline.store.conversations import ConversationRow
from threadline.store.runs import RunRow
from threadline.store.transaction import Tx

Role = Literal["owner", "participant", "observer"]

_READ_ONLY: Final = "You may read this conversation, and not write into it. Ask its owner to let you take part."
_NOT_YOURS: Final = "Only the owner of this conversation can do this."


@dataclass(frozen=True, slots=True)
class Access:
    """A conversation, and what somebody is in it: the owner; a participant, who reads and writes; or an observer, who
    reads."""

    conversation: ConversationRow
    role: Role

    @property
    def owns(self) -> bool:
        """Whether it is his own."""
        return self.role == "owner"


def access(tx: Tx, user_id: str, conversation_id: str, surface: str = "conversation") -> Access:
    """What a user is in a conversation. Raises ``NotFound`` where he may not even know of it.

    It costs one read for the owner, and one more for everybody else.
    """
    return access_to(tx, user_id, conversations.find(tx, conversation_id), surface)


def access_to(tx: Tx, user_id: str, row: ConversationRow | None, surface: str = "conversation") -> Access:
    """The same, where the conversation was read already; None: there is none."""
    role = None if row is None else _role_in(tx, user_id, row)
    if row is None or role is None:
        raise NotFound(surface=surface)
    return Access(row, role)


def _role_in(tx: Tx, user_id: str, row: ConversationRow) -> Role | None:
    if row.deleted_at is not None:
        return None
    if row.user_id == user_id:
        return "owner"
    role = participants.role_of(tx, row.id, user_id)
    if role is None and row.visibility == "public":
        return "observer"
    return cast("Role | None", role)


def writable(tx: Tx, user_id: str, row: ConversationRow | None) -> ConversationRow:
    """A conversation that was read already, where he may write into it. Raises ``Forbidden`` where he may only read it,
    and ``NotFound``."""
    found = access_to(tx, user_id, row)
    if found.role == "observer":
        raise Forbidden(_READ_ONLY, surface="conversation")
    return found.conversation


def owned(tx: Tx, user_id: str, conversation_id: str) -> ConversationRow:
    """A conversation of his own. Raises ``Forbidden`` where he may only read or write it, and ``NotFound``."""
    found = access(tx, user_id, conversation_id)
    if not found.owns:
        raise Forbidden(_NOT_YOURS, surface="conversation")
    return found.conversation


def readable_run(tx: Tx, user_id: str, run_id: str) -> RunRow:
    """A run that a user may read. Raises ``NotFound``."""
    run = runs.get(tx, run_id)
    if run is None:
        raise NotFound(surface="run")
    access(tx, user_id, run.conversation_id, "run")
    return run


def owned_run(tx: Tx, user_id: str, run_id: str) -> RunRow:
    """A run of this user's own, in a conversation that is not deleted; whoever asked for it. Raises ``NotFound``."""
    run = runs.get(tx, run_id)
    if run is None or run.user_id != user_id or conversations.get(tx, user_id, run.conversation_id) is None:
        raise NotFound(surface="run")
    return run
