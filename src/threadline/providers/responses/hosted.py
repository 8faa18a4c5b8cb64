"""What the tools that a provider runs itself (web search and its like) were asked, and what came of it."""

from __future__ import annotations

from typing import Any, Final

import orjson

from threadline.domain.events import Event
from threadline.providers.decoding import table

_OURS: Final = frozenset(
    {"function_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call", "tool_search_call"}
)
"""Calls that are for the caller to run; all but the first belong to tools that are never offered."""

_NAMED: Final = ("mcp_call", "custom_tool_call")
_FAILED: Final = ("failed", "incomplete")
_IMAGES: Final = {"webp": "image/webp", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml"}


def is_hosted(kind: Any) -> bool:
    """Whether an item of that type is a call that the provider runs itself. A custom tool is one, too: we offer none,
    and xAI names the searches that it makes so."""
    return isinstance(kind, str) and kind.endswith("_call") and kind not in _OURS


def name_of(item: dict[str, Any]) -> str:
    """The tool's name."""
    kind = str(item.get("type"))
    name = item.get("name") if kind in _NAMED else None
    return name if isinstance(name, str) and name else kind.removesuffix("_call")


def arguments_of(item: dict[str, Any]) -> str:
    """What the tool was asked, as the JSON text of an object."""
    given = item.get("arguments") or item.get("input")
    if isinstance(given, str) and given.strip():
        return given if _is_object(given) else orjson.dumps({"input": given}).decode()
    asked = {name: value for name, value in table(item.get("action")).items() if name != "sources"}
    asked |= {name: item[name] for name in ("queries", "code") if item.get(name) is not None}
    return orjson.dumps(asked).decode()


def results(item: dict[str, Any], call: str) -> list[Event]:
    """What came of the call ``call``: its output or what went wrong, and the images that it made."""
    event: Event = {"type": "tool-output-available", "toolCallId": call, "output": _output(item)}
    fault = item.get("error")
    if fault or item.get("status") in _FAILED:
        words = fault if isinstance(fault, str) else table(fault).get("message")
        event = {"type": "tool-output-error", "toolCallId": call, "errorText": str(words or "The tool failed.")}
    return [{**event, "providerExecuted": True}, *_images(item)]


def _output(item: dict[str, Any]) -> Any:
    if isinstance(item.get("output"), str):
        return item["output"]
    output = {name: item[name] for name in ("results", "outputs", "revised_prompt") if item.get(name) is not None}
    sources = table(item.get("action")).get("sources")
    if sources:
        output["sources"] = sources
    return output


def _images(item: dict[str, Any]) -> list[Event]:
    made = item.get("result") if item.get("type") == "image_generation_call" else None
    if not isinstance(made, str) or not made:
        return []
    media_type = _IMAGES.get(str(item.get("output_format")), "image/png")
    return [{"type": "file", "mediaType": media_type, "url": f"data:{media_type};base64,{made}"}]


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
