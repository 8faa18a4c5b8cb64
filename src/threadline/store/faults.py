"""Faults of the machine below SQLite (a lock, a full disk, a broken one), told from mistakes of the program."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from threadline.domain.errors import ThreadlineError, Unavailable

logger = logging.getLogger(__name__)

NO_ROOM: Final = "There is no room left on the server's disk. What was kept is safe; try again when there is room."
_LEAST_ROOM: Final = 1 << 20
AWAY: Final = "The server cannot use its database at the moment. What was kept is safe; try again shortly."

_NO_TEXT: Final = "Could not decode to UTF-8"
"""What Python says, without any code, of a file that breaks in the middle of a text: we write nothing but UTF-8."""

# A read-only database is none of them: that is how a reader that writes is caught. Its kinds below are the machine's.
_OF_THE_MACHINE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def no_room(error: BaseException) -> bool:
    """Whether SQLite found the disk full, which it says only where it has taken the transaction back as a whole."""
    return _code(error) & 0xFF == sqlite3.SQLITE_FULL


def operational(error: BaseException) -> bool:
    """Whether it is the machine's fault and not the program's, so that the same may succeed later."""
    code = _code(error)
    return code & 0xFF in _OF_THE_MACHINE or (code & 0xFF == sqlite3.SQLITE_READONLY and code > 0xFF)


def translated(error: BaseException, surface: str) -> BaseException:
    """``Unavailable`` in the place of a fault of the machine, which is told to the program's log alone; all else as
    it is."""
    if not operational(error):
        return error
    logger.warning("%s: %s", surface, _detail(error))
    return refusal(error, surface)


def refusal(error: BaseException, surface: str) -> ThreadlineError:
    """What callers are told of a fault of the machine; a new object each time, since each has its own traceback."""
    return Unavailable(NO_ROOM if no_room(error) else AWAY, surface=surface)


def cannot_open(error: Exception, path: Path, surface: str) -> Exception:
    """The same where a file was to be opened: in words for the one who starts the server, with the detail."""
    if not operational(error) and not isinstance(error, OSError):
        return error
    if no_room(error) or _free(path.parent) < _LEAST_ROOM:
        return Unavailable(f"There is no room on the disk for {path}. Free some, then start again.", surface=surface)
    return Unavailable(f"{path} could not be opened: {_detail(error)}.", surface=surface)


def _free(folder: Path) -> int:
    """The bytes that are free on a folder's disk: a full one shows in many ways while a file is opened."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return _LEAST_ROOM


def _code(error: BaseException) -> int:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return 0
    if str(cause).startswith(_NO_TEXT):
        return sqlite3.SQLITE_CORRUPT
    return getattr(cause, "sqlite_errorcode", 0)


def _detail(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return str(cause.strerror)
    return f"{cause} ({getattr(cause, 'sqlite_errorname', type(cause).__name__)})"
