"""Servers that the tests here kill: one per file, on the file layer that can cut the power."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fake import Fake
from tests.support.server import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    settings = {"lease_seconds": 1, "stall_seconds": 120}
    place = tmp_path_factory.mktemp("server")
    with Server(place, fake.tables(), settings=settings, extras=True, power=True) as server:
        yield server
