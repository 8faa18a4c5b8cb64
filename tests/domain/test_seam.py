"""The seam: a continued text is joined without a doubled word, and one that is no continuation is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.seam import NotContinued, Seam, overlap

STORY = (
    "The lighthouse keeper climbed the stairs each evening, lit the lamp, and wrote one line into the book. "
    "Nobody had read the book for years. On the coldest night of the winter a ship answered his light, and its "
    "captain asked by lamp whether the line of that day had been written yet; the keeper, who had forgotten it, "
    "sat down and wrote that somebody had asked."
)
NUMBERS = " ".join(f"t{number}" for number in range(200))


def joined(partial: str, more: str, size: int = 7, *, prefill: bool = False) -> str:
    """The whole text, the continuation fed in pieces of ``size``."""
    seam = Seam(partial, prefill=prefill)
    return partial + "".join(seam.feed(more[at : at + size]) for at in range(0, len(more), size)) + seam.end()


@given(st.integers(1, len(STORY) - 1), st.integers(1, 40))
def test_an_exact_continuation_stays_as_it_is_or_loses_only_what_it_repeats(at: int, size: int) -> None:
    assert joined(STORY[:at], STORY[at:], size) == STORY


@given(st.integers(30, 199), st.integers(1, 12), st.integers(1, 30))
def test_words_that_are_repeated_are_trimmed(cut: int, repeated: int, size: int) -> None:
    tokens = NUMBERS.split(" ")
    partial = " ".join(tokens[:cut])
    more = " ".join(tokens[cut - repeated :])
    assert joined(partial, more, size) == NUMBERS


@given(st.integers(60, len(STORY) - 40), st.integers(8, 60), st.integers(1, 30))
def test_a_repetition_that_begins_within_a_word_is_trimmed_when_it_is_long_enough(
    at: int, back: int, size: int
) -> None:
    assert joined(STORY[:at], STORY[max(at - back, 0) :], size) == STORY


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("prefill", [True, False])
def test_a_model_that_starts_over_is_noticed(size: int, prefill: bool) -> None:
    with pytest.raises(NotContinued):
        joined(STORY[:250], STORY, size, prefill=prefill)


def test_a_short_text_said_again_from_its_start_is_whole_and_once() -> None:
    assert joined(STORY[:30], STORY) == STORY


@pytest.mark.parametrize(
    "opening",
    [
        "I'm sorry, but I can't continue this text.",
        "I cannot help with that.",
        "Sure, here is the rest: and its captain asked",
        "Certainly! The story goes on with the captain",
        "Here's the continuation: captain asked by lamp",
        "Continuing from where I stopped, the captain",
        "In-other-words-0 In-other-words-1 In-other-words-2",
        "In other words, the keeper climbed the stairs and lit his lamp each evening.",
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_model_that_talks_about_the_text_is_noticed(opening: str, size: int) -> None:
    with pytest.raises(NotContinued):
        joined(STORY[:250], opening, size)


def test_a_model_that_rephrases_the_beginning_is_noticed() -> None:
    again = (
        "Each evening the lighthouse keeper climbed up the stairs and lit the lamp, and then one line went into a book."
    )
    with pytest.raises(NotContinued):
        joined(STORY[:300], again)


def test_after_prefill_nothing_is_trimmed() -> None:
    assert joined("la la ", "la la la", prefill=True) == "la la la la la"


def test_one_equal_letter_in_the_middle_of_a_word_is_no_repetition() -> None:
    assert joined("The word is hel", "lo, and then it went on for a while longer than that") == (
        "The word is hello, and then it went on for a while longer than that"
    )
    assert overlap("The word is hel", "lo") == 0


def test_a_word_that_was_cut_and_is_said_whole_again_is_joined() -> None:
    assert joined("the quick bro", "brown fox jumps over the lazy dog and then it sleeps for a day or two or more") == (
        "the quick brown fox jumps over the lazy dog and then it sleeps for a day or two or more"
    )


def test_what_was_held_back_is_given_at_the_end() -> None:
    seam = Seam(STORY[:100], prefill=False)
    assert seam.feed(STORY[100:110]) == ""
    assert seam.end() == STORY[100:110]
    assert not seam.open
