"""There is one tree of errors, each with a code, a status and words for people, and it is drawn as it is."""

from __future__ import annotations

import re

from tests.house.tree import faults
from threadline.domain import errors
from threadline.domain.errors import ThreadlineError


def everyone(root: type[ThreadlineError] = ThreadlineError) -> list[type[ThreadlineError]]:
    """An error and all below it, in the order in which they are declared."""
    return [root, *(error for child in root.__subclasses__() for error in everyone(child))]


def test_every_error_has_a_code_a_status_and_words_for_people() -> None:
    for error in everyone():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.type), error
        assert 400 <= error.status <= 599, error
        assert error.__doc__, error
        assert error().message == error.__doc__.strip().splitlines()[0]
        assert error().code.startswith(f"{error.type}:")


def test_every_message_for_people_is_a_sentence() -> None:
    found = [f"{error.__name__}: {text}" for error in everyone() if not (text := error().message).endswith(".")]
    found += [f"{error.__name__}: {text}" for error in everyone() if not (text := error().message)[0].isupper()]
    assert not found, faults(found)


def test_no_two_errors_share_a_code() -> None:
    types = [error.type for error in everyone()]
    assert len(types) == len(set(types))


def test_every_error_lives_in_the_one_tree() -> None:
    assert {error.__module__ for error in everyone()} == {errors.__name__}


def test_the_tree_is_drawn_at_the_top_of_its_file_as_it_is() -> None:
    drawn = re.findall(r"(\w+) +([a-z_]+) +(\d{3})$", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [(error.__name__, error.type, str(error.status)) for error in everyone()]
