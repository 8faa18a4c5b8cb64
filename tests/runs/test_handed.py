"""A program's run: its calls are handed to the client, once, also through a crash at any event; nothing runs here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from tests.runs.test_sweeper import sweeper
from threadline.domain.errors import NotFound
from threadline.domain.events import encode
from threadline.domain.fold import fold
from threadline.domain.messages import is_tool, output_part
from threadline.providers.protocol import ModelRequest, ToolSpec
from threadline.providers.scripted import Reasoning, Script, Scripted, Text, ToolCall
from threadline.runs.tools import Tool, ToolContext
from threadline.services.conversations import Conversations
from threadline.services.imports import Row
from threadline.services.models import Models
from threadline.services.responses import Responses, Wanted
from threadline.store.runs import RunRow
from threadline.wire.openai.objects import response_id
from threadline.wire.openai.responses import ResponseEvents
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

WORLD = SystemWorld()
LOOK = {"name": "look", "description": "Look.", "parameters": {"type": "object"}, "strict": None}
EVENTS = 15
"""As many as the script of one call makes."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


class AnyModel(Models):
    """Whatever model is asked for is there."""

    def __init__(self) -> None:
        self.default = "test/model"

    async def resolve(self, _user_id: str, name: str | None) -> str:
        """See ``Models``."""
        return name or self.default


def responses(house: House) -> Responses:
    conversations = Conversations(house.store, house.log, house.answers)
    return Responses(house.store, house.answers, house.turns, conversations, AnyModel())


async def wanted(house: House, *rows: Row, **more: Any) -> RunRow:
    given: list[Row] = list(rows) or [("user", [{"type": "text", "text": "Where?"}])]
    run, _ = await responses(house).create(house.user, Wanted(given, None, {"tools": [LOOK]}, **more))
    return run


def script(request: ModelRequest) -> Script:
    """Thinks, says something and calls ``look``; says what came of it once that is known."""
    outputs = [part["output"] for one in request.messages for part in one.parts if is_tool(part) and "output" in part]
    if outputs:
        return Script([Text(f"It says {outputs[-1]}.")])
    return Script([Reasoning("let me see"), Text("Just a moment. "), ToolCall("look", {"at": "the sky"})])


async def never(_arguments: dict[str, Any], _context: ToolContext) -> str:
    raise AssertionError("a tool of ours ran for a program")


OURS = Tool(ToolSpec("look", "Look at something.", {"type": "object"}), never, idempotent=True)


async def output_of(house: House, run: RunRow) -> list[dict[str, Any]]:
    """The items that the run's response has."""
    _, head = await responses(house).find(house.user, response_id(run.id))
    encoder = ResponseEvents(head)
    encoder.take([encode(event) for event in await house.events(run.id)])
    found: list[dict[str, Any]] = encoder.snapshot()["output"]
    return found


async def test_the_model_is_told_of_the_clients_tools_alone_and_a_call_ends_the_answer(house: House) -> None:
    model = Paused(Scripted("test", WORLD, script), 1000)
    async with house.worker(model, [OURS]):
        run = await house.ended((await wanted(house)).id)
    assert [tool.name for tool in model.calls[0].tools] == ["look"]
    assert model.calls[0].tools[0].description == "Look."
    assert len(model.calls) == 1
    assert (run.status, run.finish_reason) == ("completed", "tool-calls")
    tools = [part for part in fold(await house.events(run.id)).parts if is_tool(part)]
    assert [part["state"] for part in tools] == ["input-available"]
    assert [item["type"] for item in await output_of(house, run)] == ["reasoning", "message", "function_call"]


@pytest.mark.parametrize("after", range(EVENTS + 1))
async def test_after_a_crash_at_any_event_there_is_one_call_to_run(house: House, after: int) -> None:
    model = Paused(Scripted("test", WORLD, script), after)
    async with house.worker(model, [OURS]) as crash:
        asked = await wanted(house)
        if after < EVENTS:
            await model.reached.wait()
        else:
            await house.ended(asked.id)
        await house.crashed(crash)
    async with house.worker(Scripted("test", WORLD, script), [OURS]):
        run = await house.ended(asked.id)
    assert (run.status, run.finish_reason) == ("completed", "tool-calls")
    calls = [item for item in await output_of(house, run) if item["type"] == "function_call"]
    assert [(item["status"], item["arguments"]) for item in calls] == [("completed", '{"at":"the sky"}')]


async def test_the_output_goes_on_in_the_next_request_and_the_first_message_stays_as_it_is(house: House) -> None:
    async with house.worker(Scripted("test", WORLD, script), [OURS]):
        first = await house.ended((await wanted(house)).id)
        (call,) = [item["call_id"] for item in await output_of(house, first) if item["type"] == "function_call"]
        output: Row = ("user", [output_part(call, "blue")])
        second = await wanted(house, output, previous=response_id(first.id))
        assert second.conversation_id == first.conversation_id
        await house.ended(second.id)
        said = [item["content"][0]["text"] for item in await output_of(house, second)]
    assert said == ["It says blue."]
    states = [part["state"] for part in fold(await house.events(first.id)).parts if is_tool(part)]
    assert states == ["input-available"]


async def test_what_is_told_of_a_trimmed_run_is_what_was_told_of_its_events(house: House) -> None:
    async with house.worker(Scripted("test", WORLD, script)):
        run = await house.ended((await wanted(house)).id)
    before = await output_of(house, run)
    assert await sweeper(house).trim() == 1
    assert await output_of(house, run) == before


async def test_one_below_a_response_that_goes_on_rests_on_its_end(house: House) -> None:
    model = Paused(Scripted("test", WORLD, Script([Text("First.")])), 1)
    async with house.worker(model):
        first = await wanted(house)
        await model.reached.wait()
        second = await wanted(house, previous=response_id(first.id))
        assert second.after_run_id == first.id
        await asyncio.sleep(0.05)
        assert len(model.calls) == 1
        model.go.set()
        await house.ended(second.id)
    assert [message.role for message in model.calls[1].messages] == ["user", "assistant", "user"]


async def test_what_passes_is_gone_after_its_time_and_what_is_kept_stays(house: House) -> None:
    async with house.worker(Scripted("test", WORLD, Script([Text("First.")]))):
        passing = await house.ended((await wanted(house, kept=False)).id)
        kept = await house.ended((await wanted(house)).id)
    going = await wanted(house, kept=False)
    await asyncio.sleep(0.01)
    await sweeper(house).sweep()
    with pytest.raises(NotFound):
        await house.run(passing.id)
    assert (await house.run(kept.id)).id == kept.id
    assert (await house.run(going.id)).status == "queued"
