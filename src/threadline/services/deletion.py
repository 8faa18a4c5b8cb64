"""Deletion: an account goes with all that is its own; marked first, so that a crash leaves nothing that is not finished
later."""

from __future__ import annotations

import logging
from typing import Final

from threadline.domain.errors import Conflict, Gone, NotFound, ThreadlineError
from threadline.log.protocol import Fork, Log, StreamConfig, StreamInfo
from threadline.services.accounts import Accounts, Visit
from threadline.services.audit import record
from threadline.services.conversations import Conversations, mark_deleted
from threadline.services.leaving import let_out
from threadline.services.streams import own
from threadline.services.tokens import Tokens
from threadline.store import ownership, participants, users
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.store.users import UserRow
from threadline.world import World

logger = logging.getLogger(__name__)

_HIDE_AT_ONCE: Final = 500
_SWEEP: Final = 50
_DAY: Final = 86_400.0


class Deletion:
    """Deletes accounts, and guests whom nobody has seen for ``guest_days``."""

    def __init__(
        self,
        store: Store,
        log: Log,
        world: World,
        *,
        accounts: Accounts,
        tokens: Tokens,
        conversations: Conversations,
        guest_days: int,
    ) -> None:
        self._store = store
        self._log = log
        self._world = world
        self._accounts = accounts
        self._tokens = tokens
        self._conversations = conversations
        self._guest_days = guest_days

    async def delete(self, user_id: str, visit: Visit = Visit(), actor_id: str | None = None) -> None:
        """Delete an account, at its own wish or that of ``actor_id``. On return nobody can come in as this user, and
        nobody sees what he had; his answers are asked to end. What a worker still writes is removed when it lets go.

        Raises ``NotFound``, and ``Conflict`` for the last admin among others.
        """

        def work(tx: Tx) -> None:
            if actor_id is not None:
                check_admin(tx, actor_id)
            user = users.get(tx, user_id)
            if user is None:
                raise NotFound(surface="account")
            check_another_admin(tx, user)
            mark(tx, user_id)
            record(tx, "account.deleted", actor_id or user_id, target=user_id, address=visit.address)

        await self._store.write(work)
        self.forget(user_id)
        await self.finish(user_id)

    def forget(self, user_id: str) -> None:
        """Know him no more, by whatever he came."""
        self._accounts.forget(user_id)
        self._tokens.forget(user_id)

    async def sweep(self) -> int:
        """Delete guests whom nobody has seen for long, and remove what is left of who was deleted, a number of them at
        once; returns how many went. 0: what is left must wait."""
        before = self._world.now() - self._guest_days * _DAY

        def work(tx: Tx) -> list[str]:
            stale = users.stale_guests(tx, before, _SWEEP)
            for user_id in stale:
                mark(tx, user_id)
                record(tx, "account.deleted", None, target=user_id, reason="unused")
            return stale

        for user_id in await self._store.write(work):
            self.forget(user_id)
        marked = await self._store.read(lambda tx: users.marked(tx, _SWEEP))
        return sum([await self.finish(user_id) for user_id, _ in marked])

    async def finish(self, user_id: str) -> bool:
        """Remove what is left of a deleted user; False where that must wait, or has been done. May be cut off anywhere
        and done again. Raises nothing that the next sweep could mend."""
        try:
            return await self._finish(user_id)
        except ThreadlineError:
            logger.warning("a deleted account was not removed yet: %s", user_id, exc_info=True)
            return False

    async def _finish(self, user_id: str) -> bool:
        if not await self._store.read(lambda tx: users.is_marked(tx, user_id)):
            return False
        heir_id = await self._store.read(lambda tx: users.heir(tx, user_id))
        await self._conversations.remove(await self._store.write(lambda tx: _take_again(tx, user_id, heir_id)))
        async for page in self._log.listed(own(user_id, "")):
            for info in page:
                if heir_id is not None:
                    await self._hand_over(info, user_id, heir_id)
                await self._forget(info.name)

        def work(tx: Tx) -> bool:
            return not ownership.left(tx, user_id) and users.remove(tx, user_id)

        return await self._store.write(work)

    async def _hand_over(self, info: StreamInfo, user_id: str, heir_id: str) -> None:
        """Give a stream to the account that its user signed in to: under its path, or, where that has one there, below
        the user's id."""
        path = info.name.removeprefix(own(user_id, ""))
        config = StreamConfig(content_type="", fork=Fork(info.name))
        for name in (path, f"{user_id}/{path}"):
            try:
                await self._log.create(own(heir_id, name), config, close=info.closed)
            except Conflict:
                continue
            except (NotFound, Gone):
                # It was deleted meanwhile.
                return
            return

    async def _forget(self, name: str) -> None:
        try:
            await self._log.delete(name)
        except (NotFound, Gone):
            return


def check_admin(tx: Tx, actor_id: str) -> None:
    """Raise ``NotFound`` for who was an admin when he asked, and is none any more."""
    actor = users.get(tx, actor_id)
    if actor is None or actor.role != "admin" or actor.disabled_at is not None:
        raise NotFound


def check_another_admin(tx: Tx, user: UserRow) -> None:
    """Raise ``Conflict`` where this is the last admin of others."""
    if user.role == "admin" and users.count_admins(tx) == 1 and len(users.registered(tx)) > 1:
        raise Conflict("This is the only admin. Make somebody else one first.", surface="account")


def mark(tx: Tx, user_id: str, heir_id: str | None = None) -> None:
    """Let nobody come in as this user, hide what is his, and stop what is written for him; ``heir_id`` is who has what
    he made already. Afterwards :meth:`Deletion.forget` him and :meth:`Deletion.finish` it."""
    _hide(tx, user_id)
    for conversation_id in participants.ids_of(tx, user_id):
        let_out(tx, conversation_id, [user_id])
    ownership.take_away(tx, user_id)
    users.mark_deleted(tx, user_id, heir_id)


def _hide(tx: Tx, user_id: str) -> None:
    ids = ownership.living(tx, user_id)
    for at in range(0, len(ids), _HIDE_AT_ONCE):
        mark_deleted(tx, user_id, ids[at : at + _HIDE_AT_ONCE])


def _take_again(tx: Tx, user_id: str, heir_id: str | None) -> list[str]:
    """What somebody wrote who had been let in before the mark goes the same way; the conversations that are left."""
    if heir_id is not None:
        ownership.move(tx, user_id, heir_id)
    _hide(tx, user_id)
    ownership.take_away(tx, user_id)
    return ownership.left(tx, user_id)
