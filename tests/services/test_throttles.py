"""Throttles: how many tries there are, for whom, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.conftest import Base
from threadline.domain.errors import RateLimited
from threadline.services import throttles
from threadline.services.throttles import Limit, Limits, network_of

pytestmark = pytest.mark.anyio

LIMIT = Limit("test", 3, 60)


async def take(base: Base, whose: str = "ada") -> None:
    await base.store.write(lambda tx: throttles.take(tx, LIMIT, whose))


async def tries_left(base: Base, whose: str = "ada") -> int:
    for count in range(10):
        try:
            await take(base, whose)
        except RateLimited:
            return count
    raise AssertionError("never refused")


async def test_after_so_many_tries_one_has_to_wait_and_is_told_how_long(base: Base) -> None:
    assert await tries_left(base) == 3
    base.world.ahead += 20
    with pytest.raises(RateLimited) as refused:
        await take(base)
    assert refused.value.retry_after == pytest.approx(40, abs=5)
    base.world.ahead += 41
    assert await tries_left(base) == 3


async def test_a_refused_try_does_not_make_the_wait_longer(base: Base) -> None:
    assert await tries_left(base) == 3
    for _ in range(5):
        base.world.ahead += 11
        with pytest.raises(RateLimited):
            await take(base)
    base.world.ahead += 11
    assert await tries_left(base) == 3


async def test_everyone_has_his_own(base: Base) -> None:
    assert await tries_left(base, "ada") == 3
    assert await tries_left(base, "grace") == 3


async def test_exactly_so_many_of_those_that_come_at_once_are_let_through(base: Base) -> None:
    results = await asyncio.gather(*(take(base) for _ in range(50)), return_exceptions=True)
    assert results.count(None) == 3
    assert sum(isinstance(one, RateLimited) for one in results) == 47


async def test_what_went_well_does_not_count(base: Base) -> None:
    assert await tries_left(base) == 3
    await base.store.write(lambda tx: throttles.give_back(tx, LIMIT, "ada"))
    assert await tries_left(base) == 1
    await base.store.write(lambda tx: throttles.reset(tx, LIMIT, "ada"))
    assert await tries_left(base) == 3


async def test_what_counts_no_more_is_forgotten_and_no_name_is_kept_of_it(base: Base) -> None:
    def rows(tx: Any) -> list[Any]:
        return list(tx.conn.exec_driver_sql("SELECT * FROM throttles").all())

    await take(base, "ada@example.org")
    assert "ada" not in str(await base.store.read(rows))
    assert await base.store.write(lambda tx: throttles.sweep(tx, Limits())) == 0
    base.world.ahead += 3601
    assert await base.store.write(lambda tx: throttles.sweep(tx, Limits())) == 1
    assert await base.store.read(rows) == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        (None, "unknown"),
        ("", "unknown"),
        ("/run/socket", "unknown"),
    ],
)
def test_who_has_one_address_of_ipv6_has_all_of_its_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
