"""A full disk: what does not fit is refused, what was acknowledged stays, and with room again all goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.log.small_disk import on_small_disk

pytestmark = pytest.mark.anyio

FULL = """
    import asyncio, sys
    from contextlib import aclosing
    from threadline.domain.errors import Unavailable
    from threadline.log.protocol import Appended, Producer, StreamConfig
    from threadline.log.sqlite import SqliteLog
    from threadline.world import SystemWorld

    folder = Path(sys.argv[1])
    seen = []

    async def follow(log):
        async with aclosing(log.follow("s", expected=True)) as steps:
            async for batches in steps:
                for batch in batches:
                    seen.extend(batch.messages)

    def message(seq):
        return b"%06d" % seq + bytes(2000)

    async def append(log, seq):
        return await log.append("s", [message(seq)], producer=Producer("run", 1, seq), create=StreamConfig())

    async def until_full(log, seq):
        while True:
            try:
                answer = await append(log, seq)
            except Unavailable as refused:
                assert "no room" in refused.message and refused.retryable
                return seq
            seq += 1
            assert answer == Appended(seq, seq=seq - 1)

    async def refused_but_read(log, seq):
        together = [append(log, seq), log.create("t"), log.append("u", [bytes(20_000)], create=StreamConfig())]
        for outcome in await asyncio.gather(*together, return_exceptions=True):
            assert isinstance(outcome, (Unavailable, Appended)), outcome
        reading = await log.read("s")
        assert reading.next in (seq, seq + 1)
        assert (await log.head("s")).tail == reading.next

    async def main():
        fill(folder, 700_000)
        log = await SqliteLog.open(folder / "log.db", SystemWorld())
        follower = asyncio.create_task(follow(log))
        acknowledged = await until_full(log, 0)
        assert acknowledged > 20
        fill(folder)
        await refused_but_read(log, acknowledged)
        free(folder)
        for seq in range(acknowledged, acknowledged + 100):
            await append(log, seq)
        fill(folder)
        acknowledged = await until_full(log, acknowledged + 100)
        while len(seen) < acknowledged:
            await asyncio.sleep(0.01)
        assert seen == [message(seq) for seq in range(acknowledged)]
        follower.cancel()
        fill(folder)
        # What the write-ahead log has finds no room in the file: it stays where it is.
        await log.close()

        try:
            await SqliteLog.open(folder / "log.db", SystemWorld())
        except Unavailable as refused:
            assert "no room on the disk" in refused.message, refused
            print("refused to start")
        free(folder)
        log = await SqliteLog.open(folder / "log.db", SystemWorld())
        kept = []
        while not (reading := await log.read("s", len(kept))).up_to_date:
            kept += [m for batch in reading.batches for m in batch.messages]
        kept += [m for batch in reading.batches for m in batch.messages]
        assert kept == seen
        assert (await append(log, len(kept) - 1)).duplicate
        assert (await append(log, len(kept))).tail == len(kept) + 1
        await log.close()
        print("all is there")

    asyncio.run(main())
"""


async def test_a_full_disk_refuses_appends_and_loses_nothing(tmp_path: Path) -> None:
    done = await asyncio.to_thread(on_small_disk, tmp_path / "disk", "4m", FULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["refused to start", "all is there", ""]
    assert "undone" in done.stderr
