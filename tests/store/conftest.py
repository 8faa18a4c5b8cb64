"""An open store in a real file, for every test of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
async def store(tmp_path: Path, signals: Signals) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "threadline.db", SystemWorld(), signals)
    yield store
    await store.close()
