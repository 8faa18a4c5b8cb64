"""A hypothesis strategy of event sequences as runs write them: always closed, or cut anywhere."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from threadline.domain import events
from threadline.domain.events import Event

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(TEXT, JSON_VALUE, max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """A whole answer: one to three steps, each with parts and perhaps tool calls with their outputs."""
    out = [events.start("msg_1", {"run": "run_1", "model": "demo/demo", "createdAt": 1.5})]
    number = 0
    for step in range(draw(st.integers(1, 3))):
        out.append(events.start_step())
        for _ in range(draw(st.integers(0, 4))):
            out += draw(_part(number))
            number += 1
        out.append(events.finish_step("stop", {"inputTokens": step, "outputTokens": 2}))
    out.append(events.finish("stop", {"usage": {"inputTokens": 1}, "finishReason": "stop"}))
    return out


@st.composite
def _part(draw: st.DrawFn, number: int) -> list[Event]:
    kind = draw(st.sampled_from(["text", "reasoning", "tool", "broken tool", "source", "data"]))
    name = f"p{number}"
    if kind == "text":
        deltas = [events.text_delta(name, piece) for piece in draw(st.lists(TEXT, max_size=6))]
        return [events.text_start(name), *deltas, events.text_end(name)]
    if kind == "reasoning":
        deltas = [events.reasoning_delta(name, piece) for piece in draw(st.lists(TEXT, max_size=6))]
        metadata = draw(st.none() | st.just({"x": {"signature": "s"}}))
        return [events.reasoning_start(name), *deltas, events.reasoning_end(name, metadata)]
    if kind == "source":
        return [{"type": "source-url", "sourceId": name, "url": "http://127.0.0.1/", "title": draw(TEXT)}]
    if kind == "data":
        more: dict[str, Any] = draw(st.sampled_from([{}, {"transient": True}, {"id": "same"}]))
        return [{"type": "data-note", "data": draw(JSON_VALUE), **more}]
    return draw(_tool(f"call{number}", kind == "broken tool"))


@st.composite
def _tool(draw: st.DrawFn, call: str, broken: bool) -> list[Event]:
    arguments = draw(ARGUMENTS)
    spaced = draw(st.booleans())
    text = events.encode(arguments).decode()
    if spaced:
        text = text.replace(":", ": ")
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    out = [events.tool_input_start(call, "look"), *(events.tool_input_delta(call, piece) for piece in pieces)]
    if broken:
        return [*out, events.tool_input_error(call, "look", None, "no JSON")]
    out.append(events.tool_input_available(call, "look", arguments))
    if draw(st.booleans()):
        return [*out, events.tool_output_available(call, draw(JSON_VALUE))]
    return [*out, events.tool_output_error(call, "it failed")]
