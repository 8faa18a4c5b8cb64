"""Plays a script as a model would: the same steps from the same history, at a chosen pace."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from threadline.domain import events
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.messages import Usage, is_tool, text_of
from threadline.providers.protocol import ModelRequest
from threadline.world import World

_WORDS: Final = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")
_LARGEST_BATCH: Final = 256
_PATIENCE: Final = 1.0
"""Seconds of delay that are caught up with; more than that is forgotten, so that no burst follows a long wait."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the answer; texts that follow one another become one part."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Words that are thought, not said."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool; the id is made from how many calls the history has."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The call ends with this error."""

    error: ProviderError


Step = Text | Reasoning | ToolCall | Pause | Fail


@dataclass(frozen=True, slots=True)
class Script:
    """What is played. Without ``words_per_second`` everything between two pauses comes at once."""

    steps: Sequence[Step]
    words_per_second: float | None = None


def markdown(text: str) -> Text:
    """A block of Markdown, with the blank line that ends it."""
    return Text(text.strip("\n") + "\n\n")


def code(language: str, source: str) -> Text:
    """A fenced block of code."""
    return Text(f"```{language}\n{source.strip(chr(10))}\n```\n\n")


class Scripted:
    """A ``Provider`` that plays what ``script`` gives for a request; it must depend on the request alone."""

    continues: Literal["prefill", "instruction"] = "prefill"

    def __init__(self, name: str, world: World, script: Script | Callable[[ModelRequest], Script]) -> None:
        self.name = name
        self._world = world
        self._script = script

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See ``protocol.Provider.stream``. ``partial`` must be a beginning of the script's own text."""
        script = self._script if isinstance(self._script, Script) else self._script(request)
        world, pace = self._world, script.words_per_second
        batch: list[Event] = []
        due = world.monotonic()
        for item in _play(remaining(script.steps, request.partial), request):
            if isinstance(item, Pause | Fail):
                if batch:
                    yield batch
                    batch = []
                if isinstance(item, Fail):
                    raise item.error
                await world.sleep(item.seconds)
                continue
            batch.append(item)
            if len(batch) >= _LARGEST_BATCH:
                yield batch
                batch = []
            if pace and item["type"].endswith("-delta"):
                due = max(due + 1 / pace, world.monotonic() - _PATIENCE)
                wait = due - world.monotonic()
                if wait > 0:
                    if batch:
                        yield batch
                        batch = []
                    await world.sleep(wait)
        yield batch

    async def cancel(self, kept: str) -> None:
        """See ``protocol.Provider.cancel``: nothing is kept."""


def remaining(steps: Sequence[Step], partial: str) -> Sequence[Step]:
    """What of a script comes after the text ``partial``. Raises ``ProviderError`` where it is not the script's."""
    rest = partial
    for at, step in enumerate(steps):
        if not rest:
            return steps[at:]
        if not isinstance(step, Text):
            continue
        if rest.startswith(step.text):
            rest = rest[len(step.text) :]
        elif step.text.startswith(rest):
            return [Text(step.text[len(rest) :]), *steps[at + 1 :]]
        else:
            break
    if rest:
        raise ProviderError("This text cannot be continued: it is not of this script.")
    return []


def _play(steps: Sequence[Step], request: ModelRequest) -> Iterator[Event | Pause | Fail]:
    """The script as events, ``finish-step`` last, with its pauses and failures between."""
    number, opened, words, called = request.first_part, "", 0, 0
    calls_before = sum(is_tool(part) for message in request.messages for part in message.parts)
    for step in steps:
        if isinstance(step, Pause | Fail):
            yield step
            continue
        kind = "text" if isinstance(step, Text) else "reasoning" if isinstance(step, Reasoning) else ""
        if opened and opened != kind:
            yield {"type": f"{opened}-end", "id": f"p{number}"}
            number, opened = number + 1, ""
        if isinstance(step, ToolCall):
            yield from _call(step, f"call_{calls_before + called}")
            called += 1
            continue
        if kind and not opened:
            yield {"type": f"{kind}-start", "id": f"p{number}"}
            opened = kind
        for word in _WORDS.findall(step.text):
            words += 1
            yield {"type": f"{kind}-delta", "id": f"p{number}", "delta": word}
    if opened:
        yield {"type": f"{opened}-end", "id": f"p{number}"}
    yield events.finish_step("tool-calls" if called else "stop", _usage(request, words))


def _call(step: ToolCall, call: str) -> Iterator[Event]:
    yield events.tool_input_start(call, step.name)
    text = orjson.dumps(step.arguments).decode()
    if step.arguments:
        half = len(text) // 2
        yield events.tool_input_delta(call, text[:half])
        yield events.tool_input_delta(call, text[half:])
    yield events.tool_input_available(call, step.name, step.arguments)


def _usage(request: ModelRequest, words: int) -> Usage:
    """A script has no tokens: each word counts as one."""
    read = len((request.settings.system or "").split())
    read += sum(len(text_of(message.parts).split()) for message in request.messages) + len(request.partial.split())
    return {"inputTokens": read, "outputTokens": words, "totalTokens": read + words}
