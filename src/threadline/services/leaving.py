"""Leaving: how somebody's access to another's conversation ends, at once and in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from threadline.store import changes, participants, shares
from threadline.store.shares import ShareRow
from threadline.store.transaction import Tx


def topic(conversation_id: str) -> str:
    """The doorbell that rings when somebody may have lost his access to a conversation."""
    return f"access:{conversation_id}"


def let_out(tx: Tx, conversation_id: str, user_ids: Sequence[str]) -> None:
    """Let these participants out: they hear that the conversation is gone for them, and its words go from their
    feeds."""
    participants.remove(tx, conversation_id, user_ids)
    for user_id in user_ids:
        changes.forget_of(tx, user_id, conversation_id)
        changes.record(tx, user_id, {"type": "conversation.deleted", "id": conversation_id})
    tx.poke(topic(conversation_id))


def withdraw(tx: Tx, share: ShareRow) -> None:
    """Revoke a link, and let those out who came by it."""
    came = participants.by_share(tx, share.conversation_id, share.id)
    shares.remove(tx, share.id)
    let_out(tx, share.conversation_id, came)


def close(tx: Tx, conversation_id: str) -> None:
    """Make a conversation private: whoever was not invited by his address is out, and whoever knows where it is."""
    for share in shares.open_to_all(tx, conversation_id):
        withdraw(tx, share)
    tx.poke(topic(conversation_id))
