"""What the house tests look at: the files of the tree, as git knows them."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "threadline"


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file()))


def under(folder: str, *endings: str) -> list[Path]:
    """The files below a folder of the tree that end so; ``""`` is the whole tree."""
    start = ROOT / folder
    return [path for path in files() if path.is_relative_to(start) and path.name.endswith(endings)]


def python_files() -> list[Path]:
    """All Python of the tree."""
    return under("", ".py")


def typescript_files() -> list[Path]:
    """All TypeScript of the page."""
    return [path for path in under("web/src", ".ts", ".tsx") if not path.name.endswith(".d.ts")]


@functools.cache
def parsed(path: Path) -> ast.Module:
    """A Python file as its syntax tree."""
    return ast.parse(path.read_text(), str(path))


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every file that is text."""
    for path in files():
        try:
            yield shown(path), path.read_text()
        except UnicodeDecodeError:
            continue


def shown(path: Path) -> str:
    """A path as a fault names it."""
    return str(path.relative_to(ROOT))


def faults(found: list[str]) -> str:
    """Faults as an assertion shows them."""
    return "\n" + "\n".join(found)
