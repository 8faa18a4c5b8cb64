"""A run from submit to stored message: text, tools, errors, retries, stop, hand-over, and a crash after every event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from threadline.domain import endings
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event, finish_step
from threadline.domain.fold import fold
from threadline.domain.messages import is_tool, text_of
from threadline.providers.protocol import ModelRequest, ToolSpec
from threadline.providers.scripted import Fail, Reasoning, Script, Scripted, Text, ToolCall
from threadline.runs import recovery
from threadline.runs.config import RunConfig
from threadline.runs.tools import Tool, ToolContext
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

WORLD = SystemWorld()
ANSWER = "The answer comes in several words, and then it ends."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


def said(*steps: Any) -> Scripted:
    """A model that plays these steps, whatever it is asked."""
    return Scripted("test", WORLD, Script(steps))


def with_tool(request: ModelRequest) -> Script:
    """Thinks, says something, calls ``look`` once, and then says what came of it."""
    outputs = [part for message in request.messages for part in message.parts if is_tool(part)]
    if not outputs:
        return Script([Reasoning("let me look it up"), Text("Just a moment. "), ToolCall("look", {"at": "the sky"})])
    return Script([Text(f"It says: {outputs[-1].get('output', outputs[-1].get('errorText'))}. That is all there is.")])


def look(calls: list[str], *, idempotent: bool) -> Tool:
    """A tool that answers ``blue`` and notes each call."""

    async def call(arguments: dict[str, Any], _context: ToolContext) -> str:
        calls.append(arguments["at"])
        return "blue"

    return Tool(ToolSpec("look", "Look at something.", {"type": "object"}), call, idempotent)


async def test_an_answer_is_streamed_to_the_log_and_folded_into_its_message(house: House) -> None:
    async with house.worker(said(Text(ANSWER))):
        submitted = await house.ask()
        events = await house.events(submitted.run_id)
        message = await house.message(submitted)
    assert [event["type"] for event in events[:3]] == ["start", "start-step", "text-start"]
    assert events[-1]["type"] == "finish"
    assert text_of(message.parts or []) == ANSWER
    assert message.parts == fold(events).snapshot()
    run = await house.run(submitted.run_id)
    assert (run.status, run.finish_reason, run.next_offset) == ("completed", "stop", len(events))
    assert run.usage is not None
    assert message.metadata["usage"] == run.usage


async def test_tools_run_between_the_steps_and_their_results_are_seen_by_the_model(house: House) -> None:
    calls: list[str] = []
    async with house.worker(Scripted("test", WORLD, with_tool), [look(calls, idempotent=False)]):
        submitted = await house.ask()
        message = await house.message(submitted)
    kinds = [part["type"] for part in message.parts or []]
    assert kinds == ["step-start", "reasoning", "text", "tool-look", "step-start", "text"]
    assert calls == ["the sky"]
    assert text_of(message.parts or []) == "Just a moment. It says: blue. That is all there is."


async def test_a_message_that_wants_no_tools_is_answered_without_them(house: House) -> None:
    calls: list[str] = []
    offered: list[int] = []

    def script(request: ModelRequest) -> Script:
        offered.append(len(request.tools))
        return Script([Text("No tools.")])

    async with house.worker(Scripted("test", WORLD, script), [look(calls, idempotent=False)]):
        await house.message(await house.ask("One", settings={"tools": False}))
        await house.message(await house.ask("Two", settings={"tools": True}))
    assert offered == [0, 1]


async def test_an_unknown_tool_is_reported_and_the_answer_goes_on(house: House) -> None:
    async with house.worker(Scripted("test", WORLD, with_tool)):
        assert "There is no tool named look" in await house.text(await house.ask())


async def test_an_answer_takes_at_most_the_steps_that_are_set(house: House) -> None:
    calls: list[str] = []
    config = RunConfig(max_steps=3, title_model="demo/demo")
    async with house.worker(said(ToolCall("look", {"at": "it"})), [look(calls, idempotent=False)], config):
        message = await house.message(await house.ask())
    assert len(calls) == 3
    assert message.status == "completed"


async def test_the_providers_own_error_is_shown_and_the_text_is_kept(house: House) -> None:
    failing = said(Text("Half of it"), Fail(ProviderError("Your credit is used up.")))
    async with house.worker(failing):
        submitted = await house.ask()
        message = await house.message(submitted)
    run = await house.run(submitted.run_id)
    assert (run.status, run.error) == ("error", "Your credit is used up.")
    assert text_of(message.parts or []) == "Half of it"
    events = await house.events(submitted.run_id)
    assert [event["type"] for event in events[-3:]] == ["finish-step", "error", "finish"]


class FailsFirst:
    """Fails ``times`` times before anything came, then answers."""

    name = "test"
    continues = "prefill"

    def __init__(self, times: int, *, retryable: bool = True) -> None:
        self.calls = 0
        self._times = times
        self._retryable = retryable

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        self.calls += 1
        if self.calls <= self._times:
            raise ProviderError("Slow down.", provider_status=429, retryable=self._retryable, retry_after=0.01)
        async for batch in said(Text(ANSWER)).stream(request):
            yield batch


async def test_a_refusal_before_the_first_token_is_tried_again_where_that_makes_sense(house: House) -> None:
    provider = FailsFirst(2)
    async with house.worker(provider):  # type: ignore[arg-type]
        submitted = await house.ask()
        await house.ended(submitted.run_id)
    assert (await house.text(submitted), provider.calls) == (ANSWER, 3)


async def test_a_refusal_that_no_second_try_can_mend_is_told_at_once(house: House) -> None:
    provider = FailsFirst(1, retryable=False)
    config = RunConfig(title_model="demo/demo")
    async with house.worker(provider, config=config):  # type: ignore[arg-type]
        run = await house.ended((await house.ask()).run_id)
    assert (run.status, run.error) == ("error", "Slow down.")


async def test_a_stop_keeps_the_partial_text_and_ends_the_call(house: House) -> None:
    provider = Paused(said(Text(ANSWER)), 4)
    async with house.worker(provider):
        submitted = await house.ask()
        await provider.reached.wait()
        assert await house.turns.stop(house.user, "chat-1", submitted.run_id) == [submitted.run_id]
        message = await house.message(submitted)
    assert text_of(message.parts or []) == "The answer comes"
    assert all(part.get("state") != "streaming" for part in message.parts or [])
    events = await house.events(submitted.run_id)
    assert [event["type"] for event in events[-3:]] == ["finish-step", "abort", "finish"]
    assert (await house.run(submitted.run_id)).status == "stopped"


async def test_a_stop_before_the_claim_closes_the_stream_itself(house: House) -> None:
    submitted = await house.ask()
    assert await house.turns.stop(house.user, "chat-1") == [submitted.run_id]
    events = await house.events(submitted.run_id)
    assert [event["type"] for event in events] == ["start", "abort", "finish"]
    assert (await house.run(submitted.run_id)).status == "stopped"
    async with house.worker(said(Text(ANSWER))):
        assert await house.turns.stop(house.user, "chat-1") == []


async def test_a_stop_ends_a_running_tool(house: House) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def call(_arguments: dict[str, Any], _context: ToolContext) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    slow = Tool(ToolSpec("look", "Look.", {"type": "object"}), call)
    async with house.worker(Scripted("test", WORLD, with_tool), [slow]):
        submitted = await house.ask()
        await began.wait()
        await house.turns.stop(house.user, "chat-1", submitted.run_id)
        message = await house.message(submitted)
    assert cancelled.is_set()
    tool = next(part for part in message.parts or [] if is_tool(part))
    assert (tool["state"], tool["errorText"]) == ("output-error", endings.EFFECT_UNKNOWN)


async def test_a_drained_worker_hands_over_and_the_next_one_goes_on(house: House) -> None:
    provider = Paused(said(Text(ANSWER)), 5)
    async with house.worker(provider):
        submitted = await house.ask()
        await provider.reached.wait()
    assert (await house.run(submitted.run_id)).worker is None
    async with house.worker(said(Text(ANSWER))):
        assert await house.text(submitted) == ANSWER
    taken = [event for event in await house.events(submitted.run_id) if event["type"] == "data-recovery"]
    assert [event["data"]["handover"] for event in taken] == [True]


@pytest.mark.parametrize("after", range(22))
@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_crash_after_any_event_ends_in_the_whole_text_once(house: House, after: int, idempotent: bool) -> None:
    calls: list[str] = []
    tools = [look(calls, idempotent=idempotent)]
    provider = Paused(Scripted("test", WORLD, with_tool), after)
    async with house.worker(provider, tools) as crash:
        submitted = await house.ask()
        ended = asyncio.create_task(house.ended(submitted.run_id))
        await asyncio.wait(
            [ended, reached := asyncio.create_task(provider.reached.wait())], return_when="FIRST_COMPLETED"
        )
        for task in (ended, reached):
            task.cancel()
        before = (await house.record(submitted.run_id)).count
        await house.crashed(crash)
    async with house.worker(Scripted("test", WORLD, with_tool), tools):
        message = await house.message(submitted)
    text = text_of(message.parts or [])
    if any(part.get("state") == "output-error" for part in message.parts or []):
        assert calls in ([], ["the sky"])
        assert text.startswith("Just a moment. It says: ")
        assert text.endswith(". That is all there is.")
    else:
        assert text == "Just a moment. It says: blue. That is all there is."
    assert all(
        part.get("state") not in ("streaming", "input-streaming", "input-available") for part in message.parts or []
    )
    events = await house.events(submitted.run_id)
    assert len(events) >= before
    assert fold(events).snapshot() == message.parts
    assert (await house.run(submitted.run_id)).status == "completed"


async def test_three_takeovers_without_progress_end_the_run_with_its_text(house: House) -> None:
    silent = Paused(said(Text(ANSWER)), 4)
    async with house.worker(silent) as crash:
        submitted = await house.ask()
        await silent.reached.wait()
        await house.crashed(crash)
    for _ in range(3):
        silent = Paused(said(Text(ANSWER)), 0)
        async with house.worker(silent) as crash:
            await silent.reached.wait()
            await house.crashed(crash)
    async with house.worker(said(Text(ANSWER))):
        run = await house.ended(submitted.run_id)
    assert (run.status, run.error) == ("error", recovery.GIVEN_UP)
    assert await house.text(submitted) == "The answer comes"


async def test_a_worker_that_was_fenced_off_writes_nothing_more_and_stops_its_call(house: House) -> None:
    old = Paused(said(Text(ANSWER)), 4)
    async with house.worker(old):
        submitted = await house.ask()
        await old.reached.wait()
        async with house.worker(said(Text(ANSWER))):
            from threadline.store import leases

            await house.store.write(leases.break_leases)
            house.signals.poke("runs")
            assert await house.text(submitted) == ANSWER
            old.go.set()
    assert text_of(fold(await house.events(submitted.run_id)).snapshot()) == ANSWER


class Refuses:
    """Told to go on with a text, it talks about it instead."""

    name = "test"
    continues = "instruction"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        words = "I'm sorry, but I can't continue this." if request.partial else ANSWER
        yield [{"type": "text-start", "id": "p9"}, {"type": "text-delta", "id": "p9", "delta": words}]
        yield [{"type": "text-end", "id": "p9"}, finish_step("stop")]


async def test_a_continuation_that_is_none_ends_the_run_as_interrupted_with_its_text(house: House) -> None:
    provider = Paused(said(Text(ANSWER)), 5)
    async with house.worker(provider) as crash:
        submitted = await house.ask()
        await provider.reached.wait()
        await house.crashed(crash)
    async with house.worker(Refuses()):  # type: ignore[arg-type]
        message = await house.message(submitted)
    assert message.status == "interrupted"
    assert text_of(message.parts or []) == "The answer comes in"
    assert (await house.events(submitted.run_id))[-1]["finishReason"] == "interrupted"
