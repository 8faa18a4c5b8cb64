"""The secret of an installation, from which its keys are derived: made at the first start, or given as a setting."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from threadline.app.failures import CannotStart
from threadline.settings import Settings
from threadline.world import World

FILE: Final = "secret"
_BYTES: Final = 32


def secrets(settings: Settings, world: World) -> Sequence[bytes]:
    """The secrets in force, at least one: those of the settings, and behind them those of the data folder's file, one a
    line, which is made where neither is there. The first signs and seals; all are known. Raises ``CannotStart``."""
    given = [text.encode() for text in settings.secret]
    path = settings.data / FILE
    try:
        found = [*given, *_read(path)]
        return found or [_make(path, world.entropy(_BYTES))]
    except OSError as fault:
        raise CannotStart(f"The secret {path} cannot be used: {fault.strerror}. Change its owner or rights.") from None


def _read(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().split()
    except FileNotFoundError:
        return []
    try:
        found = [b64decode(line, validate=True) for line in lines]
    except Error:
        found = []
    if not found or any(len(secret) < _BYTES for secret in found):
        raise CannotStart(f"The secret {path} is damaged. Restore it from a backup, or remove it to have a new one.")
    return found


def _make(path: Path, secret: bytes) -> bytes:
    """Whole and on disk under its name, or not there at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, b64encode(secret) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return secret
