"""Tools that the server runs between two steps of an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.messages import Part, tool_name
from threadline.providers.protocol import ToolSpec
from threadline.runs.control import Control, Interrupted, being_cancelled
from threadline.runs.writer import RunWriter

_log = logging.getLogger(__name__)
TOOL_SECONDS: Final = 120.0
"""How long a tool may take."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool is called."""

    user_id: str
    conversation_id: str
    run_id: str


class ToolError(Exception):
    """A tool's own failure; its text is shown to the model and to the user."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what the model is told of it, and the function that does it.

    ``call`` takes the arguments (an object) and answers any JSON. ``idempotent``: doing it twice does no more than
    doing it once, so that it may be run again after a crash. It is cancelled when its run is stopped.
    """

    spec: ToolSpec
    call: Callable[[dict[str, Any], ToolContext], Awaitable[Any]]
    idempotent: bool = False


class Toolbox:
    """The tools by their names."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}

    def specs(self) -> list[ToolSpec]:
        """All of them, as a model is told."""
        return [tool.spec for tool in self._tools.values()]

    def idempotent(self, name: str) -> bool:
        """Whether that tool may be run again; a tool that is not known may not."""
        tool = self._tools.get(name)
        return tool is not None and tool.idempotent

    async def run(self, part: Part, context: ToolContext) -> Event:
        """Do one call; a failure is an event too, so that the answer goes on."""
        call, name = part["toolCallId"], tool_name(part)
        tool = self._tools.get(name)
        if tool is None:
            return events.tool_output_error(call, f"There is no tool named {name}.")
        try:
            async with asyncio.timeout(TOOL_SECONDS):
                output = await tool.call(_copy(part["input"]), context)
            output = _copy(output)
        except ToolError as failure:
            return events.tool_output_error(call, str(failure))
        except TimeoutError:
            return events.tool_output_error(call, f"The tool took longer than {TOOL_SECONDS:.0f} seconds.")
        except (Exception, asyncio.CancelledError) as failure:
            if isinstance(failure, asyncio.CancelledError) and being_cancelled():
                raise
            _log.warning("tool failed", extra={"tool": name, "run": context.run_id}, exc_info=True)
            return events.tool_output_error(call, f"The tool failed: {type(failure).__name__}.")
        return events.tool_output_available(call, output)


def _copy(value: Any) -> Any:
    """As JSON has it: what a tool does to its arguments, or later to its answer, changes no message."""
    return orjson.loads(orjson.dumps(value))


async def run_side_by_side(
    box: Toolbox, calls: Sequence[Part], context: ToolContext, writer: RunWriter, control: Control
) -> None:
    """Do several calls at once and append each result when it is there; those that are not done are cancelled when the
    run is cut."""
    tasks = {asyncio.create_task(box.run(part, context)) for part in calls}
    try:
        while tasks:
            with control.cancellable():
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await writer.append([task.result() for task in done])
    except Interrupted as cut:
        ready = [task.result() for task in tasks if task.done()]
        if ready and cut.reason != "lost":
            await writer.append(ready)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
