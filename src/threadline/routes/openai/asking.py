"""What a program asks for when it posts to ``/v1/responses``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadline.domain.depth import MAX_DEPTH, shallow
from threadline.domain.errors import BadRequest
from threadline.routes.openai.content import parts_in, text_in
from threadline.routes.openai.fields import Fields
from threadline.routes.openai.tools import choice_in, format_in, tool_name_in, tools_in
from threadline.services.imports import Branch
from threadline.services.responses import TOOLS, Wanted
from threadline.services.submits import EFFORTS

MAX_TOKENS: Final = 1_000_000
_LONGEST_ID: Final = 200
_LONGEST_NAME: Final = 200
_MOST_ITEMS: Final = 5000
_MOST_METADATA: Final = 16
_LONGEST_KEY: Final = 64
_LONGEST_VALUE: Final = 512
_SUMMARIES: Final = ("auto", "concise", "detailed")
_VERBOSITIES: Final = ("low", "medium", "high")
_LOGPROBS: Final = "message.output_text.logprobs"
_PASSED_OVER: Final = frozenset({"reasoning", "mcp_call", "mcp_list_tools"})
"""Items that an answer may have and that a model is not told of again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``stream``: as events; else ``background``: at once, or when it is over."""

    wanted: Wanted
    stream: bool
    background: bool


def parse(values: Mapping[str, Any]) -> Asked:
    """Raises ``BadRequest``, which names the parameter."""
    check_depth(values)
    body = Fields(values)
    for name in ("conversation", "prompt"):
        if body.get(name) is not None:
            raise body.wrong(name, "is not taken here. Send input, with previous_response_id to go on.")
    include = body.get("include")
    if isinstance(include, list) and _LOGPROBS in include:
        raise body.wrong("include", f"must be without {_LOGPROBS}.")
    check_logprobs(body)
    tools = tools_in(body, nested=False)
    reasoning = body.inner("reasoning")
    text = body.inner("text")
    settings = {
        "system": body.text("instructions"),
        "max_tokens": body.whole("max_output_tokens", 1, MAX_TOKENS),
        "temperature": body.number("temperature", 0, 2),
        "reasoning_effort": reasoning.choice("effort", EFFORTS) if reasoning is not None else None,
        "tool_choice": choice_in(body, tools, nested=False),
        "parallel_tool_calls": body.flag("parallel_tool_calls"),
        "response_format": format_in(text, "format", nested=False) if text is not None else None,
        "sampling": told_of(top_p=body.number("top_p", 0, 1), verbosity=verbosity_in(text)),
        TOOLS: tools,
    }
    background, store = bool(body.flag("background")), body.flag("store")
    previous = body.text("previous_response_id", _LONGEST_ID)
    more = {
        "background": background,
        "metadata": metadata_in(body),
        "previous_response_id": previous,
        "store": store is not False,
        "truncation": body.choice("truncation", ("auto", "disabled")),
        "user": body.text("user", _LONGEST_NAME),
        "summary": reasoning.choice("summary", _SUMMARIES) if reasoning is not None else None,
    }
    wanted = Wanted(
        rows=_rows(body, previous),
        model=body.text("model", _LONGEST_NAME),
        settings=settings,
        request=request_of(settings, more),
        previous=previous,
        kept=store is not False,
    )
    return Asked(wanted, bool(body.flag("stream")), background)


def request_of(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What the response object repeats of a request; what the request did not say is left out."""
    choice, form, sampling = settings["tool_choice"], settings["response_format"], settings["sampling"]
    text = told_of(format=form, verbosity=sampling.get("verbosity"))
    told = {
        "instructions": settings["system"],
        "max_output_tokens": settings["max_tokens"],
        "temperature": settings["temperature"],
        "top_p": sampling.get("top_p"),
        "parallel_tool_calls": settings["parallel_tool_calls"],
        "tools": [{"type": "function", **tool} for tool in settings[TOOLS]] or None,
        "tool_choice": {"type": "function", **choice} if isinstance(choice, dict) else choice,
        "text": {"format": {"type": "text"}, **text} if text else None,
        **more,
    }
    summary = told.pop("summary", None)
    if settings["reasoning_effort"] is not None or summary is not None:
        told["reasoning"] = {"effort": settings["reasoning_effort"], "summary": summary}
    return told_of(**told)


def told_of(**fields: Any) -> dict[str, Any]:
    """Those of the fields that were said."""
    return {name: value for name, value in fields.items() if value is not None}


def check_logprobs(body: Fields) -> None:
    """Raises ``BadRequest`` where likelihoods are asked for: no model's are passed on."""
    if body.whole("top_logprobs", 0, 20):
        raise body.wrong("top_logprobs", "must be 0.")


def verbosity_in(place: Fields | None) -> str | None:
    """How much is to be said."""
    return place.choice("verbosity", _VERBOSITIES) if place is not None else None


def check_depth(values: Mapping[str, Any]) -> None:
    """Raises ``BadRequest`` for what is nested deeper than it can be stored and told again."""
    if not shallow([values]):
        raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.", surface="openai")


def metadata_in(body: Fields) -> dict[str, str] | None:
    """What the response object repeats word for word."""
    found = body.table("metadata")
    if found is None:
        return None
    if len(found) > _MOST_METADATA or not all(_is_noted(name, value) for name, value in found.items()):
        words = f"has at most {_MOST_METADATA} names of at most {_LONGEST_KEY} characters, each with a text of at most"
        raise body.wrong("metadata", f"{words} {_LONGEST_VALUE} characters.")
    return found


def _is_noted(name: str, value: Any) -> bool:
    return len(name) <= _LONGEST_KEY and isinstance(value, str) and len(value) <= _LONGEST_VALUE


def _rows(body: Fields, previous: str | None) -> list[Any]:
    branch = Branch()
    given = body.get("input")
    if given is None:
        raise body.wrong("input", "is missing.")
    if isinstance(given, list) and len(given) > _MOST_ITEMS:
        raise body.wrong("input", f"has at most {_MOST_ITEMS} items.")
    if isinstance(given, str):
        branch.said("user", [{"type": "text", "text": given}])
    else:
        for item in body.each("input"):
            _item(branch, item, previous)
    if branch.empty:
        raise body.wrong("input", "has nothing to answer.")
    return branch.rows


def _item(branch: Branch, item: Fields, previous: str | None) -> None:
    # Of a message and of a reference, OpenAI's own types leave it open whether they say what they are.
    kind = item.text("type") or ("message" if item.get("id") is None or item.get("role") else "item_reference")
    if kind == "message":
        _message(branch, item)
    elif kind == "function_call":
        branch.called(item.needed("call_id"), tool_name_in(item), item.text("arguments") or "")
    elif kind == "function_call_output":
        call = item.needed("call_id")
        if item.get("output") is None:
            raise item.wrong("output", "is missing.")
        if not branch.returned(call, text_in(item, "output")) and previous is None and not branch.refers:
            raise item.wrong("call_id", "is of no function_call in the input. Send that, too, or previous_response_id.")
    elif kind == "item_reference":
        branch.referred(item.needed("id", _LONGEST_ID))
    elif kind not in _PASSED_OVER:
        raise item.wrong("type", f"is of no kind that is taken here: {kind[:40]}.")


def _message(branch: Branch, item: Fields) -> None:
    role = item.needed("role")
    if role == "user":
        branch.said("user", parts_in(item))
    elif role == "assistant":
        branch.answered(text_in(item))
    elif role in ("system", "developer"):
        branch.said("system", [{"type": "text", "text": text_in(item)}])
    else:
        raise item.wrong("role", "must be user, assistant, system or developer.")
