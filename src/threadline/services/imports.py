"""A client's own history as messages of ours: what it sends, in the order in which it sends it; pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from threadline.domain.calls import OpenCalls
from threadline.domain.errors import BadRequest
from threadline.domain.messages import Part, Role, is_tool, output_part

Row = tuple[Role, list[Part]]

MOST_CALLS: Final = 5000
"""Calls that one request may have, in all its messages together."""

_SILENT: Final = ("text", "step-start")
_REFERENCE: Final = "reference"
"""The type of a part that only names another; it is never stored."""


class Branch:
    """The messages of a branch, oldest first, in ``rows``. What an assistant says and calls in a row is one message,
    with a step for each call of its model. ``refers``: some of it is named only, see :func:`reference_in`. ``param`` is
    the parameter that they come in, for errors."""

    def __init__(self, param: str = "input") -> None:
        self.rows: list[Row] = []
        self.refers = False
        self._param = param
        self._calls = 0
        self._waiting: OpenCalls[Part] = OpenCalls()
        self._bringing = -1

    @property
    def empty(self) -> bool:
        """Whether nothing in it would reach a model."""
        return not any(part.get("text") or part["type"] not in _SILENT for _, parts in self.rows for part in parts)

    def said(self, role: Role, parts: list[Part]) -> None:
        """A message of a user, or of the system."""
        self.rows.append((role, parts))

    def answered(self, text: str) -> None:
        """A text of the assistant's."""
        parts = self._answer()
        if parts and parts[-1]["type"] != "step-start":
            parts.append({"type": "step-start"})
        parts.append({"type": "text", "text": text, "state": "done"})

    def called(self, call_id: str, name: str, arguments: str) -> None:
        """A call of a tool by the assistant; ``arguments`` is JSON text, kept as it is where it is none. Raises
        ``BadRequest`` beyond ``MOST_CALLS``."""
        self._calls += 1
        if self._calls > MOST_CALLS:
            words = f"{self._param} has at most {MOST_CALLS} calls of tools."
            raise BadRequest(words, surface="openai", details={"param": self._param})
        parts = self._answer()
        if parts and is_tool(parts[-1]) and parts[-1]["state"] == "output-available":
            parts.append({"type": "step-start"})
        call = {"type": f"tool-{name}", "toolCallId": call_id, "state": "input-available", "input": _parsed(arguments)}
        parts.append(call)
        self._waiting.add(call_id, len(self.rows), call)

    def referred(self, item_id: str) -> None:
        """Something that the assistant has said or called before, by the name that it had in its answer."""
        self.refers = True
        parts = self._answer()
        before = reference_in(parts[-1]) if parts else None
        if parts and (before is None or _message_of(before) != _message_of(item_id)):
            parts.append({"type": "step-start"})
        parts.append({"type": _REFERENCE, "id": item_id})

    def returned(self, call_id: str, output: Any) -> bool:
        """What a call gave. False where the call is none of this branch: then it is brought to an earlier one, by a
        message of its own."""
        found = self._waiting.take(call_id)
        if found is not None:
            found[1].update(state="output-available", output=output)
            return True
        if self._bringing != len(self.rows):
            self.said("user", [])
            self._bringing = len(self.rows)
        self.rows[-1][1].append(output_part(call_id, output))
        return False

    def _answer(self) -> list[Part]:
        if not self.rows or self.rows[-1][0] != "assistant":
            self.rows.append(("assistant", []))
        return self.rows[-1][1]


def reference_in(part: Part) -> str | None:
    """The name of what stands elsewhere; None for a part that is there itself."""
    return part["id"] if part["type"] == _REFERENCE else None


def _message_of(item_id: str) -> str:
    return item_id.rpartition("_")[0].partition("_")[2]


def _parsed(arguments: str) -> Any:
    try:
        return orjson.loads(arguments) if arguments.strip() else {}
    except orjson.JSONDecodeError:
        return arguments
