"""A client's own history becomes messages that a model is given in the same words."""

from __future__ import annotations

import time

import pytest

from threadline.domain.errors import BadRequest
from threadline.domain.messages import Message, with_outputs
from threadline.providers.completions.history import messages_of
from threadline.services.imports import MOST_CALLS, Branch, Row


def sent(*rows: Row) -> list[dict[str, object]]:
    branch = [Message(str(at), role, parts) for at, (role, parts) in enumerate(rows)]
    return messages_of(with_outputs(branch))


def said(branch: Branch, text: str) -> None:
    branch.said("user", [{"type": "text", "text": text}])


def test_turns_with_calls_reach_a_provider_as_the_client_sent_them() -> None:
    branch = Branch()
    said(branch, "Where?")
    branch.answered("Let me look.")
    branch.called("c1", "look", '{"city": "Oslo"}')
    branch.called("c2", "look", '{"city": "Rome"}')
    assert branch.returned("c1", "rain")
    assert branch.returned("c2", "sun")
    branch.called("c3", "look", "{}")
    assert branch.returned("c3", "snow")
    branch.answered("Rome.")
    said(branch, "Why?")
    assert [role for role, _ in branch.rows] == ["user", "assistant", "user"]
    found = sent(*branch.rows)
    assert [one["role"] for one in found] == [
        "user", "assistant", "tool", "tool", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip
    assert found[1]["content"] == "Let me look."
    assert [one["content"] for one in found if one["role"] == "tool"] == ["rain", "sun", "snow"]
    assert found[-2]["content"] == "Rome."


def test_an_output_of_an_earlier_answer_is_brought_to_it() -> None:
    call = {"type": "tool-look", "toolCallId": "c1", "state": "input-available", "input": {}}
    branch = Branch()
    assert not branch.returned("c1", "rain")
    assert not branch.returned("c2", "nobody")
    said(branch, "And?")
    assert [role for role, _ in branch.rows] == ["user", "user"]
    found = sent(("user", [{"type": "text", "text": "Where?"}]), ("assistant", [call]), *branch.rows)
    assert [one["role"] for one in found] == ["user", "assistant", "tool", "user"]
    assert found[2]["content"] == "rain"


def test_arguments_that_are_no_json_stay_as_they_are() -> None:
    branch = Branch()
    branch.called("c1", "look", "{city")
    assert branch.rows[0][1][0]["input"] == "{city"


def test_as_many_calls_as_may_be_find_their_outputs_in_no_time() -> None:
    branch = Branch()
    for number in range(MOST_CALLS):
        branch.called(f"c{number}", "look", "{}")
    begin = time.process_time()
    for number in reversed(range(MOST_CALLS)):
        assert branch.returned(f"c{number}", number)
    assert time.process_time() - begin < 1
    assert [part["output"] for part in branch.rows[0][1]] == list(range(MOST_CALLS))
    more = Branch("messages")
    for number in range(MOST_CALLS):
        more.called(f"c{number}", "look", "{}")
    with pytest.raises(BadRequest, match=r"^messages has at most 5000 calls") as refused:
        more.called("c", "look", "{}")
    assert refused.value.details == {"param": "messages"}


def test_as_many_outputs_as_may_be_are_brought_in_no_time() -> None:
    calls = Branch()
    later = Branch()
    for number in range(MOST_CALLS):
        calls.called(f"c{number}", "look", "{}")
    begin = time.process_time()
    for number in reversed(range(MOST_CALLS)):
        assert not later.returned(f"c{number}", number)
    branch = [Message(str(at), role, parts) for at, (role, parts) in enumerate([*calls.rows, *later.rows])]
    (found,) = with_outputs(branch)
    assert time.process_time() - begin < 1
    assert [part["output"] for part in found.parts] == list(range(MOST_CALLS))
    assert all("output" not in part for part in calls.rows[0][1])


def test_an_output_is_for_the_newest_answer_that_calls_by_its_id_and_there_for_the_first_call() -> None:
    branch = Branch()
    for place in ("a", "b", "c"):
        branch.called("c1", "look", f'"{place}"')
        if place == "a":
            said(branch, "And?")
    for output in (1, 2, 3):
        assert branch.returned("c1", output)
    parts = [part for _, parts in branch.rows for part in parts if "toolCallId" in part]
    assert [(part["input"], part["output"]) for part in parts] == [("a", 3), ("b", 1), ("c", 2)]
