"""A run that is cut among its tools or by its own calls: what was done and what was paid for is kept and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.harness import House, Paused, opened
from threadline.domain import endings
from threadline.domain.endings import ending, lost_usage
from threadline.domain.errors import Unavailable
from threadline.domain.events import Event, finish_step, message_metadata, start_step
from threadline.domain.fold import fold
from threadline.domain.messages import Part, is_tool
from threadline.log.memory import MemoryLog
from threadline.log.protocol import Appended
from threadline.providers.protocol import ModelRequest, ToolSpec
from threadline.providers.scripted import Script, Scripted, Text, ToolCall
from threadline.runs.control import Control, Interrupted, Reason
from threadline.runs.tools import Tool, Toolbox, ToolContext, run_side_by_side
from threadline.store import runs
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

WORLD = SystemWorld()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


def mails(request: ModelRequest) -> Script:
    """Calls ``mail`` again and again."""
    return Script([Text("I send one. "), ToolCall("mail")])


class Mail:
    """A tool that is done at once ``quick`` times, and then waits."""

    def __init__(self, quick: int) -> None:
        self.began = asyncio.Event()
        self._quick = quick
        self.tool = Tool(ToolSpec("mail", "Send a mail.", {"type": "object"}), self._call)

    async def _call(self, _arguments: dict[str, Any], _context: ToolContext) -> str:
        self._quick -= 1
        if self._quick < 0:
            self.began.set()
            await asyncio.Event().wait()
        return "sent"


@pytest.mark.parametrize("quick", [0, 1, 2])
async def test_a_stop_among_the_tools_keeps_what_the_calls_of_the_model_cost(house: House, quick: int) -> None:
    mail = Mail(quick)
    async with house.worker(Scripted("test", WORLD, mails), [mail.tool]):
        submitted = await house.ask("count what this costs")
        await mail.began.wait()
        told = (await house.record(submitted.run_id)).metadata["usage"]
        await house.turns.stop(house.user, "chat-1")
        run, message = await house.ended(submitted.run_id), await house.message(submitted)
    assert told["totalTokens"] > 0
    assert run.usage == message.metadata["usage"] == fold(await house.events(submitted.run_id)).usage == told
    tools = [part for part in message.parts or [] if is_tool(part)]
    assert [part["state"] for part in tools] == ["output-available"] * quick + ["output-error"]
    assert tools[-1]["errorText"] == endings.EFFECT_UNKNOWN


async def test_a_stop_at_a_takeover_tells_that_the_effect_is_unknown_and_keeps_the_cost(house: House) -> None:
    mail = Mail(1)
    async with house.worker(Scripted("test", WORLD, mails), [mail.tool]) as crash:
        submitted = await house.ask()
        await mail.began.wait()
        told = (await house.record(submitted.run_id)).metadata["usage"]
        await house.crashed(crash)
    await house.turns.stop(house.user, "chat-1")
    async with house.worker(Scripted("test", WORLD, mails), [mail.tool]):
        run, message = await house.ended(submitted.run_id), await house.message(submitted)
    assert (run.status, run.usage, message.metadata["usage"]) == ("stopped", told, told)
    assert [part["errorText"] for part in message.parts or [] if "errorText" in part] == [endings.EFFECT_UNKNOWN]


async def test_a_stop_before_the_model_is_done_tells_that_no_tool_was_begun(house: House) -> None:
    mail = Mail(0)
    # All but the end of the step.
    provider = Paused(Scripted("test", WORLD, mails), 7)
    async with house.worker(provider, [mail.tool]):
        submitted = await house.ask()
        await provider.reached.wait()
        states = [part["state"] for part in (await house.record(submitted.run_id)).parts if is_tool(part)]
        await house.turns.stop(house.user, "chat-1")
        message = await house.message(submitted)
    assert states == ["input-available"]
    assert [part["errorText"] for part in message.parts or [] if "errorText" in part] == [endings.INTERRUPTED]
    assert not mail.began.is_set()


def test_usage_that_the_log_counts_already_is_not_lost_and_never_counted_twice() -> None:
    first, second = finish_step("tool-calls", {"totalTokens": 10}), finish_step("stop", {"totalTokens": 5})
    told = message_metadata({"usage": {"totalTokens": 10, "reasoningTokens": 0}})
    assert lost_usage(fold([start_step(), told])) == {"totalTokens": 10, "reasoningTokens": 0}
    assert lost_usage(fold([start_step(), told, first])) == {"reasoningTokens": 0}
    record = fold([start_step(), told, first, start_step(), second])
    assert lost_usage(record) == {"reasoningTokens": 0}
    assert ending(record, "stop")["messageMetadata"]["usage"] == {"totalTokens": 15, "reasoningTokens": 0}


class Lingers:
    """Says all, and then does not come to its end."""

    name = "test"
    continues = "prefill"

    def __init__(self) -> None:
        self.said = asyncio.Event()

    async def stream(self, _request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        yield [{"type": "text-start", "id": "p0"}, {"type": "text-delta", "id": "p0", "delta": "All."}]
        yield [{"type": "text-end", "id": "p0"}, finish_step("stop", {"totalTokens": 7})]
        self.said.set()
        await asyncio.Event().wait()


async def test_an_answer_that_is_all_there_when_it_is_stopped_keeps_its_end_and_its_cost(house: House) -> None:
    provider = Lingers()
    async with house.worker(provider):  # type: ignore[arg-type]
        submitted = await house.ask()
        await provider.said.wait()
        await house.turns.stop(house.user, "chat-1")
        run = await house.ended(submitted.run_id)
    assert (run.status, run.usage) == ("completed", {"totalTokens": 7})


class Sheet:
    """What a run appends, in the place of its writer."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def append(self, events: list[Event]) -> None:
        """Keep them."""
        self.events += events


@pytest.mark.parametrize(("reason", "kept"), [("stop", ["quick"]), ("drain", ["quick"]), ("lost", [])])
async def test_a_result_that_is_there_when_the_run_is_cut_is_kept_where_it_may_be(
    reason: Reason, kept: list[str]
) -> None:
    control, sheet = Control(), Sheet()

    async def quick(_arguments: dict[str, Any], _context: ToolContext) -> str:
        control.fire(reason)
        return "sent"

    async def slow(_arguments: dict[str, Any], _context: ToolContext) -> str:
        await asyncio.Event().wait()
        return "never"

    box = Toolbox([Tool(ToolSpec(call.__name__, "", {}), call) for call in (slow, quick)])
    parts: list[Part] = [{"type": f"tool-{name}", "toolCallId": name, "input": {}} for name in ("slow", "quick")]
    with pytest.raises(Interrupted) as cut:
        await run_side_by_side(box, parts, ToolContext("u", "c", "r"), sheet, control)  # type: ignore[arg-type]
    assert cut.value.reason == reason
    assert [event["toolCallId"] for event in sheet.events] == kept


async def broken_off() -> None:
    """Waits for what somebody else has cancelled."""
    inner = asyncio.ensure_future(asyncio.Event().wait())
    inner.cancel()
    await inner


async def test_a_tool_that_is_cancelled_by_itself_has_failed_and_the_answer_goes_on(house: House) -> None:
    async def call(_arguments: dict[str, Any], _context: ToolContext) -> None:
        await broken_off()

    def script(request: ModelRequest) -> Script:
        return Script([Text("Done.")] if request.messages[-1].role == "assistant" else [ToolCall("bad")])

    bad = Tool(ToolSpec("bad", "Break.", {"type": "object"}), call)
    async with house.worker(Scripted("test", WORLD, script), [bad]):
        message = await house.message(await house.ask())
    assert message.status == "completed"
    tool = next(part for part in message.parts or [] if is_tool(part))
    assert (tool["state"], tool["errorText"]) == ("output-error", "The tool failed: CancelledError.")


class BreaksOff:
    """Cancels its own call after some words, or before them."""

    name = "test"
    continues = "prefill"

    def __init__(self, words: str) -> None:
        self.calls = 0
        self._words = words

    async def stream(self, _request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        self.calls += 1
        if self._words:
            yield [{"type": "text-start", "id": "p0"}, {"type": "text-delta", "id": "p0", "delta": self._words}]
        await broken_off()


@pytest.mark.parametrize(("words", "calls"), [("Some words", 1), ("", 3)])
async def test_a_provider_that_is_cancelled_by_itself_has_failed_and_the_text_is_kept(
    house: House, words: str, calls: int
) -> None:
    provider = BreaksOff(words)
    async with house.worker(provider):  # type: ignore[arg-type]
        submitted = await house.ask()
        run = await house.ended(submitted.run_id)
    assert (run.status, run.error) == ("error", "The call of the provider was broken off.")
    assert await house.text(submitted) == words
    assert provider.calls == calls


@pytest.mark.parametrize("reason", ["drain", "lost"])
async def test_a_run_that_is_stopped_can_still_be_left_to_another(reason: Reason) -> None:
    control = Control()
    control.fire("stop")
    control.fire(reason)
    control.fire("stop")
    assert control.reason == reason


@pytest.mark.parametrize("reason", ["drain", "lost"])
async def test_two_reasons_at_once_cut_a_wait_once(reason: Reason) -> None:
    control = Control()

    async def wait() -> Reason:
        with pytest.raises(Interrupted) as cut, control.cancellable():
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return cut.value.reason

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    control.fire("stop")
    control.fire(reason)
    assert await task == reason


class FullLog(MemoryLog):
    """Takes nothing more once it is full."""

    full = False

    async def append(self, *given: Any, **more: Any) -> Appended:
        """See the protocol."""
        if self.full:
            raise Unavailable
        return await super().append(*given, **more)


async def test_a_stop_that_cannot_be_written_does_not_keep_the_worker_and_the_next_one_obeys_it(tmp_path: Path) -> None:
    log = FullLog(WORLD)
    async with opened(tmp_path, log) as house:
        provider = Paused(Scripted("test", WORLD, Script([Text("one two three four five")])), 3)
        async with house.worker(provider):
            submitted = await house.ask()
            await provider.reached.wait()
            log.full = True
            await house.turns.stop(house.user, "chat-1")
            await asyncio.sleep(0.05)
        run = await house.store.read(lambda tx: runs.get(tx, submitted.run_id))
        assert run is not None
        assert (run.status, run.worker) == ("running", None)
        log.full = False
        async with house.worker(provider):
            assert (await house.ended(submitted.run_id)).status == "stopped"
        assert await house.text(submitted) == "one two"
