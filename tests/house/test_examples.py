"""Every example in the docs that says it runs does run, against a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_docs import examples
from tests.support.node import installed_clients, node_path, recipe
from tests.support.server import Server

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # A webhook on this very machine is called only where streams are open.
    with Server(tmp_path_factory.mktemp("examples"), settings={"streams_open": 1}) as running:
        running.up()
        yield running


@pytest.mark.parametrize("text", examples("python run"))
def test_every_python_example_runs(text: str, server: Server, token: str, tmp_path: Path) -> None:
    """An example names the usual address; here it gets that of a server on a free port."""
    command = [sys.executable, "-W", "error", "-c", text.replace(ADDRESS, server.url)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "TOKEN": token},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """What a person takes from the last line of the command."""
    command = [sys.executable, "-m", "threadline", "token", "create", "--name", "example", "--data", str(server.data)]
    done = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("text", examples("js run"))
def test_every_javascript_example_runs(text: str, server: Server, token: str) -> None:
    """The same, with the newest ``ai`` that the tests have."""
    node = node_path()
    if node is None:
        pytest.skip("missing tool: no Node.js")
    program = text.replace(ADDRESS, server.url).replace('from "ai"', 'from "ai7"').replace("./history.js", recipe())
    done = subprocess.run(
        [node, "--input-type=module"],
        input=program,
        cwd=installed_clients().parent,
        env={**os.environ, "TOKEN": token},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("."), "the whole of the answer"


@pytest.mark.parametrize("text", examples("sh run"))
def test_every_example_of_a_shell_runs(text: str, server: Server, token: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("missing tool: curl")
    done = subprocess.run(
        ["sh", "-e", "-c", text.replace(ADDRESS, server.url)],
        cwd=tmp_path,
        env={**os.environ, "TOKEN": token},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_there_are_examples_that_run() -> None:
    assert examples("python run")
    assert examples("js run")
    assert examples("sh run")
