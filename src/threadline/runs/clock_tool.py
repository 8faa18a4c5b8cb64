"""``getCurrentTime``: the one tool that needs nothing but the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from threadline.providers.protocol import ToolSpec
from threadline.runs.tools import Tool, ToolContext, ToolError
from threadline.world import World

_SPEC = ToolSpec(
    "getCurrentTime",
    "The current date and time in a time zone.",
    {
        "type": "object",
        "properties": {
            "timezone": {"type": "string", "description": "IANA name such as Europe/Berlin; UTC if left out"}
        },
    },
)


def current_time(world: World) -> Tool:
    """The tool; its answer is ``{timezone, time, weekday}`` with the time in ISO 8601, to the second."""

    async def call(arguments: dict[str, Any], _context: ToolContext) -> dict[str, str]:
        name = str(arguments.get("timezone") or "UTC")
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ToolError(f"There is no time zone named {name}; use an IANA name such as Europe/Berlin.") from None
        now = datetime.fromtimestamp(world.now(), UTC).astimezone(zone)
        return {"timezone": name, "time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A")}

    return Tool(_SPEC, call, idempotent=True)
