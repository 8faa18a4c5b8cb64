"""Writes a request as the body of a call of the Responses API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from threadline.domain.catalog import KINDS, Kind, ProviderConfig, is_reasoning_model
from threadline.providers.history import CONTINUE
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec
from threadline.providers.responses.decode import Decoder
from threadline.providers.responses.history import input_of

_FEWEST_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider wants otherwise than the others; see ``catalog.ProviderConfig`` and ``catalog.Kind``.

    ``family``: under which name metadata is kept that only the same provider understands.
    """

    family: str = "openai"
    openai: bool = False
    """OpenAI itself, whose reasoning models refuse a temperature, and whose other models refuse to reason."""
    background: bool = False
    """The provider is to go on with an answer whose connection is lost, and keeps it; without it, it keeps nothing."""

    searches: bool = False
    """Its models can search the web."""

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``; an assistant message that comes last is answered, not gone on with."""
        return "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        return "/responses"

    def kept_path(self, theirs: str) -> str:
        """See ``remote.Dialect``."""
        return f"/responses/{quote(theirs, safe='')}"

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """See :func:`encode`."""
        return encode(request, self)

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """See ``remote.Dialect``."""
        return Decoder(title, first_part=request.first_part, messages=request.messages, family=self.family)


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks. What a provider encrypted it can read itself, and so a server at
    an address of its own is a family of its own."""
    kind = KINDS.get(config.kind, Kind(config.kind))
    usual = kind.base_url is not None and config.base_url in (None, kind.base_url)
    family = config.kind if usual else config.name
    return Dialect(family=family, openai=config.kind == "openai", background=config.background, searches=usual)


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it."""
    settings = request.settings
    items: list[dict[str, Any]] = []
    if settings.system:
        items.append({"role": "system", "content": settings.system})
    items += input_of(request.messages, dialect.family)
    if request.partial:
        _continue(request.partial, items)
    body: dict[str, Any] = {"model": request.model, "input": items, "stream": True, "store": dialect.background}
    if dialect.background:
        body["background"] = True
    reasons = is_reasoning_model(request.model)
    if reasons or not dialect.openai:
        body["include"] = ["reasoning.encrypted_content"]
        if settings.reasoning_effort is not None:
            body["reasoning"] = {"effort": settings.reasoning_effort}
    tools = [_tool(tool) for tool in request.tools]
    if settings.web_search and dialect.searches:
        tools.append({"type": "web_search"})
    if tools:
        body["tools"] = tools
        _choose(settings, body)
    if settings.response_format is not None:
        body["text"] = {"format": settings.response_format}
    if settings.max_tokens is not None:
        body["max_output_tokens"] = max(settings.max_tokens, _FEWEST_TOKENS)
    if not (dialect.openai and reasons) or settings.reasoning_effort == "none":
        chosen = {"temperature": settings.temperature, "top_p": settings.sampling.get("top_p")}
        body.update({name: value for name, value in chosen.items() if value is not None})
    return body


def _continue(partial: str, items: list[dict[str, Any]]) -> None:
    """Let the model go on from ``partial``."""
    last = items[-1] if items else {}
    if last.get("role") == "assistant":
        last["content"] += partial
    else:
        items.append({"role": "assistant", "content": partial})
    items.append({"role": "user", "content": CONTINUE})


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
