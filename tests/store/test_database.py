"""Units of work: acknowledged after the commit, failing alone, and never locked out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from threadline.domain.errors import Unavailable
from threadline.store import tables
from threadline.store.database import Store, Tx
from threadline.store.signals import Signals
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


def add_user(name: str, *, fail: bool = False, topic: str | None = None) -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        user = tx.new_id("usr")
        tx.conn.execute(insert(tables.users), {"id": user, "kind": "guest", "name": name, "created_at": tx.now})
        if topic is not None:
            tx.poke(topic)
        if fail:
            raise LookupError(name)
        return user

    return work


def names(tx: Tx) -> list[str | None]:
    return list(tx.conn.execute(select(tables.users.c.name).order_by(tables.users.c.id)).scalars())


def count(tx: Tx) -> int:
    return int(tx.conn.execute(select(func.count()).select_from(tables.users)).scalar_one())


async def test_what_was_written_is_read(store: Store) -> None:
    await store.write(add_user("ada"))
    assert await store.read(names) == ["ada"]


async def test_a_failing_unit_is_rolled_back_alone(store: Store) -> None:
    units = [store.write(add_user(str(number), fail=number % 3 == 0)) for number in range(200)]
    results = await asyncio.gather(*units, return_exceptions=True)
    for number, result in enumerate(results):
        assert isinstance(result, LookupError) == (number % 3 == 0)
    assert await store.read(names) == [str(number) for number in range(200) if number % 3]


async def test_a_unit_that_fails_when_it_has_the_commit_to_itself_leaves_nothing(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.write(add_user("bad", fail=True))
    await store.write(add_user("good"))
    assert await store.read(names) == ["good"]


@pytest.mark.parametrize("together", [1, 20])
async def test_a_full_disk_fails_what_does_not_fit_and_acknowledges_nothing_that_is_not_kept(
    store: Store, together: int
) -> None:
    def limit(pages: int) -> Callable[[Tx], int]:
        return lambda tx: int(tx.conn.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one())

    pages = await store.write(lambda tx: int(tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one()))
    await store.write(limit(pages + 20))
    kept: list[str] = []
    refused = 0
    for _ in range(0, 100, together):
        units = [store.write(add_user("x" * 3_000)) for _ in range(together)]
        results = await asyncio.gather(*units, return_exceptions=True)
        kept += [result for result in results if isinstance(result, str)]
        refused += sum(isinstance(result, Exception) for result in results)
    assert refused
    assert await store.read(count) == len(kept)
    await store.write(limit(1 << 30))
    kept.append(await store.write(add_user("fits again")))
    assert await store.read(lambda tx: list(tx.conn.execute(select(tables.users.c.id)).scalars())) == kept


async def test_pokes_ring_after_the_commit_and_only_for_units_that_stay(store: Store, signals: Signals) -> None:
    with signals.listen("good") as good, signals.listen("bad") as bad:
        good_unit = store.write(add_user("good", topic="good"))
        bad_unit = store.write(add_user("bad", fail=True, topic="bad"))
        await asyncio.gather(good_unit, bad_unit, return_exceptions=True)
        await asyncio.wait_for(good.wait(), 60)
        assert await store.read(names) == ["good"]
        assert not bad.is_set()


async def test_a_cancelled_caller_does_not_hurt_the_others(store: Store) -> None:
    tasks = [asyncio.create_task(store.write(add_user(str(number)))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = set(await store.read(names))
    for number in range(1, 50, 2):
        assert isinstance(results[number], str)
        assert str(number) in kept


async def test_a_unit_that_raises_stop_iteration_does_not_hurt_the_others(store: Store) -> None:
    def stops(tx: Tx) -> None:
        raise StopIteration

    stopped, kept = await asyncio.gather(store.write(stops), store.write(add_user("ada")), return_exceptions=True)
    assert isinstance(stopped, RuntimeError)
    assert isinstance(kept, str)


async def test_a_refused_statement_leaves_the_unit_usable_and_its_caller_alone_informed(store: Store) -> None:
    def twice(tx: Tx) -> None:
        row = {"id": "usr_same", "kind": "guest", "created_at": tx.now}
        tx.conn.execute(insert(tables.users), row)
        tx.conn.execute(insert(tables.users), row)

    refused, kept = await asyncio.gather(store.write(twice), store.write(add_user("ada")), return_exceptions=True)
    assert isinstance(refused, Exception)
    assert isinstance(kept, str)
    assert await store.read(names) == ["ada"]


async def test_a_read_can_not_write(store: Store) -> None:
    with pytest.raises(Exception, match="readonly"):
        await store.read(
            lambda tx: tx.conn.execute(insert(tables.users), {"id": "x", "kind": "guest", "created_at": 0})
        )
    with pytest.raises(RuntimeError):
        await store.read(lambda tx: tx.new_id("usr"))
    with pytest.raises(RuntimeError):
        await store.read(lambda tx: tx.poke("topic"))


async def test_a_read_sees_one_snapshot(store: Store) -> None:
    began, go = threading.Event(), threading.Event()

    def look_twice(tx: Tx) -> tuple[int, int]:
        before = count(tx)
        began.set()
        go.wait(10)
        return before, count(tx)

    reading = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(began.wait, 10)
    await store.write(add_user("ada"))
    go.set()
    assert await reading == (0, 0)
    assert await store.read(count) == 1


async def test_readers_and_writers_side_by_side_are_never_locked_out(store: Store) -> None:
    async def write(lane: int) -> None:
        for number in range(25):
            await store.write(add_user(f"{lane}.{number}"))

    async def read() -> None:
        for _ in range(25):
            await store.read(names)

    async with asyncio.TaskGroup() as group:
        for lane in range(8):
            group.create_task(write(lane))
            group.create_task(read())
    assert await store.read(count) == 200


async def test_ids_made_in_a_row_sort_in_that_order(store: Store) -> None:
    ids = await store.write(lambda tx: [tx.new_id("msg") for _ in range(500)])
    assert ids == sorted(ids)
    assert len(set(ids)) == 500


async def test_a_failed_commit_is_fatal_and_acknowledges_nothing(tmp_path: Path) -> None:
    fatal: list[BaseException] = []
    signals = Signals()
    store = await Store.open(tmp_path / "threadline.db", SystemWorld(), signals, on_fatal=fatal.append)

    def breaks_the_commit(tx: Tx) -> None:
        # A reference that is checked only at the commit makes SQLite itself refuse it.
        tx.conn.execute(text("PRAGMA defer_foreign_keys=ON"))
        orphan: dict[str, Any] = {"id": "c", "user_id": "nobody", "created_at": 0, "updated_at": 0}
        tx.conn.execute(insert(tables.conversations), orphan)

    with signals.listen("topic") as bell:
        units = [store.write(add_user("ada", topic="topic")), store.write(breaks_the_commit)]
        results = await asyncio.gather(*units, return_exceptions=True)
        assert all(isinstance(result, Exception) for result in results)
        assert not bell.is_set()
    assert len(fatal) == 1
    with pytest.raises(Unavailable):
        await store.write(add_user("grace"))
    assert await store.read(count) == 0
    await store.close()


async def test_closing_finishes_what_is_queued_and_refuses_what_comes_later(tmp_path: Path) -> None:
    path = tmp_path / "threadline.db"
    store = await Store.open(path, SystemWorld(), Signals())
    units = [asyncio.create_task(store.write(add_user(str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*units)
    with pytest.raises(Unavailable):
        await store.write(add_user("late"))
    again = await Store.open(path, SystemWorld(), Signals())
    assert await again.read(count) == 300
    await again.close()


async def test_a_database_that_can_not_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="unable to open"):
        await Store.open(tmp_path / "missing" / "threadline.db", SystemWorld(), Signals())
