"""The base services over a store in a real file and a log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import opened
from tests.services.studio import Studio
from threadline.domain.errors import Unavailable
from threadline.log.memory import MemoryLog
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.feed import Feed
from threadline.store.database import Store, Tx
from threadline.store.signals import Signals
from threadline.world import SystemWorld


class SettableWorld(SystemWorld):
    """The machine's world, but time can be moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Full:
    """A store whose disk has no room any more: what is there is read, and nothing is written."""

    def __init__(self, store: Store) -> None:
        self.read = store.read

    async def write(self, _work: Callable[[Tx], Any]) -> Any:
        raise Unavailable("There is no room left on the disk.", surface="store")


@dataclass(frozen=True)
class Base:
    """What the tests of this folder are given."""

    world: SettableWorld
    signals: Signals
    store: Store
    log: MemoryLog
    accounts: Accounts
    conversations: Conversations
    feed: Feed


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[Base]:
    world, signals = SettableWorld(), Signals()
    store = await Store.open(tmp_path / "threadline.db", world, signals)
    log = MemoryLog(world)
    yield Base(
        world,
        signals,
        store,
        log,
        Accounts(store, world),
        Conversations(store, log, Answers(store, log, world)),
        Feed(store, signals),
    )
    await log.close()
    await store.close()


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """Where a program records."""
    async with opened(tmp_path) as house:
        yield Studio(house, SettableWorld())
