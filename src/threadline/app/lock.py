"""The data folder, and the lock that keeps a second server out of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadline.app.failures import CannotStart


def prepare(folder: Path) -> None:
    """Make the folder where it is missing, for its owner alone. Raises ``CannotStart``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as fault:
        raise CannotStart(
            f"The data folder {folder} cannot be used: {fault.strerror}. Choose another with --data or THREADLINE_DATA."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotStart(f"The data folder {folder} cannot be written to. Change its owner, or choose another --data.")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when the process ends, however it ends.

    Raises ``CannotStart`` where another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            raise CannotStart(
                f"Another server is using this data folder: {folder} (process {holder}). "
                "Stop it, or choose another --data."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
