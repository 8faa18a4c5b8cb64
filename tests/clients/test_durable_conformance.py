"""The published conformance suite of Durable Streams, all of it, on each engine of the log."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import CLIENTS, installed_clients
from tests.support.server import Server

TESTS = 338
"""How many tests the pinned suite has, so that a smaller one cannot pass for it."""

# It measures lifetimes of a second: what else the machine does must not last as long.
pytestmark = pytest.mark.alone


@pytest.fixture(params=["sqlite", "memory"])
def open_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server whose streams are open to all, with a short long-poll."""
    settings = {"streams_open": 1, "long_poll_seconds": 0.5}
    with Server(tmp_path, settings=settings, memory=request.param == "memory") as server:
        server.up()
        yield server


def test_every_test_of_the_conformance_suite_passes(open_server: Server, node: str, tmp_path: Path) -> None:
    report = run_suite(node, open_server.url, tmp_path / "report.json")
    failures = list(failed(report))
    assert not failures, "\n\n".join([f"{len(failures)} failed", *failures, open_server.output(2000)])
    assert (report["numTotalTests"], report["numPassedTests"]) == (TESTS, TESTS)


def run_suite(node: str, url: str, output: Path) -> dict[str, Any]:
    """Run the suite against ``url``; returns vitest's report."""
    vitest = installed_clients() / "vitest" / "vitest.mjs"
    options = ["--no-coverage", "--reporter=json", f"--outputFile.json={output}", "--no-cache"]
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [node, str(vitest), "run", "durable.test.mjs", *options],
        cwd=CLIENTS,
        env={**os.environ, "CONFORMANCE_TEST_URL": url, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert output.exists(), f"vitest wrote no report:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def failed(report: dict[str, Any]) -> Iterator[str]:
    """The name of each test that failed, and the beginning of why."""
    for file in report["testResults"]:
        if file.get("message"):
            yield str(file["message"])[:2000]
        for test in file["assertionResults"]:
            if test["status"] == "failed":
                yield f"{test['fullName']}\n{test['failureMessages'][0][:600] if test['failureMessages'] else ''}"
