"""What becomes of a subscription's links, and of its wake, after a look at its streams; all within a transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from threadline.domain.subscriptions import MAX_STREAMS, Link, Looked, StreamState, linked, states
from threadline.store import subscriptions
from threadline.store.subscriptions import SubscriptionRow
from threadline.store.transaction import Tx
from threadline.world import World

_WAKE_BYTES: Final = 12


def new_wake(world: World) -> str:
    """The id of a wake that may begin."""
    return f"w_{world.entropy(_WAKE_BYTES).hex()}"


def tell(tx: Tx, row: SubscriptionRow, looked: Looked, paths: Collection[str] | None = None) -> list[StreamState]:
    """Bring the links of a subscription up to date, all of them or those at ``paths``, and keep what is told of them
    now as its snapshot."""
    if paths is None:
        return _keep(tx, row, subscriptions.links(tx, row.id), looked)
    return _keep(tx, row, subscriptions.links_at(tx, [row.id], paths).get(row.id, []), looked)


def begin(
    tx: Tx, row: SubscriptionRow, looked: Looked, wake_id: str, *, announced: bool = True
) -> tuple[SubscriptionRow, list[StreamState]] | None:
    """Begin a wake of a subscription that is at rest, and what it tells; None where nothing is new."""
    told = tell(tx, row, looked)
    if not any(state.pending for state in told):
        return None
    return subscriptions.wake(tx, row, wake_id, announced=announced), told


def notice(tx: Tx, subscription_id: str, paths: Collection[str], looked: Looked, wake_id: str) -> None:
    """What was found at some paths: at rest, the links there are brought up to date, and where something is new, a wake
    begins. While somebody is awake, streams that are new are linked, and nothing that he was told changes."""
    row = subscriptions.get(tx, subscription_id)
    if row is None:
        return
    before = subscriptions.links_at(tx, [row.id], paths).get(row.id, [])
    if row.wake_id is None:
        if any(state.pending for state in _keep(tx, row, before, looked)):
            subscriptions.wake(tx, row, wake_id)
    else:
        known = {link.path for link in before}
        new = [link for link in linked(before, looked) if link.path not in known]
        subscriptions.put_links(tx, row.id, before, [*before, *_fitting(tx, row, new)])


def _keep(tx: Tx, row: SubscriptionRow, before: Sequence[Link], looked: Looked) -> list[StreamState]:
    known = {link.path for link in before}
    after = linked(before, looked)
    new = [link for link in after if link.path not in known]
    after = [link for link in after if link.path in known]
    after += _fitting(tx, row, new, leaving=len(known) - len(after))
    told = states(after, looked)
    tails = {state.path: state.tail if state.pending else None for state in told}
    subscriptions.put_links(tx, row.id, before, [replace(link, snapshot=tails[link.path]) for link in after])
    return told


def _fitting(tx: Tx, row: SubscriptionRow, new: Sequence[Link], *, leaving: int = 0) -> list[Link]:
    """As many of the new links as there is room for. The others wait until one leaves."""
    if not new:
        return []
    room = MAX_STREAMS - subscriptions.counted(tx, [row.id])[row.id] + leaving
    return sorted(new, key=lambda link: link.path)[: max(room, 0)]
