"""The base services over a store in a real file and a log in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from threadline.log.memory import MemoryLog
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.feed import Feed
from threadline.store.database import Store
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
