"""Every example in the docs that says it runs does run, against a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_docs import examples
from tests.support.server import Server

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("examples")) as running:
        running.up()
        yield running


@pytest.mark.parametrize("text", examples("python run"))
def test_every_python_example_runs(text: str, server: Server, tmp_path: Path) -> None:
    """An example names the usual address; here it gets that of a server on a free port."""
    command = [sys.executable, "-W", "error", "-c", text.replace(ADDRESS, server.url)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_examples_that_run() -> None:
    assert examples("python run")
