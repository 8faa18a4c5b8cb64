"""Handover: what a guest made becomes that of the account he signs in to, in the transaction in which he does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threadline.services import preferences
from threadline.services.access import access
from threadline.services.conversations import told_of
from threadline.services.deletion import mark
from threadline.services.sharing import welcome
from threadline.store import (
    admissions,
    changes,
    conversations,
    ownership,
    participants,
    spending,
    users,
)
from threadline.store.transaction import Tx

Mover = Callable[[Tx, str, str], None]
"""Gives what is of one kind to another user: from whom, and to whom."""


def _participations(tx: Tx, guest_id: str, to: str) -> None:
    """What the account is in already stays, and what is new there, or more, its pages hear of."""
    known = {one: access(tx, to, one).role for one in participants.ids_of(tx, to)}
    participants.move(tx, guest_id, to)
    for conversation_id in participants.ids_of(tx, to):
        found = access(tx, to, conversation_id)
        if found.role != known.get(conversation_id):
            welcome(tx, found.conversation, to, found.role, is_new=conversation_id not in known)


_MOVERS: Sequence[Mover] = (_participations, admissions.move, spending.move, ownership.move, preferences.move)


def hand_over(tx: Tx, guest_id: str, to: str, movers: Sequence[Mover] = ()) -> bool:
    """Give all that a guest has to an account, and let nobody come in as the guest any more; also while an answer is
    written. The pages of the account hear of the conversations. ``movers`` give what only others can.

    His streams follow when the rest of him is removed; subscriptions, and keys for addresses of their own, do not:
    somebody else may have written these addresses. False where the guest has become somebody, or is gone.
    """
    guest = users.get(tx, guest_id)
    if guest is None or guest.kind != "guest" or guest.disabled_at is not None:
        return False
    moved = ownership.living(tx, guest_id)
    ownership.cut_off(tx, guest_id)
    for move in (*_MOVERS, *movers):
        move(tx, guest_id, to)
    rows = filter(None, [conversations.get(tx, to, conversation_id) for conversation_id in moved])
    told = [event for row in rows for event in told_of("conversation.created", row)]
    if told:
        changes.record(tx, to, *told)
    mark(tx, guest_id, to)
    return True
