"""Tools that only tests need; each writes down when it is called, in ``{folder}/{name}.calls``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from threadline.providers.protocol import ToolSpec
from threadline.runs.tools import Tool, ToolContext, ToolError

_ANYTHING = {"type": "object", "properties": {"city": {"type": "string"}}}


def extra_tools(folder: Path) -> list[Tool]:
    """``count`` and ``fail`` answer at once; ``slow_look``, which is idempotent, and ``slow_act``, which is not, do not
    end when a run calls them first, and answer at once when it does so again; ``endless`` never ends by itself, and
    writes ``endless.cancelled`` when it is cancelled."""

    def tool(name: str, act: Callable[[int], Awaitable[Any]], *, idempotent: bool = False) -> Tool:
        async def call(_arguments: dict[str, Any], context: ToolContext) -> Any:
            calls = folder / f"{name}.calls"
            with calls.open("a") as file:
                file.write(context.run_id + "\n")
            return await act(calls.read_text().split().count(context.run_id))

        return Tool(ToolSpec(name, f"The tool {name} of a test.", _ANYTHING), call, idempotent)

    async def quick(_number: int) -> Any:
        return {"degrees": 21}

    async def fail(_number: int) -> Any:
        raise ToolError("The tool has failed, as it always does.")

    async def slow(number: int) -> Any:
        if number == 1:
            await asyncio.Event().wait()
        return {"degrees": 21}

    async def endless(_number: int) -> Any:
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
