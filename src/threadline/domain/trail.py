"""The trail of an answer: how its text was cut into events, kept beside the message so that the events themselves need
not be. ``expand(trail, parts)`` gives the very bytes back; an answer for which that fails keeps its events instead.

An item of the trail is one of: ``["d", type, id, lengths]`` deltas that follow one another, by their lengths in
characters, with the text in the part; ``["a", call, lengths, text]`` the same for a tool's arguments, ``text`` only
where it is not the compact JSON of the input; ``["i", event]`` and ``["o", event]`` a tool's input and output without
what stands in the part; ``["v", event]`` any other event as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from threadline.domain.events import Event, encode
from threadline.domain.messages import Part, is_tool

Item = list[Any]

_DELTA_KEYS: Final = {"type", "id", "delta"}
_INPUT_KEYS: Final = {"type", "toolCallId", "inputTextDelta"}


class TrailRecorder:
    """Collects the trail while the events come; memory is one small number an event."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._arguments: dict[str, list[str]] = {}

    def apply(self, event: Event) -> None:
        """Take one more event, in order."""
        kind = event["type"]
        if kind in ("text-delta", "reasoning-delta") and event.keys() == _DELTA_KEYS:
            self._extend(["d", kind, event["id"]], len(event["delta"]))
        elif kind == "tool-input-delta" and event.keys() == _INPUT_KEYS:
            self._arguments.setdefault(event["toolCallId"], []).append(event["inputTextDelta"])
            self._extend(["a", event["toolCallId"]], len(event["inputTextDelta"]))
        elif kind == "tool-input-available":
            self._items.append(["i", _without(event, "input")])
        elif kind == "tool-output-available" and not event.get("preliminary"):
            self._items.append(["o", _without(event, "output")])
        else:
            self._items.append(["v", event])

    def apply_all(self, events: Iterable[Event]) -> TrailRecorder:
        """Take several; returns itself."""
        for event in events:
            self.apply(event)
        return self

    def finish(self, parts: Sequence[Part]) -> bytes:
        """The trail, compressed, for the message's finished ``parts``."""
        inputs = {part["toolCallId"]: part.get("input") for part in parts if is_tool(part)}
        done: set[str] = set()
        items: list[Item] = []
        for item in self._items:
            if item[0] == "a":
                items.append([*item, self._spelling(item[1], inputs, done)])
            else:
                items.append(item)
        return zlib.compress(orjson.dumps(items), 6)

    def _spelling(self, call: str, inputs: dict[str, Any], done: set[str]) -> str | None:
        """The arguments' own text, once a call, where it cannot be had from the part."""
        if call in done:
            return None
        done.add(call)
        text = "".join(self._arguments[call])
        return None if text == _compact(inputs.get(call)) else text

    def _extend(self, head: Item, length: int) -> None:
        if self._items and self._items[-1][: len(head)] == head:
            self._items[-1][-1].append(length)
        else:
            self._items.append([*head, [length]])


def expand(trail: bytes, parts: Sequence[Part]) -> list[bytes]:
    """The encoded events of an answer, from its trail and its message's parts. Raises ``ValueError`` or ``KeyError``
    where the two do not belong together."""
    expander = _Expander(parts)
    events: list[bytes] = []
    for item in orjson.loads(zlib.decompress(trail)):
        events.extend(encode(event) for event in expander.events(item))
    return events


class _Expander:
    def __init__(self, parts: Sequence[Part]) -> None:
        self._flowing = iter([part for part in parts if part["type"] in ("text", "reasoning")])
        self._tools = {part["toolCallId"]: part for part in parts if is_tool(part)}
        self._texts: dict[str, str] = {}
        self._at: dict[str, int] = {}
        self._spelled: dict[str, str] = {}

    def events(self, item: Item) -> Iterator[Event]:
        if item[0] == "d":
            _, kind, part, lengths = item
            for delta in self._cut(part, self._texts[part], lengths):
                yield {"type": kind, "id": part, "delta": delta}
        elif item[0] == "a":
            _, call, lengths, spelling = item
            if call not in self._spelled:
                self._spelled[call] = _compact(self._tools[call].get("input")) if spelling is None else spelling
            for delta in self._cut(f"call {call}", self._spelled[call], lengths):
                yield {"type": "tool-input-delta", "toolCallId": call, "inputTextDelta": delta}
        else:
            yield self._single(item[0], item[1])

    def _single(self, kind: str, event: Event) -> Event:
        if kind == "i":
            return _restored(event, "input", self._tools[event["toolCallId"]]["input"])
        if kind == "o":
            return _restored(event, "output", self._tools[event["toolCallId"]]["output"])
        if event["type"] in ("text-start", "reasoning-start"):
            part = next(self._flowing, None)
            if part is None:
                raise ValueError("the trail names more parts than there are")
            self._texts[event["id"]] = part["text"]
            self._at[event["id"]] = 0
        return event

    def _cut(self, key: str, text: str, lengths: Sequence[int]) -> Iterator[str]:
        at = self._at.get(key, 0)
        for length in lengths:
            yield text[at : at + length]
            at += length
        self._at[key] = at


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode()


def _without(event: Event, key: str) -> Event:
    """The event with None in the place of what stands in the part, so that the order of its keys stays."""
    return {name: None if name == key else value for name, value in event.items()}


def _restored(event: Event, key: str, value: Any) -> Event:
    return {**event, key: value}
