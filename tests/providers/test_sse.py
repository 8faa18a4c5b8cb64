"""The splitter of server-sent events: any cut of the bytes gives the same payloads."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.sse import Splitter, TooLong

STREAM = (
    "data: one\n\n: a comment\n\nevent: x\nid: 7\ndata:two\nretry: 5\n\n"
    "data: a\ndata: b\n\ndata:\n\nid: 8\n\ndata: ä€😀\n\n"
)
PAYLOADS = [b"one", b"two", b"a\nb", "ä€😀".encode()]


def split(pieces: list[bytes]) -> list[bytes]:
    splitter = Splitter()
    out = [payload for piece in pieces for payload in splitter.feed(piece)]
    return [*out, rest] if (rest := splitter.end()) else out


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("beginning", ["", "\ufeff"])
def test_a_stream_cut_at_any_byte_gives_the_same_payloads(newline: str, beginning: str) -> None:
    data = (beginning + STREAM).replace("\n", newline).encode()
    for at in range(len(data) + 1):
        assert split([data[:at], data[at:]]) == PAYLOADS


@given(st.lists(st.integers(0, 200)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_stream_cut_into_many_pieces_gives_the_same_payloads(cuts: list[int], newline: str) -> None:
    data = STREAM.replace("\n", newline).encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert split([data[a:b] for a, b in itertools.pairwise(edges)]) == PAYLOADS


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_an_event_is_given_with_the_last_byte_of_its_blank_line_and_not_later(newline: str) -> None:
    splitter = Splitter()
    data = f"data: x{newline}{newline}".encode()
    assert splitter.feed(data[:-1] if newline != "\r\n" else data[:-2]) == []
    assert splitter.feed(data[-1:] if newline != "\r\n" else data[-2:-1]) == [b"x"]


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert split([b"data: one\n\ndata: [DONE]"]) == [b"one", b"[DONE]"]


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    splitter = Splitter(limit=100)
    splitter.feed(b"data: " + b"0" * 90)
    with pytest.raises(TooLong):
        splitter.feed(b"0" * 90)


def test_a_huge_event_costs_what_its_size_costs() -> None:
    """Looked through anew for each piece, this would take minutes."""
    splitter, piece = Splitter(), b"x" * 1024
    assert splitter.feed(b"data: ") == []
    for _ in range(20_000):
        assert splitter.feed(piece) == []
    (payload,) = splitter.feed(b"\n\n")
    assert len(payload) == 20_000 * 1024
