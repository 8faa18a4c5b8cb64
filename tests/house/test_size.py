"""A file is read on a few screens, a function on one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import faults, parsed, python_files, shown, typescript_files, under

FILE_LINES = 400
FUNCTION_LINES = 50

_CONTROL = r"(?!\s*(?:\}|if|for|while|switch|catch|else|do|try|return|await|throw)\b)"
_OPENS = re.compile(rf"^(?P<indent>\s*){_CONTROL}(?:.*\bfunction\b.*|.*=>\s*|[\w\s#*<>\[\]]+\(.*\)[^=]*)\{{$")


def typescript_functions(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of each function. Reads the indentation, which the formatter vouches for."""
    lines = text.splitlines()
    for first, line in enumerate(lines):
        opened = _OPENS.match(line)
        if opened is None:
            continue
        indent = opened["indent"]
        for last in range(first + 1, len(lines)):
            end = lines[last]
            if end.startswith((indent + "}", indent + ")")) and not end.endswith("{"):
                yield first + 1, last + 1
                break


def python_functions(path: Path) -> Iterator[tuple[int, int]]:
    """First and last line of each function."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.end_lineno or node.lineno


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    watched = under("", ".py", ".ts", ".tsx", ".mjs", ".css")
    long = [f"{shown(path)}: {n}" for path in watched if (n := len(path.read_text().splitlines())) > FILE_LINES]
    assert not long, faults(long)


def test_no_function_is_longer_than_fifty_lines() -> None:
    spans = [
        (path, span)
        for path in python_files()
        if not shown(path).startswith("tests/")
        for span in python_functions(path)
    ]
    spans += [
        (path, span)
        for path in typescript_files()
        if ".test." not in path.name
        for span in typescript_functions(path.read_text())
    ]
    long = [
        f"{shown(path)}:{first}: {last - first + 1} lines"
        for path, (first, last) in spans
        if last - first + 1 > FUNCTION_LINES
    ]
    assert not long, faults(long)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("export function a({\n  b,\n}: C) {\n  return b;\n}\n", (1, 5)),
        ("const a = (b: C) => {\n  if (b) {\n    return;\n  }\n};\n", (1, 5)),
        ("class A {\n  async b(c: D): Promise<E> {\n    return c;\n  }\n}\n", (2, 4)),
        ("useEffect(() => {\n  go();\n}, [go]);\n", (1, 3)),
    ],
)
def test_the_measure_sees_the_forms_that_typescript_functions_take(text: str, expected: tuple[int, int]) -> None:
    assert list(typescript_functions(text)) == [expected]


def test_the_measure_takes_no_branch_for_a_function() -> None:
    assert not list(typescript_functions("if (a(b)) {\n  c();\n} else if (d(e)) {\n  f();\n}\n"))
