"""A history is cut at its older end, by rule: as much as fits, never less than the question, never an answer first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.messages import Message, Role
from threadline.runs.fitting import BYTES_A_TOKEN, FILE_TOKENS, fitted, halved, room, tokens_of


def message(number: int, role: Role, tokens: int) -> Message:
    return Message(f"m{number}", role, [{"type": "text", "text": "x" * tokens * BYTES_A_TOKEN}])


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    roles = draw(st.lists(st.sampled_from(["user", "assistant"]), max_size=12))
    return [message(number, role, draw(st.integers(0, 30))) for number, role in enumerate([*roles, "user"])]


def size(history: list[Message]) -> int:
    return sum(tokens_of(part) for one in history for part in one.parts)


@given(history=histories(), most=st.integers(0, 200))
def test_what_is_given_is_the_newest_end_and_fits(history: list[Message], most: int) -> None:
    found = fitted(history, most)
    assert found == history[len(history) - len(found) :]
    assert found[-1] is history[-1]
    assert size(found) <= most or len(found) == 1
    assert found[0].role == "user" or len(found) == len(history)
    left_out = [at for at in range(len(history) - len(found)) if history[at].role == "user"]
    # The next one that could come first would be too much.
    assert not left_out or size(history[left_out[-1] :]) > most


@given(history=histories())
def test_half_of_a_history_is_shorter_until_only_the_question_is_left(history: list[Message]) -> None:
    found: list[Message] | None = history
    rounds = 0
    while found is not None:
        last, found = found, halved(found)
        assert last[-1] is history[-1]
        assert found is None or len(found) < len(last)
        rounds += 1
    assert len(last) == 1
    assert rounds <= 6


def test_what_a_part_is_for_a_model() -> None:
    assert tokens_of({"type": "text", "text": "x" * 30}) == 10
    assert tokens_of({"type": "text", "text": "\N{GREEK SMALL LETTER ALPHA}" * 3}) == 2
    assert (
        tokens_of({"type": "file", "mediaType": "image/png", "url": "data:image/png;base64," + "A" * 9000})
        == FILE_TOKENS
    )
    assert tokens_of({"type": "data-weather", "data": {"x": "y" * 100}}) == 0
    assert tokens_of({"type": "tool-look", "input": {"a": "b" * 50}, "output": "c" * 100}) > 50


def test_what_is_left_of_a_context_for_its_history() -> None:
    assert room(100_000, 4_000, None) == 96_000
    assert room(100_000, 4_000, "x" * 3_000) == 95_000
    assert room(8_000, 100_000, None) == 4_000
    assert room(500, 400, "x" * 9_000) == 1_000
    assert room(100_000, None, None) == 100_000
