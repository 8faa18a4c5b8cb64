"""What of a conversation's history goes to Anthropic, and in which form."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.asking import assistant, request, said, user
from threadline.domain.messages import Message, Part
from threadline.providers.messages import encode
from threadline.providers.messages.encode import BEGUN

MODEL = "claude-opus-5"
STEP: Part = {"type": "step-start"}


def sent(*history: Message) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(one["role"], one["content"]) for one in encode(request(MODEL, messages=list(history)))["messages"]]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def tool(state: str, call: str = "c1", **more: Any) -> Part:
    return {"type": "tool-weather", "toolCallId": call, "state": state, "input": {"city": "Oslo"}, **more}


def thought(words: str, **own: str) -> Part:
    return {"type": "reasoning", "text": words, "providerMetadata": {"anthropic": own}}


@pytest.mark.parametrize(
    ("part", "content", "fault"),
    [
        (tool("output-available", output={"degrees": 21}), '{"degrees":21}', False),
        (tool("output-available", output="21 degrees"), "21 degrees", False),
        (tool("output-available", output=""), None, False),
        (tool("output-error", errorText="It rained in."), "It rained in.", True),
        (tool("input-available"), "interrupted", True),
        (tool("approval-requested"), "interrupted", True),
        (tool("output-denied", approval={"id": "x", "reason": "Too cold."}), "allow this call. Too cold.", True),
    ],
)
def test_every_call_in_the_history_has_a_result_right_after_it(part: Part, content: str | None, fault: bool) -> None:
    _, (_, called), (role, (result,)) = sent(user("Hi"), assistant(part))
    assert called == [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}]
    assert (role, result["type"], result["tool_use_id"]) == ("user", "tool_result", "c1")
    assert result.get("is_error", False) is fault
    assert (content or "") in result.get("content", "")
    assert ("content" in result) is (content is not None)


@pytest.mark.parametrize(
    ("given", "told"), [(None, {}), ('{"ci', {"unparsed_arguments": '{"ci'}), ({"a": 1}, {"a": 1})]
)
def test_arguments_in_the_history_are_always_objects(given: Any, told: Any) -> None:
    part = tool("output-error", errorText="Broken.") | {"input": given}
    assert sent(user("Hi"), assistant(part))[1][1][0]["input"] == told


def test_results_and_what_the_user_says_next_are_one_message_the_results_first() -> None:
    answer = assistant(STEP, said("a"), tool("output-available", "c1", output=1), tool("input-available", "c2"))
    (_, called), (role, content) = sent(user("Hi"), answer, user("And?", 1))[1:]
    assert [block["type"] for block in called] == ["text", "tool_use", "tool_use"]
    assert role == "user"
    assert [block["type"] for block in content] == ["tool_result", "tool_result", "text"]


def test_the_steps_of_an_answer_take_turns_with_their_results() -> None:
    done = tool("output-available", output=1)
    answer = assistant(STEP, said("a"), done, said("b"), STEP, said("c"), {"type": "source-url", "url": "x"})
    roles = [(role, [block["type"] for block in blocks]) for role, blocks in sent(user("Hi"), answer, user("d", 1))]
    assert roles == [
        ("user", ["text"]),
        ("assistant", ["text", "tool_use"]),
        ("user", ["tool_result"]),
        ("assistant", ["text", "text"]),
        ("user", ["text"]),
    ]


def test_messages_of_one_role_are_one_and_empty_ones_are_none() -> None:
    history = [user("a"), user("b", 1), assistant(said(" ")), user("\n", 2), assistant(said("c")), assistant(said("d"))]
    assert sent(*history, user("e", 3)) == [
        ("user", [text("a"), text("b")]),
        ("assistant", [text("c"), text("d")]),
        ("user", [text("e")]),
    ]


def test_an_answer_never_comes_first() -> None:
    assert sent(assistant(said("a")), user("b")) == [
        ("user", [text(BEGUN)]),
        ("assistant", [text("a")]),
        ("user", [text("b")]),
    ]


def test_pieces_of_text_side_by_side_keep_their_white_space() -> None:
    assert sent(user("a"), assistant(said("b"), said("\n\n"), said("c")), user("d"))[1][1] == [text("b\n\nc")]


def test_reasoning_goes_back_as_it_came_and_only_with_a_proof_of_its_own() -> None:
    cut = thought("cut", signature="s") | {"providerMetadata": {"threadline": {"interrupted": True}}}
    mixed = thought("cut", signature="s")
    mixed["providerMetadata"]["threadline"] = {"interrupted": True}
    foreign: Part = {
        "type": "reasoning",
        "text": "x",
        "providerMetadata": {"openai": {"itemId": "rs", "signature": "s"}},
    }
    odd: list[Part] = [
        thought("x", signature=""),
        {"type": "reasoning", "text": "x", "providerMetadata": {"anthropic": 5}},
    ]
    kept = [thought("", signature="s0"), thought("", redactedData="d"), thought("Hm. ", signature="s1")]
    answer = assistant(STEP, cut, mixed, foreign, *odd, {"type": "reasoning", "text": "x"}, *kept, said("b"))
    assert sent(user("a"), answer, user("c"))[1][1] == [
        {"type": "thinking", "thinking": "", "signature": "s0"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "Hm. ", "signature": "s1"},
        text("b"),
    ]


def test_reasoning_never_comes_last() -> None:
    answer = assistant(STEP, thought("a", signature="s"), said(" "), STEP, said("b"), thought("c", redactedData="d"))
    assert sent(user("a"), answer, user("c"))[1:] == [("assistant", [text("b")]), ("user", [text("c")])]


def test_what_two_answers_thought_is_left_out_where_they_become_one_turn() -> None:
    two = [assistant(STEP, thought(name, signature="s"), said(name)) for name in "bc"]
    assert sent(user("a"), *two, user("d"))[1] == ("assistant", [text("b"), text("c")])


def test_reasoning_after_a_call_of_the_same_step_follows_its_result() -> None:
    answer = assistant(STEP, tool("output-available", output=1), thought("a", signature="s"), said("b"))
    assert [[one["type"] for one in blocks] for _, blocks in sent(user("a"), answer)[1:4]] == [
        ["tool_use"],
        ["tool_result"],
        ["thinking", "text"],
    ]


def test_what_the_provider_ran_itself_is_left_out() -> None:
    ran = tool("output-available", output=1, providerExecuted=True)
    assert sent(user("a"), assistant(said("b"), ran), user("c"))[1] == ("assistant", [text("b")])


@pytest.mark.parametrize("call", ["call.1|fc_2", "x" * 65, "", "ä", "a b"])
def test_ids_of_other_providers_are_made_valid_always_in_the_same_way(call: str) -> None:
    one, two = (sent(*([user("z")] * more), user("a"), assistant(tool("x", call))) for more in (0, 1))
    made = one[-2][1][0]["id"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made)
    assert two[-2][1][0]["id"] == one[-1][1][0]["tool_use_id"] == made


def test_ids_are_used_once_and_those_that_look_alike_stay_apart() -> None:
    parts = [tool("x", call) for call in ("a.b", "a_b", "a b", "a_b", "a_b")]
    made = [block["id"] for block in sent(user("a"), assistant(*parts))[1][1]]
    assert len(set(made)) == 5
    assert made[1] == "a_b"


def test_names_of_other_providers_tools_are_made_valid() -> None:
    parts: list[Part] = [
        {"type": "dynamic-tool", "toolName": "files.read", "toolCallId": "c1", "state": "x", "input": {}},
        {"type": "tool-" + "n" * 200, "toolCallId": "c2", "state": "x", "input": {}},
    ]
    assert [one["name"] for one in sent(user("a"), assistant(*parts))[1][1]] == ["files_read", "n" * 128]


def test_files_go_in_the_form_that_their_type_takes() -> None:
    def file(media_type: str, url: str, name: str | None = None) -> Part:
        return {"type": "file", "mediaType": media_type, "url": url, "filename": name}

    parts = [
        text("Look:"),
        file("image/jpg", "data:image/jpg;base64,AAAA"),
        file("image/PNG; q=1", "data:image/png,%00%01"),
        file("image/webp", "https://a.example/a.webp"),
        file("application/pdf", "data:application/pdf;base64,AAAA", "a.pdf"),
        file("application/pdf", "https://a.example/a.pdf"),
        file("text/plain", "data:text/plain;base64,aGVsbG8=", "a.txt"),
        file("image/svg+xml", "data:image/svg+xml,%3Csvg/%3E", "a.svg"),
        file("audio/mpeg", "data:audio/mpeg;base64,AAAA", "a.mp3"),
        file("image/png", "http://a.example/a.png"),
        file("image/png", "data:image/png;base64,A"),
        {"type": "data-note", "data": 1},
    ]
    ((_, blocks),) = sent(Message("u", "user", parts))
    assert blocks[:8] == [
        text("Look:"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAE="}},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/a.webp"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://a.example/a.pdf"}},
        text("a.txt:\n\nhello"),
        text("a.svg:\n\n<svg/>"),
    ]
    told = [block["text"] for block in blocks[8:]]
    assert len(told) == 3
    assert "a.mp3 of the type audio/mpeg" in told[0]
    assert "at http://a.example/a.png" in told[1]
    assert "base64" not in told[2]


PARTS = st.lists(
    st.sampled_from(
        [
            STEP,
            said("a"),
            said(" "),
            thought("b", signature="s"),
            thought("", redactedData="d"),
            tool("output-available", "c1", output=1),
            tool("input-available", "c.2"),
            tool("output-available", "c3", output=1, providerExecuted=True),
            {"type": "source-url", "sourceId": "x", "url": "x"},
            {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AAAA"},
        ]
    ),
    max_size=6,
)
MESSAGES = st.lists(
    st.builds(Message, st.just("m"), st.sampled_from(["user", "assistant", "system"]), PARTS), max_size=6
)


@given(history=MESSAGES, partial=st.sampled_from(["", "x", " "]), model=st.sampled_from([MODEL, "claude-haiku-4-5"]))
@settings(max_examples=300, deadline=None)
def test_every_history_is_a_request_that_the_provider_takes(history: list[Message], partial: str, model: str) -> None:
    messages = encode(request(model, messages=history or [user("a")], partial=partial))["messages"]
    roles = [message["role"] for message in messages]
    assert roles[0] == roles[-1] == "user"
    assert all(one != other for one, other in itertools.pairwise(roles))
    open_calls: list[str] = []
    taken: set[str] = set()
    for message in messages:
        kinds = [block["type"] for block in message["content"]]
        assert kinds
        answered = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert answered == open_calls
        assert kinds[: len(answered)] == ["tool_result"] * len(answered)
        open_calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        assert not taken & set(open_calls)
        taken |= set(open_calls)
        assert kinds[-1] not in ("thinking", "redacted_thinking")
        assert all(block["text"].strip() for block in message["content"] if block["type"] == "text")
