"""Imports point downwards only, without exceptions, and time and chance come from the world alone."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, SOURCE, faults, parsed, shown, under

CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "asyncio": {"sleep"},
    "os": {"urandom", "getrandom"},
    "random": set(),
    "secrets": set(),
    "uuid": {"uuid1", "uuid4", "uuid6", "uuid7"},
    "uuid_utils": {"uuid1", "uuid4", "uuid6", "uuid7"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
"""Doors to the clock and to chance, by the name before the dot; an empty set is the whole module."""


def test_imports_point_downwards_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_floors_know_no_exception() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert linter["exclude_type_checking_imports"] is False
    for contract in linter["contracts"]:
        assert not {"ignore_imports", "exhaustive_ignores", "unmatched_ignore_imports_alerting"} & set(contract)
        assert contract["exhaustive"] is True


def doors(path: Path) -> Iterator[str]:
    """Where a file reads a clock, sleeps or draws a random number by itself."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CLOCKS:
            names = CLOCKS[node.value.id]
            if not names or node.attr in names:
                yield f"{shown(path)}:{node.lineno}: {node.value.id}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in CLOCKS:
            names = CLOCKS[node.module]
            for alias in node.names:
                if not names or alias.name in names:
                    yield f"{shown(path)}:{node.lineno}: {node.module}.{alias.name}"


def test_time_and_chance_come_from_the_world_alone() -> None:
    found = [door for path in under("src", ".py") if path != SOURCE / "world.py" for door in doors(path)]
    assert not found, faults(found)


def test_the_watch_sees_a_clock() -> None:
    assert list(doors(SOURCE / "world.py"))
