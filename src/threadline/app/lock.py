"""The data folder, and the lock that keeps a second server out of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from threadline.app.failures import CannotStart

_LONGEST: Final = 1000


def prepare(folder: Path) -> None:
    """Make the folder where it is missing, for its owner alone; one that is there keeps the rights that its owner gave
    it. Raises ``CannotStart``."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise CannotStart(f"{folder} is no folder. Choose another with --data or THREADLINE_DATA.") from None
    except OSError as fault:
        raise CannotStart(
            f"The data folder {folder} cannot be used: {fault.strerror}. Choose another with --data or THREADLINE_DATA."
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CannotStart(f"The data folder {folder} cannot be written to. Change its owner, or choose another --data.")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when the process ends, however it ends.

    Raises ``CannotStart`` where another process holds it, or it cannot be had.
    """
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise _no_lock(folder, fault) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _written(handle)[0] or "unknown"
            raise CannotStart(
                f"Another server is using this data folder: {folder} (process {holder}). "
                "Stop it, or choose another --data."
            ) from None
        except OSError as fault:
            raise _no_lock(folder, fault) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def tell(folder: Path, masters: Sequence[str], address: str = "") -> None:
    """Write into the lock, which this process holds, the ids of the master keys that it knows, and where its server is
    reached."""
    # Only commands read it: a server that serves is not ended for that.
    with suppress(OSError), (folder / "lock").open("r+b", buffering=0) as file:
        file.write(f"{os.getpid()}\n{address}\n{' '.join(masters)}\n".encode())


def address_of_holder(folder: Path) -> str | None:
    """Where the server of the process that took the lock last is reached; None where it has not told."""
    return _told(folder)[1] or None


def masters_of_holder(folder: Path) -> list[str] | None:
    """The ids of the master keys that the process knows that holds the lock; None where none does."""
    try:
        with locked(folder):
            return None
    except CannotStart:
        return _told(folder)[2].split()


def _told(folder: Path) -> tuple[str, str, str]:
    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return "", "", ""
    try:
        return _written(handle)
    finally:
        os.close(handle)


def _written(handle: int) -> tuple[str, str, str]:
    """The process, the address and the master keys."""
    lines = os.pread(handle, _LONGEST, 0).decode(errors="replace").split("\n")
    process, address, masters, *_ = [*map(str.strip, lines), "", "", ""]
    return process, address, masters


def _no_lock(folder: Path, fault: OSError) -> CannotStart:
    return CannotStart(
        f"The lock in the data folder {folder} cannot be taken: {fault.strerror}. Choose a --data on a local disk that "
        "this user may write to."
    )
