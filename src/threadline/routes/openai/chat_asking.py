"""What a program asks for when it posts to ``/v1/chat/completions``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from threadline.routes.openai.asking import (
    MAX_TOKENS,
    check_depth,
    check_logprobs,
    metadata_in,
    request_of,
    told_of,
    verbosity_in,
)
from threadline.routes.openai.content import parts_in, text_in
from threadline.routes.openai.fields import Fields
from threadline.routes.openai.tools import choice_in, format_in, tool_name_in, tools_in
from threadline.services.imports import Branch
from threadline.services.responses import TOOLS, Wanted
from threadline.services.submits import EFFORTS

_LONGEST: Final = 200
_MOST_MESSAGES: Final = 5000
_MOST_STOPS: Final = 16
_NOT_TAKEN: Final = {
    "functions": "is not taken here: send tools.",
    "function_call": "is not taken here: send tool_choice.",
    "audio": "is not taken here.",
    "web_search_options": "is not taken here.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """``stream``: in chunks; ``usage``: with the tokens in the last of them."""

    wanted: Wanted
    stream: bool
    usage: bool


def parse(values: Mapping[str, Any]) -> Asked:
    """Raises ``BadRequest``, which names the parameter."""
    check_depth(values)
    body = Fields(values)
    for name, words in _NOT_TAKEN.items():
        if body.get(name) is not None:
            raise body.wrong(name, words)
    if body.whole("n", 1, 128) not in (None, 1):
        raise body.wrong("n", "must be 1.")
    if body.flag("logprobs"):
        raise body.wrong("logprobs", "must be false.")
    check_logprobs(body)
    if body.get("modalities") not in (None, ["text"]):
        raise body.wrong("modalities", 'must be ["text"].')
    tools = tools_in(body, nested=True)
    system, branch = _branch(body)
    limit = body.whole("max_completion_tokens", 1, MAX_TOKENS)
    settings = {
        "system": system,
        "max_tokens": body.whole("max_tokens", 1, MAX_TOKENS) if limit is None else limit,
        "temperature": body.number("temperature", 0, 2),
        "reasoning_effort": body.choice("reasoning_effort", EFFORTS),
        "tool_choice": choice_in(body, tools, nested=True),
        "parallel_tool_calls": body.flag("parallel_tool_calls"),
        "response_format": format_in(body, "response_format", nested=True),
        "sampling": _sampling(body),
        TOOLS: tools,
    }
    options = body.inner("stream_options")
    wanted = Wanted(
        rows=branch.rows,
        model=body.text("model", _LONGEST),
        settings=settings,
        request=request_of(settings, {"store": False, "metadata": metadata_in(body)}),
        kept=False,
        param="messages",
        system="messages",
    )
    return Asked(wanted, bool(body.flag("stream")), bool(options is not None and options.flag("include_usage")))


def _sampling(body: Fields) -> dict[str, Any]:
    stop = body.get("stop")
    words = stop if isinstance(stop, list) else [] if stop is None else [stop]
    if len(words) > _MOST_STOPS or not all(isinstance(word, str) and word for word in words):
        raise body.wrong("stop", f"must be a text, or a list of at most {_MOST_STOPS} texts.")
    return told_of(
        top_p=body.number("top_p", 0, 1),
        presence_penalty=body.number("presence_penalty", -2, 2),
        frequency_penalty=body.number("frequency_penalty", -2, 2),
        seed=body.whole("seed", -(2**63), 2**63 - 1),
        stop=stop,
        logit_bias=body.table("logit_bias"),
        verbosity=verbosity_in(body),
    )


def _branch(body: Fields) -> tuple[str | None, Branch]:
    """What stands before all else is the system's; the rest is the branch that is answered."""
    given = body.get("messages")
    if given is None:
        raise body.wrong("messages", "is missing.")
    if given == []:
        raise body.wrong("messages", "is empty.")
    if isinstance(given, list) and len(given) > _MOST_MESSAGES:
        raise body.wrong("messages", f"has at most {_MOST_MESSAGES} messages.")
    branch = Branch("messages")
    system: list[str] = []
    for message in body.each("messages"):
        if not branch.rows and message.get("role") in ("system", "developer"):
            system.append(text_in(message))
        else:
            _message(branch, message)
    if branch.empty:
        raise body.wrong("messages", "has nothing to answer.")
    return "\n\n".join(system) or None, branch


def _message(branch: Branch, message: Fields) -> None:
    role = message.needed("role")
    if role == "user":
        branch.said("user", parts_in(message))
    elif role == "assistant":
        _assistant(branch, message)
    elif role == "tool":
        call = message.needed("tool_call_id")
        if not branch.returned(call, text_in(message)):
            raise message.wrong("tool_call_id", "is of no call in the messages before.")
    elif role in ("system", "developer"):
        branch.said("system", [{"type": "text", "text": text_in(message)}])
    else:
        raise message.wrong("role", "must be user, assistant, tool, system or developer.")


def _assistant(branch: Branch, message: Fields) -> None:
    text = text_in(message) or message.text("refusal") or ""
    calls = list(message.each("tool_calls"))
    if text or not calls:
        branch.answered(text)
    for call in calls:
        function = call.inner("function")
        if function is None:
            raise call.wrong("function", "is missing.")
        branch.called(call.needed("id"), tool_name_in(function), function.text("arguments") or "")
