"""Writes a request as the body of a call of the Responses API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from threadline.domain.catalog import KINDS, Kind, ProviderConfig
from threadline.domain.events import Event
from threadline.providers.history import CONTINUE
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec
from threadline.providers.responses.decode import Decoder
from threadline.providers.responses.history import input_of
from threadline.providers.responses.reattach import Reattached

_REASONS: Final = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex)")
_DOES_NOT: Final = re.compile(r"(?:ft:)?gpt-5-chat")
_FEWEST_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider wants otherwise than the others; see ``catalog.ProviderConfig`` and ``catalog.Kind``.

    ``family``: under which name metadata is kept that only the same provider understands. ``summary``: how much is
    told of a model's reasoning where the provider does not tell it by itself. ``keeps``: the provider is to go on with
    an answer whose connection is lost, and keeps it; without it, it keeps nothing.
    """

    family: str = "openai"
    openai: bool = False
    """OpenAI itself, whose reasoning models refuse a temperature, and whose other models refuse to reason."""
    summary: Literal["auto", "concise", "detailed"] | None = None
    keeps: bool = False

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``; an assistant message that comes last is answered, not gone on with."""
        return "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        return "/responses"

    def kept_path(self, run: str, after: int | None = None, *, stream: bool = True) -> str:
        """Where an answer is that the provider keeps under its own id ``run``: all of its events, or those after the
        number ``after``; without ``stream`` what there is of it, as one object."""
        path = f"/responses/{quote(run, safe='')}"
        if not stream:
            return path
        return f"{path}?stream=true" if after is None else f"{path}?stream=true&starting_after={after}"

    def cancel_path(self, run: str) -> str:
        """Where a POST ends an answer that the provider would go on with, whoever listens."""
        return f"/responses/{quote(run, safe='')}/cancel"

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """See :func:`encode`."""
        return encode(request, self)

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """See ``remote.Dialect``."""
        return Decoder(title, first_part=request.first_part, messages=request.messages, family=self.family)

    def reattached(self, title: str, request: ModelRequest, said: Sequence[Event]) -> Reattached:
        """A decoder for the answer to that request which the provider kept, and of which ``said`` is in the log."""
        return Reattached(
            title, said=said, first_part=request.first_part, messages=request.messages, family=self.family
        )


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks. What a provider encrypted it can read itself, and so a server at
    an address of its own is a family of its own."""
    kind = KINDS.get(config.kind, Kind(config.kind))
    usual = kind.base_url is not None and config.base_url in (None, kind.base_url)
    return Dialect(family=config.kind if usual else config.name, openai=config.kind == "openai")


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it."""
    settings = request.settings
    items: list[dict[str, Any]] = []
    if settings.system:
        items.append({"role": "system", "content": settings.system})
    items += input_of(request.messages, dialect.family)
    if request.partial:
        _continue(request.partial, items)
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True, "store": dialect.keeps}
    if dialect.keeps:
        body["background"] = True
    reasons = is_reasoning_model(request.model)
    if reasons or not dialect.openai:
        body["include"] = ["reasoning.encrypted_content"]
        _reason(settings, dialect, body)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        _choose(settings, body)
    if settings.response_format is not None:
        body["text"] = {"format": settings.response_format}
    if settings.max_tokens is not None:
        body["max_output_tokens"] = max(settings.max_tokens, _FEWEST_TOKENS)
    if not (dialect.openai and reasons) or settings.reasoning_effort == "none":
        chosen = {"temperature": settings.temperature, "top_p": settings.sampling.get("top_p")}
        body.update({name: value for name, value in chosen.items() if value is not None})
    return body


def is_reasoning_model(name: str) -> bool:
    """Whether OpenAI's model of that name reasons, and so takes an effort and no temperature."""
    return _REASONS.match(name) is not None and _DOES_NOT.match(name) is None


def _continue(partial: str, items: list[dict[str, Any]]) -> None:
    """Let the model go on from ``partial``."""
    last = items[-1] if items else {}
    if last.get("role") == "assistant":
        last["content"] += partial
    else:
        items.append({"role": "assistant", "content": partial})
    items.append({"role": "user", "content": CONTINUE})


def _reason(settings: ModelSettings, dialect: Dialect, body: dict[str, Any]) -> None:
    told = {"effort": settings.reasoning_effort, "summary": dialect.summary}
    reasoning = {name: value for name, value in told.items() if value is not None}
    if reasoning:
        body["reasoning"] = reasoning


def _tool(tool: ToolSpec) -> dict[str, Any]:
    """A function. What is not told to be strict is told not to be: here a tool is strict unless it says otherwise."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),
    }


def _choose(settings: ModelSettings, body: dict[str, Any]) -> None:
    choice = settings.tool_choice
    if isinstance(choice, dict):
        body["tool_choice"] = {"type": "function", **choice}
    elif choice is not None:
        body["tool_choice"] = choice
    if settings.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = settings.parallel_tool_calls
