"""A real Threadline server in a process of its own, with a data folder that outlives it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.client import Client
from tests.support.powercut import cut_power
from tests.support.process import Child, free_port, python


class Server(Child):
    """``threadline serve`` on a free loopback port.

    ``providers`` are the tables of threadline.toml; titles are made by the demo model, so that a fake provider sees
    the calls of answers only. ``settings`` are THREADLINE_* in lower case. With ``extras`` the server is composed by
    ``tests.support.serve`` (tools that only tests have); with ``power`` its SQLite stands on the file layer that
    :meth:`cut_power` needs; with ``memory`` its log is gone with the process.
    """

    def __init__(
        self,
        folder: Path,
        providers: Iterable[Mapping[str, Any]] = (),
        *,
        default_model: str = "demo/demo",
        settings: Mapping[str, Any] | None = None,
        extras: bool = False,
        power: bool = False,
        memory: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.data = folder / "data"
        self.config = folder / "threadline.toml"
        models = f'[models]\nchat = "{default_model}"\ntitle = "demo/demo"\n\n'
        self.config.write_text(models + "".join(_table("providers", one) for one in providers))
        self.undo = folder / "undo"
        # Tests and benchmarks send more messages than a guest may.
        chosen = {"limit_guest": "off", **(settings or {})}
        environment = {f"THREADLINE_{key.upper()}": str(value) for key, value in chosen.items()}
        environment["OUTER_TEST_FOLDER"] = str(folder)
        if power:
            environment["OUTER_TEST_POWER"] = str(self.undo)
        if memory:
            environment["OUTER_TEST_LOG"] = "memory"
        program = ["-m", "tests.support.serve"] if extras or power or memory else ["-m", "threadline"]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data)]
        command = python(*program, "serve", *place, "--config", str(self.config))
        super().__init__(command, folder / "server.log", environment)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> float:
        """Start and wait until it is ready; returns the seconds that it took."""
        self.start()
        return self.until("/readyz", self.port)

    def restart(self) -> float:
        """kill -9 where it still runs, then start again on the same port and data."""
        self.kill9()
        return self.up()

    def cut_power(self, seed: int | None = None) -> int:
        """kill -9, and take from the disk what was not fsynced; returns how many writes were lost."""
        self.kill9()
        files = {path.read_text().removeprefix(str(self.data)) for path in self.undo.glob("*.path")}
        assert {"/log.db-wal", "/threadline.db-wal"} <= files, f"the server does not stand on the file layer: {files}"
        return cut_power(self.undo, seed)

    def token(self, name: str) -> str:
        """A new access token, made beside the server by the command."""
        command = python("-m", "threadline", "token", "create", "--name", name, "--data", str(self.data))
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=True)
        return done.stdout.splitlines()[-1]

    def client(self) -> Client:
        """A new visitor without a cookie."""
        return Client(self.port)


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([f"[[{name}]]", *lines, "", ""])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
