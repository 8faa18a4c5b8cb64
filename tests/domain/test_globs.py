"""Patterns over paths, against a slow and simple matcher."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.globs import beginning, matches

SEGMENTS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=5)
WANTED = st.lists(st.sampled_from(["a", "b", "*", "**", "%2A"]), max_size=5)


def slowly(wanted: list[str], segments: list[str]) -> bool:
    if not wanted:
        return not segments
    if wanted[0] == "**":
        return any(slowly(wanted[1:], segments[start:]) for start in range(len(segments) + 1))
    fits = bool(segments) and (wanted[0] == "*" or wanted[0].replace("%2A", "*") == segments[0])
    return fits and slowly(wanted[1:], segments[1:])


@given(WANTED, SEGMENTS)
def test_a_pattern_takes_what_it_should(wanted: list[str], segments: list[str]) -> None:
    assert matches("/".join(wanted), "/".join(segments)) == slowly(wanted, segments)


@given(WANTED, SEGMENTS)
def test_all_that_a_pattern_takes_begins_as_it_does(wanted: list[str], segments: list[str]) -> None:
    path = "/".join(segments)
    if matches("/".join(wanted), path):
        assert path.startswith(beginning("/".join(wanted)))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("events/*", "events/a", True),
        ("events/*", "events", False),
        ("events/*", "events/a/b", False),
        ("events/**", "events", True),
        ("events/**", "events/a/b", True),
        ("**/done", "a/b/done", True),
        ("%2a/x", "*/x", True),
        ("%2A/x", "a/x", False),
        ("a*", "ab", False),
        ("a*", "a*", True),
        ("/a/b/", "a/b", True),
    ],
)
def test_the_forms_that_patterns_take(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize("pattern", ["/".join(["**", "a"] * 200), "**/" + "a/" * 250 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    started = time.process_time()
    for last in range(500):
        assert not matches(pattern, f"{'a/' * 500}{last}")
    assert time.process_time() - started < 10
