"""Going on with an answer that the provider kept: wherever it was cut, what is said is the same, and nothing twice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.asking import assistant, user
from tests.providers.responses_reading import Answer, each_answer
from tests.providers.responses_telling import END, added, arguments, call, ended, said, summary, tell, text
from threadline.domain.events import Event, provider_run
from threadline.domain.fold import fold
from threadline.providers.reattach import Differs, Reattached, Skip, first_part
from threadline.providers.responses import Decoder

EARLIER = [user("x"), assistant({"type": "tool-look", "toolCallId": "c1", "state": "input-available", "input": {}})]
WORDS = st.text(alphabet='ab \n"\\äß€\N{GRINNING FACE}', min_size=1, max_size=9)


@st.composite
def told(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The events of an answer: reasoning, text with citations, calls, and tools that the provider runs itself."""
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "resp_1"}}]
    kinds = st.sampled_from(["reasoning", "message", "function_call", "web_search_call"])
    for index, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=5))):
        pieces = draw(st.lists(WORDS, max_size=6))
        if kind == "reasoning":
            events.append(added(index, kind))
            events += [summary(index, piece, number // 3) for number, piece in enumerate(pieces)]
            events.append(ended(index, kind, encrypted_content=draw(st.none() | WORDS)))
        elif kind == "message":
            phase = draw(st.sampled_from([None, "commentary"]))
            events.append(added(index, kind, phase=phase))
            for piece in pieces:
                events.append(text(index, piece))
                if draw(st.booleans()):
                    cited = {"type": "url_citation", "url": f"https://{draw(st.integers(0, 3))}.example/", "title": "T"}
                    note = {"type": "response.output_text.annotation.added", "output_index": index}
                    events.append({**note, "annotation": cited})
            events.append(ended(index, kind, phase=phase, **said("".join(pieces))))
        elif kind == "function_call":
            whole = json.dumps({"a": "".join(pieces)})
            cut = draw(st.integers(0, len(whole)))
            named = {"call_id": f"c{index}", "name": "look", "arguments": whole}
            events += [call(index), arguments(index, whole[:cut]), arguments(index, whole[cut:])]
            events.append(ended(index, kind, **named))
        else:
            events += [added(index, kind), ended(index, kind, action={"query": "".join(pieces)}, status="completed")]
    return [*events, END]


def decoder(**more: Any) -> Decoder:
    return Decoder("Maker", first_part=3, messages=EARLIER, **more)


def resumed(said: Sequence[Event], **more: Any) -> Reattached:
    return Reattached(Decoder("Maker", **more), "Maker", said)


def fed(reader: Decoder | Reattached, data: bytes, cuts: Sequence[int] = ()) -> list[Event]:
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [event for a, b in itertools.pairwise(edges) for event in reader.feed(data[a:b])]


@given(events=told(), data=st.data())
def test_an_answer_that_is_told_again_goes_on_exactly_after_any_event_of_ours(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    wire = b"".join(tell(*events))
    uncut = fed(decoder(), wire)
    at = data.draw(st.integers(0, len(uncut) - 1))
    again = resumed(uncut[:at], first_part=3, messages=EARLIER)
    rest = fed(again, wire, data.draw(st.lists(st.integers(1, len(wire)), max_size=9))) + again.end()
    assert again.failure is None
    assert rest == uncut[at:]


@given(events=told(), data=st.data())
def test_an_answer_that_is_kept_as_one_object_goes_on_with_the_same_words(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    items = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    for event in events:
        if event["type"] == "response.reasoning_summary_text.delta":
            parts = items[event["output_index"]].setdefault("summary", [])
            if len(parts) == event["summary_index"]:
                parts.append({"type": "summary_text", "text": ""})
            parts[-1]["text"] += event["delta"]
        elif event["type"] == "response.output_text.annotation.added":
            items[event["output_index"]]["content"][0]["annotations"].append(event["annotation"])
    body = json.dumps({**END["response"], "output": [items[index] for index in sorted(items)]}).encode()
    uncut = fed(decoder(), b"".join(tell(*events)))
    at = data.draw(st.integers(0, len(uncut) - 1))
    again = resumed(uncut[:at], first_part=3, messages=EARLIER)
    both = fold([*uncut[:at], *again.whole(body)])
    assert again.failure is None
    assert _sourceless(both.parts) == _sourceless(fold(uncut).parts)
    assert sorted(_sources(both.parts)) == sorted(_sources(fold(uncut).parts))
    assert both.step_reason == fold(uncut).step_reason


def _sourceless(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for part in parts if not part["type"].startswith("source-")]


def _sources(parts: list[dict[str, Any]]) -> list[str]:
    return [part["sourceId"] for part in parts if part["type"].startswith("source-")]


@each_answer
def test_a_recorded_answer_goes_on_after_each_of_its_events(answer: Answer) -> None:
    wire = answer.wire()
    uncut = Decoder().feed(wire)
    for at in range(len(uncut)):
        again = resumed(uncut[:at])
        assert again.feed(wire) == uncut[at:]
        assert again.failure is None


@each_answer
def test_a_recorded_answer_that_is_kept_as_one_object_goes_on_with_the_same_words(answer: Answer) -> None:
    uncut = Decoder().feed(answer.wire())
    body = json.dumps(answer.last).encode()
    for at in range(0, len(uncut), 5):
        again = resumed(uncut[:at])
        both = fold([*uncut[:at], *again.whole(body)])
        assert again.failure is None
        assert [part.get("text", part.get("input")) for part in both.parts] == [
            part.get("text", part.get("input")) for part in fold(uncut).parts
        ]


@pytest.mark.parametrize(
    "other",
    [
        [added(0, "message"), text(0, "Hello you"), END],
        [added(0, "message"), text(0, "Hello wor"), END],
        [added(0, "reasoning"), summary(0, "Hello world"), END],
        [call(0), arguments(0, "{}"), END],
        [added(0, "message"), text(0, "Hello world and more"), END],
        [END],
    ],
)
def test_another_answer_than_the_one_that_was_begun_is_refused_before_a_word_of_it(other: list[dict[str, Any]]) -> None:
    begun = Decoder().feed(b"".join(tell(added(0, "message"), text(0, "Hello world"), ended(0, "message"))))
    assert [event["type"] for event in begun] == ["text-start", "text-delta", "text-end"]
    again = resumed(begun)
    assert again.feed(b"".join(tell(*other))) == []
    assert again.failure is not None
    assert "another answer" in again.failure.message
    assert not again.failure.retryable
    assert again.feed(b"".join(tell(*other))) == []


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"type": "text-start", "id": "p1"}, {"type": "text-start", "id": "p2"}),
        ({"type": "tool-input-start", "toolCallId": "c", "toolName": "a"}, {"toolName": "b"}),
        ({"type": "tool-input-start", "toolCallId": "c", "toolName": "a"}, {"toolCallId": "d"}),
        ({"type": "tool-input-available", "toolCallId": "c", "toolName": "a", "input": {}}, {"input": {"x": 1}}),
        ({"type": "file", "mediaType": "image/png", "url": "data:,a"}, {"url": "data:,b"}),
        ({"type": "file", "mediaType": "image/png", "url": "data:,a"}, {"mediaType": "image/webp"}),
        ({"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{"}, {"inputTextDelta": "["}),
    ],
)
def test_an_event_is_passed_over_only_where_it_is_the_one_that_was_said(said: Event, kept: Event) -> None:
    assert Skip([said]).take({**said, "providerMetadata": {"openai": {}}}) is None
    with pytest.raises(Differs):
        Skip([said]).take({**said, **kept})


def test_an_answer_without_its_last_blank_line_goes_on_as_well() -> None:
    wire = b"".join(tell(added(0, "message"), text(0, "a"), END))
    uncut = Decoder().feed(wire)
    again = resumed(uncut[:-1])
    assert again.feed(wire.rstrip()) == []
    assert again.end() == uncut[-1:]


def test_an_error_that_the_provider_kept_is_told_after_what_was_said() -> None:
    events = [added(0, "message"), text(0, "a"), text(0, "b"), {"type": "error", "message": "Broken."}]
    begun = Decoder().feed(b"".join(tell(*events[:2])))
    again = resumed(begun)
    assert [event.get("delta") for event in again.feed(b"".join(tell(*events)))] == ["b"]
    assert again.failure is not None
    assert again.failure.message == "Broken."


def test_parts_are_counted_from_the_first_that_was_said_however_many_came_since() -> None:
    wire = b"".join(tell(added(0, "message"), text(0, "a"), text(0, "b"), END))
    uncut = Decoder(first_part=5).feed(wire)
    assert first_part(uncut[:2], 6) == 5
    assert first_part([], 6) == 6


def test_under_which_id_an_answer_is_kept_is_told_where_it_is_and_passed_over_later() -> None:
    kept = {"type": "response.created", "response": {"id": "resp_1", "background": True}}
    wire = b"".join(tell(kept, added(0, "message"), text(0, "a"), END))
    uncut = Decoder().feed(wire)
    assert uncut[0] == provider_run("resp_1")
    assert resumed(uncut[:3]).feed(wire) == uncut[3:]
    elsewhere = {"type": "response.created", "response": {"id": "resp_1", "background": False}}
    assert Decoder().feed(b"".join(tell(elsewhere, added(0, "message"), text(0, "a"), END))) == uncut[1:]


def test_what_was_said_is_known_to_be_passed_over() -> None:
    events = Decoder().feed(b"".join(tell(added(0, "message"), text(0, "ab"), END)))
    skip = Skip(events[:2])
    assert not skip.done
    assert [skip.take(event) for event in events] == [None, None, *events[2:]]
    assert skip.done
