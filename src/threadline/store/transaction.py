"""What a unit of work is given: a connection inside a transaction, its time, new ids, and doorbells for afterwards."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from threadline.domain.ids import Kind, make_id
from threadline.world import World

_ENTROPY: Final = 10


class Ids:
    """Makes ids that sort in the order in which they were made, also within one millisecond."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at = -1
        self._number = 0

    def make(self, kind: Kind, at: float) -> str:
        """A new id; ``at`` is Unix seconds. Not thread-safe: one maker belongs to one thread."""
        millis = int(at * 1000)
        if millis == self._at:
            self._number += 1
        else:
            self._at = millis
            # The highest bit is left free, so that counting up within a millisecond never overflows.
            self._number = int.from_bytes(self._world.entropy(_ENTROPY), "big") >> 1
        return make_id(kind, at, self._number.to_bytes(_ENTROPY, "big"))


class Tx:
    """One transaction, for the time of one unit of work; not to be kept.

    ``conn`` is a SQLAlchemy Core connection whose transaction the store itself begins and ends. ``now`` is the
    database's clock in Unix seconds, the same during the whole unit.
    """

    __slots__ = ("_ids", "conn", "now", "pokes")

    def __init__(self, conn: Connection, now: float, ids: Ids | None) -> None:
        self.conn = conn
        self.now = now
        self.pokes: list[str] = []
        self._ids = ids

    def new_id(self, kind: Kind) -> str:
        """A new id of that kind, which sorts after all that this store made before it in the same process."""
        if self._ids is None:
            raise RuntimeError("a read makes nothing new")
        return self._ids.make(kind, self.now)

    def poke(self, topic: str) -> None:
        """Ring ``topic`` once this unit is committed; never, if it is not."""
        if self._ids is None:
            raise RuntimeError("a read changes nothing that could be told")
        self.pokes.append(topic)
