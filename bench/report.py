"""Figures, each with its limit and its aim: printed, written to ``bench/results/``, and put into the README."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_MARKS: Final = ("<!-- figures -->", "<!-- /figures -->")


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, ours, the limit or peer in the same run, the two as one number, the
    aim for that number, and whether it was reached."""

    what: str
    ours: str
    limit: str
    ratio: str
    aim: str
    reached: bool


def table(figures: list[Figure]) -> str:
    """The figures as Markdown."""
    lines = ["| what | ours | limit or peer, same run | together | aim |", "|---|---|---|---|---|"]
    for figure in figures:
        mark = "" if figure.reached else " (missed)"
        lines.append(f"| {figure.what} | {figure.ours} | {figure.limit} | {figure.ratio} | {figure.aim}{mark} |")
    return "\n".join(lines)


def write(figures: list[Figure], *, readme: bool) -> None:
    """Print the table and keep it."""
    text = table(figures)
    print(text)
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.md").write_text(text + "\n")
    machine = {"python": platform.python_version(), "system": platform.platform()}
    (folder / "figures.json").write_text(json.dumps({"machine": machine, "figures": [asdict(f) for f in figures]}))
    if readme:
        page = ROOT / "README.md"
        before, opening, rest = page.read_text().partition(_MARKS[0])
        _old, closing, after = rest.partition(_MARKS[1])
        if opening and closing:
            page.write_text(f"{before}{opening}\n\n{text}\n\n{closing}{after}")
