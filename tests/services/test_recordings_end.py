"""Recordings: how they end, whoever ends them, and what is left of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.conftest import SettableWorld
from tests.services.studio import BEGUN, TEXT, Studio, words
from threadline.domain.errors import BadRequest, Closed, Fenced, NotFound
from threadline.domain.messages import text_of
from threadline.log.protocol import Producer
from threadline.log.rules import MAX_NUMBER
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Script, Scripted, Text
from threadline.runs.closer import Closer
from threadline.services.conversations import Conversations
from threadline.store import leases, recordings, runs
from threadline.store.signals import Signals

pytestmark = pytest.mark.anyio
FINISH = b'{"type":"finish","finishReason":"stop"}'


async def test_a_stop_ends_it_at_once_and_its_program_is_told(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, {"type": "start-step"}, *BEGUN)
    assert await studio.house.turns.stop(studio.house.user, "chat-1") == [one.run.id]
    assert (await studio.row(one)).status == "stopped"
    with pytest.raises(Closed, match="stopped"):
        await studio.say(one, 1, words(" it"))
    with pytest.raises(Closed):
        await studio.say(one, 1, close=True)
    message = await studio.message(one)
    assert (text_of(message.parts or []), message.status) == ("Half of", "stopped")
    assert [event["type"] for event in await studio.house.events(one.run.id)][-4:] == [
        "text-end", "finish-step", "abort", "finish",
    ]  # fmt: skip


async def test_a_program_that_is_silent_for_too_long_has_lost_it_and_the_text_is_kept(studio: Studio) -> None:
    one = await studio.open(seconds=10.0)
    await studio.say(one, 0, *BEGUN)
    lapse = await studio.recordings.end_due()
    assert lapse is not None
    assert (await studio.row(one)).status == "running"
    await studio.later(one, 11)
    assert await studio.recordings.end_due() is None
    row = await studio.row(one)
    assert (row.status, row.finish_reason) == ("interrupted", "interrupted")
    assert text_of((await studio.message(one)).parts or []) == "Half of"
    with pytest.raises(Closed, match="Nothing was heard"):
        await studio.say(one, 1, words(" it"))


async def test_a_word_or_an_empty_append_keeps_it_but_not_a_refused_one(studio: Studio) -> None:
    one = await studio.open(seconds=10.0)
    await studio.say(one, 0, *BEGUN)
    for seq, chunks in enumerate(([], [words(" it")]), 1):
        await studio.later(one, 9)
        studio.world.ahead += 9
        await studio.say(one, seq, *chunks)
        await studio.later(one, 9)
        await studio.recordings.end_due()
        assert (await studio.row(one)).status == "running"
    await studio.later(one, 9)
    with pytest.raises(BadRequest):
        await studio.say(one, 3, {"type": "no"})
    await studio.recordings.end_due()
    assert (await studio.row(one)).status == "interrupted"


async def test_a_program_has_its_whole_time_from_its_last_word_on(studio: Studio) -> None:
    one = await studio.open(seconds=100.0)
    await studio.say(one, 0, *BEGUN)
    await studio.later(one, 9)
    studio.world.ahead += 9
    await studio.say(one, 1, words(" it"))
    await studio.later(one, 99)
    await studio.recordings.end_due()
    assert (await studio.row(one)).status == "running"


async def test_after_a_time_in_which_nothing_ran_a_program_has_all_of_its_own(studio: Studio) -> None:
    one, signals, draining = await studio.open(), Signals(), asyncio.Event()

    async def lapse() -> float:
        return (await studio.row(one)).lease_until or 0.0

    async def sleeps(seconds: float) -> None:
        """The machine's clock goes on, and nothing else."""
        await studio.later(one, seconds)
        studio.world.ahead += seconds
        signals.poke("recordings")

    before = await lapse()
    closing = asyncio.create_task(Closer(studio.recordings, signals, studio.world).run(draining))
    while await lapse() == before:
        await asyncio.sleep(0.01)
    before = await lapse()
    await sleeps(3600)
    while 0 < await lapse() < before:
        await asyncio.sleep(0.01)
    assert (await studio.row(one)).status == "running"
    draining.set()
    await closing


async def test_after_a_time_without_a_server_a_program_has_all_of_its_own(studio: Studio) -> None:
    one = await studio.open(seconds=10.0)
    await studio.later(one, 100)
    studio.anew()
    await studio.recordings.trust()
    await studio.house.store.write(leases.break_leases)
    await studio.recordings.end_due()
    await studio.say(one, 0, *TEXT)
    assert (await studio.row(one)).status == "completed"


async def test_no_worker_takes_a_recording_whatever_becomes_of_it(studio: Studio) -> None:
    one, house = await studio.open(), studio.house
    await studio.say(one, 0, *BEGUN)
    await studio.later(one, 1000)
    claimed = await house.store.write(lambda tx: leases.claim(tx, "worker", 5, 10))
    assert claimed == []
    assert await house.store.read(leases.next_lapse) is None


async def test_one_that_was_written_down_and_never_begun_ends_whole(studio: Studio) -> None:
    one = await studio.open()
    await studio.house.log.delete(f"runs/{one.run.id}")
    studio.anew()
    await studio.later(one, 100)
    await studio.recordings.end_due()
    assert [event["type"] for event in await studio.house.events(one.run.id)] == ["start", "finish"]
    assert (await studio.row(one)).status == "interrupted"


async def test_one_that_was_closed_and_not_folded_is_folded_by_whoever_comes(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)

    async def fails(*_: Any) -> None:
        raise RuntimeError

    conclude, studio.house.answers.conclude = studio.house.answers.conclude, fails  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await studio.say(one, 1, words(" it."), close=True)
    studio.house.answers.conclude = conclude  # type: ignore[method-assign]
    studio.anew()
    assert (await studio.say(one, 1, words(" it."), close=True)).duplicate
    assert text_of((await studio.message(one)).parts or []) == "Half of it."


@pytest.mark.parametrize("again", [False, True])
async def test_one_that_was_closed_when_the_server_died_has_ended_when_it_is_back(studio: Studio, again: bool) -> None:
    one = await studio.open(seconds=3600.0)
    await studio.say(one, 0, *BEGUN)
    await studio.house.log.append(f"runs/{one.run.id}", [FINISH], producer=Producer("program", 1, 1), close=True)
    studio.anew()
    if again:
        opened = await studio.open()
        assert (opened.run.status, opened.text, opened.open_parts) == ("completed", "Half of", ())
        with pytest.raises(Closed):
            await studio.say(opened, 0, words(" it"))
    else:
        await studio.recordings.trust()
    assert (await studio.row(one)).status == "completed"
    assert text_of((await studio.message(one)).parts or []) == "Half of"


@pytest.mark.parametrize(("text", "kept"), [('[{"a":1', [{"a": 1}]), ("[" * 100, None), ('[{"__proto__":{', None)])
async def test_of_an_input_that_broke_off_is_kept_what_readers_can_read(studio: Studio, text: str, kept: Any) -> None:
    one, call = await studio.open(), {"toolCallId": "c", "toolName": "look"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": text}
    await studio.say(one, 0, {"type": "tool-input-start", **call}, delta, close=True)
    [part] = (await studio.message(one)).parts or []
    assert (part["state"], part["input"]) == ("output-error", kept)


async def test_an_end_that_broke_off_behind_its_fence_is_made_up_for(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    await studio.later(one, 100)
    claimed = await studio.house.store.write(lambda tx: recordings.claim(tx, one.run.id, 5))
    assert claimed is not None
    await studio.house.log.append(f"runs/{one.run.id}", [], producer=Producer("program", MAX_NUMBER, 0))
    studio.anew()
    with pytest.raises(Closed):
        await studio.say(one, 1, words(" it"))
    assert (await studio.row(one)).status == "interrupted"


async def test_one_whose_program_counts_more_tokens_than_there_are_can_end(studio: Studio) -> None:
    one = await studio.open()
    counted = [{"type": "finish-step", "usage": {"inputTokens": count}} for count in (10**9, 2**53 - 1)]
    await studio.say(one, 0, *counted * 2100, close=True)
    row = await studio.row(one)
    assert (row.status, row.usage) == ("completed", {"inputTokens": 2100 * 10**9})


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("status", ["interrupted", "stopped", "completed"])
async def test_whoever_opens_one_that_has_ended_is_told_so_and_no_append_is_taken_for_another(
    studio: Studio, status: str, anew: bool
) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    if status == "completed":
        await studio.say(one, 1, words(" it."), close=True)
    elif status == "stopped":
        await studio.house.turns.stop(studio.house.user, "chat-1")
    else:
        await studio.later(one, 100)
        await studio.recordings.end_due()
    kept = await studio.house.events(one.run.id)
    for _ in range(2):
        if anew:
            studio.anew()
        again = await studio.open()
        assert (again.duplicate, again.run.status, again.open_parts) == (True, status, ())
        assert (again.text, again.next_offset) == ("Half of it." if status == "completed" else "Half of", len(kept))
        for seq in range(3):
            with pytest.raises(Closed) as closed:
                await studio.say(again, seq, words("Other."))
            assert closed.value.details == {"closed": True, "tail": len(kept)}
        with pytest.raises(Closed):
            await studio.say(again, 0, close=True)
    # Not even an epoch that a program makes up is one under which the server has written.
    for epoch in range(one.epoch + 1, one.epoch + 5):
        for seq in range(3):
            with pytest.raises(Closed):
                await studio.say(one, seq, words("Other."), epoch=epoch)
    with pytest.raises(BadRequest, match="epoch"):
        await studio.say(one, 0, words("Other."), epoch=MAX_NUMBER)
    assert await studio.house.events(one.run.id) == kept


async def test_one_that_is_about_to_be_stopped_is_opened_under_an_epoch_that_nobody_has(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    await studio.house.ask("Now!", when_busy="interrupt")
    again = await studio.open()
    assert (again.run.status, again.epoch, again.text) == ("running", one.epoch + 1, "Half of")
    with pytest.raises(Closed):
        await studio.say(again, 0, words("Other."))
    assert (await studio.row(one)).status == "stopped"


async def test_a_program_of_another_server_cannot_write_between_the_fence_and_the_end(studio: Studio) -> None:
    one, log = await studio.open(), studio.house.log
    await studio.say(one, 0, *BEGUN)
    await studio.later(one, 100)
    await log.append(f"runs/{one.run.id}", [], producer=Producer("program", MAX_NUMBER, 0))
    for epoch in (one.epoch, one.epoch + 1):
        with pytest.raises(Fenced):
            await log.append(f"runs/{one.run.id}", [b"{}"], producer=Producer("program", epoch, 0))
    await studio.recordings.end_due()
    assert (await studio.row(one)).status == "interrupted"


async def test_a_recorded_answer_is_context_for_the_turn_after_it_which_waits_for_its_end(studio: Studio) -> None:
    def echo(request: ModelRequest) -> Script:
        return Script([Text(" | ".join(text_of(message.parts) for message in request.messages))])

    one, house = await studio.open("Question"), studio.house
    async with house.worker(Scripted("test", SettableWorld(), echo)):
        submitted = await house.ask("And then?")
        for seq, chunk in enumerate(TEXT):
            await studio.say(one, seq, chunk)
        assert await house.text(submitted) == "Question | Hello, reader. | And then?"


async def test_a_deleted_conversation_takes_its_recording_with_it(studio: Studio) -> None:
    one, house = await studio.open(), studio.house
    await studio.say(one, 0, *BEGUN)
    conversations = Conversations(house.store, house.log, house.answers)
    await conversations.delete(house.user, "chat-1")
    await studio.recordings.end_due()
    await conversations.sweep()
    with pytest.raises(NotFound):
        await studio.say(one, 1, words(" it"))
    assert await house.store.read(lambda tx: runs.get(tx, one.run.id)) is None


async def test_an_interrupting_message_ends_the_recording_before_it(studio: Studio) -> None:
    one, house = await studio.open(), studio.house
    await studio.say(one, 0, *BEGUN)
    await house.ask("Now!", when_busy="interrupt")
    await studio.recordings.end_due()
    assert (await studio.row(one)).status == "stopped"
