"""Each row of the recovery table, on real processes: where the log ended, and how the answer goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import Assembly, follow, new_id, stored_answer, submit, text_of, until_ended
from tests.support.client import BROKEN, Client
from tests.support.fake import Fake
from tests.support.server import Server

pytestmark = pytest.mark.anyio
Moment = Callable[[Assembly], bool]


class Case:
    """One answer that is cut at a chosen moment and then read to its end."""

    def __init__(self, server: Server, model: str) -> None:
        self.server, self.model = server, model
        self.client: Client = server.client()
        self.conversation = new_id()
        self.seen = Assembly()
        self.run = ""

    async def cut_when(self, moment: Moment, also: Callable[[], bool] = lambda: True) -> None:
        """Submit, watch until ``moment`` is true of what was seen, and ``also``; then cut the power and start again."""
        self.run, stream = await submit(self.client, "Tell me all of it.", self.conversation, self.model)
        watching = asyncio.create_task(self._watch(stream))
        async with asyncio.timeout(60):
            while not moment(self.seen):
                await asyncio.sleep(0.005)
                assert not watching.done() or moment(self.seen), f"over before the moment: {self.seen.types}"
            while not also():
                await asyncio.sleep(0.005)
        await asyncio.to_thread(self.server.cut_power)
        await watching
        await asyncio.to_thread(self.server.up)

    async def _watch(self, stream: Any) -> None:
        with contextlib.suppress(*BROKEN):
            await self.seen.drink(stream)

    async def ends(self, status: str = "completed") -> dict[str, Any]:
        """Read on to the end; returns the stored message, whose text is what was read."""
        await follow(self.client, self.run, self.seen)
        assert (await until_ended(self.client, self.run))["status"] == status
        message = await stored_answer(self.client, self.conversation, self.run)
        assert message["status"] == status
        assert text_of(message) == self.seen.text
        return message

    async def taken_over(self, times: int) -> None:
        """Wait until the run has been taken over so often."""
        async with asyncio.timeout(60):
            while True:
                found = await self.client.get(f"/api/runs/{self.run}/events?live=poll&after=-1")
                if sum(event["type"] == "data-recovery" for event in found["events"]) >= times:
                    return
                await asyncio.sleep(0.02)

    def parts(self, message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return [part for part in message["parts"] if part["type"] == kind]


def nothing_visible(seen: Assembly) -> bool:
    return bool(seen.events)


def text_of_length(count: int) -> Moment:
    return lambda seen: len(seen.text) >= count


def saw(kind: str, times: int = 1) -> Moment:
    return lambda seen: sum(event["type"] == kind for event in seen.events) >= times


async def test_before_anything_visible_the_step_runs_again(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, first=1.0))
    await case.cut_when(nothing_visible)
    await case.ends()
    assert case.seen.text == fake.text(chunks=50)


@pytest.mark.parametrize("way", ["exact", "repeat", "preamble", "over", "refuse"])
async def test_in_the_middle_of_text_a_continuation_by_instruction_is_whole_or_honestly_interrupted_never_doubled(
    server: Server, fake: Fake, way: str
) -> None:
    case = Case(server, fake.model(chunks=200, pace=0.005, way=way, hold_at=150, times=1))
    await case.cut_when(text_of_length(300))
    before = case.seen.text
    await follow(case.client, case.run, case.seen)
    status = (await until_ended(case.client, case.run))["status"]
    message = await stored_answer(case.client, case.conversation, case.run)
    assert text_of(message) == case.seen.text
    assert case.seen.text.startswith(before)
    if way in ("exact", "repeat"):
        assert status == "completed"
    if status == "completed":
        assert case.seen.text == fake.text(chunks=200)
    else:
        assert status == "interrupted"
        assert fake.text(chunks=200).startswith(case.seen.text), "an interrupted answer has words that are not its own"


ESSAY = (
    "Rivers begin small. A spring in the hills gives a thread of water, and rain adds to it as it runs down. "
    "Other streams join, and what was a brook becomes wide enough to carry a boat. In the plain it slows, bends "
    "from side to side, and lays down the sand that it brought from the mountains. Towns grew on its banks, since "
    "water turned their mills and carried their goods. At its mouth the river divides, and the land that it built "
    "there is flat, wet and fertile, so that farmers came early and stayed. Only then does it reach the sea."
)
REPHRASED = (
    "In the hills a spring gives a thread of water, so rivers begin small, and rain adds to it. Streams join the "
    "brook until it is wide and can carry a boat, and in the plain it slows and bends and lays down its sand."
)


@pytest.mark.parametrize("opening", ["", "In other words: ", "Let me start over. "])
async def test_a_model_that_says_the_answer_again_in_other_words_leaves_it_interrupted_and_not_doubled(
    server: Server, fake: Fake, opening: str
) -> None:
    case = Case(server, fake.model(text=ESSAY, hold_at=62, times=1, again={"text": opening + REPHRASED}))
    await case.cut_when(text_of_length(300))
    await case.ends("interrupted")
    assert ESSAY.startswith(case.seen.text)


async def test_a_model_that_swallows_the_blank_before_its_continuation_loses_no_word(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=200, pace=0.005, way="strip", hold_at=150, times=1))
    await case.cut_when(text_of_length(300))
    await case.ends()
    assert case.seen.text.replace(" ", "") == fake.text(chunks=200).replace(" ", "")


async def test_in_the_middle_of_text_a_continuation_by_prefill_is_whole(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model("prefilled", chunks=200, pace=0.005, hold_at=150, times=1))
    await case.cut_when(text_of_length(300))
    await case.ends()
    assert case.seen.text == fake.text(chunks=200)


async def test_at_the_end_of_a_text_that_is_still_open_nothing_is_said_twice(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, hold_at=50, times=1))
    await case.cut_when(lambda seen: seen.text == fake.text(chunks=50))
    assert "text-end" not in case.seen.types
    await case.ends()
    assert case.seen.text == fake.text(chunks=50)


async def test_after_a_finished_text_without_the_steps_end_nothing_is_said_twice(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, rest=60, again={"rest": 0}))
    await case.cut_when(saw("text-end"))
    assert "finish-step" not in case.seen.types
    message = await case.ends()
    assert case.seen.text == fake.text(chunks=50)
    assert len(case.parts(message, "text")) == 1


async def test_after_a_finished_text_what_the_model_adds_goes_into_a_part_of_its_own(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=50, rest=60, again={"chunks": 80, "rest": 0}))
    await case.cut_when(saw("text-end"))
    message = await case.ends()
    assert case.seen.text == fake.text(chunks=80)
    assert case.parts(message, "text")[0]["text"] == fake.text(chunks=50)


async def test_in_the_middle_of_reasoning_it_is_closed_as_interrupted_and_the_step_runs_again(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=50, reasoning=100, pace=0.005, hold_at=60, times=1))
    await case.cut_when(saw("reasoning-delta", 20))
    message = await case.ends()
    cut, whole = case.parts(message, "reasoning")
    assert whole["text"].startswith(cut["text"])
    assert len(cut["text"]) < len(whole["text"])
    assert all(part["state"] == "done" for part in (cut, whole))
    assert cut["providerMetadata"]["threadline"]["interrupted"] is True
    assert case.seen.text == fake.text(chunks=50)


async def test_in_the_middle_of_a_tools_input_that_call_is_an_error_and_the_answer_goes_on(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=50, tool="count", arguments={"city": "Oslo" * 100}, arguments_pace=0.1))
    await case.cut_when(saw("tool-input-delta", 2))
    message = await case.ends()
    calls = case.parts(message, "tool-count")
    assert calls[0]["state"] == "output-error"
    assert "interrupted" in calls[0]["errorText"].lower()
    assert [kind for kind in case.seen.types if kind == "tool-input-error"] == ["tool-input-error"]
    assert case.seen.text == fake.text(chunks=50)


async def test_with_the_input_complete_an_idempotent_tool_runs_again(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, tool="slow_look"))
    await case.cut_when(saw("tool-input-available"), lambda: calls_of(server, "slow_look") == 1)
    message = await case.ends()
    (call,) = case.parts(message, "tool-slow_look")
    assert call["state"] == "output-available"
    assert calls_of(server, "slow_look") == 2
    assert case.seen.text == fake.text(chunks=50)


async def test_with_the_input_complete_any_other_tool_is_not_run_again_and_its_effect_is_called_unknown(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=50, tool="slow_act"))
    await case.cut_when(saw("tool-input-available"), lambda: calls_of(server, "slow_act") == 1)
    message = await case.ends()
    (call,) = case.parts(message, "tool-slow_act")
    assert call["state"] == "output-error"
    assert "not known" in call["errorText"]
    assert calls_of(server, "slow_act") == 1
    assert case.seen.text == fake.text(chunks=50)


async def test_with_all_outputs_there_the_next_step_comes_and_no_tool_runs_again(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, tool="count", first=1.0))
    before = calls_of(server, "count")
    await case.cut_when(saw("tool-output-available"))
    message = await case.ends()
    (call,) = case.parts(message, "tool-count")
    assert call["state"] == "output-available"
    assert calls_of(server, "count") == before + 1
    assert case.seen.text == fake.text(chunks=50)


async def test_a_run_that_was_closed_but_not_folded_is_folded(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50))
    case.run, stream = await submit(case.client, "Tell me.", case.conversation, case.model)
    await case.seen.drink(stream)
    await until_ended(case.client, case.run)
    whole = (await stored_answer(case.client, case.conversation, case.run))["parts"]
    await asyncio.to_thread(server.kill9)
    unfold(server.data / "threadline.db", case.run)
    await asyncio.to_thread(server.up)
    await until_ended(case.client, case.run)
    message = await stored_answer(case.client, case.conversation, case.run)
    assert message["parts"] == whole
    assert message["status"] == "completed"
    again = Assembly()
    await follow(case.client, case.run, again)
    assert again.events == case.seen.events, "the log was closed and must not have grown"


async def test_after_three_takeovers_without_progress_the_run_ends_with_an_error_and_keeps_its_text(
    server: Server, fake: Fake
) -> None:
    case = Case(server, fake.model(chunks=100, hold_at=60, times=1, again={"first": 600}))
    await case.cut_when(text_of_length(100))
    for number in range(1, 4):
        await case.taken_over(number)
        await asyncio.to_thread(server.restart)
    await case.ends("error")
    assert case.seen.text
    assert fake.text(chunks=100).startswith(case.seen.text)
    assert case.seen.events[-1]["type"] == "finish"
    assert sum(event["type"] == "error" for event in case.seen.events) == 1


async def test_a_conversation_is_never_left_streaming(server: Server, fake: Fake) -> None:
    case = Case(server, fake.model(chunks=50, hold_at=30, times=1))
    await case.cut_when(text_of_length(50))
    await case.ends()
    assert (await case.client.get(f"/api/conversations/{case.conversation}"))["status"] == "completed"


def calls_of(server: Server, tool: str) -> int:
    """How many times a test's tool was called, over all lives of the server."""
    path = server.folder / f"{tool}.calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def unfold(database: Path, run: str) -> None:
    """Put the rows back to where they stand between the close of the log and the fold."""
    with contextlib.closing(sqlite3.connect(database)) as base, base:
        base.execute("UPDATE messages SET parts = NULL, metadata = '{}' WHERE run_id = ?", (run,))
        values = "status = 'running', worker = 'gone', lease_until = 0, ended_at = NULL, finish_reason = NULL"
        base.execute(f"UPDATE runs SET {values}, next_offset = NULL, usage = NULL, trail = NULL WHERE id = ?", (run,))
