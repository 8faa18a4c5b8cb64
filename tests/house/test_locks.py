"""The locks hold every package with its hashes, and every package that the server asks for is one that it uses."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.tree import ROOT, faults, parsed, shown, under

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("build", "runtime", "dev")
NEVER_IMPORTED = {"tzdata", "httptools", "uvloop", "websockets"}
"""Data, and what uvicorn finds by its name."""


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0].lower()


def locked(lock: str) -> dict[str, str]:
    """The entries of a lock by name."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return {name_of(entry): entry for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if entry.strip()}


def asked_for(lock: str) -> list[str]:
    groups = PROJECT["dependency-groups"]
    wanted = {
        "build": groups["build"],
        "runtime": PROJECT["project"]["dependencies"],
        "dev": [*PROJECT["project"]["dependencies"], *groups["dev"]],
    }
    return [name_of(requirement) for requirement in wanted[lock]]


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_asked_for_is_locked(lock: str) -> None:
    assert not set(asked_for(lock)) - set(locked(lock)), "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    found = [
        name
        for name, entry in locked(lock).items()
        if not re.match(r"[a-z0-9._-]+==\S+", entry) or "--hash=sha256:" not in entry
    ]
    assert not found, faults(found)


def test_no_two_locks_disagree() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, entry in locked(lock).items():
            versions.setdefault(name, set()).add(entry.split()[0])
    assert not {name: found for name, found in versions.items() if len(found) > 1}


def imported() -> Iterator[str]:
    """The first names of all that the package imports."""
    for path in under("src", ".py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]


def test_every_package_that_the_server_asks_for_is_used() -> None:
    used = set(imported())
    unused = [
        name for name in asked_for("runtime") if name not in NEVER_IMPORTED and name.replace("-", "_") not in used
    ]
    assert not unused, faults(unused)


def npm_locks() -> dict[str, dict[str, Any]]:
    """The entries of each npm lock by its folder."""
    return {shown(path.parent): json.loads(path.read_text())["packages"] for path in under("", "package-lock.json")}


def test_every_npm_package_is_locked_with_its_hash() -> None:
    """Of another platform's packages a mirror may have told nothing but the version."""
    found = [
        f"{folder}: {name}"
        for folder, packages in npm_locks().items()
        for name, entry in packages.items()
        if name.startswith("node_modules/")
        and not {"link", "inBundle", "integrity"} & set(entry)
        and not (entry.get("optional") and "cpu" in entry)
    ]
    assert not found, faults(found)


def test_npm_locks_hold_the_packages_of_every_platform() -> None:
    """Else `npm ci` refuses them, on every platform."""
    found = [
        f"{folder}: {name}"
        for folder, packages in npm_locks().items()
        for place, entry in packages.items()
        for name in entry.get("optionalDependencies", {})
        if not {f"node_modules/{name}", f"{place}/node_modules/{name}"} & set(packages)
    ]
    assert not found, "run `make lock`" + faults(found)
