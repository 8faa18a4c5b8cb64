"""The audit log: what was done to accounts, to what opens them, and by those who administer them.

It never holds a secret, an e-mail address, a name or anybody's words: what may be told of an act is listed here, by
name, and nothing else can be.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict, Unpack

from threadline.store import audit
from threadline.store.audit import AuditRow
from threadline.store.database import Store
from threadline.store.transaction import Tx
from threadline.world import World

__all__ = ["Action", "Audit", "AuditRow", "Details", "record"]

Action = Literal[
    "account.registered",
    "account.changed",
    "account.deleted",
    "session.opened",
    "session.failed",
    "session.revoked",
    "password.changed",
    "identity.linked",
    "identity.unlinked",
    "token.created",
    "token.revoked",
    "key.added",
    "key.removed",
    "key.tested",
    "key.rotated",
    "share.created",
    "share.accepted",
    "share.revoked",
    "participant.removed",
    "conversation.visibility_changed",
    "user.disabled",
    "user.enabled",
    "user.role_changed",
    "limits.changed",
    "limits.removed",
]
"""What is written down: the noun and the verb of it."""


class Details(TypedDict, total=False):
    """What may be told of an act. Whoever adds to it says with that that it is never a secret, nor anybody's words."""

    count: int
    """How many it was done to."""
    days: int | None
    """After how many days it ends by itself."""
    limits: dict[str, float | str | None]
    method: str
    """By what somebody came in: ``password``, or a provider's name."""
    model: str
    provider: str
    reason: str
    """One of a few words of ours, never what somebody typed."""
    role: str
    scopes: list[str]
    user: str
    """The id of whose it is, where ``target`` is not he himself."""
    visibility: str
    was: str
    """What it was before."""


_PAGE: Final = (50, 200)
_FORGET_AT_ONCE: Final = 500
_DAY: Final = 86_400.0


def record(
    tx: Tx,
    action: Action,
    actor_id: str | None,
    *,
    target: str | None = None,
    address: str | None = None,
    **details: Unpack[Details],
) -> None:
    """Write down that ``actor_id`` did this, in the transaction in which it is done, so that there is never one without
    the other.

    ``actor_id`` None: nobody who is known here. ``target`` is the id of what it was done to; ``address`` the network's
    address from which it was asked for.
    """
    audit.add(tx, action, actor_id, target, address, details)


class Audit:
    """The log, for those who read it. ``days``: how long an entry is kept."""

    def __init__(self, store: Store, world: World, days: float) -> None:
        self._store = store
        self._world = world
        self._days = days

    async def page(
        self,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        actor: str | None = None,
        action: str | None = None,
    ) -> tuple[list[AuditRow], str | None]:
        """The newest entries and the cursor of older ones; of one ``actor`` or ``action`` where they are named."""
        usual, most = _PAGE
        wanted = max(1, min(limit or usual, most))
        return await self._store.read(lambda tx: audit.page(tx, cursor, wanted, actor=actor, action=action))

    async def forget(self) -> int:
        """Drop some of what is older than it is kept; returns how many went. 0: there is no more."""
        before = self._world.now() - self._days * _DAY
        return await self._store.write(lambda tx: audit.forget(tx, before, _FORGET_AT_ONCE))
