"""Reads what a provider's own list says of a model; each has a spelling of its own, and many say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from threadline.domain.facts import Capabilities, Known, Tariff
from threadline.domain.prices import Price

PROVIDER: Final = "provider"
"""The source of what a provider says itself."""
_CONTEXT: Final = ("context_length", "context_window", "max_context_length", "max_input_tokens", "inputTokenLimit")
_OUTPUT: Final = ("max_completion_tokens", "outputTokenLimit", "max_output_tokens")
_LONGEST_NAME: Final = 200
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d$")
_MILLIONTHS_A_MILLION: Final = 10**12


def listed(row: Mapping[str, Any], *, priced: bool) -> Known | None:
    """A model out of a list; None where it has no name, or one that is too long, is switched off, or answers in no
    words. ``priced``: its prices are read, too, in dollars for a token."""
    name = row.get("id", row.get("name"))
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _writes(row):
        return None
    price = _price(_table(row.get("pricing"))) if priced else None
    retires = row.get("shutdown_date")
    return Known(
        name.removeprefix("models/"),
        _capabilities(row),
        _length(row.get(key) for key in _CONTEXT),
        _output(row),
        () if price is None else (Tariff(price),),
        retires if isinstance(retires, str) and _DAY.match(retires) else None,
        PROVIDER if price is not None else None,
    )


def shown(name: str, said: Any) -> Known | None:
    """One of Ollama's models, by what it shows of it; None where it answers in no words."""
    told = said.get("capabilities") if isinstance(said, dict) else None
    if not isinstance(told, list):
        return Known(name)
    if "embedding" in told and "completion" not in told:
        return None
    facts = _table(said.get("model_info"))
    length = _length(value for key, value in facts.items() if key.endswith(".context_length"))
    can = Capabilities(tools="tools" in told, reasoning="thinking" in told, vision="vision" in told)
    return Known(name, can, length)


def _writes(row: Mapping[str, Any]) -> bool:
    does = row.get("supportedGenerationMethods")
    gives = _table(row.get("architecture")).get("output_modalities")
    return (
        not (isinstance(does, list) and "generateContent" not in does)
        and not (isinstance(gives, list) and "text" not in gives)
        and _table(row.get("capabilities")).get("completion_chat") is not False
        and row.get("active") is not False
    )


def _capabilities(row: Mapping[str, Any]) -> Capabilities:
    takes, can = row.get("supported_parameters"), _table(row.get("capabilities"))
    reads = _table(row.get("architecture")).get("input_modalities")
    tools = reasoning = structured = vision = files = audio = None
    if isinstance(takes, list):
        tools, reasoning, structured = "tools" in takes, "reasoning" in takes, "structured_outputs" in takes
    if isinstance(reads, list):
        vision, files, audio = "image" in reads, "file" in reads, "audio" in reads
    return Capabilities(
        tools=_flag(can.get("function_calling"), tools),
        reasoning=_flag(row.get("thinking"), _flag(can.get("reasoning"), _flag(can.get("thinking"), reasoning))),
        vision=_flag(can.get("vision"), _flag(can.get("image_input"), vision)),
        files=_flag(can.get("pdf_input"), files),
        audio=_flag(can.get("audio"), audio),
        structured=_flag(can.get("structured_outputs"), structured),
    )


def _output(row: Mapping[str, Any]) -> int | None:
    """Where a list has ``max_input_tokens``, its ``max_tokens`` is of the output; elsewhere it may mean anything."""
    own = [row.get(key) for key in _OUTPUT]
    beside = row.get("max_tokens") if "max_input_tokens" in row else None
    return _length([*own, _table(row.get("top_provider")).get("max_completion_tokens"), beside])


def _price(pricing: Mapping[str, Any]) -> Price | None:
    """None where a part of what has to be paid is not told, or is paid by the call."""
    given, written = _millionths(pricing.get("prompt")), _millionths(pricing.get("completion"))
    if given is None or written is None or _millionths(pricing.get("request", "0")) != 0:
        return None
    return Price(
        given,
        written,
        _millionths(pricing.get("input_cache_read")),
        _millionths(pricing.get("input_cache_write")),
    )


def _millionths(dollars: Any) -> int | None:
    """Millionths of a dollar for a million tokens, out of dollars for one."""
    try:
        found = Decimal(dollars) if isinstance(dollars, str) else None
    except InvalidOperation:
        return None
    if found is None or not found.is_finite() or not 0 <= found < 1:
        return None
    return round(found * _MILLIONTHS_A_MILLION)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _flag(value: Any, usual: bool | None) -> bool | None:
    """Yes or no, plain or as ``{supported}``."""
    told = value.get("supported") if isinstance(value, dict) else value
    return told if isinstance(told, bool) else usual


def _length(values: Iterable[Any]) -> int | None:
    """The first of them that is a number of tokens."""
    return next((value for value in values if type(value) is int and value > 0), None)
