"""Tells streamed tool calls apart, however a provider cuts, numbers and names them."""

from __future__ import annotations

from typing import Any

import orjson

from threadline.domain.events import Event
from threadline.providers.calls import Call, Calls, arguments_in


class _Numbered(Call):
    __slots__ = ("index",)

    def __init__(self, index: int | None, theirs: str) -> None:
        super().__init__(theirs)
        self.index = index


class ToolCalls(Calls):
    """See ``calls.Calls``; here which call a delta belongs to is a question of its own."""

    _calls: list[_Numbered]  # type: ignore[assignment]

    def take(self, deltas: Any, out: list[Event]) -> None:
        """Take the ``tool_calls`` of one delta."""
        for delta in deltas if isinstance(deltas, list) else ():
            if isinstance(delta, dict):
                self._take(delta, out)

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
        self.more(call, arguments if isinstance(arguments, str) else "", out)
        if call.name and not (call.started or call.done):
            self._start(call, out)

    def _find(self, delta: dict[str, Any], function: dict[str, Any], out: list[Event]) -> _Numbered:
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
        call = _Numbered(index, theirs)
        self._calls.append(call)
        return call

    def _finish_early(self, call: Call, out: list[Event]) -> None:
        """A call is whole when the next one begins, if it reads as a whole; ``{}`` may be a place holder."""
        text = "".join(call.pieces).strip()
        if call.started and not call.done and text.endswith("}") and text != "{}" and arguments_in(text)[1] is None:
            self.close(call, out)


def _number(index: Any) -> int | None:
    """An index, also where it came as a text; None where there is none."""
    if isinstance(index, str) and index.isdecimal() and len(index) < 10:
        return int(index)
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _name(theirs: Any) -> str:
    """A call's id, also where it came as a number; empty where there is none."""
    return str(theirs) if isinstance(theirs, str | int) and not isinstance(theirs, bool) else ""
