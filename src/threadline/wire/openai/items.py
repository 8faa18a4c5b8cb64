"""The items that an answer is made of in OpenAI's Responses dialect, and the events by which each grows; pure."""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson

Event = dict[str, Any]
Ended = Literal["completed", "incomplete"]

SERVER: Final = "threadline"
"""Under what name the tools that this server runs are told of."""


class OutputItem:
    """One item. Its methods give events without a ``sequence_number``; ``dropped``: it is no part of the answer any
    more, though its events have been told."""

    def __init__(self, item_id: str, index: int) -> None:
        self.id = item_id
        self.index = index
        self.status = "in_progress"
        self.dropped = False
        self._pieces: list[str] = []

    @property
    def open(self) -> bool:
        """Whether it may still grow."""
        return self.status == "in_progress"

    @property
    def text(self) -> str:
        """All that came of it, of its kind."""
        return "".join(self._pieces)

    def view(self) -> dict[str, Any]:
        """The item as it is now."""
        raise NotImplementedError

    def opening(self) -> list[Event]:
        """The events that tell of a new item."""
        return [self._item("added")]

    def delta(self, text: str) -> list[Event]:
        """More of it."""
        self._pieces.append(text)
        return []

    def closing(self, status: Ended = "completed") -> list[Event]:
        """The events that end it."""
        self.status = status
        return [self._item("done")]

    def fill(self, text: str, status: Ended) -> None:
        """Make it what it is at its end, without a word on how it came."""
        self._pieces, self.status = [text], status

    def _item(self, what: str) -> Event:
        return {"type": f"response.output_item.{what}", "output_index": self.index, "item": self.view()}

    def _event(self, kind: str, **fields: Any) -> Event:
        return {"type": f"response.{kind}", "item_id": self.id, "output_index": self.index, **fields}


class _Written(OutputItem):
    """An item of one part that is text."""

    kind = ""

    def part(self) -> dict[str, Any]:
        """Its one part."""
        raise NotImplementedError

    def opening(self) -> list[Event]:
        """See ``OutputItem``."""
        first = super().opening()
        return [*first, self._event("content_part.added", content_index=0, part=self.part())]

    def delta(self, text: str) -> list[Event]:
        """See ``OutputItem``."""
        super().delta(text)
        return [self._event(f"{self.kind}.delta", content_index=0, delta=text, **self._more())]

    def closing(self, status: Ended = "completed") -> list[Event]:
        """See ``OutputItem``."""
        done = self._event(f"{self.kind}.done", content_index=0, text=self.text, **self._more())
        part = self._event("content_part.done", content_index=0, part=self.part())
        return [done, part, *super().closing(status)]

    def _more(self) -> dict[str, Any]:
        return {}


class Words(_Written):
    """A message of the assistant's."""

    kind = "output_text"

    def __init__(self, item_id: str, index: int) -> None:
        super().__init__(item_id, index)
        self._annotations: list[dict[str, Any]] = []

    def part(self) -> dict[str, Any]:
        """See ``_Written``."""
        return {"type": "output_text", "text": self.text, "annotations": list(self._annotations), "logprobs": []}

    def cite(self, url: str, title: str) -> list[Event]:
        """A source of what was said so far; nobody told the place that it belongs to."""
        end = len(self.text)
        note = {"type": "url_citation", "url": url, "title": title, "start_index": end, "end_index": end}
        number = len(self._annotations)
        self._annotations.append(note)
        told = {"content_index": 0, "annotation_index": number, "annotation": note}
        return [self._event("output_text.annotation.added", **told)]

    def view(self) -> dict[str, Any]:
        """See ``OutputItem``."""
        content = [self.part()] if self._pieces or not self.open else []
        return {"id": self.id, "type": "message", "role": "assistant", "status": self.status, "content": content}

    def _more(self) -> dict[str, Any]:
        return {"logprobs": []}


class Thoughts(_Written):
    """Reasoning."""

    kind = "reasoning_text"

    def part(self) -> dict[str, Any]:
        """See ``_Written``."""
        return {"type": "reasoning_text", "text": self.text}

    def view(self) -> dict[str, Any]:
        """See ``OutputItem``."""
        content = [self.part()] if self._pieces or not self.open else []
        return {"id": self.id, "type": "reasoning", "status": self.status, "summary": [], "content": content}


class Call(OutputItem):
    """A call of a tool that the client is to run."""

    kind = "function_call"

    def __init__(self, item_id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(item_id, index)
        self.call_id = call_id
        self.name = name
        self._arguments: str | None = None

    @property
    def arguments(self) -> str:
        """JSON text, as the model wrote it."""
        return self.text if self._arguments is None else self._arguments

    def delta(self, text: str) -> list[Event]:
        """See ``OutputItem``."""
        super().delta(text)
        return [self._event(f"{self.kind}_arguments.delta", delta=text)]

    def ready(self, arguments: Any) -> list[Event]:
        """The arguments are whole."""
        events = [] if self.text.strip() else self.delta(orjson.dumps(arguments).decode())
        self._arguments = self.text
        return [*events, self._event(f"{self.kind}_arguments.done", name=self.name, arguments=self._arguments)]

    def view(self) -> dict[str, Any]:
        """See ``OutputItem``."""
        said = {"status": self.status, "call_id": self.call_id, "name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function_call", **said}


class ServerCall(Call):
    """A call of a tool that runs here."""

    kind = "mcp_call"

    def __init__(self, item_id: str, index: int, call_id: str, name: str) -> None:
        super().__init__(item_id, index, call_id, name)
        self._output: str | None = None
        self._fault: str | None = None

    def opening(self) -> list[Event]:
        """See ``OutputItem``."""
        return [*super().opening(), self._event("mcp_call.in_progress")]

    def ready(self, arguments: Any) -> list[Event]:
        """See ``Call``."""
        *before, done = super().ready(arguments)
        del done["name"]
        return [*before, done]

    def returned(self, output: Any) -> list[Event]:
        """The tool has answered."""
        self._output = output if isinstance(output, str) else orjson.dumps(output).decode()
        return [self._event("mcp_call.completed"), *self.closing()]

    def failed(self, text: str) -> list[Event]:
        """The tool has failed, or was never run."""
        self._fault = text
        self.status = "failed"
        return [self._event("mcp_call.failed"), self._item("done")]

    def view(self) -> dict[str, Any]:
        """See ``OutputItem``."""
        fault = None
        if self._fault is not None:
            fault = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": self._fault}]}
        said = {"status": self.status, "name": self.name, "arguments": self.arguments}
        return {
            "id": self.id,
            "type": "mcp_call",
            "server_label": SERVER,
            **said,
            "output": self._output,
            "error": fault,
        }
