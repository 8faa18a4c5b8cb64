"""Seeded random sequences of UI message chunks, as any writer of the vocabulary of ``ai`` 7 may write them."""

from __future__ import annotations

import json
import random
from typing import Any

Chunk = dict[str, Any]

_WORDS = ["a", " word", "\n", "é", "日本", "{", "“x”", "", " 1.5", "😀"]
_NAMES = ["look", "count", "createDocument"]


class Sequence:
    """One sequence: several things may be open at once, and some are never ended."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.chunks: list[Chunk] = []
        self._number = 0
        self._open: list[tuple[str, str]] = []
        self._calls: dict[str, str] = {}
        self._forming: dict[str, list[str]] = {}
        self._approvals: dict[str, str] = {}

    def made(self) -> list[Chunk]:
        """The chunks, from ``start`` to (mostly) ``finish``."""
        self._say("start", messageId=self._maybe("msg_1"), messageMetadata=self._maybe(self._json_object()))
        for _ in range(self.chance.randint(0, 4)):
            self._step()
        if self.chance.random() < 0.8:
            self._say("finish", finishReason="stop", messageMetadata=self._maybe(self._json_object()))
        return self.chunks

    def _step(self) -> None:
        self._say("start-step")
        kinds = [self._begin_text, self._more_text, self._more_text, self._end_text, self._begin_call, self._form]
        kinds += [self._form, self._offer, self._answer, self._fail, self._approve, self._alone, self._data, self._meta]
        for _ in range(self.chance.randint(0, 18)):
            self.chance.choice(kinds)()
        if self.chance.random() < 0.15:
            self._say("reset-step")
            self._open.clear()
            self._calls.clear()
            self._forming.clear()
            self._approvals.clear()
        # The input of a call does not go on in another step.
        self._calls = {call: state for call, state in self._calls.items() if state != "forming"}
        if self.chance.random() < 0.9:
            self._say("finish-step")

    def _begin_text(self) -> None:
        kind, name = self.chance.choice(["text", "reasoning"]), self._new("p")
        self._open.append((kind, name))
        self._say(f"{kind}-start", id=name, providerMetadata=self._metadata())

    def _more_text(self) -> None:
        if self._open:
            kind, name = self.chance.choice(self._open)
            self._say(f"{kind}-delta", id=name, delta=self._text(), providerMetadata=self._metadata())

    def _end_text(self) -> None:
        if self._open:
            kind, name = self._open.pop(self.chance.randrange(len(self._open)))
            self._say(f"{kind}-end", id=name, providerMetadata=self._metadata())

    def _begin_call(self) -> None:
        call, name = self._new("call"), self.chance.choice(_NAMES)
        more = {"title": self._maybe("A title"), "toolMetadata": self._maybe({"x": 1}), "dynamic": self._maybe(True)}
        self._calls[call] = "forming"
        text = json.dumps(self._json_object(), ensure_ascii=self.chance.random() < 0.5)
        at = self.chance.randint(0, len(text))
        self._forming[call] = [name, json.dumps(bool(more["dynamic"])), text[:at], text[at:]]
        encoding = self._maybe(self.chance.choice(["json", "text"]))
        executed, metadata = self._maybe(True), self._metadata()
        given = {"inputEncoding": encoding, "providerExecuted": executed, "providerMetadata": metadata, **more}
        self._say("tool-input-start", toolCallId=call, toolName=name, **given)

    def _form(self) -> None:
        found = [call for call, left in self._forming.items() if len(left) > 2 and self._calls.get(call) == "forming"]
        if found:
            call = self.chance.choice(found)
            self._say("tool-input-delta", toolCallId=call, inputTextDelta=self._forming[call].pop(2))

    def _offer(self) -> None:
        found = [call for call, state in self._calls.items() if state == "forming"]
        call = self.chance.choice(found) if found and self.chance.random() < 0.8 else self._new("call")
        name, dynamic = self._forming.get(call, [self.chance.choice(_NAMES), "false"])[:2]
        more = {"dynamic": json.loads(dynamic) or None, "providerMetadata": self._metadata()}
        if self.chance.random() < 0.2:
            self._calls[call] = "done"
            self._say(
                "tool-input-error", toolCallId=call, toolName=name, input=self._value(), errorText="no JSON", **more
            )
            return
        self._calls[call] = "ready"
        self._say("tool-input-available", toolCallId=call, toolName=name, input=self._value(), **more)

    def _ready(self) -> str | None:
        found = [call for call, state in self._calls.items() if state in ("ready", "partly")]
        return self.chance.choice(found) if found else None

    def _answer(self) -> None:
        if call := self._ready():
            preliminary = self._maybe(True)
            self._calls[call] = "partly" if preliminary else "done"
            more = {"preliminary": preliminary, "providerMetadata": self._metadata(), "toolMetadata": self._maybe({})}
            self._say("tool-output-available", toolCallId=call, output=self._value(), **more)

    def _fail(self) -> None:
        if call := self._ready():
            self._calls[call] = "done"
            self._say("tool-output-error", toolCallId=call, errorText="it failed", providerMetadata=self._metadata())

    def _approve(self) -> None:
        if self._approvals and self.chance.random() < 0.5:
            more = {"reason": self._maybe("because"), "providerExecuted": self._maybe(False)}
            wanted = self.chance.choice(list(self._approvals.values()))
            self._say("tool-approval-response", approvalId=wanted, approved=self.chance.random() < 0.5, **more)
        elif call := self._ready():
            if self.chance.random() < 0.3:
                self._say("tool-output-denied", toolCallId=call)
                return
            # A call that asks again has forgotten what it asked before.
            self._approvals[call] = self._new("approval")
            more = {"reason": self._maybe("why"), "isAutomatic": self._maybe(True), "signature": self._maybe("s")}
            self._say("tool-approval-request", approvalId=self._approvals[call], toolCallId=call, **more)

    def _alone(self) -> None:
        name, metadata = self._new("s"), self._metadata()
        self._say(
            **self.chance.choice(
                [
                    {"type": "source-url", "sourceId": name, "url": "http://127.0.0.1/", "title": self._maybe("T")},
                    {"type": "source-document", "sourceId": name, "mediaType": "text/plain", "title": "T"},
                    {"type": "file", "url": "data:,x", "mediaType": "text/plain", "providerMetadata": metadata},
                    {"type": "reasoning-file", "url": "data:,x", "mediaType": "image/png"},
                    {"type": "custom", "kind": "own.thing", "providerMetadata": metadata},
                ]
            )
        )

    def _data(self) -> None:
        more = {"id": self._maybe(self.chance.choice("xy")), "transient": self._maybe(self.chance.random() < 0.5)}
        self._say(self.chance.choice(["data-note", "data-plot"]), data=self._value(), **more)

    def _meta(self) -> None:
        self._say("message-metadata", messageMetadata=self._json_object())

    def _say(self, type: str, **fields: Any) -> None:
        self.chunks.append({"type": type, **{name: value for name, value in fields.items() if value is not None}})

    def _new(self, kind: str) -> str:
        self._number += 1
        return f"{kind}{self._number}"

    def _maybe(self, value: Any) -> Any:
        return value if self.chance.random() < 0.4 else None

    def _metadata(self) -> Any:
        return self._maybe({"x": {"signature": self._text()}})

    def _text(self) -> str:
        return "".join(self.chance.choices(_WORDS, k=self.chance.randint(0, 4)))

    def _value(self) -> Any:
        simple = [self._text(), self.chance.randint(-9, 9), 0.5, True, [1, "a"], {}, self._json_object()]
        return self.chance.choice(simple)

    def _json_object(self, depth: int = 2) -> dict[str, Any]:
        inner: list[Any] = [self._text(), 12, -0.25, 1e-7, False, None, [1, [2]], []]
        if depth:
            inner.append(self._json_object(depth - 1))
        names = ["a", "b", "usage", "日"]
        return {name: self.chance.choice(inner) for name in self.chance.sample(names, self.chance.randint(0, 3))}
