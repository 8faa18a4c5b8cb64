"""The quirks of the Responses API's answers, one by one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tests.providers.asking import assistant, check_form, user
from tests.providers.responses_telling import END, added, arguments, call, end, ended, said, summary, tell, text
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.messages import is_tool, tool_name
from threadline.providers.responses import Decoder


def decode(*events: dict[str, Any], **options: Any) -> list[Event]:
    decoder = Decoder("Maker", **options)
    found = [event for piece in tell(*events) for event in decoder.feed(piece)] + decoder.end()
    assert decoder.failure is None, decoder.failure
    return found


def whole(*events: dict[str, Any], **options: Any) -> Fold:
    return check_form(decode(*events, **options), options.get("first_part", 0))


def shown(fold: Fold) -> list[tuple[str, str]]:
    return [(part["type"], part["text"]) for part in fold.parts if "text" in part]


def calls(fold: Fold) -> list[tuple[Any, ...]]:
    return [(part["toolCallId"], tool_name(part), part["input"]) for part in fold.parts if is_tool(part)]


def test_the_parts_of_a_summary_are_parts_and_the_last_has_what_is_encrypted() -> None:
    pieces = [summary(0, "a"), summary(0, "b"), summary(0, "c", 1)]
    fold = whole(added(0, "reasoning"), *pieces, ended(0, "reasoning", encrypted_content="secret"), END)
    assert shown(fold) == [("reasoning", "ab"), ("reasoning", "c")]
    assert [part["providerMetadata"] for part in fold.parts] == [
        {"openai": {"itemId": "reasoning_0"}},
        {"openai": {"itemId": "reasoning_0", "reasoningEncryptedContent": "secret"}},
    ]


def test_reasoning_begins_with_its_item_and_is_kept_without_any_text() -> None:
    first, *_ = decode(added(0, "reasoning"), ended(0, "reasoning", encrypted_content="s"), END, family="xai")
    assert first["type"] == "reasoning-start"
    (part,) = whole(added(0, "reasoning"), ended(0, "reasoning", encrypted_content="s"), END, family="xai").parts
    assert part["text"] == ""
    assert part["providerMetadata"] == {"xai": {"itemId": "reasoning_0", "reasoningEncryptedContent": "s"}}


def test_what_did_not_come_in_pieces_comes_with_the_end_of_its_item() -> None:
    thought = {"summary": [{"type": "summary_text", "text": "why"}], "encrypted_content": "s"}
    fold = whole(
        ended(0, "reasoning", **thought),
        ended(1, "message", **said("so", "and")),
        ended(2, "function_call", call_id="c", name="look", arguments='{"a":1}'),
        END,
    )
    assert shown(fold) == [("reasoning", "why"), ("text", "so"), ("text", "and")]
    assert calls(fold) == [("c", "look", {"a": 1})]


def test_what_came_in_pieces_does_not_come_again_with_the_end_of_its_item() -> None:
    fold = whole(
        added(0, "message"), text(0, "a"), text(0, "b"), text(0, "c", 1), ended(0, "message", **said("ab", "c")), END
    )
    assert shown(fold) == [("text", "ab"), ("text", "c")]


def test_an_answer_that_comes_with_its_last_event_alone_is_understood() -> None:
    output = [{"type": "message", "id": "m", **said("Hello")}]
    assert shown(whole(end(output=output))) == [("text", "Hello")]


def test_items_are_told_apart_by_their_index_also_where_their_ids_change() -> None:
    ids = itertools.count()
    events = [added(0, "message"), text(0, "a"), text(0, "b"), ended(0, "message", **said("ab")), call(1)]
    thought = [added(2, "reasoning"), summary(2, "why"), ended(2, "reasoning", encrypted_content="s")]
    events += [arguments(1, '{"x"'), arguments(1, ":1}"), ended(1, "function_call", name="look", arguments='{"x":1}')]
    for event in [*events, *thought]:
        if "item" in event:
            event["item"] = {**event["item"], "id": f"other_{next(ids)}"}
        event["item_id"] = f"other_{next(ids)}"
    fold = whole(*events, *thought, END)
    assert shown(fold) == [("text", "ab"), ("reasoning", "why")]
    assert calls(fold) == [("c1", "look", {"x": 1})]
    # What is encrypted is bound to the id with which it came.
    assert fold.parts[-1]["providerMetadata"]["openai"]["itemId"] == thought[-1]["item"]["id"]


def test_items_without_an_index_are_told_apart_by_their_ids() -> None:
    events = [call(0), call(1), arguments(0, '{"x":0}'), arguments(1, '{"x":1}')]
    for event in events:
        index = event.pop("output_index")
        event["item_id"] = f"function_call_{index}"
    assert calls(whole(*events, END)) == [("c0", "look", {"x": 0}), ("c1", "look", {"x": 1})]


def test_calls_side_by_side_keep_their_pieces_apart() -> None:
    pieces = [arguments(0, '{"x":'), arguments(1, '{"y":'), arguments(1, "2}"), arguments(0, "1}")]
    fold = whole(call(0, "a"), call(1, "b"), *pieces, END)
    assert calls(fold) == [("c0", "a", {"x": 1}), ("c1", "b", {"y": 2})]
    assert fold.step_reason == "tool-calls"


def test_the_arguments_that_were_streamed_are_kept_where_the_end_tells_others() -> None:
    fold = whole(call(0), arguments(0, '{"a":1}'), ended(0, "function_call", arguments='{"b":234}'), END)
    assert calls(fold) == [("c0", "look", {"a": 1})]


def test_a_call_that_gets_its_name_with_its_end_begins_then() -> None:
    fold = whole(
        call(0, ""), arguments(0, "{}"), added(1, "message"), text(1, "a"), ended(0, "function_call", name="b"), END
    )
    assert calls(fold) == [("c0", "b", {})]


def test_an_item_that_ends_late_ends_nothing_but_itself() -> None:
    first = [added(0, "message"), text(0, "x"), added(1, "message"), text(1, "a")]
    assert shown(whole(*first, ended(0, "message", **said("x")), text(1, "b"), END)) == [("text", "x"), ("text", "ab")]
    late = [added(0, "reasoning"), summary(0, "why"), added(1, "message"), text(1, "so")]
    assert shown(whole(*late, ended(0, "reasoning"), END)) == [("reasoning", "why"), ("text", "so")]
    fold = whole(*late, ended(0, "reasoning", encrypted_content="s"), END)
    assert shown(fold) == [("reasoning", "why"), ("text", "so"), ("reasoning", "")]


def test_a_call_that_met_the_token_limit_says_so() -> None:
    events = decode(call(0), arguments(0, '{"a": "lo'), end("incomplete", "max_output_tokens"))
    assert "token limit" in events[-2]["errorText"]
    assert events[-1]["finishReason"] == "length"
    events = decode(call(0), ended(0, "function_call", arguments='{"a"', status="incomplete"), END)
    assert "token limit" in events[-2]["errorText"]


def test_the_text_tells_whether_it_is_the_answer_or_about_it() -> None:
    fold = whole(
        added(0, "message", phase="commentary"), text(0, "Let me see."), ended(0, "message", **said("Let me see.")),
        added(1, "message", phase="final_answer"), text(1, "42"), END,
    )  # fmt: skip
    assert [part["providerMetadata"]["openai"]["phase"] for part in fold.parts] == ["commentary", "final_answer"]
    assert "providerMetadata" not in whole(added(0, "message"), text(0, "a"), END).parts[0]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_refusal_is_text_and_ends_as_filtered(streamed: bool) -> None:
    pieces = [
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": one}
        for one in ("I ", "won't.")
        if streamed
    ]
    fold = whole(
        added(0, "message"),
        *pieces,
        ended(0, "message", content=[{"type": "refusal", "refusal": "I won't."}]),
        END,
    )
    assert shown(fold) == [("text", "I won't.")]
    assert fold.step_reason == "content-filter"


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (end(), "stop"),
        (end("done"), "stop"),
        (end("incomplete", "max_output_tokens"), "length"),
        (end("incomplete", "content_filter"), "content-filter"),
        (end("incomplete", "steered"), "other"),
        (end("incomplete"), "other"),
    ],
)
def test_the_end_is_told_with_its_reason(last: dict[str, Any], reason: str) -> None:
    assert decode(added(0, "message"), text(0, "a"), last)[-1]["finishReason"] == reason


def test_usage_is_counted_as_the_provider_counts_it() -> None:
    told = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }
    assert whole(end(usage=told)).usage == {
        "inputTokens": 10,
        "outputTokens": 5,
        "totalTokens": 15,
        "reasoningTokens": 3,
        "cachedInputTokens": 4,
        "cacheWriteTokens": 1,
    }
    assert "usage" not in decode(end(usage=None))[-1]


@pytest.mark.parametrize(
    ("event", "message", "retryable"),
    [
        ({"type": "error", "message": "Overloaded.", "code": "server_error"}, "Overloaded.", True),
        ({"type": "error", "error": {"type": "server_error", "code": None, "message": "Sorry."}}, "Sorry.", True),
        ({"type": "error", "message": "No.", "code": "invalid_prompt"}, "No.", False),
        (end("failed", error={"code": "rate_limit_exceeded", "message": "Too much."}), "Too much.", True),
        ({**end("done"), "response": {"status": "failed", "error": {"message": "Late."}}}, "Late.", False),
        (end("failed", error=None), "Maker reported an error without saying which.", False),
        (end("cancelled"), "Maker cancelled the answer.", True),
        ({"error": {"message": "Bad gateway.", "code": 502}}, "Bad gateway.", True),
    ],
)
def test_an_error_keeps_what_came_before_it(event: dict[str, Any], message: str, retryable: bool) -> None:
    decoder = Decoder("Maker")
    events = decoder.feed(b"".join(tell(added(0, "message"), text(0, "so far"), event, text(0, "never"), END)))
    assert [one.get("delta") for one in events] == [None, "so far"]
    assert decoder.failure is not None
    assert (decoder.failure.message, decoder.failure.retryable) == (message, retryable)
    assert decoder.end() == []


def test_citations_are_sources_each_once() -> None:
    web = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 1}
    document = {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 3}
    note = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0}
    content = [
        {"type": "output_text", "text": "xy", "annotations": [web, document, {"type": "file_path", "file_id": "f"}]}
    ]
    events = decode(
        added(0, "message"), text(0, "x"), {**note, "annotation": web}, {**note, "annotation": web}, text(0, "y"),
        ended(0, "message", content=content), END,
    )  # fmt: skip
    assert [event for event in events if event["type"].startswith("source")] == [
        {"type": "source-url", "sourceId": "https://a.example/", "url": "https://a.example/", "title": "A"},
        {"type": "source-document", "sourceId": "file-1", "mediaType": "text/plain", "title": "a.pdf"},
    ]
    assert [event["type"] for event in events].index("source-url") == 2


HOSTED = [
    (
        {"type": "web_search_call", "action": {"type": "search", "query": "cats", "sources": [{"url": "u"}]}},
        ("web_search", {"type": "search", "query": "cats"}, {"sources": [{"url": "u"}]}),
    ),
    (
        {"type": "web_search_call", "name": "browse_page", "action": {"type": "open_page", "url": "u"}},
        ("web_search", {"type": "open_page", "url": "u"}, {}),
    ),
    (
        {"type": "file_search_call", "queries": ["cats"], "results": [{"file_id": "f", "text": "meow"}]},
        ("file_search", {"queries": ["cats"]}, {"results": [{"file_id": "f", "text": "meow"}]}),
    ),
    (
        {"type": "code_interpreter_call", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
        ("code_interpreter", {"code": "1+1"}, {"outputs": [{"type": "logs", "logs": "2"}]}),
    ),
    (
        {"type": "mcp_call", "name": "roll", "arguments": '{"sides":6}', "output": "4", "server_label": "dice"},
        ("roll", {"sides": 6}, "4"),
    ),
    (
        {"type": "custom_tool_call", "name": "x_keyword_search", "input": '{"query":"cats"}', "call_id": "xs_1"},
        ("x_keyword_search", {"query": "cats"}, {}),
    ),
    (
        {"type": "custom_tool_call", "name": "x_search", "input": "cats"},
        ("x_search", {"input": "cats"}, {}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("item", "expected"), HOSTED, ids=lambda value: str(value)[:40])
def test_a_tool_that_the_provider_runs_is_told_with_what_came_of_it(
    item: dict[str, Any], expected: tuple[str, Any, Any]
) -> None:
    kind = item["type"]
    begun = {name: item[name] for name in ("name", "call_id") if name in item}
    events = decode(
        added(0, kind, **begun), {"type": f"response.{kind}.searching", "output_index": 0},
        ended(0, kind, status="completed", **{name: item[name] for name in item if name != "type"}),
        added(1, "message"), text(1, "Cats."), END,
    )  # fmt: skip
    (part,) = [part for part in check_form(events).parts if is_tool(part)]
    assert (tool_name(part), part["input"], part["output"]) == expected
    assert (part["state"], part["providerExecuted"]) == ("output-available", True)
    assert part["toolCallId"] == item.get("call_id", f"{kind}_0")
    assert events[-1]["finishReason"] == "stop"


def test_a_tool_of_the_provider_that_failed_says_why() -> None:
    broken = ended(0, "mcp_call", name="roll", arguments="{}", error={"type": "http_error", "message": "Gone."})
    (part,) = whole(added(0, "mcp_call", name="roll"), broken, END).parts
    assert (part["state"], part["errorText"]) == ("output-error", "Gone.")
    (part,) = whole(ended(0, "web_search_call", status="failed"), END).parts
    assert (part["state"], part["errorText"]) == ("output-error", "The tool failed.")


def test_calls_of_the_provider_may_end_in_any_order_and_long_after_they_began() -> None:
    fold = whole(
        added(0, "web_search_call"), added(1, "web_search_call"), ended(1, "web_search_call", action={"query": "b"}),
        added(2, "message"), text(2, "Hello "), ended(0, "web_search_call", action={"query": "a"}), text(2, "you."),
        END,
    )  # fmt: skip
    assert [(part["input"], part["state"]) for part in fold.parts if is_tool(part)] == [
        ({"query": "a"}, "output-available"),
        ({"query": "b"}, "output-available"),
    ]
    assert shown(fold) == [("text", "Hello you.")]


def test_what_a_tool_of_the_provider_is_asked_comes_as_it_forms_and_once() -> None:
    piece = {"type": "response.custom_tool_call_input.delta", "output_index": 0}
    asked, done = '{"query":"cats"}', {"name": "x_search", "input": '{"query":"cats"}', "call_id": "xs_1"}
    last = ended(0, "custom_tool_call", **done)
    events = decode(
        added(0, "custom_tool_call", name="x_search", call_id="xs_1", input=""), {**piece, "delta": asked[:5]},
        {**piece, "delta": asked[5:]}, last, last, END,
    )  # fmt: skip
    assert [event["inputTextDelta"] for event in events if "inputTextDelta" in event] == [asked[:5], asked[5:]]
    assert [event["type"] for event in events].count("tool-output-available") == 1
    assert calls(check_form(events)) == [("xs_1", "x_search", {"query": "cats"})]


def test_an_image_that_was_made_is_a_file() -> None:
    made = ended(0, "image_generation_call", status="completed", result="iVBORw0KGgo=", output_format="webp")
    events = decode(added(0, "image_generation_call"), made, END)
    file = next(event for event in events if event["type"] == "file")
    assert file == {"type": "file", "mediaType": "image/webp", "url": "data:image/webp;base64,iVBORw0KGgo="}
    output = next(event for event in events if event["type"] == "tool-output-available")
    assert "result" not in output["output"]


def test_events_and_items_that_are_not_known_are_passed_over() -> None:
    fold = whole(
        {"type": "response.audio.delta", "delta": "x"}, added(0, "compaction"), ended(0, "compaction"),
        added(1, "computer_call"), ended(1, "computer_call"), {"type": "keepalive"}, {"other": 1},
        added(2, "message"), text(2, "a"), text(2, None), text(2, ""), END,
    )  # fmt: skip
    assert shown(fold) == [("text", "a")]
    assert len(fold.parts) == 1


def test_ids_of_calls_are_unique_within_the_conversation() -> None:
    earlier = assistant({"type": "tool-look", "toolCallId": "c0", "state": "input-available", "input": {}})
    events = decode(call(0), ended(0, "function_call", arguments="{}"), END, messages=[user("x"), earlier])
    assert events[0]["toolCallId"] != "c0"


def test_parts_count_on_from_the_number_that_is_given() -> None:
    assert decode(added(0, "message"), text(0, "a"), END, first_part=7)[0]["id"] == "p7"


def test_a_character_cut_between_two_events_is_whole() -> None:
    halves = [f"data: {json.dumps(text(0, half))}\n\n".encode() for half in ("a\ud83d", "\ude00b")]
    decoder = Decoder()
    events = [event for piece in [*tell(added(0, "message")), *halves, *tell(END)] for event in decoder.feed(piece)]
    assert "".join(event["delta"] for event in events if event["type"] == "text-delta") == "a\N{GRINNING FACE}b"


def test_an_answer_that_the_provider_still_works_at_is_not_whole() -> None:
    decoder = Decoder()
    assert decoder.whole(json.dumps({"id": "resp_1", "status": "in_progress", "output": []}).encode()) == []
    assert decoder.failure is not None
