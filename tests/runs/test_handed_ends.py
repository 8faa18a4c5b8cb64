"""How a program's answer ends: what it may have run already stays its own, and no model is asked without end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from tests.runs.test_handed import LOOK, output_of, responses
from threadline.domain import events
from threadline.domain.endings import closings
from threadline.domain.errors import BadRequest, ProviderError
from threadline.domain.events import Event
from threadline.domain.fold import Fold, fold
from threadline.domain.messages import is_tool, output_part
from threadline.providers.protocol import ModelRequest
from threadline.runs.config import RunConfig
from threadline.runs.recovery import plan
from threadline.services.imports import Row
from threadline.services.responses import Wanted
from threadline.store.runs import RunRow
from threadline.wire.openai.objects import response_id

pytestmark = pytest.mark.anyio

USAGE: Any = {"inputTokens": 3, "outputTokens": 2}
WHOLE = [events.tool_input_start("call_a", "look"), events.tool_input_available("call_a", "look", {"n": 1})]
BEGUN = [events.tool_input_start("call_b", "look"), events.tool_input_delta("call_b", '{"n')]
BROKEN = [*BEGUN, events.tool_input_error("call_b", "look", '{"n', "The arguments are no JSON object.")]


class Played:
    """A provider that plays one list of events a call, the last of them again and again; an error is raised."""

    name = "test"
    continues = "prompt"

    def __init__(self, *rounds: Sequence[Event | ProviderError]) -> None:
        self.calls: list[ModelRequest] = []
        self._rounds = rounds

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        self.calls.append(request)
        for event in self._rounds[min(len(self.calls), len(self._rounds)) - 1]:
            if isinstance(event, ProviderError):
                raise event
            yield [event]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


async def ask(house: House, *rows: Row, **more: Any) -> RunRow:
    given: list[Row] = list(rows) or [("user", [{"type": "text", "text": "Where?"}])]
    run, _ = await responses(house).create(house.user, Wanted(given, None, {"tools": [LOOK]}, **more))
    return run


def ended(reason: str) -> Event:
    return events.finish_step(reason, USAGE)


def states(record: Fold) -> dict[str, str]:
    return {part["toolCallId"]: part["state"] for part in record.parts if is_tool(part)}


async def test_a_call_that_was_handed_out_takes_its_output_though_the_answer_then_failed(house: House) -> None:
    said = [events.text_start("p0"), events.text_delta("p0", "Fine."), events.text_end("p0"), ended("stop")]
    model = Played([*WHOLE, *BEGUN, ProviderError("boom")], said)
    async with house.worker(model):
        first = await house.ended((await ask(house)).id)
        assert first.status == "error"
        assert states(fold(await house.events(first.id))) == {"call_a": "input-available", "call_b": "output-error"}
        calls = [item["call_id"] for item in await output_of(house, first) if item["type"] == "function_call"]
        assert calls == ["call_a"]
        output: Row = ("user", [output_part("call_a", "receipt 77")])
        await house.ended((await ask(house, output, previous=response_id(first.id))).id)
    given = {part["toolCallId"]: part for one in model.calls[-1].messages for part in one.parts if is_tool(part)}
    assert (given["call_a"]["state"], given["call_a"]["output"]) == ("output-available", "receipt 77")


async def test_a_call_that_was_handed_out_stays_open_when_the_answer_is_stopped(house: House) -> None:
    model = Paused(Played([*WHOLE, *BEGUN, ended("tool-calls")]), 3)
    async with house.worker(model):
        run = await ask(house)
        await model.reached.wait()
        await house.turns.stop(house.user, run.conversation_id, run.id)
        row = await house.ended(run.id)
    assert row.status == "stopped"
    assert states(fold(await house.events(run.id))) == {"call_a": "input-available", "call_b": "output-error"}


async def test_an_output_for_a_call_that_takes_none_is_refused(house: House) -> None:
    async with house.worker(Played([*WHOLE, *BROKEN, ended("tool-calls")], [ended("stop")])):
        first = await house.ended((await ask(house)).id)
        with pytest.raises(BadRequest, match="call_b"):
            await ask(house, ("user", [output_part("call_b", "x")]), previous=response_id(first.id))
        given: Row = ("user", [output_part("call_a", "x")])
        second = await house.ended((await ask(house, given, previous=response_id(first.id))).id)
        with pytest.raises(BadRequest, match="call_a"):
            await ask(house, given, previous=response_id(second.id))
        # The same output below the first answer is another branch.
        await house.ended((await ask(house, given, previous=response_id(first.id))).id)


@pytest.mark.parametrize("reason", ["length", "content-filter"])
async def test_at_a_limit_the_answer_ends_and_the_model_is_not_asked_again(house: House, reason: str) -> None:
    model = Played([*BROKEN, ended(reason)])
    async with house.worker(model):
        run = await house.ended((await ask(house)).id)
    assert (len(model.calls), run.status, run.finish_reason) == (1, "completed", reason)
    assert [item["type"] for item in await output_of(house, run)] == []


async def test_at_a_limit_the_calls_that_are_whole_are_handed_out(house: House) -> None:
    async with house.worker(Played([*WHOLE, *BROKEN, ended("length")])):
        run = await house.ended((await ask(house)).id)
    assert run.finish_reason == "length"
    assert [item["call_id"] for item in await output_of(house, run)] == ["call_a"]


async def test_after_broken_arguments_there_is_one_new_try(house: House) -> None:
    model = Played([*BROKEN, ended("tool-calls")], [*WHOLE, ended("tool-calls")])
    async with house.worker(model):
        run = await house.ended((await ask(house)).id)
    assert (len(model.calls), run.status, run.finish_reason) == (2, "completed", "tool-calls")


async def test_a_model_that_breaks_its_arguments_again_has_failed_and_its_tokens_are_counted(house: House) -> None:
    model = Played([*BROKEN, ended("tool-calls")])
    async with house.worker(model):
        run = await house.ended((await ask(house)).id)
    assert (len(model.calls), run.status, run.finish_reason) == (2, "error", "error")
    assert run.usage == {"inputTokens": 6, "outputTokens": 4}
    assert "cannot be read" in (run.error or "")


async def test_what_a_crash_has_cut_is_no_try_of_the_models(house: House) -> None:
    run = await ask(house)
    for _ in range(2):
        model = Paused(Played([*BEGUN, *WHOLE]), 2)
        async with house.worker(model) as crash:
            await model.reached.wait()
            await house.crashed(crash)
    async with house.worker(Played([*BROKEN, ended("tool-calls")], [*WHOLE, ended("tool-calls")])):
        row = await house.ended(run.id)
    assert (row.status, row.finish_reason) == ("completed", "tool-calls")


async def test_who_says_that_there_are_calls_and_makes_none_has_just_ended(house: House) -> None:
    async with house.worker(Played([ended("tool-calls")])):
        run = await house.ended((await ask(house)).id)
    assert (run.status, run.finish_reason) == ("completed", "other")


async def test_an_answer_that_is_given_up_keeps_its_calls_open(house: House) -> None:
    record = fold([events.start("msg_1", {}), events.start_step(), *WHOLE])
    assert closings(record, handed=True) == []
    record.takeovers_without_progress = 3
    given_up = plan(record, lambda _: True, handed=True)
    assert (given_up.action, given_up.events) == ("give-up", [])


async def test_the_message_remembers_when_the_answer_ended(house: House) -> None:
    async with house.worker(Played([ended("stop")]), config=RunConfig(title_model="demo/demo")):
        run = await house.ended((await ask(house)).id)
    record = fold(await house.events(run.id))
    assert run.created_at <= record.metadata["endedAt"] <= (run.ended_at or 0)
