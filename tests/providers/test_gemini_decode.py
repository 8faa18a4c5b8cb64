"""What Gemini's chunks become, also those that no recording has."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.gemini import chunk, event
from tests.providers.asking import assistant, check_form, request
from threadline.domain.events import Event
from threadline.domain.fold import Fold
from threadline.domain.fold import fold as fold_of
from threadline.providers.gemini import Decoder, Dialect


def decoded(*chunks: bytes, **more: Any) -> list[Event]:
    decoder = Decoder("Maker", **more)
    events = [event for one in chunks for event in decoder.feed(one)] + decoder.end()
    assert decoder.failure is None, decoder.failure
    return events


def folded(*chunks: bytes, **more: Any) -> Fold:
    return check_form(decoded(*chunks, **more), more.get("first_part", 0))


def kinds(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def piece(told: dict[str, Any], **more: Any) -> bytes:
    return chunk({"functionCall": told, **more})


def partly(path: str, **told: Any) -> bytes:
    return piece({"partialArgs": [{"jsonPath": path, **told}], "willContinue": True})


def test_thoughts_come_before_the_text_and_each_is_a_part_of_its_own() -> None:
    events = decoded(
        chunk({"text": "Let me", "thought": True}),
        chunk({"text": " see.", "thought": True}, {"text": "It is"}),
        chunk({"text": " 4."}, reason="STOP"),
        first_part=3,
    )
    fold = check_form(events, 3)
    assert [(part["type"], part["text"]) for part in fold.parts] == [("reasoning", "Let me see."), ("text", "It is 4.")]
    assert fold.step_reason == "stop"


def test_a_signature_belongs_to_the_part_that_it_ends() -> None:
    fold = folded(
        chunk({"text": "Hm", "thought": True, "thoughtSignature": "s0"}),
        chunk({"text": "a"}),
        chunk({"text": "b", "thoughtSignature": "s1"}),
        chunk({"text": "c"}),
        chunk({"text": "", "thoughtSignature": "s2"}, reason="STOP"),
    )
    kept = [(part["type"], part["text"], part["providerMetadata"]) for part in fold.parts]
    assert kept == [
        ("reasoning", "Hm", {"google": {"thoughtSignature": "s0"}}),
        ("text", "ab", {"google": {"thoughtSignature": "s1"}}),
        ("text", "c", {"google": {"thoughtSignature": "s2"}}),
    ]


def test_a_signature_without_any_text_is_kept_in_a_part_of_its_own() -> None:
    fold = folded(chunk({"text": "Hm", "thought": True}), chunk({"text": "", "thoughtSignature": "s"}, reason="STOP"))
    assert [(part["type"], part["text"]) for part in fold.parts] == [("reasoning", "Hm"), ("text", "")]
    assert fold.parts[1]["providerMetadata"] == {"google": {"thoughtSignature": "s"}}
    assert "providerMetadata" not in fold.parts[0]


def test_signatures_are_kept_under_the_name_of_their_family() -> None:
    fold = folded(chunk({"text": "a", "thoughtSignature": "s"}, reason="STOP"), family="own")
    assert fold.parts[0]["providerMetadata"] == {"own": {"thoughtSignature": "s"}}


def test_a_text_that_goes_on_from_another_is_signed_by_nothing() -> None:
    dialect = Dialect()
    decoder = dialect.decoder("Maker", request("m", partial="Half a wo"))
    signed = {"thoughtSignature": "s"}
    chunks = chunk({"text": "Hm", "thought": True, **signed}, {"text": "rd", **signed}, {"text": "", **signed})
    call = {"functionCall": {"name": "look"}, **signed}
    fold = check_form(decoder.feed(chunks + chunk(call, reason="STOP")) + decoder.end())
    kept = {"google": signed}
    assert [part.get("providerMetadata") or part.get("callProviderMetadata") for part in fold.parts] == [
        kept,
        None,
        kept,
    ]
    decoder = dialect.decoder("Maker", request("m"))
    assert fold_of(decoder.feed(chunk({"text": "a", **signed}))).parts[0]["providerMetadata"] == kept


def test_calls_that_come_at_once_are_calls_of_their_own_with_the_ids_that_they_came_with() -> None:
    calls: list[dict[str, Any]] = [
        {"functionCall": {"id": "x", "name": "look", "args": {"city": "Oslo"}}, "thoughtSignature": "s"},
        {"functionCall": {"name": "look", "args": {}}},
        {"functionCall": {"name": "stop"}},
    ]
    known = assistant({"type": "tool-look", "toolCallId": "call_0"})
    fold = folded(chunk({"text": "Wait."}), chunk(*calls, reason="STOP"), messages=[known])
    told = [(part["type"], part.get("toolCallId"), part.get("input")) for part in fold.parts[1:]]
    assert told == [("tool-look", "x", {"city": "Oslo"}), ("tool-look", "call_1", {}), ("tool-stop", "call_2", {})]
    assert fold.parts[1]["callProviderMetadata"] == {"google": {"thoughtSignature": "s"}}
    assert fold.step_reason == "tool-calls"


def test_arguments_that_come_value_by_value_form_one_text() -> None:
    events = decoded(
        piece({"name": "cook", "willContinue": True}, thoughtSignature="s"),
        partly("$.dish", stringValue="Las", willContinue=True),
        partly("$.dish", stringValue='ag"na', willContinue=True),
        partly("$.dish", stringValue=""),
        piece({"willContinue": True}),
        partly("$.parts[0].name", stringValue="salt"),
        partly("$.parts[0].weight", numberValue=0.5),
        partly("$.parts[1].name", stringValue="oil"),
        partly("$.parts[1].list[0][0]", boolValue=False),
        partly("$.parts[1].list[0][1]", nullValue="NULL_VALUE"),
        partly("$['much more'].deep", numberValue=2),
        piece({}),
        piece({"name": "wait", "willContinue": True}),
        partly("$.for", stringValue="an hour", willContinue=True),
        chunk({"text": ""}, reason="STOP"),
    )
    fold = check_form(events)
    salt, oil = {"name": "salt", "weight": 0.5}, {"name": "oil", "list": [[False, None]]}
    assert fold.parts[0]["input"] == {"dish": 'Lasag"na', "parts": [salt, oil], "much more": {"deep": 2}}
    assert fold.parts[0]["callProviderMetadata"] == {"google": {"thoughtSignature": "s"}}
    assert fold.parts[1]["input"] == {"for": "an hour"}
    assert events[1]["inputTextDelta"] == '{"dish":"Las'
    text = "".join(one.get("inputTextDelta", "") for one in events if one.get("toolCallId") == "call_0")
    assert json.loads(text) == fold.parts[0]["input"]


def test_a_call_that_met_the_token_limit_is_told_to_be_cut() -> None:
    fold = folded(
        piece({"name": "cook", "willContinue": True}),
        partly("$.dish", stringValue="Las", willContinue=True),
        chunk({"text": ""}, reason="MAX_TOKENS"),
    )
    assert fold.step_reason == "length"
    assert "token limit" in fold.parts[0]["errorText"]


@pytest.mark.parametrize(
    "paths",
    [
        ["$.a", "$.a"],
        ["$.a.b", "$.c", "$.a.d"],
        ["$.a[1]"],
        ["$.a[0]", "$.a[2]"],
        ["$.a[0]", "$.a.b"],
        ["$.a", "$.a.b"],
        ["$.a.b", "$.a"],
        ["$"],
        ["$[0]"],
        ["a"],
        ["$.a["],
        ["$.a[99999999999]"],
        ["$" + ".a" * 70],
    ],
)
def test_a_value_for_a_place_that_cannot_be_is_a_failure(paths: list[str]) -> None:
    decoder = Decoder("Maker")
    decoder.feed(piece({"name": "cook", "willContinue": True}))
    for path in paths:
        decoder.feed(partly(path, numberValue=1))
    assert decoder.failure is not None
    assert "Maker" in decoder.failure.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.text("ab c.", min_size=1, max_size=4), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def leaves(value: Any, path: str = "$") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, one in value.items() for leaf in leaves(one, f"{path}['{name}']")]
    if isinstance(value, list):
        return [leaf for number, one in enumerate(value) for leaf in leaves(one, f"{path}[{number}]")]
    return [(path, value)]


@given(st.dictionaries(st.text("abc", min_size=1), JSON, max_size=4), st.integers(1, 3))
def test_any_arguments_are_whole_whichever_way_they_came(given_: dict[str, Any], size: int) -> None:
    chunks = [piece({"name": "cook", "willContinue": True})]
    for path, value in leaves(given_):
        if isinstance(value, str):
            cut = [value[at : at + size] for at in range(0, len(value), size)] + [""]
            chunks += [partly(path, stringValue=one, willContinue=True) for one in cut[:-1]]
            chunks.append(partly(path, stringValue=""))
        elif value is None:
            chunks.append(partly(path, nullValue="NULL_VALUE"))
        else:
            chunks.append(partly(path, **{"boolValue" if isinstance(value, bool) else "numberValue": value}))
    assert folded(*chunks, piece({}), chunk(reason="STOP")).parts[0]["input"] == given_
    assert folded(*chunks, chunk(reason="STOP")).parts[0]["input"] == given_


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content-filter"),
        ("IMAGE_RECITATION", "content-filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_the_reason_of_an_end_is_told_in_the_words_of_all_providers(told: str, reason: str) -> None:
    fold = folded(chunk({"text": "a"}), chunk(reason=told))
    assert fold.step_reason == reason


def test_a_reason_with_every_chunk_ends_nothing_early() -> None:
    fold = folded(chunk({"text": "a"}, reason="STOP"), chunk({"text": "b"}, reason="STOP"))
    assert [part["text"] for part in fold.parts] == ["ab"]


def test_an_unspecified_reason_is_none() -> None:
    decoder = Decoder("Maker")
    decoder.feed(chunk({"text": "a"}, reason="FINISH_REASON_UNSPECIFIED"))
    assert not decoder.finished
    decoder.end()
    assert decoder.failure is not None


def test_a_question_that_the_provider_does_not_take_is_filtered() -> None:
    blocked = event({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}})
    fold = folded(blocked)
    assert (fold.step_reason, fold.parts, fold.usage) == ("content-filter", [], {"inputTokens": 9})


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            {
                "promptTokenCount": 17,
                "toolUsePromptTokenCount": 308,
                "candidatesTokenCount": 37,
                "thoughtsTokenCount": 333,
                "totalTokenCount": 695,
                "cachedContentTokenCount": 5,
            },
            {
                "inputTokens": 325,
                "outputTokens": 370,
                "totalTokens": 695,
                "reasoningTokens": 333,
                "cachedInputTokens": 5,
            },
        ),
        (
            {"promptTokenCount": 6, "thoughtsTokenCount": 76, "totalTokenCount": 83},
            {"inputTokens": 6, "outputTokens": 77, "totalTokens": 83, "reasoningTokens": 76},
        ),
        (
            {"promptTokenCount": 6, "candidatesTokenCount": 2},
            {"inputTokens": 6, "outputTokens": 2, "totalTokens": 8},
        ),
        ({"promptTokenCount": "many", "trafficType": "ON_DEMAND"}, {}),
    ],
)
def test_usage_is_counted_as_everywhere(told: dict[str, Any], usage: dict[str, int]) -> None:
    assert folded(chunk({"text": "a"}, reason="STOP", usageMetadata=told)).usage == usage


def test_a_count_that_is_told_once_is_not_forgotten() -> None:
    first = chunk({"text": "a"}, usageMetadata={"promptTokenCount": 6, "cachedContentTokenCount": 4})
    fold = folded(first, chunk(reason="STOP", usageMetadata={"promptTokenCount": 6, "candidatesTokenCount": 2}))
    assert fold.usage == {"inputTokens": 6, "outputTokens": 2, "totalTokens": 8, "cachedInputTokens": 4}


def test_files_come_out_whole_and_end_the_text_before_them() -> None:
    fold = folded(
        chunk({"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thought": True}),
        chunk({"text": "Here:"}, {"inlineData": {"mimeType": "image/png", "data": "AB=="}, "thoughtSignature": "s"}),
        chunk({"fileData": {"mimeType": "application/pdf", "fileUri": "https://files.example/a"}}, reason="STOP"),
    )
    signed = {"providerMetadata": {"google": {"thoughtSignature": "s"}}}
    assert fold.parts == [
        {"type": "reasoning-file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="},
        {"type": "text", "text": "Here:", "state": "done"},
        {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AB==", **signed},
        {"type": "file", "mediaType": "application/pdf", "url": "https://files.example/a"},
    ]


def test_a_search_of_the_provider_is_a_call_that_it_ran_with_its_sources() -> None:
    grounding = {
        "webSearchQueries": ["weather oslo", " "],
        "groundingChunks": [
            {"web": {"uri": "https://a.example/", "title": "A", "domain": "a.example"}},
            {"web": {"uri": "https://a.example/", "title": "A again"}},
            {"image": {"sourceUri": "https://b.example/", "imageUri": "https://b.example/b.png"}},
            {"maps": {"uri": "https://maps.example/oslo", "title": "Oslo"}},
            {"retrievedContext": {"uri": "https://c.example/", "title": "C"}},
            {"retrievedContext": {"fileSearchStore": "fileSearchStores/1", "title": "notes.PDF"}},
            {"retrievedContext": {"uri": "gs://store/plan.md"}},
            {"unheardOf": 1},
        ],
    }
    beside = {
        "groundingMetadata": grounding,
        "urlContextMetadata": {
            "urlMetadata": [
                {"retrievedUrl": "https://d.example/", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
                {"retrievedUrl": "https://e.example/", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"},
            ]
        },
        "citationMetadata": {"citationSources": [{"uri": "https://f.example/"}]},
    }
    fold = folded(chunk({"text": "Rain."}), chunk(reason="STOP", beside=beside), chunk(reason="STOP", beside=beside))
    pages = [part["url"] for part in fold.parts if part["type"] == "source-url"]
    assert [page.split("/")[2] for page in pages] == [f"{name}.example" for name in ("a", "b", "maps", "c", "d", "f")]
    documents = [part for part in fold.parts if part["type"] == "source-document"]
    assert [(part["title"], part["mediaType"]) for part in documents] == [
        ("notes.PDF", "application/pdf"),
        ("plan.md", "text/markdown"),
    ]
    call = next(part for part in fold.parts if part["type"] == "tool-google_search")
    assert call["providerExecuted"] is True
    assert call["input"] == {"queries": ["weather oslo"]}
    assert call["output"] == [{"uri": "https://a.example/", "title": "A"}]
    assert fold.step_reason == "stop"


def test_tools_that_the_provider_ran_are_calls_with_their_results() -> None:
    fold = folded(
        chunk({"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["a"]}}}),
        chunk({"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "response": {"found": 1}}}),
        chunk({"executableCode": {"language": "PYTHON", "code": "1 + 1"}, "thoughtSignature": "s"}),
        chunk({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}),
        chunk({"toolCall": {"id": "m"}}, {"toolResponse": {"id": "m"}}, {"toolResponse": {"id": "nobody's"}}),
        chunk({"text": "2."}, reason="STOP", beside={"groundingMetadata": {"webSearchQueries": ["a"]}}),
    )
    calls = [(part["type"], part["input"], part["output"]) for part in fold.parts[:-1]]
    assert calls == [
        ("tool-google_search", {"queries": ["a"]}, {"found": 1}),
        ("tool-code_execution", {"language": "PYTHON", "code": "1 + 1"}, {"outcome": "OUTCOME_OK", "output": "2"}),
        ("tool-media_processing", {}, {}),
    ]
    assert all(part["providerExecuted"] for part in fold.parts[:-1])
    assert fold.parts[1]["callProviderMetadata"] == {"google": {"thoughtSignature": "s"}}
    assert fold.step_reason == "stop"


def test_an_error_in_the_middle_is_told_in_the_providers_own_words() -> None:
    decoder = Decoder("Maker")
    told = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    events = decoder.feed(chunk({"text": "Hel"}) + event(told) + chunk({"text": "lo"}, reason="STOP"))
    assert kinds(events) == ["text-start", "text-delta"]
    assert decoder.failure is not None
    assert (decoder.failure.message, decoder.failure.retryable) == ("The model is overloaded.", True)
    assert decoder.end() == []


def test_an_answer_in_one_piece_reads_like_a_stream() -> None:
    chunks = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("a", "b")]
    chunks[1]["candidates"][0]["finishReason"] = "STOP"  # type: ignore[assignment]
    decoder = Decoder("Maker")
    assert [part["text"] for part in check_form(decoder.whole(orjson.dumps(chunks))).parts] == ["ab"]
    decoder = Decoder("Maker")
    assert [part["text"] for part in check_form(decoder.whole(orjson.dumps(chunks[1]))).parts] == ["b"]


def test_what_is_not_known_is_passed_over() -> None:
    fold = folded(
        event({"somethingNew": 1}),
        chunk({"thoughtSignature": "alone"}, {"newThing": {}}, {"text": "a", "newFlag": True}),
        event({"candidates": [{"tokenCount": 3}]}),
        chunk({"functionCall": {}}, {"inlineData": {"mimeType": 5}}, reason="STOP"),
    )
    assert [(part["type"], part["text"]) for part in fold.parts] == [("text", "a")]
