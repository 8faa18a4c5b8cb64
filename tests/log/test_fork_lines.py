"""Forks of forks: a line of them ends somewhere, and a read goes through it once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.log.engines import Clock, everything
from threadline.domain.errors import Conflict, NotFound
from threadline.log.protocol import Fork, Log, StreamConfig
from threadline.log.rules import MAX_FORKS
from threadline.log.sqlite import SqliteLog, schema
from threadline.log.sqlite.reader import STEPS, fetch

pytestmark = pytest.mark.anyio


def fork(source: str, offset: int | None = None) -> StreamConfig:
    return StreamConfig("", fork=Fork(source, offset))


async def make_line(log: Log) -> str:
    """As many forks as may follow on one another, each with one message of its own; the last one's name."""
    await log.create("f0", messages=[b"0"])
    for number in range(1, MAX_FORKS + 1):
        await log.create(f"f{number}", fork(f"f{number - 1}"), messages=[b"%d" % number])
    return f"f{MAX_FORKS}"


async def test_a_line_of_forks_ends_somewhere_and_up_to_there_is_read_as_a_whole(log: Log) -> None:
    last = await make_line(log)
    with pytest.raises(Conflict, match="fork one before it"):
        await log.create("one-more", fork(last, 0))
    with pytest.raises(NotFound):
        await log.head("one-more")
    assert not (await log.create(last, fork(f"f{MAX_FORKS - 1}"))).new
    await log.create("beside", fork(f"f{MAX_FORKS - 1}", 3), messages=[b"x"])
    for number in range(MAX_FORKS):
        await log.delete(f"f{number}")
    whole = [b"%d" % number for number in range(MAX_FORKS + 1)]
    for start in (0, 1, MAX_FORKS // 2, MAX_FORKS, MAX_FORKS + 1):
        assert await everything(log, last, start) == whole[start:]
    assert await everything(log, "beside") == [*whole[:3], b"x"]


async def test_a_fork_below_where_its_source_begins_reads_past_it(log: Log) -> None:
    await log.create("a", messages=[b"0", b"1", b"2", b"3"])
    await log.create("b", fork("a", 3), messages=[b"b"])
    await log.create("c", fork("b", 1), messages=[b"c"])
    await log.create("d", fork("c", 2), messages=[b"d"])
    await log.create("e", fork("d", 0), messages=[b"e"])
    assert await everything(log, "d") == [b"0", b"c", b"d"]
    assert await everything(log, "d", 1) == [b"c", b"d"]
    assert await everything(log, "e") == [b"e"]


async def test_one_read_takes_a_few_steps_and_looks_for_the_sources_once(tmp_path: Path, clock: Clock) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", clock)
    last = await make_line(log)
    connection = schema.open_reader(tmp_path / "log.db")
    said: list[str] = []
    connection.set_trace_callback(said.append)
    _, reading = fetch(connection, last, 0, 1 << 20, clock.now(), {})
    connection.close()
    assert len(reading.batches) == STEPS
    assert not reading.up_to_date
    assert sum("FROM streams" in statement for statement in said) <= 2
    assert len(said) <= 4 * STEPS + 4
    await log.close()
