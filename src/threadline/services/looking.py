"""Looks at the streams of those who have subscriptions: what is new wakes whom it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final

from threadline.domain.errors import Gone, NotFound
from threadline.domain.globs import beginning
from threadline.domain.subscriptions import MAX_STREAMS, Link, Looked, Tail, linked, seen, states, takes
from threadline.log.protocol import Log, StreamInfo
from threadline.services.awakening import new_wake, notice
from threadline.services.notices import Change, Notices
from threadline.services.streams import own
from threadline.store import subscriptions
from threadline.store.database import Store
from threadline.store.subscriptions import SubscriptionRow
from threadline.store.transaction import Tx
from threadline.world import World

_AT_ONCE: Final = 100
_STEP: Final = 256
"""How many streams are looked at before it is another owner's turn."""
_ROWS_AT_ONCE: Final = 10
_TURNS: Final = 8
_WHOLE_TURNS: Final = 2


class Tails:
    """How far the streams of an owner have come."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def listed(self, owner: str, pattern: str, wake_stream: str | None, most: int) -> dict[str, Tail]:
        """The streams that a pattern takes, up to ``most`` of them."""
        found: dict[str, Tail] = {}
        root = own(owner, "")
        async with aclosing(self._log.listed(root + beginning(pattern))) as pages:
            async for page in pages:
                tails = _tails(root, page)
                found.update((path, tail) for path, tail in tails.items() if takes(pattern, wake_stream, path))
                if len(found) >= most:
                    break
        return dict(list(found.items())[:most])

    async def at(self, owner: str, paths: Iterable[str]) -> dict[str, Tail | None]:
        """The streams at ``paths``; None where there is none."""
        asked = list(paths)
        found: dict[str, Tail | None] = {}
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            found.update(zip(part, await asyncio.gather(*(self._at(owner, path) for path in part)), strict=True))
        return found

    async def of(self, row: SubscriptionRow, links: Sequence[Link], more: Collection[str] | None = ()) -> Looked:
        """The streams that a subscription has, and those of ``more`` that its pattern takes; None is all there are."""
        paths = {link.path for link in links}
        if more is None:
            listed = await self.listed(row.user_id, row.pattern, row.wake_stream, MAX_STREAMS) if row.pattern else {}
            more = listed.keys()
        paths.update(path for path in more if takes(row.pattern, row.wake_stream, path))
        return seen(row.pattern, row.wake_stream, await self.at(row.user_id, paths), links)

    async def _at(self, owner: str, path: str) -> Tail | None:
        try:
            info = await self._log.head(own(owner, path))
        except (NotFound, Gone):
            return None
        return Tail(info.tail, info.created_at)


class Looking:
    """Looks at what changed, some streams at a time and in turns, so that no owner waits for all that another has; a
    look at all that somebody has never keeps one waiting that knows what changed."""

    def __init__(self, *, store: Store, log: Log, world: World, notices: Notices) -> None:
        self._store = store
        self._log = log
        self._world = world
        self._notices = notices
        self._tails = Tails(log)
        self._turns = asyncio.Semaphore(_TURNS)
        self._whole_turns = asyncio.Semaphore(_WHOLE_TURNS)

    async def look(self, change: Change) -> float:
        """Wake the subscriptions that are at rest and have something new, as far as a change has to do with them; link
        the streams that are new, and let go of those that are gone. Returns how many seconds of work it was."""
        try:
            if change.paths is None:
                return await self._look_at_all(change.owner)
            return await self._look_at(change.owner, change.paths, change.ids)
        finally:
            self._notices.looked(change)

    async def _look_at(self, owner: str, paths: Collection[str], ids: Collection[str]) -> float:
        spent = 0.0
        async with self._turns:
            began = self._world.monotonic()
            rows = await self._store.read(lambda tx: subscriptions.of_user(tx, owner))
            resting = [row for row in rows if row.id in ids and row.wake_id is None]
            of_these = await self._store.read(lambda tx: subscriptions.linked_paths(tx, [row.id for row in resting]))
            spent += self._world.monotonic() - began
        for step, meant in [(paths, rows), *((step, resting) for step in _steps(of_these - set(paths)))]:
            async with self._turns:
                began = self._world.monotonic()
                await self._consider(owner, meant, step)
                spent += self._world.monotonic() - began
        return spent

    async def _look_at_all(self, owner: str) -> float:
        spent, root = 0.0, own(owner, "")
        async with self._whole_turns:
            rows, left = await self._store.read(partial(_belongings, owner))
        for prefix in _beginnings(rows):
            async with aclosing(self._log.listed(root + prefix)) as pages:
                ended = False
                while not ended:
                    async with self._whole_turns:
                        began = self._world.monotonic()
                        page = await anext(pages, None)
                        ended = page is None
                        tails = _tails(root, page or ())
                        left -= tails.keys()
                        for step in _steps(tails):
                            await self._consider(owner, rows, step, tails)
                        spent += self._world.monotonic() - began
        # Those that are named, and those that are gone.
        for step in _steps(left):
            async with self._whole_turns:
                began = self._world.monotonic()
                await self._consider(owner, rows, step)
                spent += self._world.monotonic() - began
        return spent

    async def _consider(
        self, owner: str, rows: Sequence[SubscriptionRow], paths: Collection[str], known: dict[str, Tail] | None = None
    ) -> None:
        """What the streams at ``paths`` are for ``rows``. ``known``: how far they had come a moment ago."""
        if not rows or not paths:
            return
        ids = [row.id for row in rows]
        before = await self._store.read(lambda tx: subscriptions.links_at(tx, ids, paths))
        tails: dict[str, Tail | None] = {}
        if known is not None:
            tails = {path: known[path] for path in paths}
            # What was made anew must be found so after its link was read: it may be the link that is newer.
            paths = {link.path for links in before.values() for link in links if _odd(link, tails[link.path])}
        tails.update(await self._tails.at(owner, paths))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            found = []
            for row in rows[start : start + _ROWS_AT_ONCE]:
                links = before.get(row.id, [])
                found.append((row, links, seen(row.pattern, row.wake_stream, tails, links)))
                # Long paths and patterns take their time, in which nobody else would have a turn.
                await self._world.sleep(0)
            # What is written together shares a commit.
            await asyncio.gather(*(self._consider_for(*one, tails.keys()) for one in found))

    async def _consider_for(
        self, row: SubscriptionRow, before: list[Link], looked: Looked, paths: Collection[str]
    ) -> None:
        if not before and not looked.matching:
            return
        have = {link.path for link in before}
        new = looked.matching.keys() - have
        if new and (await self._store.read(lambda tx: subscriptions.counted(tx, [row.id])))[row.id] >= MAX_STREAMS:
            looked = replace(looked, matching={path: looked.matching[path] for path in looked.matching.keys() & have})
            new = set()
        after = linked(before, looked)
        # Whoever is awake hears of what he has already with the next wake: the links are looked at when he rests.
        changed = row.wake_id is None and (after != before or any(state.pending for state in states(after, looked)))
        if new or changed:
            wake_id = new_wake(self._world)
            await self._store.write(lambda tx: notice(tx, row.id, paths, looked, wake_id))


def _belongings(owner: str, tx: Tx) -> tuple[list[SubscriptionRow], set[str]]:
    rows = subscriptions.of_user(tx, owner)
    return rows, subscriptions.linked_paths(tx, [row.id for row in rows])


def _tails(root: str, page: Iterable[StreamInfo]) -> dict[str, Tail]:
    return {info.name.removeprefix(root): Tail(info.tail, info.created_at) for info in page}


def _odd(link: Link, tail: Tail | None) -> bool:
    return tail is not None and link.born not in (None, tail.born)


def _beginnings(rows: Iterable[SubscriptionRow]) -> list[str]:
    """What the paths of all patterns begin with, none within another."""
    found: list[str] = []
    for one in sorted({beginning(row.pattern) for row in rows if row.pattern}):
        if not found or not one.startswith(found[-1]):
            found.append(one)
    return found


def _steps(paths: Iterable[str]) -> list[list[str]]:
    asked = list(paths)
    return [asked[start : start + _STEP] for start in range(0, len(asked), _STEP)]
