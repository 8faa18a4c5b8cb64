"""The published conformance suite of Durable Streams, all of it, on each engine of the log."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import CLIENTS, installed_clients
from tests.support.server import Server

TESTS = 338
"""How many tests the pinned suite has, so that a smaller one cannot pass for it."""
LIFETIME = "TTL"
"""What is in the names of the tests that measure lifetimes of a second."""

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
    assert report["numTotalTests"] == TESTS
    failures, passed = dict(failed(report)), report["numPassedTests"]
    if failures and all(LIFETIME in name for name in failures):
        # Of a lifetime of two seconds a test sleeps one and a half: it may try once more, by itself.
        again = run_suite(node, open_server.url, tmp_path / "again.json", "|".join(map(re.escape, failures)))
        failures, passed = dict(failed(again)), passed + again["numPassedTests"]
    assert not failures, "\n\n".join([f"{len(failures)} failed", *failures.values(), open_server.output(2000)])
    assert passed == TESTS


def run_suite(node: str, url: str, output: Path, names: str = "") -> dict[str, Any]:
    """Run the suite against ``url``, or what of it has such a name; returns vitest's report."""
    vitest = installed_clients() / "vitest" / "vitest.mjs"
    options = ["--no-coverage", "--reporter=json", f"--outputFile.json={output}", "--no-cache"]
    options += ["--testTimeout=120000", "--hookTimeout=120000", *(["-t", names] if names else [])]
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [node, str(vitest), "run", "durable.test.mjs", *options],
        cwd=CLIENTS,
        env={**os.environ, "CONFORMANCE_TEST_URL": url, "PATH": path},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert output.exists(), f"vitest wrote no report:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def failed(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The name of each test that failed, and with it the beginning of why."""
    for file in report["testResults"]:
        if file.get("message"):
            yield "", str(file["message"])[:2000]
        for test in file["assertionResults"]:
            if test["status"] == "failed":
                why = test["failureMessages"][0][:600] if test["failureMessages"] else ""
                yield test["fullName"], f"{test['fullName']}\n{why}"
