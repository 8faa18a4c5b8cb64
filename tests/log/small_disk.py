"""A disk that a test can fill: a program runs in a mount namespace of its own, with a small tmpfs as its folder."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'

BALLAST = """
from pathlib import Path
import shutil

def fill(folder, keep=0):
    "Leave no more than so many bytes free."
    with open(folder / "ballast", "ab", buffering=0) as file:
        while (free := shutil.disk_usage(folder).free) > keep:
            file.write(bytes(min(free - keep, 1 << 20)))

def free(folder):
    (folder / "ballast").unlink()
"""


@functools.cache
def _unshare(folder: Path) -> list[str] | None:
    """How a namespace is made here: as the machine's own root, or as one's own; None where neither is allowed."""
    if shutil.which("unshare") is None:
        return None
    for way in (["unshare", "-m"], ["unshare", "-rm"]):
        trial = [*way, "sh", "-c", _MOUNT, "sh", "64k", str(folder), "true"]
        if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return way
    return None


def on_small_disk(folder: Path, size: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program with ``folder`` (its first argument) on a disk of that size; it has :data:`BALLAST`."""
    folder.mkdir(exist_ok=True)
    way = _unshare(folder)
    if way is None:
        pytest.skip("this machine lets nobody mount a small disk")
    code = BALLAST + textwrap.dedent(program)
    command = [*way, "sh", "-c", _MOUNT, "sh", size, str(folder), sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False)
