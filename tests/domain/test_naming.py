"""A title out of a message's own first words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.naming import LONGEST, first_words
from threadline.domain.texts import names


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("How do I boil an egg at home?", "How do I boil"),
        ("hello fast", "Hello fast"),
        ("Hello!", "About Hello"),
        ("   ", "New conversation"),
        ("?! 👍", "New conversation"),
        ("`code` and *stars*", "Code and stars"),
        ("the of a", "The of a"),
        ("a\x00b \x1b[31mred\x9f", "A b 31mred"),
        ("What time is it?", "What time is it"),
        ("Is C++ faster than Rust?", "Is C++ faster than Rust"),
        ("“Résumé” of _Ångström's_ life, work, letters", "Résumé” of Ångström's life, work"),
        ("x" * 100 + " " + "y" * 100 + " " + "z" * 100, "X" + "x" * 28 + " " + "y" * 29),
    ],
)
def test_the_messages_own_first_words_are_the_title(message: str, title: str) -> None:
    assert first_words(message) == title


@given(st.text(max_size=80))
def test_every_title_has_two_to_five_words(message: str) -> None:
    title = first_words(message)
    assert 2 <= len(title.split()) <= 5
    assert len(title) <= LONGEST
    assert names(title)
