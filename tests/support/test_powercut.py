"""The file layer itself: it must lose what was not synced, or the crash tests prove nothing."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.powercut import cut_power

WRITER = textwrap.dedent(
    """
    import sqlite3, sys
    from pathlib import Path
    from tests.support.powercut import install

    install(Path(sys.argv[1]) / "undo")
    base = sqlite3.connect(Path(sys.argv[1]) / "a.db", isolation_level=None)
    base.execute("PRAGMA journal_mode=" + sys.argv[2])
    base.execute("PRAGMA synchronous=FULL")
    base.execute("PRAGMA wal_autocheckpoint=20")
    base.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB)")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.execute("PRAGMA synchronous=" + sys.argv[3])
    reader = sqlite3.connect(Path(sys.argv[1]) / "a.db", isolation_level=None)
    for n in range(100000):
        base.execute("BEGIN IMMEDIATE")
        base.execute("INSERT INTO t VALUES (?, ?)", (n, bytes(n % 7000)))
        base.execute("COMMIT")
        assert reader.execute("SELECT max(n) FROM t").fetchone() == (n,)
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()
    """
)

ROOT = Path(__file__).parents[2]


def crashed(folder: Path, journal: str, synchronous: str, commits: int) -> int:
    """Kill a writer after some acknowledged commits; returns the number of the last that was acknowledged."""
    command = [sys.executable, "-c", WRITER, str(folder), journal, synchronous]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        for _ in range(commits):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        rest = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    return commits + len(rest) - 1


def kept(folder: Path) -> int:
    """How many rows are in the file, without a gap; the file must be sound."""
    with sqlite3.connect(folder / "a.db") as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count, top = base.execute("SELECT count(*), max(n) FROM t").fetchone()
    base.close()
    assert top is None or top == count - 1
    return int(count)


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_with_synchronous_full_a_power_cut_loses_no_acknowledged_commit(
    tmp_path: Path, journal: str, seed: int | None
) -> None:
    acknowledged = crashed(tmp_path, journal, "FULL", 150)
    cut_power(tmp_path / "undo", seed)
    assert kept(tmp_path) >= acknowledged + 1


def test_with_synchronous_off_a_power_cut_loses_acknowledged_commits(tmp_path: Path) -> None:
    acknowledged = crashed(tmp_path, "WAL", "OFF", 150)
    shutil.copytree(tmp_path, tmp_path.parent / "plain")
    assert kept(tmp_path.parent / "plain") >= acknowledged + 1, "a kill alone loses nothing"
    assert cut_power(tmp_path / "undo") > 0
    assert kept(tmp_path) < acknowledged + 1


def test_with_synchronous_normal_a_power_cut_loses_the_commits_since_the_last_checkpoint(tmp_path: Path) -> None:
    acknowledged = crashed(tmp_path, "WAL", "NORMAL", 157)
    assert cut_power(tmp_path / "undo") > 0
    assert 0 < kept(tmp_path) < acknowledged + 1


def test_a_second_cut_changes_nothing(tmp_path: Path) -> None:
    crashed(tmp_path, "WAL", "OFF", 30)
    cut_power(tmp_path / "undo", 7)
    after = (tmp_path / "a.db").read_bytes()
    assert cut_power(tmp_path / "undo", 7) == 0
    assert (tmp_path / "a.db").read_bytes() == after
