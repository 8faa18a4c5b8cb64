"""Writes a conversation and its settings in the words of pydantic-ai."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic_ai import messages as theirs
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from threadline.domain.messages import Message, Part, is_tool, text_of, tool_name
from threadline.providers.history import CONTINUE, arguments_of, as_text, data_of, is_text, result_of, unseen, was_cut
from threadline.providers.protocol import ModelRequest

_SAME: Final = ("top_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias")


def messages_of(request: ModelRequest, family: str) -> list[theirs.ModelMessage]:
    """The history; every call has a result. ``family`` is the name under which the provider's own words are kept."""
    out: list[theirs.ModelMessage] = []
    if request.settings.system:
        out.append(theirs.ModelRequest(parts=[theirs.SystemPromptPart(request.settings.system)]))
    for message in request.messages:
        if message.role == "assistant":
            out += _answer(message, family)
        elif message.role == "user":
            content = [one for part in message.parts if (one := _said(part)) is not None]
            if content:
                out.append(theirs.ModelRequest(parts=[theirs.UserPromptPart(content)]))
        elif text := text_of(message.parts):
            out.append(theirs.ModelRequest(parts=[theirs.SystemPromptPart(text)]))
    if request.partial:
        out.append(theirs.ModelResponse(parts=[theirs.TextPart(request.partial)]))
        out.append(theirs.ModelRequest(parts=[theirs.UserPromptPart(CONTINUE)]))
    return out


def settings_of(request: ModelRequest) -> ModelSettings:
    """What was chosen, and nothing else: what a model does not take is not mentioned to it."""
    chosen, out = request.settings, ModelSettings()
    if chosen.max_tokens is not None:
        out["max_tokens"] = chosen.max_tokens
    if chosen.temperature is not None:
        out["temperature"] = chosen.temperature
    if chosen.parallel_tool_calls is not None and request.tools:
        out["parallel_tool_calls"] = chosen.parallel_tool_calls
    if chosen.tool_choice is not None and request.tools:
        choice: Any = chosen.tool_choice
        out["tool_choice"] = [choice["name"]] if isinstance(choice, dict) else choice
    if chosen.reasoning_effort is not None:
        effort: Any = "xhigh" if chosen.reasoning_effort == "max" else chosen.reasoning_effort
        out["thinking"] = False if effort == "none" else effort
    stop = chosen.sampling.get("stop")
    if stop:
        out["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    out.update({name: chosen.sampling[name] for name in _SAME if chosen.sampling.get(name) is not None})  # type: ignore[typeddict-item]
    return out


def parameters_of(request: ModelRequest) -> ModelRequestParameters:
    """Tools, and the form of the answer."""
    tools = [
        ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json_schema={"type": "object", **tool.parameters},
            strict=tool.strict,
        )
        for tool in request.tools
    ]
    form = request.settings.response_format
    held = None
    if form is not None and form["type"] == "json_schema":
        named = {name: form[name] for name in ("name", "description", "strict") if form.get(name) is not None}
        held = OutputObjectDefinition(json_schema=form["schema"], **named)
    return ModelRequestParameters(
        function_tools=tools,
        native_tools=[WebSearchTool()] if request.settings.web_search else [],
        output_mode="native" if held else "text",
        output_object=held,
    )


def _said(part: Part) -> theirs.UserContent | None:
    if part["type"] == "text":
        return part["text"] or None
    if part["type"] != "file" or not part.get("url"):
        return None
    url, media_type = str(part["url"]), str(part.get("mediaType") or "")
    name = str(part.get("filename") or "file")
    data = data_of(url)
    if data is not None and is_text(media_type):
        return as_text(name, data)
    if data is not None:
        return theirs.BinaryContent(data, media_type=media_type)
    if not url.startswith("https://"):
        return unseen(name, url, media_type)
    kind = theirs.ImageUrl if media_type.startswith("image/") else theirs.DocumentUrl
    return kind(url, media_type=media_type or None)


def _answer(message: Message, family: str) -> Iterator[theirs.ModelMessage]:
    """A response for each call of the model, and the results of its tools."""
    for step in _steps(message.parts):
        parts = [one for part in step if (one := _part(part, family)) is not None]
        results: list[theirs.ModelRequestPart] = [
            theirs.ToolReturnPart(tool_name(part), result_of(part), part["toolCallId"])
            for part in step
            if is_tool(part) and not part.get("providerExecuted")
        ]
        if parts:
            yield theirs.ModelResponse(parts=parts)
        if results:
            yield theirs.ModelRequest(parts=results)


def _steps(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts by the call of the model that gave them: what follows a call of a tool came of another."""
    steps: list[list[Part]] = [[]]
    for part in parts:
        after_call = bool(steps[-1]) and is_tool(steps[-1][-1]) and not is_tool(part)
        if part["type"] == "step-start" or after_call:
            steps.append([])
        if part["type"] != "step-start":
            steps[-1].append(part)
    return steps


def _part(part: Part, family: str) -> theirs.ModelResponsePart | None:
    if part["type"] == "text":
        return theirs.TextPart(part["text"]) if part["text"] else None
    if is_tool(part) and not part.get("providerExecuted"):
        return theirs.ToolCallPart(tool_name(part), arguments_of(part), part["toolCallId"])
    if part["type"] != "reasoning" or was_cut(part):
        return None
    proof = (part.get("providerMetadata") or {}).get(family)
    # Reasoning without a proof of its own is refused by some, and told as text by others.
    if not proof or not proof.get("signature"):
        return None
    return theirs.ThinkingPart(
        part["text"], id=proof.get("id"), signature=proof["signature"], provider_name=proof.get("provider")
    )
