"""What is on disk when the process is killed, the power is cut, or a commit fails."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.log.engines import everything
from tests.support.powercut import cut_power
from threadline.log.protocol import Appended, Producer
from threadline.log.sqlite import SqliteLog
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

WRITER = """
    import asyncio, sys
    from pathlib import Path
    from threadline.log.protocol import Producer, StreamConfig
    from threadline.log.sqlite import SqliteLog
    from threadline.world import SystemWorld

    folder = Path(sys.argv[1])
    {setup}

    async def follow(log, name):
        async for batches in log.follow(name, expected=True):
            sys.stdout.write(f"{{name}} {{batches[-1].next}}\\n")
            sys.stdout.flush()

    async def write(log, name):
        for seq in range(100000):
            await log.append(name, [b"%d" % seq], producer=Producer("run", 1, seq), create=StreamConfig())

    async def main():
        log = await SqliteLog.open(folder / "log.db", SystemWorld())
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b", "c"):
                group.create_task(follow(log, name))
                group.create_task(write(log, name))

    asyncio.run(main())
"""


def killed(folder: Path, setup: str, lines: int) -> dict[str, int]:
    """Kill -9 a writer after its followers said so much; returns the offset up to which each stream was seen."""
    folder.mkdir(exist_ok=True)
    code = textwrap.dedent(WRITER).format(setup=setup)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        said = [run.stdout.readline() for _ in range(lines)]
        run.send_signal(signal.SIGKILL)
        said += run.stdout.readlines()
    seen: dict[str, int] = {}
    for line in said:
        if line.endswith("\n"):
            name, offset = line.split()
            seen[name] = int(offset)
    return seen


@pytest.mark.parametrize("lines", [1, 40, 300])
async def test_what_a_reader_has_seen_is_there_after_kill_9(tmp_path: Path, lines: int) -> None:
    seen = killed(tmp_path / "data", "", lines)
    await intact(tmp_path / "data", seen)


@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_what_a_reader_has_seen_is_there_after_a_power_cut(tmp_path: Path, seed: int | None) -> None:
    """What a reader has seen is on disk: all that was not fsynced is taken from the files."""
    setup = f"from tests.support.powercut import install; install(Path({str(tmp_path / 'undo')!r}))"
    (tmp_path / "undo").mkdir()
    seen = killed(tmp_path / "data", setup, 120)
    cut_power(tmp_path / "undo", seed)
    await intact(tmp_path / "data", seen)


async def intact(folder: Path, seen: dict[str, int]) -> None:
    log = await SqliteLog.open(folder / "log.db", SystemWorld())
    for name, offset in seen.items():
        found = await everything(log, name)
        assert len(found) >= offset
        assert found == [b"%d" % number for number in range(len(found))]
        again = await log.append(name, [b"x"], producer=Producer("run", 1, len(found) - 1))
        assert again == Appended(len(found), duplicate=True, seq=len(found) - 1)
    await log.close()


FULL = """
    import asyncio, resource, sys
    from pathlib import Path
    from threadline.log.protocol import StreamConfig
    from threadline.log.sqlite import SqliteLog
    from threadline.world import SystemWorld

    async def main():
        log = await SqliteLog.open(Path(sys.argv[1]) / "log.db", SystemWorld())
        await log.create("s")
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        for number in range(1000):
            sys.stdout.write(f"{(await log.append('s', [b'x' * 2000])).tail}\\n")
            sys.stdout.flush()

    asyncio.run(main())
"""


async def test_a_failed_commit_ends_the_process_and_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    """The file may grow no further: a write of the commit fails, as it would on a broken disk."""
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
    )
    assert run.returncode == 70
    assert "the log could not be written" in run.stderr
    acknowledged = int(run.stdout.split()[-1])
    log = await SqliteLog.open(tmp_path / "log.db", SystemWorld())
    assert (await log.head("s")).tail >= acknowledged > 10
    await log.close()
