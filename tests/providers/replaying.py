"""Recordings of real providers: each in a test of its own, cut in every way, and cut off anywhere."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import strategies as st

from threadline.domain.errors import ProviderError
from threadline.domain.events import Event

# How a fake is to cut a recording on its way through loopback.
CONTROLS: list[dict[str, Any]] = [{}, {"split": 1000}, {"split": 37, "newline": "\r\n"}]


class Decoding(Protocol):
    """What the decoder of every dialect is."""

    @property
    def failure(self) -> ProviderError | None: ...

    def feed(self, data: bytes) -> list[Event]: ...

    def end(self) -> list[Event]: ...


def recordings_folder() -> Path:
    """Where the recordings are: beside the project, or where THREADLINE_TEST_RECORDINGS says."""
    usual = Path(__file__).parents[3] / "shared" / "recordings"
    return Path(os.environ.get("THREADLINE_TEST_RECORDINGS") or usual)


def recordings(family: str) -> dict[str, Path]:
    """The recordings of a kind of providers, by their names."""
    return {path.stem: path for path in sorted(recordings_folder().glob(f"{family}.*.jsonl"))}


def each(name: str, found: Mapping[str, Any]) -> pytest.MarkDecorator:
    """A test of ``name`` runs for every one; without any it is skipped, which CI takes for a failure."""
    none = pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings in {recordings_folder()}"))
    return pytest.mark.parametrize(name, [*found.values()] or [none], ids=[*found] or ["absent"])


def lines(path: Path) -> list[bytes]:
    """A recording's lines, each the JSON of one event."""
    return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def steps(events: Iterable[Event]) -> list[tuple[str, ...]]:
    """The pieces in their order: ``(text|reasoning, piece)`` and ``(call, id, piece of arguments)``."""
    out: list[tuple[str, ...]] = []
    for event in events:
        if event["type"] in ("text-delta", "reasoning-delta"):
            out.append((event["type"].removesuffix("-delta"), event["delta"]))
        elif event["type"] == "tool-input-delta":
            out.append(("call", event["toolCallId"], event["inputTextDelta"]))
    return out


def decoded(decoder: Decoding, pieces: Iterable[bytes]) -> list[Event]:
    """The events of a whole answer that comes in these pieces."""
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
    assert decoder.failure is None
    return events


def cut(data: st.DataObject, whole: bytes) -> list[bytes]:
    """An answer's bytes, cut at random."""
    cuts = sorted(data.draw(st.lists(st.integers(1, len(whole) - 1), min_size=1, max_size=60)))
    return [whole[start:end] for start, end in itertools.pairwise([0, *cuts, len(whole)])]


def bytewise(whole: bytes) -> list[bytes]:
    """An answer in pieces of one byte."""
    return [whole[at : at + 1] for at in range(len(whole))]


def check_every_cut(make: Callable[[], Decoding], whole: bytes) -> None:
    """Wherever an answer is cut in two, and when it comes byte by byte, its events are those of the whole."""
    expected = decoded(make(), [whole])
    for at in range(1, len(whole)):
        assert decoded(make(), [whole[:at], whole[at:]]) == expected
    assert decoded(make(), bytewise(whole)) == expected


def check_cut_off(make: Callable[[], Decoding], whole: bytes, last: int, *more: int) -> None:
    """Some two hundred times before ``last``, and ``more``: what ends there never passes for a whole answer."""
    for at in [*range(0, last, max(1, last // 200)), *more]:
        decoder = make()
        events = decoder.feed(whole[:at]) + decoder.end()
        assert decoder.failure is not None
        assert decoder.failure.retryable
        assert all(event["type"] != "finish-step" for event in events)
