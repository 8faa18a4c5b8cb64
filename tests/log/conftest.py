"""What the tests of the log share: one log of every engine, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.log.engines import ENGINES, Clock
from threadline.log.protocol import Log


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=list(ENGINES))
async def log(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Log]:
    log = await ENGINES[request.param](tmp_path, clock)
    yield log
    await log.close()
