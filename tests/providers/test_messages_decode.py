"""What Anthropic streams besides plain text, one kind of block after another."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from tests.fakes.messages import begin, ended, event, more, stop
from tests.providers.asking import assistant, check_form, user
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.messages import Decoder

START = event("message_start", message={"content": [], "usage": {"input_tokens": 3, "output_tokens": 1}})
SEARCH = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "x"}


def decode(*chunks: bytes, **options: Any) -> list[Event]:
    decoder = Decoder("Maker", **options)
    events = [event for chunk in (START, *chunks) for event in decoder.feed(chunk)] + decoder.end()
    assert decoder.failure is None, decoder.failure
    return events


def whole(*chunks: bytes, **options: Any) -> Fold:
    return check_form(decode(*chunks, **options), options.get("first_part", 0))


def text(*pieces: str, index: int = 0, **block: Any) -> bytes:
    deltas = [more({"type": "text_delta", "text": piece}, index) for piece in pieces]
    return begin({"type": "text", "text": "", **block}, index) + b"".join(deltas) + stop(index)


def thinking(*pieces: str, signature: str = "", index: int = 0) -> bytes:
    deltas = [more({"type": "thinking_delta", "thinking": piece}, index) for piece in pieces]
    signed = more({"type": "signature_delta", "signature": signature}, index) if signature else b""
    return begin({"type": "thinking", "thinking": "", "signature": ""}, index) + b"".join(deltas) + signed + stop(index)


def call(*pieces: str, index: int = 0, kind: str = "tool_use", **block: Any) -> bytes:
    head = {"type": kind, "id": f"toolu_{index}", "name": "look", "input": {}, **block}
    deltas = [more({"type": "input_json_delta", "partial_json": piece}, index) for piece in pieces]
    return begin(head, index) + b"".join(deltas) + stop(index)


def calls(fold: Fold) -> list[tuple[str, Any, str]]:
    return [(tool_name(part), part.get("input"), part["state"]) for part in fold.parts if is_tool(part)]


def kinds(events: list[Event]) -> list[str]:
    return [one["type"] for one in events]


def test_each_block_is_a_part_with_its_signature_where_it_has_one() -> None:
    fold = whole(thinking("W", "hy.", signature="s1"), text("a", index=1), thinking("So.", index=2), ended())
    assert fold.parts == [
        {
            "type": "reasoning",
            "id": "p0",
            "text": "Why.",
            "state": "done",
            "providerMetadata": {"anthropic": {"signature": "s1"}},
        },
        {"type": "text", "text": "a", "state": "done"},
        {"type": "reasoning", "id": "p2", "text": "So.", "state": "done"},
    ]


def test_two_blocks_of_text_are_two_parts_and_ids_go_on_where_they_are_told_to() -> None:
    fold = whole(text("a"), text("b", index=1), ended(), first_part=4)
    assert [part["text"] for part in fold.parts] == ["a", "b"]


def test_hidden_and_redacted_thinking_is_kept_for_the_provider() -> None:
    redacted = begin({"type": "redacted_thinking", "data": "xyz"}, 1) + stop(1)
    fold = whole(thinking(signature="s1"), redacted, text("a", index=2), ended(), origin="gateway")
    assert [(part["text"], part.get("providerMetadata")) for part in fold.parts] == [
        ("", {"anthropic": {"signature": "s1", "origin": "gateway"}}),
        ("", {"anthropic": {"redactedData": "xyz", "origin": "gateway"}}),
        ("a", None),
    ]


def test_a_signature_in_pieces_is_one_and_belongs_to_its_own_block_alone() -> None:
    pieces = [more({"type": "signature_delta", "signature": part}) for part in ("s", "1")]
    opened = begin({"type": "thinking", "thinking": "", "signature": ""})
    events = decode(opened, *pieces, stop(), more({"type": "signature_delta", "signature": "late"}), text("a"), ended())
    signed = [one["providerMetadata"] for one in events if "providerMetadata" in one]
    assert signed == [{"anthropic": {"signature": "s1"}}]


def test_calls_side_by_side_keep_their_arguments_and_come_as_they_form() -> None:
    events = decode(text("a"), call('{"x"', ":1}", index=1), call("{}", index=2), ended("tool_use"))
    fold = check_form(events)
    assert calls(fold) == [("look", {"x": 1}, "input-available"), ("look", {}, "input-available")]
    assert fold.step_reason == "tool-calls"
    assert kinds(events).index("tool-input-available") < len(events) - 4
    assert [one["inputTextDelta"] for one in events if one["type"] == "tool-input-delta"] == ['{"x"', ":1}", "{}"]


def test_arguments_that_came_with_the_call_are_taken_where_no_pieces_follow() -> None:
    given = {"a": [1]}
    assert calls(whole(call(input=given), ended("tool_use")))[0][1] == given
    assert calls(whole(call('{"b":2}', input=given), ended("tool_use")))[0][1] == {"b": 2}


@pytest.mark.parametrize("pieces", [[], [""], ['{"a": "lo'], ['{"a": {}']])
def test_a_call_that_meets_the_token_limit_says_so_and_is_never_made(pieces: list[str]) -> None:
    events = decode(call(*pieces), ended("max_tokens"))
    assert check_form(events).step_reason == "length"
    assert events[-2]["type"] == "tool-input-error"
    assert "token limit" in events[-2]["errorText"]
    assert events[-2]["input"] == "".join(pieces)


def test_a_call_without_arguments_is_made_where_something_follows_it() -> None:
    fold = whole(call(), call('{"a"', index=1), ended("max_tokens"))
    assert [state for _, _, state in calls(fold)] == ["input-available", "output-error"]
    assert calls(whole(call(), ended("tool_use"))) == [("look", {}, "input-available")]


def test_ids_that_the_conversation_has_already_are_made_unique() -> None:
    before = assistant({"type": "tool-look", "toolCallId": "toolu_0", "state": "input-available", "input": {}})
    fold = whole(call("{}"), ended("tool_use"), messages=[user("x"), before])
    assert fold.parts[0]["toolCallId"] == "toolu_0_1"


def test_a_tool_of_the_provider_comes_with_its_result_and_its_sources() -> None:
    result = begin({"type": "web_search_tool_result", "tool_use_id": "toolu_0", "content": [SEARCH, SEARCH]}, 1)
    events = decode(call('{"query":"a"}', kind="server_tool_use", name="web_search"), result, stop(1), ended())
    fold = check_form(events)
    assert fold.parts[0] == {
        "type": "tool-web_search",
        "toolCallId": "toolu_0",
        "state": "output-available",
        "input": {"query": "a"},
        "output": [SEARCH, SEARCH],
        "providerExecuted": True,
    }
    assert fold.parts[1:] == [
        {"type": "source-url", "sourceId": "https://a.example", "url": "https://a.example", "title": "A"}
    ]
    assert fold.step_reason == "stop"
    told = [one.get("providerExecuted") for one in events if one["type"].startswith("tool-")]
    assert told == [True, None, True, True]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "web_search_tool_result", "content": {"error_code": "max_uses_exceeded"}}, "max_uses_exceeded"),
        ({"type": "mcp_tool_result", "is_error": True, "content": "It broke."}, "It broke."),
        ({"type": "mcp_tool_result", "is_error": True, "content": [{"text": "No."}]}, '[{"text":"No."}]'),
    ],
)
def test_a_tool_of_the_provider_that_failed_says_why(block: dict[str, Any], words: str) -> None:
    result = begin({**block, "tool_use_id": "toolu_0"}, 1) + stop(1)
    fold = whole(call("{}", kind="mcp_tool_use"), result, text("a", index=2), ended())
    assert (fold.parts[0]["state"], fold.parts[0]["errorText"]) == ("output-error", words)
    assert fold.parts[0]["providerExecuted"] is True


def test_citations_and_fetched_pages_are_sources_each_of_them_once() -> None:
    told = [
        {"type": "web_search_result_location", "url": "https://a.example", "title": None},
        {"type": "web_search_result_location", "url": "https://a.example", "title": "again"},
        {"type": "page_location", "document_index": 0, "document_title": "Report"},
        {"type": "char_location", "document_index": 1, "document_title": None},
        {"type": "search_result_location", "source": "https://b.example", "title": "B"},
        {"type": "search_result_location", "source": "shelf", "search_result_index": 2, "title": ""},
        {"type": "unheard_of", "url": "https://c.example"},
    ]
    deltas = [more({"type": "citations_delta", "citation": one}) for one in told]
    page = {"type": "web_fetch_result", "url": "https://d.example", "content": {"title": "D"}}
    fetched = begin({"type": "web_fetch_tool_result", "tool_use_id": "gone", "content": page}, 1) + stop(1)
    fold = whole(begin({"type": "text", "text": ""}), *deltas, stop(), fetched, ended())
    shown = [(part["type"], part["sourceId"], part.get("title"), part.get("mediaType")) for part in fold.parts]
    assert shown == [
        ("source-url", "https://a.example", None, None),
        ("source-document", "document-0", "Report", "application/pdf"),
        ("source-document", "document-1", "document-1", "text/plain"),
        ("source-url", "https://b.example", "B", None),
        ("source-document", "result-2", "result-2", "text/plain"),
        ("source-url", "https://d.example", "D", None),
    ]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content-filter"),
        ("compaction", "other"),
        (None, "other"),
    ],
)
def test_why_an_answer_ended_is_told_in_our_words(reason: str | None, told: str) -> None:
    assert whole(text("a"), ended(reason)).step_reason == told


def test_a_call_without_a_reason_is_the_reason() -> None:
    assert whole(call("{}"), ended(None)).step_reason == "tool-calls"
    assert whole(call("{}", kind="server_tool_use"), ended(None)).step_reason == "other"


def test_usage_counts_the_cache_as_input_and_the_last_number_told_holds() -> None:
    first = {"input_tokens": 5, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 11, "output_tokens": 1}
    last = {"input_tokens": None, "output_tokens": 20, "output_tokens_details": {"thinking_tokens": 13}}
    fold = whole(event("message_start", message={"usage": first}), text("a"), ended(usage=last))
    assert fold.usage == {
        "inputTokens": 23,
        "outputTokens": 20,
        "totalTokens": 43,
        "reasoningTokens": 13,
        "cachedInputTokens": 11,
        "cacheWriteTokens": 7,
    }


def test_events_and_blocks_that_are_not_known_are_passed_over() -> None:
    unknown = begin({"type": "compaction", "content": None}, 0) + more({"type": "compaction_delta", "content": "x"})
    events = decode(event("ping"), event("news", delta={"type": "text_delta"}), unknown, stop(), text("a"), ended())
    assert kinds(events) == ["text-start", "text-delta", "text-end", "finish-step"]


@pytest.mark.parametrize(
    ("error", "status", "retryable"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, 529, True),
        ({"type": "api_error", "message": "Overloaded"}, 500, True),
        ({"type": "invalid_request_error", "message": "Overloaded"}, 400, False),
        ({"type": "news_error", "message": "Overloaded"}, None, False),
    ],
)
def test_an_error_in_mid_stream_is_told_in_the_providers_words(
    error: dict[str, Any], status: int | None, retryable: bool
) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(START + begin({"type": "text", "text": "a"}) + event("error", error=error) + text("never"))
    assert kinds(events) == ["text-start", "text-delta"]
    assert decoder.failure is not None
    found = (decoder.failure.message, decoder.failure.provider_status, decoder.failure.retryable)
    assert found == ("Overloaded", status, retryable)
    assert decoder.feed(ended()) == decoder.end() == []


ANSWER = {
    "type": "message",
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
        {"type": "text", "text": "Hello.", "citations": [{"type": "web_search_result_location", "url": "https://a.x"}]},
        {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 2, "output_tokens": 3},
}


def test_an_answer_in_one_piece_gives_the_same_as_a_streamed_one() -> None:
    decoder = Decoder("Maker")
    fold = check_form(decoder.whole(json.dumps(ANSWER).encode()))
    assert decoder.failure is None
    streamed = whole(
        thinking("Hm.", signature="s1"),
        begin({"type": "text", "text": "Hello."}, 1),
        more({"type": "citations_delta", "citation": ANSWER["content"][1]["citations"][0]}, 1),  # type: ignore[index]
        stop(1),
        call('{"a":1}', index=2, id="c1"),
        ended("tool_use", {"input_tokens": 2, "output_tokens": 3}),
    )
    assert (fold.parts, fold.usage, fold.step_reason) == (streamed.parts, streamed.usage, streamed.step_reason)


def test_a_stream_may_begin_with_all_of_the_answer() -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(event("message_start", message=ANSWER) + event("message_stop"))
    assert [part["type"] for part in check_form(events).parts] == ["reasoning", "text", "source-url", "tool-look"]


@pytest.mark.parametrize("about", [{"type": "error"}, {}])
def test_an_error_in_one_piece_is_an_error(about: dict[str, str]) -> None:
    decoder = Decoder("Maker")
    body = orjson.dumps({**about, "error": {"type": "rate_limit_error", "message": "Slowly."}})
    assert decoder.whole(body) == []
    assert decoder.failure is not None
    assert (decoder.failure.message, decoder.failure.retryable) == ("Slowly.", True)
