"""What the SQLite engine promises besides: group commit, bounds, and readers that block nobody."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log.engines import Clock, everything, numbered
from threadline.domain.errors import Closed, Fenced, Gap, Gone, Unavailable
from threadline.log.protocol import Appended, Fork, Producer, StreamConfig
from threadline.log.sqlite import SqliteLog, schema
from threadline.log.sqlite.log import QUEUE_BYTES
from threadline.log.sqlite.reader import Readers
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.db"


@pytest.fixture
async def log(path: Path, clock: Clock) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(path, clock)
    yield log
    await log.close()


def rows(path: Path, query: str) -> list[tuple[int, ...]]:
    """What another connection sees committed."""
    base = sqlite3.connect(path)
    try:
        return base.execute(query).fetchall()
    finally:
        base.close()


async def test_everything_is_there_after_a_close_and_an_opening(log: SqliteLog, path: Path, clock: Clock) -> None:
    await log.append("s", numbered(0, 5), producer=Producer("p", 4, 0), order="m", create=StreamConfig(ttl=60))
    await log.append("s", [], producer=Producer("taker", 7, 0))
    await log.create("f", StreamConfig("", fork=Fork("s", 3)), messages=[b"f"])
    await log.append("shut", [b"x"], producer=Producer("p", 1, 0), close=True, create=StreamConfig("text/plain"))
    await log.trim("s", 2)
    await log.delete("s")
    before = [await log.head(name) for name in ("f", "shut")]
    await log.close()

    log = await SqliteLog.open(path, clock)
    assert [await log.head(name) for name in ("f", "shut")] == before
    assert await everything(log, "f") == [*numbered(0, 3), b"f"]
    with pytest.raises(Gone):
        await log.head("s")
    assert (await log.append("shut", [b"y"], producer=Producer("p", 1, 0))).duplicate
    with pytest.raises(Closed):
        await log.append("shut", [b"y"], producer=Producer("p", 1, 1))
    await log.delete("f")
    assert (await log.create("s")).new
    await log.close()


async def test_the_fence_the_order_and_the_offsets_hold_over_a_restart(
    log: SqliteLog, path: Path, clock: Clock
) -> None:
    await log.append("s", numbered(0, 5), producer=Producer("p", 4, 0), order="m", create=StreamConfig())
    await log.trim("s", 5)
    await log.close()
    log = await SqliteLog.open(path, clock)
    with pytest.raises(Fenced):
        await log.append("s", [b"x"], producer=Producer("p", 3, 1))
    with pytest.raises(Gap):
        await log.append("s", [b"x"], producer=Producer("p", 4, 2))
    assert (await log.append("s", [b"5"], producer=Producer("p", 4, 1))).tail == 6
    await log.close()


async def test_a_file_is_for_its_owner_alone(log: SqliteLog, path: Path) -> None:
    await log.append("s", [b"secret"], create=StreamConfig())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_closed_log_is_one_file(log: SqliteLog, path: Path) -> None:
    await log.append("s", [b"x"], create=StreamConfig())
    await log.read("s")
    await log.close()
    assert [file.name for file in path.parent.iterdir()] == ["log.db"]


async def test_a_file_of_a_newer_format_is_refused_and_left_alone(path: Path, clock: Clock) -> None:
    path.parent.mkdir()
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(Unavailable, match="newer version"):
        await SqliteLog.open(path, clock)
    assert rows(path, "SELECT * FROM sqlite_schema") == []


async def test_what_a_follower_sees_is_committed(log: SqliteLog, path: Path) -> None:
    """Append, then commit, then publish: looked at from a connection that sees only what is committed."""
    await log.create("s")

    async def follow() -> None:
        async for batches in log.follow("s"):
            kept = rows(path, "SELECT max((key & 0x7fffffff) + count) FROM batches")
            assert kept[0][0] >= batches[-1].next

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        for number in range(200):
            await log.append("s", numbered(number, number + 1), close=number == 199)


async def test_what_is_queued_while_a_commit_runs_makes_up_the_next_one(log: SqliteLog, path: Path) -> None:
    """Group commit: appends of one stream in one commit are one row, and each is answered with its own tail."""
    await log.create("s")
    answers = await asyncio.gather(
        *(log.append("s", [b"%d" % n], producer=Producer(f"p{n}", 0, 0)) for n in range(500))
    )
    assert [answer.tail for answer in answers] == list(range(1, 501))
    assert rows(path, "SELECT count(*) FROM batches")[0][0] < 50
    assert await everything(log, "s") == [b"%d" % n for n in range(500)]


async def test_in_a_group_commit_one_refused_append_fails_alone(log: SqliteLog, path: Path) -> None:
    await log.append("s", [b"0"], producer=Producer("p", 1, 0), create=StreamConfig())
    producers = [
        Producer("p", 1, 1),
        Producer("p", 0, 9),
        Producer("p", 1, 7),
        Producer("p", 1, 2),
        Producer("p", 1, 1),
    ]
    answers = await asyncio.gather(
        *(log.append("s", [b"%d" % p.seq], producer=p) for p in producers), return_exceptions=True
    )
    assert answers[0] == Appended(2, seq=1)
    assert isinstance(answers[1], Fenced)
    assert isinstance(answers[2], Gap)
    assert answers[3] == Appended(3, seq=2)
    assert answers[4] == Appended(3, duplicate=True, seq=2)
    assert await everything(log, "s") == [b"0", b"1", b"2"]


async def test_content_is_stored_once(log: SqliteLog, path: Path) -> None:
    messages = numbered(0, 1000)
    await log.create("s")
    for start in range(0, 1000, 10):
        await log.append("s", messages[start : start + 10])
    await log.create("f", StreamConfig("", fork=Fork("s")))
    kept = rows(path, "SELECT count(*), sum(length(payload)) FROM batches")[0]
    assert kept == (100, sum(map(len, messages)) + 900)


async def test_a_trim_takes_whole_rows_from_the_disk_and_a_delete_all(log: SqliteLog, path: Path) -> None:
    await log.create("s")
    for start in range(0, 100, 10):
        await log.append("s", numbered(start, start + 10))
    await log.trim("s", 55)
    assert rows(path, "SELECT key & 0x7fffffff FROM batches ORDER BY key")[0] == (50,)
    await log.delete("s")
    for table in ("batches", "streams", "producers"):
        assert rows(path, f"SELECT count(*) FROM {table}") == [(0,)]


async def test_ten_thousand_events_are_one_read(log: SqliteLog) -> None:
    await log.create("s")
    async with asyncio.TaskGroup() as group:
        for number in range(10_000):
            group.create_task(log.append("s", numbered(number, number + 1)))
    reading = await log.read("s")
    assert (reading.next, reading.up_to_date, len(reading.batches)) == (10_000, True, 1)
    assert list(reading.batches[0].messages) == numbered(0, 10_000)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(st.binary(max_size=5) | st.just(b"\n"), min_size=1, max_size=3), min_size=1, max_size=8))
def test_any_rows_are_read_as_they_were_appended(tmp_path: Path, appends: list[list[bytes]]) -> None:
    async def run() -> None:
        log = await SqliteLog.open(tmp_path / "any.db", SystemWorld())
        name = f"s{len(rows(tmp_path / 'any.db', 'SELECT id FROM streams'))}"
        await log.create(name)
        for messages in appends:
            await log.append(name, messages)
        whole = [message for messages in appends for message in messages]
        for start in range(len(whole)):
            assert await everything(log, name, start) == whole[start:]
            assert await everything(log, name, start, limit=3) == whole[start:]
        await log.close()

    asyncio.run(run())


async def test_a_reader_that_holds_a_long_read_does_not_block_the_writer(log: SqliteLog, path: Path) -> None:
    await log.append("s", [b"x" * 1000] * 100, create=StreamConfig())
    long = sqlite3.connect(path, isolation_level=None)
    long.execute("BEGIN")
    seen = long.execute("SELECT count(*) FROM batches").fetchone()
    async with asyncio.timeout(180):
        for _ in range(50):
            await log.append("s", [b"y" * 100_000] * 3)
            await log.read("s", 0, limit=10_000)
    assert long.execute("SELECT count(*) FROM batches").fetchone() == seen
    long.execute("COMMIT")
    long.close()
    assert (await log.head("s")).tail == 250


async def test_the_write_ahead_log_is_moved_into_the_file_while_nothing_is_queued(log: SqliteLog, path: Path) -> None:
    await log.create("s")
    for _ in range(120):
        await log.append("s", [b"z" * 500_000])
    assert path.with_name("log.db-wal").stat().st_size < 40 << 20
    assert len(await everything(log, "s")) == 120


async def test_readers_and_writers_of_many_connections_never_meet_a_lock(log: SqliteLog, path: Path) -> None:
    async def write(name: str) -> None:
        for number in range(100):
            await log.append(name, [b"x" * 5000], producer=Producer("p", 0, number), create=StreamConfig())

    async def read(name: str) -> None:
        while not (await log.read(name, 99)).batches:
            await asyncio.to_thread(rows, path, "SELECT sum(length(payload)) FROM batches")

    async with asyncio.timeout(180), asyncio.TaskGroup() as group:
        for number in range(8):
            await log.create(f"s{number}")
            group.create_task(write(f"s{number}"))
            group.create_task(read(f"s{number}"))


async def test_who_comes_when_the_queue_is_full_waits_for_room(log: SqliteLog) -> None:
    await log.create("s")
    message = bytes(1 << 20)
    tasks = [asyncio.create_task(log.append("s", [message])) for _ in range(100)]
    most = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        most = max(most, log._queued)
        if tasks[60].cancel():
            tasks[70].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [result for result in results if isinstance(result, Appended)]
    assert len(kept) >= 98
    assert most <= QUEUE_BYTES
    assert (log._queued, len(log._waiting)) == (0, 0)
    assert (await log.append("s", [bytes(QUEUE_BYTES + 1)])).tail >= 99


async def test_what_no_row_takes_fails_alone_with_what_it_is_and_leaves_nothing(log: SqliteLog, path: Path) -> None:
    """A mistake of ours is told as one: who gets ``Unavailable`` tries again, and would do so for ever."""
    base = sqlite3.connect(path)
    base.execute(
        "CREATE TRIGGER picky BEFORE INSERT ON batches WHEN instr(new.payload, x'706f69736f6e') "
        "BEGIN SELECT RAISE(ABORT, 'not this'); END"
    )
    base.close()
    for name in ("s", "t", "u"):
        await log.append(name, [b"0"], producer=Producer("p", 0, 0), create=StreamConfig())
    messages = {"s": b"1", "t": b"poison", "u": b"1"}
    answers = await asyncio.gather(
        *(log.append(name, [m], producer=Producer("p", 0, 1)) for name, m in messages.items()), return_exceptions=True
    )
    assert answers[0] == answers[2] == Appended(2, seq=1)
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert await everything(log, "t") == [b"0"]
    assert (await log.append("t", [b"1"], producer=Producer("p", 0, 1))) == Appended(2, seq=1)
    assert await everything(log, "t") == [b"0", b"1"]


async def test_a_lock_that_lasts_is_unavailable_and_the_next_append_succeeds(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.1)
    log = await SqliteLog.open(path, clock)
    await log.append("s", [b"0"], producer=Producer("p", 0, 0), create=StreamConfig())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused:
        await log.append("s", [b"1"], producer=Producer("p", 0, 1))
    assert "locked" not in refused.value.message
    assert refused.value.retryable
    assert "locked" in capfd.readouterr().err
    assert await everything(log, "s") == [b"0"]
    other.execute("ROLLBACK")
    other.close()
    assert await log.append("s", [b"1"], producer=Producer("p", 0, 1)) == Appended(2, seq=1)
    await log.close()


async def test_what_cannot_be_read_is_unavailable_and_a_mistake_of_ours_is_not(
    log: SqliteLog, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await log.append("s", [b"0"], create=StreamConfig())

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT nothing FROM nowhere")

    with pytest.raises(sqlite3.OperationalError):
        await log._read("broken", broken)
    await log.close()
    path.write_bytes(b"not a database, of whatever size " * 200)
    broken_log = SqliteLog(path, Clock(), lambda error: None)
    broken_log._readers = Readers(path)
    with pytest.raises(Unavailable):
        await broken_log.read("s")
    assert "not a database" in capfd.readouterr().err
    await broken_log._readers.stop()


async def test_a_file_that_is_no_log_or_cannot_be_opened_says_so(path: Path, clock: Clock) -> None:
    path.mkdir(parents=True)
    with pytest.raises(Unavailable, match="could not be opened: Is a directory"):
        await SqliteLog.open(path, clock)
    other = path / "log.db"
    other.write_bytes(b"not a database, of whatever size " * 200)
    with pytest.raises(Unavailable, match="could not be opened: file is not a database"):
        await SqliteLog.open(other, clock)


async def test_the_fence_sees_what_another_process_wrote(log: SqliteLog, path: Path, clock: Clock) -> None:
    await log.append("s", [b"0"], producer=Producer("run", 1, 0), create=StreamConfig())
    other = await SqliteLog.open(path, clock)
    assert (await other.append("s", [], producer=Producer("run", 2, 0))).tail == 1
    with pytest.raises(Fenced):
        await log.append("s", [b"late"], producer=Producer("run", 1, 1))
    await other.append("s", [b"1"], producer=Producer("run", 2, 1))
    await other.close()
    assert (await log.append("s", [b"2"], producer=Producer("run", 2, 2))).tail == 3
    assert await everything(log, "s") == [b"0", b"1", b"2"]
