"""Puts streamed tool calls together, however a provider cuts, numbers and names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.depth import poisoned, shallow
from threadline.domain.events import Event
from threadline.domain.messages import Message, is_tool

_UNNAMED: Final = "unknown"


class _Call:
    """One call as it comes; ``id`` is ours, ``theirs`` the provider's."""

    __slots__ = ("done", "id", "index", "name", "pieces", "started", "theirs")

    def __init__(self, index: int | None, theirs: str) -> None:
        self.index = index
        self.theirs = theirs
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.started = self.done = False


class ToolCalls:
    """The tool calls of one answer; ids are unique within the conversation, also where the provider's are not."""

    __slots__ = ("_calls", "_messages", "_taken")

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self._messages = messages
        self._taken: set[str] | None = None
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, deltas: Any, out: list[Event]) -> None:
        """Take the ``tool_calls`` of one delta."""
        for delta in deltas if isinstance(deltas, list) else ():
            if isinstance(delta, dict):
                self._take(delta, out)

    def end(self, out: list[Event], *, cut: bool = False) -> None:
        """No call grows any more; ``cut`` tells that the answer met its token limit."""
        for call in self._calls:
            self._finish(call, out, cut)

    def _take(self, delta: dict[str, Any], out: list[Event]) -> None:
        function = delta.get("function")
        if not isinstance(function, dict):
            function = {}
        call = self._find(delta, function, out)
        if not call.name and function.get("name"):
            call.name = str(function["name"])
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = orjson.dumps(arguments).decode()
        piece = arguments if isinstance(arguments, str) else ""
        if call.done:
            return
        if piece:
            call.pieces.append(piece)
        if call.started:
            if piece:
                out.append({"type": "tool-input-delta", "toolCallId": call.id, "inputTextDelta": piece})
        elif call.name:
            self._start(call, out)

    def _find(self, delta: dict[str, Any], function: dict[str, Any], out: list[Event]) -> _Call:
        index, theirs = _number(delta.get("index")), _name(delta.get("id"))
        for call in reversed(self._calls):
            if index is not None:
                # Some providers give every call the index 0: another id then tells another call.
                if call.index == index and (not theirs or not call.theirs or call.theirs == theirs):
                    call.theirs = call.theirs or theirs
                    return call
            elif theirs:
                if call.theirs == theirs:
                    return call
            elif not function.get("name"):
                return call
        for before in self._calls:
            self._finish_early(before, out)
        call = _Call(index, theirs)
        self._calls.append(call)
        return call

    def _start(self, call: _Call, out: list[Event]) -> None:
        call.started = True
        call.id = self._unique(call.theirs)
        out.append(events.tool_input_start(call.id, call.name))
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

    def _finish_early(self, call: _Call, out: list[Event]) -> None:
        """A call is whole when the next one begins, if it reads as a whole; ``{}`` may be a place holder."""
        text = "".join(call.pieces).strip()
        if call.started and not call.done and text.endswith("}") and text != "{}":
            arguments, fault = _arguments(text, cut=False)
            if fault is None:
                call.done = True
                out.append(events.tool_input_available(call.id, call.name, arguments))

    def _finish(self, call: _Call, out: list[Event], cut: bool) -> None:
        if call.done:
            return
        call.done = True
        nameless = not call.name
        if not call.started:
            call.name = call.name or _UNNAMED
            self._start(call, out)
        text = "".join(call.pieces)
        arguments, fault = _arguments(text, cut)
        if nameless:
            fault = "The provider sent a tool call without the tool's name."
        if fault:
            out.append(events.tool_input_error(call.id, call.name, text, fault))
        else:
            out.append(events.tool_input_available(call.id, call.name, arguments))


def _number(index: Any) -> int | None:
    """An index, also where it came as a text; None where there is none."""
    if isinstance(index, str) and index.isdecimal() and len(index) < 10:
        return int(index)
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _name(theirs: Any) -> str:
    """A call's id, also where it came as a number; empty where there is none."""
    return str(theirs) if isinstance(theirs, str | int) and not isinstance(theirs, bool) else ""


def _arguments(text: str, cut: bool) -> tuple[dict[str, Any], str | None]:
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
