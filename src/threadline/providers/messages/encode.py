"""Writes a request as the body of a call of Anthropic's ``/messages``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from threadline.domain.catalog import KINDS, Kind, ProviderConfig
from threadline.providers.history import ANSWER, BEGUN, CONTINUE, system_of
from threadline.providers.messages.decode import Decoder
from threadline.providers.messages.history import FAMILY, THOUGHTS, messages_of, put
from threadline.providers.messages.schemas import held
from threadline.providers.messages.traits import Traits, traits_of
from threadline.providers.protocol import ModelRequest, ModelSettings, ToolSpec

_BINDING: Final = "thinking-binding-controls-2026-08-01"
_USUAL_LIMIT: Final = 4096
_BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 10_000, "high": 16_384, "xhigh": 32_768}
_LEAST_BUDGET: Final = 1024
_LEAST_TOP_P: Final = 0.95


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider wants otherwise than the others.

    ``origin`` marks the signatures of one that is not Anthropic itself: they are proof to nobody else. ``prefill``: it
    is set up to go on from an assistant message that comes last. ``binding``: a header asks for the control of what
    becomes of reasoning whose conversation has changed before it.
    """

    origin: str | None = None
    prefill: bool = False
    binding: bool = False

    @property
    def continues(self) -> Literal["prefill", "instruction"]:
        """See ``protocol.Provider``. Of Anthropic's own models none since Claude 4.6 takes a prefill."""
        return "prefill" if self.prefill else "instruction"

    def path(self, request: ModelRequest) -> str:
        """See ``remote.Dialect``."""
        return "/messages"

    def encode(self, request: ModelRequest) -> dict[str, Any]:
        """See :func:`encode`."""
        return encode(request, self)

    def decoder(self, title: str, request: ModelRequest) -> Decoder:
        """See ``remote.Dialect``."""
        return Decoder(title, first_part=request.first_part, messages=request.messages, origin=self.origin)


def dialect_of(config: ProviderConfig) -> Dialect:
    """The dialect that a configured provider speaks."""
    itself = config.name == FAMILY or config.address == KINDS["anthropic"].base_url
    headers = {**KINDS.get(config.kind, Kind(config.kind)).headers, **config.headers}
    betas = [value for name, value in headers.items() if name.lower() == "anthropic-beta"]
    return Dialect(
        origin=None if itself else config.name,
        prefill=config.prefill,
        binding=any(_BINDING in value for value in betas),
    )


def encode(request: ModelRequest, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The JSON body; ``orjson.dumps`` makes the bytes of it."""
    settings, traits = request.settings, traits_of(request.model)
    tools = [_tool(tool, traits) for tool in request.tools]
    if settings.web_search:
        tools.append({"type": "web_search_20250305", "name": "web_search"})
    choice = _choice(settings, traits) if tools else None
    limit = _limit(settings.max_tokens, traits)
    prefill = bool(request.partial) and _prefills(request.partial, dialect, traits)
    forced = choice is not None and choice["type"] in ("any", "tool")
    thinking = None if prefill else _thinking(settings.reasoning_effort, limit, traits, forced=forced)
    if thinking and traits.bound and thinking["type"] == "adaptive" and dialect.binding:
        thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    quiet = thinking is not None and thinking["type"] in ("disabled", "between_tools")
    messages = messages_of(
        request.messages,
        origin=dialect.origin,
        reasoning=not quiet,
        # Without that control, reasoning is bound to a beginning that the next turn may not have any more: other
        # instructions, other tools, or a history that is cut at its older end.
        past=not traits.bound or dialect.binding,
    )
    _go_on(request.partial, messages, prefill=prefill)
    if thinking and thinking["type"] == "enabled" and not _may_think(messages):
        thinking = None
    body: dict[str, Any] = {"model": request.model, "max_tokens": limit, "messages": messages, "stream": True}
    system = "\n\n".join([text for text in (settings.system,) if text and text.strip()] + system_of(request.messages))
    if system:
        body["system"] = system
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    if thinking is not None:
        body["thinking"] = thinking
    _set(body, request, traits, thinks=thinking is not None and not quiet)
    return body


def _limit(wanted: int | None, traits: Traits) -> int:
    """The limit of the output, which every request has to name, and which is refused above the model's own."""
    if wanted is None:
        return traits.most or _USUAL_LIMIT
    return min(wanted, traits.most) if traits.most else wanted


def _set(body: dict[str, Any], request: ModelRequest, traits: Traits, *, thinks: bool) -> None:
    """Effort, form and sampling, as far as the model takes them."""
    settings = request.settings
    output: dict[str, Any] = {}
    effort = _effort(settings.reasoning_effort, traits)
    if effort and traits.thinking == "adaptive":
        output["effort"] = effort
    wanted = settings.response_format
    # A model that is held to a schema writes the whole of it, and cannot go on in the middle.
    if wanted is not None and wanted["type"] == "json_schema" and traits.schemas and not request.partial:
        output["format"] = {"type": "json_schema", "schema": held(wanted["schema"])}
    if output:
        body["output_config"] = output
    stop = settings.sampling.get("stop")
    stops = [text for text in ([stop] if isinstance(stop, str) else stop or ()) if text.strip()]
    if stops:
        body["stop_sequences"] = stops
    if not traits.sampling:
        return
    top_p = settings.sampling.get("top_p")
    if top_p is not None and (not thinks or top_p >= _LEAST_TOP_P):
        body["top_p"] = top_p
    if settings.temperature is not None and not thinks and (traits.pair or "top_p" not in body):
        body["temperature"] = min(settings.temperature, 1.0)


def _tool(tool: ToolSpec, traits: Traits) -> dict[str, Any]:
    strict = bool(tool.strict) and traits.schemas
    schema = {"type": "object", **tool.parameters}
    found: dict[str, Any] = {"name": tool.name, "input_schema": held(schema) if strict else schema}
    if tool.description:
        found["description"] = tool.description
    return {**found, "strict": True} if strict else found


def _choice(settings: ModelSettings, traits: Traits) -> dict[str, Any] | None:
    """How tools are to be used; a model that cannot be made to call one may call it."""
    choice = settings.tool_choice
    single = settings.parallel_tool_calls is False
    if choice is None and not single:
        return None
    found: dict[str, Any] = {"type": "auto"}
    if choice == "none":
        return {"type": "none"}
    if traits.forced and isinstance(choice, dict):
        found = {"type": "tool", "name": choice["name"]}
    elif traits.forced and choice == "required":
        found = {"type": "any"}
    return {**found, "disable_parallel_tool_use": True} if single else found


def _thinking(effort: str | None, limit: int, traits: Traits, *, forced: bool) -> dict[str, Any] | None:
    """How the model is to think; None where nothing has to be said of it."""
    if effort == "none" and traits.off in ("disabled", "between_tools"):
        return {"type": traits.off}
    if traits.thinking == "adaptive":
        if not traits.asks and effort in (None, "none"):
            return None
        return {"type": "adaptive", "display": "summarized"} if traits.hides else {"type": "adaptive"}
    # Half of the limit, which counts the thinking too, is for the answer itself.
    budget = min(_BUDGETS.get(effort or "", 0), limit // 2)
    if traits.thinking is None or budget < _LEAST_BUDGET or forced:
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _effort(effort: str | None, traits: Traits) -> str | None:
    """The provider's word for an effort; the nearest one where it has none of that name."""
    if effort == "minimal" or (effort == "none" and traits.off == "never"):
        return "low"
    if effort == "xhigh":
        return traits.efforts[-1]
    return effort if effort in traits.efforts else None


def _may_think(messages: list[dict[str, Any]]) -> bool:
    """Whether a model with a budget may think now: in the middle of a turn, only if the turn began with thinking."""
    first = None
    for message in reversed(messages):
        block = message["content"][0]
        if message["role"] == "assistant":
            first = block
        elif block["type"] != "tool_result":
            break
    return first is None or first["type"] in THOUGHTS


def _prefills(partial: str, dialect: Dialect, traits: Traits) -> bool:
    """Whether the model can be given its own beginning; the provider refuses one that ends in white space."""
    return dialect.prefill and traits.prefill and partial == partial.rstrip()


def _go_on(partial: str, messages: list[dict[str, Any]], *, prefill: bool) -> None:
    """Let the model go on from ``partial``, or at least answer a user, who also has the first word."""
    if partial.strip():
        last = messages[-1] if messages else {}
        if last.get("role") == "assistant" and last["content"][-1]["type"] == "text":
            last["content"][-1] = {"type": "text", "text": last["content"][-1]["text"] + partial}
        else:
            put(messages, "assistant", [{"type": "text", "text": partial}])
        if not prefill:
            put(messages, "user", [{"type": "text", "text": CONTINUE}])
    elif not messages or messages[-1]["role"] == "assistant":
        put(messages, "user", [{"type": "text", "text": ANSWER}])
    if messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": [{"type": "text", "text": BEGUN}]})
