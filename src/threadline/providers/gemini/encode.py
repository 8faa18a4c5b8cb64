"""Writes a request as the body of a call of the Gemini API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from threadline.domain.catalog import ProviderConfig
from threadline.providers.gemini.decode import Decoder
from threadline.providers.gemini.history import contents_of, finished, put
from threadline.providers.gemini.schemas import taken
from threadline.providers.gemini.traits import LEVELS, Traits, traits_of
from threadline.providers.history import CONTINUE, system_of
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec

_PLACE: Final = re.compile(r"(models|tunedModels)/([^/]+)")
_BUDGETS: Final = {"minimal": 128, "low": 2048, "medium": 8192, "high": 24_576, "xhigh": 24_576}
_EFFORTS: Final = ("minimal", "low", "medium", "high")
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_SAMPLING: Final = {"top_p": "topP", "seed": "seed"}
_PENALTIES: Final = {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty"}
_MOST_STOPS: Final = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider wants otherwise than the others.

    ``family`` is the name under which its signatures are kept: they are proof to nobody else. ``prefill``: it is set up
    to go on from an answer that comes last.
    """

    family: str = "google"
    prefill: bool = False

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``. Of Google's own models none since Gemini 3.6 takes a prefill."""
        return "prefill" if self.prefill else "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        found = _PLACE.fullmatch(request.model)
        place, name = found.groups() if found else ("models", request.model)
        return f"/{place}/{quote(name, safe='')}:streamGenerateContent?alt=sse"

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
            joined=bool(request.partial),
        )


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks."""
    return Dialect(family="google" if config.kind == "google" else config.name, prefill=config.prefill)


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it."""
    settings, traits = request.settings, traits_of(request.model)
    contents = contents_of(request.messages, traits, family=dialect.family)
    prefill = bool(request.partial) and dialect.prefill and traits.prefill
    if request.partial:
        _go_on(request.partial, contents, prefill=prefill)
    finished(contents, prefill=prefill)
    system = [text for text in (settings.system,) if text and text.strip()] + system_of(request.messages)
    body: dict[str, Any] = {"contents": contents}
    if system and traits.system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
    elif system:
        contents[0]["parts"][:0] = [{"text": text} for text in system]
    _offer(request, traits, body)
    config = _config(request, traits)
    if config:
        body["generationConfig"] = config
    return body


def _offer(request: ModelRequest, traits: Traits, body: dict[str, Any]) -> None:
    """The tools: ours, the provider's own search, and both where the model takes them together."""
    searches = bool(request.settings.web_search)
    ours = request.tools if traits.both or not searches else ()
    tools: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    if ours:
        tools.append({"functionDeclarations": [_tool(tool) for tool in ours]})
        calling = _calling(request.settings, ours)
        if calling:
            config["functionCallingConfig"] = calling
    if searches:
        tools.append({"googleSearch": {}})
        if traits.both:
            config["includeServerSideToolInvocations"] = True
    if tools:
        body["tools"] = tools
    if config:
        body["toolConfig"] = config


def _config(request: ModelRequest, traits: Traits) -> dict[str, Any]:
    """Limits, sampling, thinking and form, as far as the model takes them."""
    settings = request.settings
    config: dict[str, Any] = {}
    if settings.max_tokens is not None:
        config["maxOutputTokens"] = settings.max_tokens
    if settings.temperature is not None and traits.sampling:
        config["temperature"] = settings.temperature
    names = {**_SAMPLING, **(_PENALTIES if traits.penalties else {})}
    if not traits.sampling:
        del names["top_p"]
    for name, theirs in names.items():
        if settings.sampling.get(name) is not None:
            config[theirs] = settings.sampling[name]
    stop = settings.sampling.get("stop")
    stops = [text for text in ([stop] if isinstance(stop, str) else stop or ()) if text]
    if stops:
        config["stopSequences"] = stops[:_MOST_STOPS]
    thinking = _thinking(settings, traits)
    if thinking:
        config["thinkingConfig"] = thinking
    wanted = settings.response_format
    # A model that is held to a form writes the whole of it, and cannot go on in the middle.
    if wanted is not None and not request.partial and (traits.both or not request.tools):
        config["responseMimeType"] = "application/json"
        if wanted["type"] == "json_schema":
            schema = taken(wanted["schema"])
            about = wanted.get("description")
            config["responseJsonSchema"] = {"description": about, **schema} if about else schema
    return config


def _thinking(settings: ModelSettings, traits: Traits) -> dict[str, Any] | None:
    """How much the model is to think, and that it tells of it; None where it does not think."""
    effort = settings.reasoning_effort
    if traits.thinking is None:
        return None
    if effort == "none":
        return {"thinkingLevel": traits.levels[0]} if traits.thinking == "level" else {"thinkingBudget": traits.off}
    told: dict[str, Any] = {"includeThoughts": True}
    if effort is None:
        return told
    if traits.thinking == "level":
        wanted = _EFFORTS.index(effort) if effort in _EFFORTS else len(LEVELS) - 1
        # The nearest one that the model knows, and of two the lower.
        told["thinkingLevel"] = min(traits.levels, key=lambda level: abs(LEVELS.index(level) - wanted))
        return told
    budget = _BUDGETS.get(effort, _BUDGETS["high"])
    if settings.max_tokens is not None:
        # Half of the limit, which counts the thinking too, is for the answer itself.
        budget = min(budget, settings.max_tokens // 2)
    return {**told, "thinkingBudget": max(budget, traits.least)}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parametersJsonSchema": taken({"type": "object", **tool.parameters}),
    }


def _calling(settings: ModelSettings, tools: Sequence[ToolSpec]) -> dict[str, Any] | None:
    """How tools are to be used. Whether several at once is the model's own choice, whatever was chosen."""
    choice = settings.tool_choice
    if isinstance(choice, dict):
        return {"mode": "ANY", "allowedFunctionNames": [choice["name"]]}
    if choice in (None, "auto") and any(tool.strict for tool in tools):
        return {"mode": "VALIDATED"}
    return None if choice is None else {"mode": _MODES.get(choice, "AUTO")}


def _go_on(partial: str, contents: list[dict[str, Any]], *, prefill: bool) -> None:
    """Let the model go on from ``partial``, the beginning of its answer."""
    last: dict[str, Any] = contents[-1] if contents else {"role": "user"}
    if last["role"] == "model" and last["parts"][-1].keys() == {"text"}:
        last["parts"][-1] = {"text": last["parts"][-1]["text"] + partial}
    else:
        put(contents, "model", [{"text": partial}])
    if not prefill:
        put(contents, "user", [{"text": CONTINUE}])
