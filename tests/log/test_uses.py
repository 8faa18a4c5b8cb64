"""What is remembered of the uses of streams goes with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.log.engines import Clock
from threadline.log.engine import Engine
from threadline.log.memory import MemoryLog
from threadline.log.protocol import StreamConfig
from threadline.log.sqlite import SqliteLog

pytestmark = pytest.mark.anyio


class Late:
    """A log in which a stream is deleted while what was read of it is on its way."""

    async def _fetch(self: Any, name: str, start: int, limit: int, now: float) -> Any:
        found = await super()._fetch(name, start, limit, now)  # type: ignore[misc]
        if name == "short-lived":
            await self.delete(name)
        return found


class LateMemory(Late, MemoryLog):
    pass


class LateSqlite(Late, SqliteLog):
    pass


@pytest.fixture(params=["memory", "sqlite"])
async def late(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Engine]:
    log: Engine = LateMemory(clock)
    if request.param == "sqlite":
        log = await LateSqlite.open(tmp_path / "log.db", clock)
    yield log
    await log.close()


async def test_a_use_that_is_told_after_its_stream_went_is_forgotten(late: Engine) -> None:
    for name in ("short-lived", "stays"):
        await late.create(name, StreamConfig(ttl=60), messages=[b"x"])
        await late.read(name)
    await late.create("another")
    assert list(late._uses) == ["stays"]
    await late.delete("stays")
    assert not late._uses
