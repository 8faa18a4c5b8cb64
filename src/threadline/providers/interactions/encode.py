"""Writes a request as the body of a call of the Interactions API.

Built from the API's documentation and the types of Google's own client of November 2026; nothing was called live.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from threadline.domain.catalog import ProviderConfig
from threadline.providers.gemini.schemas import taken
from threadline.providers.gemini.traits import LEVELS, Traits, traits_of
from threadline.providers.history import system_of
from threadline.providers.interactions.decode import Decoder
from threadline.providers.interactions.history import steps_of
from threadline.providers.protocol import ModelRequest, ToolSpec

_EFFORTS: Final = ("minimal", "low", "medium", "high")
_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_MOST_STOPS: Final = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """``family`` is the name under which the provider's signatures are kept: they are proof to nobody else, nor to the
    same provider's other API, as far as is told."""

    family: str = "google-interactions"
    background: bool = False

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``."""
        return "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        return "/interactions"

    def kept_path(self, theirs: str) -> str:
        """See ``remote.Keeping``."""
        return f"/interactions/{quote(theirs, safe='')}"

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """See :func:`encode`."""
        return encode(request, self)

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """See ``remote.Dialect``."""
        return Decoder(
            title,
            first_part=request.first_part,
            messages=request.messages,
            family=self.family,
            keeps=self.background,
        )


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks."""
    return Dialect(f"{config.name}-interactions", config.background)


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it. The whole history goes along: nothing rests on what the
    provider keeps, but the answer that is under way."""
    settings, traits = request.settings, traits_of(request.model)
    body: dict[str, Any] = {
        "model": request.model.removeprefix("models/"),
        "input": steps_of(request.messages, dialect.family, request.partial),
        "stream": True,
        "store": dialect.background,
    }
    if dialect.background:
        body["background"] = True
    system = [text for text in (settings.system,) if text and text.strip()] + system_of(request.messages)
    if system:
        body["system_instruction"] = "\n\n".join(system)
    tools = [_tool(tool) for tool in request.tools if traits.both or not settings.web_search]
    if settings.web_search:
        tools.append({"type": "google_search"})
    if tools:
        body["tools"] = tools
    config = _config(request, traits)
    if config:
        body["generation_config"] = config
    wanted = settings.response_format
    # A model that is held to a form writes the whole of it, and cannot go on in the middle.
    if wanted is not None and not request.partial:
        schema = {"schema": taken(wanted["schema"])} if wanted["type"] == "json_schema" else {}
        body["response_format"] = {"type": "text", "mime_type": "application/json", **schema}
    return body


def _config(request: ModelRequest, traits: Traits) -> dict[str, Any]:
    """Limits, sampling and thinking, as far as the model takes them."""
    settings = request.settings
    config: dict[str, Any] = {}
    if settings.max_tokens is not None:
        config["max_output_tokens"] = settings.max_tokens
    if settings.temperature is not None and traits.sampling:
        config["temperature"] = settings.temperature
    for name in ("top_p", "seed") if traits.sampling else ("seed",):
        if settings.sampling.get(name) is not None:
            config[name] = settings.sampling[name]
    stop = settings.sampling.get("stop")
    stops = [text for text in ([stop] if isinstance(stop, str) else stop or ()) if text]
    if stops:
        config["stop_sequences"] = stops[:_MOST_STOPS]
    if traits.thinking is not None:
        config |= _thinking(settings.reasoning_effort, traits)
    choice = settings.tool_choice
    if request.tools and choice is not None:
        config["tool_choice"] = _choice(choice)
    return config


def _thinking(effort: str | None, traits: Traits) -> dict[str, str]:
    """How much the model is to think, and that it tells of it; of two levels as near the lower."""
    if effort is None:
        return {"thinking_summaries": "auto"}
    wanted = 0 if effort == "none" else _EFFORTS.index(effort) if effort in _EFFORTS else len(LEVELS) - 1
    level = min(traits.levels, key=lambda one: abs(LEVELS.index(one) - wanted))
    return {"thinking_level": level.lower(), "thinking_summaries": "none" if effort == "none" else "auto"}


def _choice(choice: str | dict[str, str]) -> Any:
    if isinstance(choice, dict):
        return {"allowed_tools": {"mode": "any", "tools": [choice["name"]]}}
    return _CHOICES.get(str(choice), "auto")


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": taken({"type": "object", **tool.parameters}),
    }
