"""Writes a request as the body of an OpenAI-compatible ``/chat/completions`` call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from threadline.domain.catalog import KINDS, Kind, ProviderConfig, is_reasoning_model
from threadline.providers.completions.decode import Decoder
from threadline.providers.completions.history import messages_of
from threadline.providers.history import CONTINUE
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider wants otherwise than the others; see ``catalog.ProviderConfig`` and ``catalog.Kind``."""

    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    openai: bool = False
    """OpenAI itself, whose reasoning models refuse a temperature, and whose other models refuse a reasoning effort."""
    prefill: bool = False
    prefill_body: Mapping[str, Any] = field(default_factory=dict)
    prefill_message: Mapping[str, Any] = field(default_factory=dict)
    reasoning_field: str | None = None
    think_tags: bool = True
    usage: bool = True

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``."""
        return "prefill" if self.prefill else "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        return "/chat/completions"

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """See :func:`encode`."""
        return encode(request, self)

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """See ``remote.Dialect``."""
        return Decoder(
            title,
            first_part=request.first_part,
            messages=request.messages,
            partial=request.partial,
            think_tags=self.think_tags,
        )


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks."""
    kind = KINDS.get(config.kind, Kind(config.kind))
    return Dialect(
        token_limit=kind.token_limit,
        openai=config.kind == "openai",
        prefill=config.prefill,
        prefill_body=config.prefill_body,
        prefill_message=config.prefill_message,
        reasoning_field=kind.reasoning_field,
        think_tags=kind.think_tags,
        usage=config.usage,
    )


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it."""
    settings = request.settings
    messages: list[dict[str, Any]] = []
    if settings.system:
        messages.append({"role": "system", "content": settings.system})
    messages += messages_of(request.messages, reasoning_field=dialect.reasoning_field)
    body: dict[str, Any] = {"model": request.model, "messages": messages, "stream": True}
    if dialect.usage:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        _choose(settings, body)
    if settings.response_format is not None:
        body["response_format"] = _format(settings.response_format)
    body.update(settings.sampling)
    if settings.max_tokens is not None:
        body[dialect.token_limit] = settings.max_tokens
    reasons = dialect.openai and is_reasoning_model(request.model)
    if settings.temperature is not None and not reasons:
        body["temperature"] = settings.temperature
    if settings.reasoning_effort is not None and (reasons or not dialect.openai):
        body["reasoning_effort"] = settings.reasoning_effort
    if request.partial:
        _continue(request.partial, dialect, messages, body)
    return body


def _continue(partial: str, dialect: Dialect, messages: list[dict[str, Any]], body: dict[str, Any]) -> None:
    """Let the model go on from ``partial``, in the dialect's way."""
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not last.get("tool_calls"):
        last["content"] += partial
    else:
        last = {"role": "assistant", "content": partial}
        messages.append(last)
    if dialect.prefill:
        last.update(dialect.prefill_message)
        body.update(dialect.prefill_body)
    else:
        messages.append({"role": "user", "content": CONTINUE})


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choose(settings: ModelSettings, body: dict[str, Any]) -> None:
    choice = settings.tool_choice
    if isinstance(choice, dict):
        body["tool_choice"] = {"type": "function", "function": choice}
    elif choice is not None:
        body["tool_choice"] = choice
    if settings.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = settings.parallel_tool_calls


def _format(wanted: dict[str, Any]) -> dict[str, Any]:
    if wanted["type"] != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {key: value for key, value in wanted.items() if key != "type"}}
