"""Bearers: who was found is remembered for a moment, and no longer than it holds."""

from __future__ import annotations

import pytest

from tests.services.conftest import Base
from threadline.services.bearers import Bearers, hashed

pytestmark = pytest.mark.anyio


async def nobody() -> None:
    return None


async def test_of_too_many_the_one_is_forgotten_that_nobody_asked_for_the_longest(base: Base) -> None:
    bearers: Bearers[int] = Bearers(base.world)
    keys = [hashed(str(number)) for number in range(10_001)]
    for number, key in enumerate(keys[:-1]):
        bearers.keep(key, number, 10)
    assert await bearers.find(keys[0], nobody) == 0
    bearers.keep(keys[-1], 10_000, 10)
    assert [key for key in keys if not bearers.remembers(key)] == [keys[1]]


async def test_nobody_is_remembered_for_longer_than_he_may_be(base: Base) -> None:
    bearers: Bearers[str] = Bearers(base.world)
    bearers.keep(b"short", "him", 5)
    bearers.keep(b"long", "her", 1000)
    base.world.ahead += 6
    assert (bearers.remembers(b"short"), bearers.remembers(b"long")) == (False, True)
    assert await bearers.find(b"short", nobody) is None
    base.world.ahead += 20
    assert not bearers.remembers(b"long")
