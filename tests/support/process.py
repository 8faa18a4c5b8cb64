"""Child processes of tests: started on a port of their own, watched, and ended by id, whatever happens."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[2]
_PORTS: Final = range(12_000, 30_000)
"""Below the ports that the system gives to clients, so that nobody takes one between a kill and the restart."""

_SHARES: Final = 16
_share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES

_chance = random.Random(os.getpid() ^ time.time_ns())
_given = set[int]()


def free_port() -> int:
    """A port on loopback that nobody holds just now.

    Two who ask at the same time get two: tests that run side by side have each a share of the ports, and in each a port
    is given once.
    """
    while True:
        port = _chance.choice(_PORTS[_share::_SHARES])
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


class Child:
    """One command that can be started again and again; its output is appended to a file."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.log = log
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.kill9)

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.running, "already running"
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("THREADLINE_", "OPENAI_"))}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                env={**kept, "PYTHONPATH": path.rstrip(os.pathsep), "PYTHONUNBUFFERED": "1", **self.environment},
            )

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)

    def wait(self, seconds: float = 60) -> int:
        """Its exit code; raises ``TimeoutExpired`` when it is still there after ``seconds``."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill9(self) -> None:
        """End it at once, as a crash does; harmless when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def terminate(self, seconds: float = 60) -> int:
        """Ask it to end, and wait; returns its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def output(self, characters: int = 6000) -> str:
        """The end of what it wrote, for the message of a failing test."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def until(self, path: str, port: int, seconds: float = 120) -> float:
        """Wait until ``GET path`` answers 200; returns the seconds that it took."""
        began = time.monotonic()
        while not _answers(port, path):
            assert self.running, f"the process ended by itself:\n{self.output()}"
            assert time.monotonic() - began < seconds, f"not ready after {seconds} s:\n{self.output()}"
            time.sleep(0.02)
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill9()
        atexit.unregister(self.kill9)


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def python(*arguments: str) -> list[str]:
    """The command of a module or script under this very interpreter."""
    return [sys.executable, *arguments]


def note_figure(line: str) -> None:
    """Figures of a run are kept for a person to read; no test depends on them."""
    folder = ROOT / "test-results"
    folder.mkdir(exist_ok=True)
    with (folder / "figures.txt").open("a") as file:
        file.write(line + "\n")
