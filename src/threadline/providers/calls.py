"""Puts streamed tool calls together: from a name, through pieces of JSON, to arguments or what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.depth import poisoned, shallow
from threadline.domain.events import Event
from threadline.domain.messages import Message, is_tool

_UNNAMED: Final = "unknown"


class Call:
    """One call as it comes; ``id`` is ours, ``theirs`` the provider's. ``executed``: the provider runs it itself."""

    __slots__ = ("done", "executed", "id", "name", "pieces", "started", "theirs")

    def __init__(self, theirs: str, name: str = "", *, executed: bool = False) -> None:
        self.theirs = theirs
        self.id = ""
        self.name = name
        self.pieces: list[str] = []
        self.executed = executed
        self.started = self.done = False


class Calls:
    """The tool calls of one answer; ids are unique within the conversation, also where the provider's are not."""

    __slots__ = ("_calls", "_messages", "_taken")

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self._messages = messages
        self._taken: set[str] | None = None
        self._calls: list[Call] = []

    def __bool__(self) -> bool:
        """Whether there is any that is ours or the client's to run."""
        return any(not call.executed for call in self._calls)

    def open(self, theirs: str, name: str, out: list[Event], *, executed: bool = False) -> Call:
        """The model begins a call."""
        call = Call(theirs, name, executed=executed)
        self._calls.append(call)
        if name:
            self._start(call, out)
        return call

    def more(self, call: Call, piece: str, out: list[Event]) -> None:
        """More of a call's arguments, as JSON text."""
        if call.done or not piece:
            return
        call.pieces.append(piece)
        if call.started:
            out.append({"type": "tool-input-delta", "toolCallId": call.id, "inputTextDelta": piece})

    def close(self, call: Call, out: list[Event], *, cut: bool = False, metadata: dict[str, Any] | None = None) -> None:
        """A call is whole; ``cut``: the answer met its token limit. ``metadata`` is the provider's own word of it."""
        if call.done:
            return
        call.done = True
        nameless = not call.name
        if not call.started:
            call.name = call.name or _UNNAMED
            self._start(call, out)
        text = "".join(call.pieces)
        arguments, fault = arguments_in(text, cut=cut)
        if nameless:
            fault = "The provider sent a tool call without the tool's name."
        if fault:
            event = events.tool_input_error(call.id, call.name, text, fault)
        else:
            event = events.tool_input_available(call.id, call.name, arguments)
        out.append(_with(event, call, metadata))

    def end(self, out: list[Event], *, cut: bool = False) -> None:
        """No call grows any more; ``cut`` tells that the answer met its token limit."""
        for call in self._calls:
            self.close(call, out, cut=cut)

    def _start(self, call: Call, out: list[Event]) -> None:
        call.started = True
        call.id = self._unique(call.theirs)
        out.append(_with(events.tool_input_start(call.id, call.name), call))
        text = "".join(call.pieces)
        if text:
            out.append(events.tool_input_delta(call.id, text))

    def _unique(self, theirs: str) -> str:
        if self._taken is None:
            self._taken = {part["toolCallId"] for message in self._messages for part in message.parts if is_tool(part)}
        base = theirs or "call"
        candidate, number = theirs or "call_0", 0
        while candidate in self._taken:
            number += 1
            candidate = f"{base}_{number}"
        self._taken.add(candidate)
        return candidate


def _with(event: Event, call: Call, metadata: dict[str, Any] | None = None) -> Event:
    if call.executed:
        event["providerExecuted"] = True
    if metadata:
        event["providerMetadata"] = metadata
    return event


def arguments_in(text: str, *, cut: bool = False) -> tuple[dict[str, Any], str | None]:
    """The arguments, and what is wrong with them."""
    bare = text.strip()
    if not bare or bare == "null":
        return {}, None
    try:
        value = orjson.loads(bare)
    except orjson.JSONDecodeError as fault:
        if cut:
            return {}, "The model met its token limit before the arguments were complete."
        return {}, f"The arguments are not valid JSON: {fault}."
    if not isinstance(value, dict):
        return {}, "The arguments are not a JSON object."
    if not shallow([value]) or poisoned(value):
        return {}, "The arguments are nested too deeply, or have a name that no reader takes."
    return value, None
