"""What happened to streams that somebody subscribes to, until it is looked at: a note that costs an append nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from threadline.store.signals import Signals
from threadline.store.subscriptions import WAKES

_MOST_PATHS: Final = 256


@dataclass(frozen=True, slots=True)
class Change:
    """What to look at for an owner: the streams at ``paths``, where None is all of them, and those that the
    subscriptions of these ids have."""

    owner: str
    paths: frozenset[str] | None
    ids: frozenset[str] = frozenset()


class Notices:
    """Who has subscriptions, and what changed for them. Belongs to the event loop; nothing here is kept: who starts
    anew looks at everything.

    Of each owner there is at most one change under way that names what to look at, and one that is all of it. Neither
    waits for the other, and none for another owner's.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._owners: frozenset[str] = frozenset()
        self._paths: dict[str, set[str]] = {}
        self._ids: dict[str, set[str]] = {}
        self._all: dict[str, None] = {}
        self._unnamed: set[str] = set()
        """Of whom so much changed that the names were given up, until all of it is looked at."""
        self._under_way: dict[tuple[str, bool], Change] = {}

    def appended(self, owner: str, path: str) -> None:
        """A stream changed: it was made, appended to, or deleted."""
        if owner not in self._owners:
            return
        paths = self._paths.setdefault(owner, set())
        if path in paths:
            return
        paths.add(path)
        if len(paths) > _MOST_PATHS:
            del self._paths[owner]
            self._all[owner] = None
            self._unnamed.add(owner)
        self._signals.poke(WAKES)

    def again(self, owner: str, subscription_id: str) -> None:
        """A subscription is at rest again, or other streams belong to it."""
        self._owners |= {owner}
        self._ids.setdefault(owner, set()).add(subscription_id)
        self._signals.poke(WAKES)

    def made(self, owner: str) -> None:
        """A subscription is new: what happened while it was made was not noted for it."""
        self._owners |= {owner}
        self._all[owner] = None
        self._signals.poke(WAKES)

    def know(self, owners: frozenset[str], *, whole: Collection[str] = ()) -> None:
        """Who has subscriptions. Those who are new in it, and those of ``whole``, are to be looked at whole."""
        for owner in (owners - self._owners).union(whole):
            self._all[owner] = None
        self._owners = owners

    def take(self) -> list[Change]:
        """What is to be looked at now, what changed first, first. Each is under way until :meth:`looked`."""
        whole = [Change(owner, None) for owner in self._all if (owner, True) not in self._under_way]
        named = [
            Change(owner, frozenset(self._paths.pop(owner, ())), frozenset(self._ids.pop(owner, ())))
            for owner in list({**self._paths, **self._ids})
            if (owner, False) not in self._under_way
        ]
        for change in whole:
            del self._all[change.owner]
        for change in (*named, *whole):
            self._under_way[change.owner, change.paths is None] = change
        return [*named, *whole]

    def looked(self, change: Change) -> None:
        """A change was looked at, or it failed; what came meanwhile may be taken."""
        owner = change.owner
        self._under_way.pop((owner, change.paths is None), None)
        if change.paths is None and owner not in self._all:
            self._unnamed.discard(owner)
        if owner in self._all or owner in self._paths or owner in self._ids:
            self._signals.poke(WAKES)

    def unseen(self, owner: str) -> frozenset[str] | None:
        """The paths that changed for an owner and are not looked at yet; None where these are too many to be named."""
        if owner in self._unnamed:
            return None
        under_way = self._under_way.get((owner, False))
        return frozenset(self._paths.get(owner, ())).union(under_way.paths or () if under_way else ())
