"""Faults of the machine are ``Unavailable``, mistakes of ours are what they are, and a full disk loses nothing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.log.small_disk import on_small_disk
from threadline.domain.errors import Unavailable
from threadline.store import sqlite, users
from threadline.store.database import Store, Tx
from threadline.store.signals import Signals
from threadline.store.tables import conversations
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


def add(name: str) -> Any:
    return lambda tx: users.add(tx, "guest", name)


async def test_a_lock_that_lasts_is_unavailable_for_all_who_wait_and_the_next_unit_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.1)
    fatal: list[BaseException] = []
    store = await Store.open(tmp_path / "t.db", SystemWorld(), Signals(), on_fatal=fatal.append)
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        outcomes = await asyncio.gather(*(store.write(add(str(n))) for n in range(5)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, Unavailable)
        assert outcome.retryable
        assert "locked" not in outcome.message
    assert len({id(outcome) for outcome in outcomes}) == 5
    assert "database is locked" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    assert (await store.write(add("ada"))).name == "ada"
    assert fatal == []
    await store.close()


async def test_a_mistake_of_the_program_is_what_it_is(store: Store) -> None:
    def wrong(tx: Tx) -> None:
        tx.conn.exec_driver_sql("SELECT 1 FROM nowhere")

    def orphan(tx: Tx) -> None:
        tx.conn.execute(insert(conversations), {"id": "c", "user_id": "nobody", "created_at": 0, "updated_at": 0})

    for door in (store.read, store.write):
        with pytest.raises(OperationalError, match="no such table"):
            await door(wrong)
    with pytest.raises(IntegrityError):
        await store.write(orphan)
    with pytest.raises(OperationalError, match="readonly"):
        await store.read(lambda tx: tx.conn.exec_driver_sql("DELETE FROM users"))
    assert (await store.write(add("ada"))).name == "ada"


async def test_a_file_that_breaks_below_a_reader_is_unavailable_and_the_reader_goes_on(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "threadline.db"
    await store.write(lambda tx: [users.add(tx, "guest", "x" * 50_000) for _ in range(100)])
    await store.write(add("ada"))
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    for _ in range(10):
        with pytest.raises(Unavailable):
            await store.read(lambda tx: tx.conn.exec_driver_sql("SELECT name FROM users").all())
        assert await store.read(lambda tx: tx.conn.exec_driver_sql("SELECT 1").scalar()) == 1


async def test_a_unit_that_hides_a_rollback_from_the_store_is_refused_with_all_before_it(store: Store) -> None:
    def swallows(tx: Tx) -> str:
        tx.conn.connection.driver_connection.execute("ROLLBACK")  # type: ignore[union-attr]
        return "fine"

    before, hidden, after = await asyncio.gather(
        store.write(add("before")), store.write(swallows), store.write(add("after")), return_exceptions=True
    )
    assert isinstance(hidden, Unavailable)
    assert not isinstance(after, BaseException)
    names = await store.read(lambda tx: list(tx.conn.exec_driver_sql("SELECT name FROM users").scalars()))
    assert names == ["after"] if isinstance(before, Unavailable) else ["before", "after"]


async def test_a_file_that_is_no_database_says_so_and_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"not a database, of whatever size " * 200)
    with pytest.raises(Unavailable, match="could not be opened: file is not a database"):
        await Store.open(tmp_path / "t.db", SystemWorld(), Signals())
    with pytest.raises(Unavailable, match="could not be opened: unable to open database file"):
        await Store.open(tmp_path / "missing" / "t.db", SystemWorld(), Signals())


FULL = """
    import asyncio, sys
    from threadline.domain.errors import Unavailable
    from threadline.store import changes, users
    from threadline.store.database import Store
    from threadline.store.signals import Signals
    from threadline.world import SystemWorld

    folder, world, signals = Path(sys.argv[1]), SystemWorld(), Signals()

    def add(name):
        def work(tx):
            user = users.add(tx, "guest", name + "x" * 2000)
            tx.poke("added")
            return user.id
        return work

    def ids(tx):
        return set(tx.conn.exec_driver_sql("SELECT id FROM users").scalars())

    async def until_full(store, kept, together):
        while True:
            units = [store.write(add(str(n))) for n in range(together)]
            outcomes = await asyncio.gather(*units, return_exceptions=True)
            kept |= {outcome for outcome in outcomes if isinstance(outcome, str)}
            refused = [outcome for outcome in outcomes if not isinstance(outcome, str)]
            if refused:
                for outcome in refused:
                    assert isinstance(outcome, Unavailable) and "no room" in outcome.message, outcome
                return

    async def main():
        fill(folder, 900_000)
        store = await Store.open(folder / "t.db", world, signals)
        kept = set()
        for together in (1, 20):
            await until_full(store, kept, together)
            assert len(kept) > 10
            assert await store.read(ids) == kept
            fill(folder)
            with signals.listen("added") as bell:
                for _ in range(5):
                    outcome = (await asyncio.gather(store.write(add("y" * 200_000)), return_exceptions=True))[0]
                    assert isinstance(outcome, Unavailable), outcome
                assert not bell.is_set()
            assert await store.read(ids) == kept
            free(folder)
            for n in range(20):
                kept.add(await store.write(add(str(n))))
            fill(folder, 200_000)
        fill(folder)
        await store.close()
        try:
            await Store.open(folder / "new.db", world, signals)
        except Unavailable as refused:
            assert "no room on the disk" in refused.message, refused
            print("refused to start")
        free(folder)
        store = await Store.open(folder / "t.db", world, signals)
        assert await store.read(ids) == kept
        assert await store.read(lambda tx: tx.conn.exec_driver_sql("PRAGMA integrity_check").scalar()) == "ok"
        await store.close()
        print("all is there")

    asyncio.run(main())
"""


async def test_a_full_disk_refuses_units_and_loses_nothing(tmp_path: Path) -> None:
    done = await asyncio.to_thread(on_small_disk, tmp_path / "disk", "4m", FULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["refused to start", "all is there", ""]
