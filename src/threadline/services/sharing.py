"""Sharing: an owner lets others into a conversation by links, and out of it again; on return it is so at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from threadline.domain.errors import Conflict, Forbidden, NotFound
from threadline.services import audit, shown
from threadline.services.access import Access, access, owned
from threadline.services.audience import person
from threadline.services.bearers import LONGEST, hashed, new_secret
from threadline.services.conversations import tell, told_of
from threadline.services.leaving import let_out, withdraw
from threadline.services.registration import checked_email
from threadline.store import changes, conversations, participants, shares, users
from threadline.store.conversations import ConversationRow
from threadline.store.database import Store
from threadline.store.participants import Participant
from threadline.store.shares import ShareRow
from threadline.store.transaction import Tx
from threadline.world import World

MOST_PEOPLE: Final = 50
"""How many may be in a conversation, besides its owner."""

MOST_SHARES: Final = 100
"""How many links a conversation may have."""

_DAY: Final = 86_400.0
_AT_ONCE: Final = 100
_GONE: Final = "This link does not work any more, or never did. Ask whoever gave it to you for a new one."
_ANOTHERS: Final = (
    "This invitation is for one e-mail address. Sign in with the account that has it, then open it again."
)
_RANK: Final = {None: 0, "observer": 1, "participant": 2, "owner": 3}


class Sharing:
    """Shares and participants. Every method raises ``NotFound`` for a conversation that its user may not know of, and
    ``Forbidden`` for one that he may only read or write."""

    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world

    async def shares(self, user_id: str, conversation_id: str) -> dict[str, Any]:
        """``{items, next}``: the links that stand, the newest first; what is in them is not kept."""

        def work(tx: Tx) -> list[ShareRow]:
            owned(tx, user_id, conversation_id)
            return shares.of(tx, conversation_id)

        return {"items": [_share_view(row) for row in await self._store.read(work)], "next": None}

    async def share(
        self,
        user_id: str,
        conversation_id: str,
        role: str,
        *,
        email: str | None = None,
        days: int | None = None,
        address: str | None = None,
    ) -> dict[str, Any]:
        """Make a link, and tell what is in it, once: ``{id, role, email, created_at, expires_at, token, path}``.

        ``email``: only the account that has this address may come by it. Else whoever has it may, and a private
        conversation is one with links from then on. ``days``: after so many it is over. Raises ``BadRequest``, and
        ``Conflict`` where there are too many.
        """
        invited = None if email is None else checked_email(email)
        token = new_secret(self._world)

        def work(tx: Tx) -> ShareRow:
            row = owned(tx, user_id, conversation_id)
            if shares.count(tx, conversation_id) >= MOST_SHARES:
                raise Conflict(f"A conversation has at most {MOST_SHARES} links. Revoke one.", surface="share")
            if invited is None and row.visibility == "private":
                conversations.change(tx, conversation_id, visibility="link")
                tell(tx, replace(row, visibility="link"))
            ends = None if days is None else tx.now + days * _DAY
            made = shares.add(tx, conversation_id, role, hashed(token), invited, ends)
            audit.record(tx, "share.created", user_id, target=made.id, address=address, role=role, days=days)
            return made

        made = await self._store.write(work)
        return {**_share_view(made), "token": token, "path": f"/share/{token}"}

    async def revoke(self, user_id: str, conversation_id: str, share_id: str, *, address: str | None = None) -> None:
        """Let nobody come by a link any more, and those out who came by it."""

        def work(tx: Tx) -> None:
            owned(tx, user_id, conversation_id)
            row = shares.get(tx, conversation_id, share_id)
            if row is None:
                raise NotFound("There is no such link in this conversation.", surface="share")
            withdraw(tx, row)
            audit.record(tx, "share.revoked", user_id, target=share_id, address=address, role=row.role)

        await self._store.write(work)

    async def participants(self, user_id: str, conversation_id: str) -> dict[str, Any]:
        """``{items, next}``: the owner and who is in. Who only reads is shown, besides himself, those who write."""

        def work(tx: Tx) -> list[dict[str, Any]]:
            found = access(tx, user_id, conversation_id)
            row = found.conversation
            owner = {"user": person(tx, row.user_id), "role": "owner", "created_at": row.created_at}
            present = participants.of(tx, conversation_id)
            return [owner, *(_participant_view(one) for one in present if _is_shown(one, found, user_id))]

        return {"items": await self._store.read(work), "next": None}

    async def remove(self, user_id: str, conversation_id: str, other_id: str, *, address: str | None = None) -> None:
        """Let one out: the owner anybody, and anybody himself. An invitation by which the owner had let him in is
        revoked with that; an open link is not."""

        def work(tx: Tx) -> None:
            if user_id != other_id:
                owned(tx, user_id, conversation_id)
            else:
                access(tx, user_id, conversation_id)
            known = next((one for one in participants.of(tx, conversation_id) if one.user_id == other_id), None)
            if known is None:
                raise NotFound("There is no such participant in this conversation.", surface="participant")
            share = shares.get(tx, conversation_id, known.share_id)
            if user_id != other_id and share is not None and share.email is not None:
                withdraw(tx, share)
            else:
                let_out(tx, conversation_id, [other_id])
            audit.record(tx, "participant.removed", user_id, target=other_id, address=address, role=known.role)

        await self._store.write(work)

    async def preview(self, user_id: str, token: str) -> dict[str, Any]:
        """``{conversation: {id, title}, role, owner: {name}, accepts}`` of a link; the title only for who ``accepts``,
        who may come by it. Raises ``NotFound``."""

        def work(tx: Tx) -> dict[str, Any]:
            share, row = _found(tx, token)
            accepts = row.user_id == user_id or _is_meant(tx, user_id, share)
            return {
                "conversation": {"id": row.id, "title": row.title if accepts else None},
                "role": share.role,
                "owner": {"name": person(tx, row.user_id)["name"]},
                "accepts": accepts,
            }

        return await self._store.read(work)

    async def accept(self, user_id: str, token: str, *, address: str | None = None) -> dict[str, Any]:
        """Come in by a link: ``{conversation_id, role}``. Twice is as once; who is in already as more stays that, and
        its owner is the owner. Raises ``NotFound``, ``Forbidden`` for another's invitation, and ``Conflict`` where the
        conversation is full."""

        def work(tx: Tx) -> dict[str, Any]:
            share, row = _found(tx, token)
            held = "owner" if row.user_id == user_id else participants.role_of(tx, row.id, user_id)
            if held != "owner" and not _is_meant(tx, user_id, share):
                raise Forbidden(_ANOTHERS, surface="share")
            if _RANK[held] < _RANK[share.role]:
                if held is None and participants.count(tx, row.id) >= MOST_PEOPLE:
                    words = f"There are {MOST_PEOPLE} people in this conversation already, and no more are taken."
                    raise Conflict(words, surface="share")
                participants.put(tx, row.id, user_id, share.role, share.id)
                welcome(tx, row, user_id, share.role, is_new=held is None)
                audit.record(tx, "share.accepted", user_id, target=share.id, address=address, role=share.role)
                held = share.role
            return {"conversation_id": row.id, "role": held}

        return await self._store.write(work)

    async def lapse(self) -> int:
        """Withdraw some links whose time is over, so that those who came by them hear of it; returns how many."""

        def work(tx: Tx) -> int:
            over = shares.over(tx, _AT_ONCE)
            for row in over:
                withdraw(tx, row)
            return len(over)

        return await self._store.write(work)


def _found(tx: Tx, token: str) -> tuple[ShareRow, ConversationRow]:
    share = shares.by_token(tx, hashed(token)) if len(token) <= LONGEST else None
    row = None if share is None else conversations.find(tx, share.conversation_id)
    if share is None or row is None:
        raise NotFound(_GONE, surface="share")
    return share, row


def _is_meant(tx: Tx, user_id: str, share: ShareRow) -> bool:
    """Whether somebody who has the link may come by it. That he has it shows that an invitation reached him, so that
    nobody else has to have proved his address."""
    if share.email is None:
        return True
    user = users.get(tx, user_id)
    return user is not None and user.kind == "registered" and user.email == share.email


def welcome(tx: Tx, row: ConversationRow, user_id: str, role: str, *, is_new: bool) -> None:
    """Let somebody's pages hear of a conversation that he is in from now on, or as more than before."""
    told = told_of("conversation.created" if is_new else "conversation.updated", row)
    owner = person(tx, row.user_id)
    if told:
        changes.record(tx, user_id, *(shown.event(event, role, owner) for event in told))


def _is_shown(one: Participant, asking: Access, user_id: str) -> bool:
    return asking.role != "observer" or one.role == "participant" or one.user_id == user_id


def _share_view(row: ShareRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "role": row.role,
        "email": row.email,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
    }


def _participant_view(one: Participant) -> dict[str, Any]:
    return {"user": {"id": one.user_id, "name": one.name}, "role": one.role, "created_at": one.created_at}
