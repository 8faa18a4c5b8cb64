"""The tools of a client, how they are to be chosen, and the form of the answer: in either dialect, as ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from threadline.routes.openai.fields import Fields

_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_CHOICES: Final = ("auto", "none", "required")
_MOST: Final = 128
_EMPTY: Final[dict[str, Any]] = {"type": "object", "properties": {}}


def tools_in(body: Fields, *, nested: bool) -> list[dict[str, Any]]:
    """``[{name, description, parameters, strict}]``; ``nested``: below ``function``, as chat completions have them."""
    found = []
    for tool in body.each("tools"):
        if tool.needed("type") != "function":
            raise tool.wrong("type", "must be function: no other tools are offered to programs here.")
        about = tool.inner("function") if nested else tool
        if about is None:
            raise tool.wrong("function", "is missing.")
        found.append(
            {
                "name": tool_name_in(about),
                "description": about.text("description") or "",
                "parameters": about.table("parameters") or _EMPTY,
                "strict": about.flag("strict"),
            }
        )
    if len(found) > _MOST:
        raise body.wrong("tools", f"has at most {_MOST} tools.")
    if len({tool["name"] for tool in found}) < len(found):
        raise body.wrong("tools", "has two tools of the same name.")
    return found


def tool_name_in(about: Fields) -> str:
    """The name of a tool."""
    name = about.needed("name")
    if not _NAME.fullmatch(name):
        raise about.wrong("name", "has up to 128 letters, digits, and the marks _ . : -.")
    return name


def choice_in(body: Fields, tools: Sequence[dict[str, Any]], *, nested: bool) -> str | dict[str, str] | None:
    """``auto``, ``none``, ``required`` or ``{"name"}``; None where nothing was said."""
    if not isinstance(body.get("tool_choice"), dict):
        choice = body.choice("tool_choice", _CHOICES)
        if choice == "required" and not tools:
            raise body.wrong("tool_choice", "needs tools.")
        return choice
    chosen = body.inner("tool_choice")
    assert chosen is not None
    if chosen.needed("type") != "function":
        raise chosen.wrong("type", "must be function.")
    about = chosen.inner("function") if nested else chosen
    if about is None:
        raise chosen.wrong("function", "is missing.")
    name = tool_name_in(about)
    if all(tool["name"] != name for tool in tools):
        raise about.wrong("name", "is none of the tools.")
    return {"name": name}


def format_in(place: Fields, name: str, *, nested: bool) -> dict[str, Any] | None:
    """``{"type"}`` json_object or json_schema, the latter with what belongs to it; None for plain text."""
    wanted = place.inner(name)
    kind = wanted.choice("type", ("text", "json_object", "json_schema")) if wanted is not None else None
    if wanted is None or kind in (None, "text"):
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    about = wanted.inner("json_schema") if nested else wanted
    if about is None:
        raise wanted.wrong("json_schema", "is missing.")
    found: dict[str, Any] = {"type": "json_schema", "name": tool_name_in(about), "schema": about.table("schema") or {}}
    for key, value in (("description", about.text("description")), ("strict", about.flag("strict"))):
        if value is not None:
            found[key] = value
    return found
