"""A file layer below SQLite that remembers what was not fsynced, so that a test can cut the power after the fact.

A VFS is registered through ctypes on the very library that Python's ``sqlite3`` uses, and made the default. Files are
opened by SQLite's own VFS; only write, truncate, sync, close and delete go through here. Before each write the bytes
that it will cover are put into a side file; a sync empties that. After a kill -9, :func:`cut_power` makes every file
what a disk may hold after the plug was pulled: without what was not synced, or, by a seed, with some of it kept,
dropped, torn at sector boundaries.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import hashlib
import os
import random
import struct
import threading
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p, cast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SECTOR: Final = 512
_OK: Final = 0
_IO_ERROR: Final = 10
_TRACKED: Final = 0x0100 | 0x0800 | 0x80000
"""SQLITE_OPEN_MAIN_DB, _MAIN_JOURNAL and _WAL; all else is scratch, and no power cut can lose it."""

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_MOVE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_SIZE = CFUNCTYPE(c_int, c_void_p, POINTER(c_int64))


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [
        ("version", c_int),
        *((name, c_void_p) for name in ("close", "read", "write", "truncate", "sync", "size", "lock", "unlock")),
        *((name, c_void_p) for name in ("reserved", "control", "sector", "traits")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch")),
    ]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        *((name, c_void_p) for name in ("data", "open", "delete", "access", "full_path")),
        *((name, c_void_p) for name in ("dl_open", "dl_error", "dl_sym", "dl_close", "randomness", "sleep", "clock")),
        *((name, c_void_p) for name in ("last_error", "clock64", "set_call", "get_call", "next_call")),
    ]


class _File(ctypes.Structure):
    """sqlite3_file: what every open file of any VFS begins with."""

    _fields_ = [("methods", c_void_p)]


@dataclass
class _Real:
    """The methods of SQLite's own VFS for one kind of file."""

    close: Any
    read: Any
    write: Any
    truncate: Any
    sync: Any
    size: Any
    shim: _Methods


@dataclass
class _Undo:
    """The side file of one database file: what its unsynced writes covered."""

    fd: int
    lock: threading.RLock = field(default_factory=threading.RLock)

    def remember(self, at: int, size: int, old: bytes, new: bytes) -> None:
        """One write: the file's ``size`` before, and the bytes at ``at`` before and after."""
        _write_all(self.fd, _HEAD.pack(at, size, len(old), len(new)) + old + new)

    def forget(self) -> None:
        os.ftruncate(self.fd, 0)


_HEAD: Final = struct.Struct("<qqii")
_CUT: Final = -1
"""In the place of the length of the new bytes: the write was a truncation to ``at``."""


class Layer:
    """The registered VFS; keep it as long as SQLite may be used."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = c_void_p
        self._library.sqlite3_vfs_find.argtypes = [c_char_p]
        self._library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        self._guard = threading.Lock()
        self._undo: dict[bytes, _Undo] = {}
        self._files: dict[int, tuple[_Real, _Undo]] = {}
        self._reals: dict[int, _Real] = {}
        self._base = _Vfs.from_address(self._library.sqlite3_vfs_find(None))
        self._own_methods = (
            _CLOSE(_safely(self._close)),
            _MOVE(_safely(self._write)),
            _TRUNCATE(_safely(self._truncate)),
            _SYNC(_safely(self._sync)),
        )
        self._own_open, self._own_delete = _OPEN(_safely(self._open)), _DELETE(_safely(self._delete))
        self._real_open, self._real_delete = _OPEN(self._base.open), _DELETE(self._base.delete)
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.name = b"powercut"
        self._vfs.open = cast(self._own_open, c_void_p)
        self._vfs.delete = cast(self._own_delete, c_void_p)
        if self._library.sqlite3_vfs_register(byref(self._vfs), 1) != _OK:
            raise RuntimeError("SQLite refused the file layer")

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        result: int = self._real_open(ctypes.addressof(self._base), name, file, flags, out)
        if result == _OK and name and flags & _TRACKED:
            head = _File.from_address(file)
            real = self._real(head.methods)
            self._files[file] = (real, self._side(ctypes.string_at(name)))
            head.methods = ctypes.addressof(real.shim)
        return result

    def _real(self, address: int) -> _Real:
        with self._guard:
            if address not in self._reals:
                own = _Methods.from_address(address)
                shim = _Methods.from_buffer_copy(own)
                shim.close, shim.write, shim.truncate, shim.sync = (cast(f, c_void_p) for f in self._own_methods)
                self._reals[address] = _Real(
                    _CLOSE(own.close),
                    _MOVE(own.read),
                    _MOVE(own.write),
                    _TRUNCATE(own.truncate),
                    _SYNC(own.sync),
                    _SIZE(own.size),
                    shim,
                )
            return self._reals[address]

    def _side(self, name: bytes) -> _Undo:
        path = os.path.realpath(name)
        with self._guard:
            if path not in self._undo:
                side = self._folder / hashlib.sha256(path).hexdigest()[:24]
                side.with_suffix(".path").write_bytes(path)
                self._undo[path] = _Undo(os.open(side.with_suffix(".undo"), os.O_RDWR | os.O_CREAT | os.O_APPEND))
            return self._undo[path]

    def _close(self, file: int) -> int:
        real, _ = self._files.pop(file)
        closed: int = real.close(file)
        return closed

    def _write(self, file: int, data: int, count: int, at: int) -> int:
        real, undo = self._files[file]
        with undo.lock:
            size = _size(real, file)
            undo.remember(at, size, _read(real, file, at, min(count, size - at)), ctypes.string_at(data, count))
            written: int = real.write(file, data, count, at)
            return written

    def _truncate(self, file: int, to: int) -> int:
        real, undo = self._files[file]
        with undo.lock:
            size = _size(real, file)
            old = _read(real, file, to, size - to)
            _write_all(undo.fd, _HEAD.pack(to, size, len(old), _CUT) + old)
            cut: int = real.truncate(file, to)
            return cut

    def _sync(self, file: int, flags: int) -> int:
        real, undo = self._files[file]
        with undo.lock:
            synced: int = real.sync(file, flags)
            if synced == _OK:
                undo.forget()
            return synced

    def _delete(self, _vfs: int, name: bytes, sync: int) -> int:
        result: int = self._real_delete(ctypes.addressof(self._base), name, sync)
        with self._guard:
            undo = self._undo.get(os.path.realpath(name))
        if undo is not None:
            undo.forget()
        return result


_LAYERS: list[Layer] = []


def install(folder: Path) -> None:
    """Put the layer below every SQLite file that this process opens from now on; side files go to ``folder``."""
    if not _LAYERS:
        _LAYERS.append(Layer(folder))


def cut_power(folder: Path, seed: int | None = None) -> int:
    """Make the files what a disk may hold after the plug was pulled; returns how many writes were lost or torn.

    Call it when the process is dead. Without a seed nothing unsynced survives; with one, each unsynced write is kept,
    dropped, or torn at a sector, by chance, which is also what reordering by a disk comes to.
    """
    chance = None if seed is None else random.Random(seed)
    lost = 0
    for side in sorted(folder.glob("*.undo")):
        path = Path(os.fsdecode(side.with_suffix(".path").read_bytes()))
        writes = list(_writes(side.read_bytes()))
        if writes and path.exists():
            lost += _rewind(path, writes, chance)
        side.unlink()
        side.with_suffix(".path").unlink()
        Path(f"{path}-shm").unlink(missing_ok=True)
    return lost


@dataclass(frozen=True, slots=True)
class _Write:
    at: int
    size: int
    old: bytes
    new: bytes | None


def _writes(data: bytes) -> Iterator[_Write]:
    """The records of a side file; a last one that is cut short was not followed by its write."""
    place = 0
    while place + _HEAD.size <= len(data):
        at, size, before, after = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        end = place + before + max(after, 0)
        if end > len(data):
            return
        yield _Write(at, size, data[place : place + before], None if after == _CUT else data[place + before : end])
        place = end


def _rewind(path: Path, writes: list[_Write], chance: random.Random | None) -> int:
    lost = 0
    with path.open("r+b") as file:
        for write in reversed(writes):
            file.seek(write.at)
            file.write(write.old)
            file.truncate(write.size)
        for write in writes:
            fate = "dropped" if chance is None else chance.choice(("kept", "dropped", "torn"))
            if write.new is None:
                if fate == "kept":
                    file.truncate(write.at)
                lost += fate != "kept"
                continue
            for at in range(0, len(write.new), SECTOR):
                if fate == "kept" or (fate == "torn" and chance is not None and chance.random() < 0.5):
                    file.seek(write.at + at)
                    file.write(write.new[at : at + SECTOR])
            lost += fate != "kept"
    return lost


def _safely(method: Callable[..., int]) -> Callable[..., int]:
    """An exception cannot pass through C: it is told on stderr and becomes SQLite's I/O error."""

    def call(*arguments: Any) -> int:
        try:
            return method(*arguments)
        except Exception as error:
            os.write(2, f"powercut: {error!r}\n".encode())
            return _IO_ERROR

    return call


def _size(real: _Real, file: int) -> int:
    size = c_int64()
    if real.size(file, byref(size)) != _OK:
        raise OSError("the file's size cannot be read")
    return size.value


def _read(real: _Real, file: int, at: int, count: int) -> bytes:
    """Through SQLite's own handle: another descriptor, when closed, would drop the process's locks on the file."""
    if count <= 0:
        return b""
    buffer = ctypes.create_string_buffer(count)
    if real.read(file, ctypes.addressof(buffer), count, at) != _OK:
        raise OSError("the file cannot be read")
    return buffer.raw


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
