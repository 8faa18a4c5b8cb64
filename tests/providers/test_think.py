"""Reasoning between tags in a text: found wherever the chunks are cut, and left alone in code."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.providers.completions.think import Thinking


def run(pieces: list[str], before: str = "") -> list[tuple[bool, str]]:
    """The pieces of a text, those of the same kind that follow one another put together."""
    thinking = Thinking(before)
    out = []
    for piece in pieces:
        # As the decoder does: what cannot concern it goes past it.
        if thinking.plain and "<" not in piece and "`" not in piece:
            out.append((False, piece))
        else:
            out += thinking.feed(piece)
    out += thinking.end()
    return [(kind, "".join(text for _, text in group)) for kind, group in groupby(out, key=lambda one: one[0])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", [(True, "a"), (False, "b")]),
        ("  \n<think>\na\n</think>\n\nb", [(True, "a\n"), (False, "b")]),
        ("x <think>a</think> y", [(False, "x "), (True, "a"), (False, " y")]),
        ("<think>a</think>b<think>c</think>d", [(True, "a"), (False, "b"), (True, "c"), (False, "d")]),
        ("<think>never closed", [(True, "never closed")]),
        ("<think>\n\n</think>\n\nb", [(False, "b")]),
        ("the tag `<think>` is", [(False, "the tag `<think>` is")]),
        ("```\n<think>\n```\n<think>a</think>", [(False, "```\n<think>\n```\n"), (True, "a")]),
        ("a < b <thin", [(False, "a < b <thin")]),
        ("<thinking>a", [(False, "<thinking>a")]),
        ("  a", [(False, "  a")]),
        (" \n ", [(False, " \n ")]),
        ("a</think>b", [(False, "a</think>b")]),
    ],
)
def test_a_text_is_split_into_reasoning_and_text_wherever_it_is_cut(
    text: str, expected: list[tuple[bool, str]]
) -> None:
    assert run([text]) == expected
    assert run(list(text)) == expected
    for at in range(len(text)):
        assert run([text[:at], text[at:]]) == expected


PIECES = st.sampled_from(["<think>", "</think>", "<", "think>", "`", "```", "\n", " ", "a", "b c", "<th", "ink>", "/"])


@given(st.lists(PIECES), st.data())
def test_every_cut_of_every_text_gives_the_same(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    edges = [0, *cuts, len(text)]
    cut = [text[a:b] for a, b in pairwise(edges)]
    assert run(cut) == run([text])


@given(st.lists(st.sampled_from(["<think>", "</think>", "`", "```", "\n", " ", "a", "b c", "<"])))
def test_nothing_is_lost_but_tags_and_the_white_space_beside_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    kept = "".join(piece for _, piece in run([text]))
    bare = re.compile(r"\s|</?think>")
    assert bare.sub("", kept) == bare.sub("", text)


@given(st.text(alphabet="ab `<\n", max_size=20), st.text(alphabet="ab <\n", min_size=1, max_size=20))
def test_a_continued_text_knows_what_came_before_it(before: str, text: str) -> None:
    fenced = f"x{before}\n```\n"
    odd = fenced.count("```") % 2 == 1
    pieces = run([f"{text}z<think>a</think>"], fenced)
    assert any(kind for kind, _ in pieces) is not odd
