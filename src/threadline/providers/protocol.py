"""The one promise of every provider: a request goes in, events come out in the batches in which bytes arrive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from threadline.domain.events import Event
from threadline.domain.messages import Message


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it; ``parameters`` is a JSON schema of an object, to which a ``strict`` model
    holds."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How to answer; None leaves the choice to the provider. ``max_tokens`` counts output tokens.

    ``tool_choice`` is auto, none, required or the one tool ``{"name"}``. ``response_format`` is of the ``type``
    json_object or json_schema, the latter with ``name``, ``schema`` and perhaps ``strict`` and ``description``.
    ``web_search``: the provider may search the web by itself, where the model can. ``sampling`` has any of top_p, stop,
    seed, presence_penalty, frequency_penalty, logit_bias and verbosity.
    """

    max_tokens: int | None = 4000
    temperature: float | None = 0.7
    system: str | None = None
    reasoning_effort: str | None = None
    tool_choice: str | dict[str, str] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    web_search: bool | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that its provider keeps under its own ``id``. ``said`` are the events of it that are in the log, in
    their order: those of one call of the model, without ``start-step``, and without what is not the model's."""

    id: str
    said: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model. ``model`` is the provider's own name for it.

    ``partial`` is the text of an answer that was cut and is to be continued right after its last character; the
    provider's ``continues`` says how it does that. ``first_part`` is the number that the first part's id gets
    (``p{number}``, then counting up), so that ids stay unique within a message. ``kept``: nothing is to be generated,
    but the answer that the provider has begun already is gone on with, after what was said of it.
    """

    model: str
    messages: Sequence[Message]
    settings: ModelSettings = ModelSettings()
    tools: Sequence[ToolSpec] = ()
    partial: str = ""
    first_part: int = 0
    kept: Kept | None = None


class Provider(Protocol):
    """One provider with its address and key."""

    name: str
    continues: Literal["prefill", "instruction"]
    """How a cut text goes on: the model is given its own beginning, or is told to go on from it."""

    def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """Call the model. Batches are not empty and come as soon as their bytes do.

        Events are the vocabulary of ``threadline.domain.events``: parts (text, reasoning, tool input, source, file),
        each closed before another of its kind opens, and last of all exactly one ``finish-step`` with the reason and,
        where the provider told it, the usage. A tool call is always ``tool-input-start``, its deltas, then
        ``tool-input-available``, or ``tool-input-error`` where the arguments are no JSON object.

        One that keeps its answers (see :class:`Kept`) tells the id first of all, by ``data-provider-run``.

        Raises ``ProviderError`` with the provider's own message, at any point. Nothing is retried here. Closing the
        iterator (``contextlib.aclosing``) ends the call at once; an answer that is kept goes on at the provider.
        """
        ...

    async def cancel(self, kept: str) -> None:
        """End an answer that the provider keeps under that id, as far as it can be reached. Raises nothing."""
        ...
