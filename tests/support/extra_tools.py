"""Tools that only tests need; each writes down when it is called, in ``{folder}/{name}.calls``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from threadline.providers.protocol import ToolSpec
from threadline.runs.tools import Tool, ToolContext, ToolError

SLOW_SECONDS = 1.0
_ANYTHING = {"type": "object", "properties": {"city": {"type": "string"}}}


def extra_tools(folder: Path) -> list[Tool]:
    """``count`` and ``fail`` answer at once; ``slow_look`` is idempotent, ``slow_act`` is not; ``endless`` never ends
    by itself, and writes ``endless.cancelled`` when it is cancelled."""

    def tool(name: str, act: Callable[[], Awaitable[Any]], *, idempotent: bool = False) -> Tool:
        async def call(_arguments: dict[str, Any], context: ToolContext) -> Any:
            with (folder / f"{name}.calls").open("a") as file:
                file.write(context.run_id + "\n")
            return await act()

        return Tool(ToolSpec(name, f"The tool {name} of a test.", _ANYTHING), call, idempotent)

    async def quick() -> Any:
        return {"degrees": 21}

    async def fail() -> Any:
        raise ToolError("The tool has failed, as it always does.")

    async def slow() -> Any:
        await asyncio.sleep(SLOW_SECONDS)
        return {"degrees": 21}

    async def endless() -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            (folder / "endless.cancelled").touch()
            raise

    return [
        tool("count", quick),
        tool("fail", fail),
        tool("slow_look", slow, idempotent=True),
        tool("slow_act", slow),
        tool("endless", endless),
    ]
