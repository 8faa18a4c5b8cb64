"""Recordings: what is opened, who may write it, and what of it is taken."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from tests.clients.chunks import Sequence
from tests.services.studio import BEGUN, TEXT, Studio, words
from threadline.domain.errors import BadRequest, Closed, Conflict, Fenced, Gap, NotAllowed, NotFound, TooLarge
from threadline.domain.events import Event, encode
from threadline.domain.fold import Fold
from threadline.domain.messages import text_of
from threadline.log.protocol import Producer
from threadline.services.recorded import Standing
from threadline.services.recordings import MAX_BYTES, Opening
from threadline.services.streams import Streams
from threadline.store import changes, messages, recordings, users

pytestmark = pytest.mark.anyio


async def test_a_recording_is_followed_like_any_other_answer_and_becomes_its_message(studio: Studio) -> None:
    one = await studio.open("What is it?", model="home/one")
    assert not one.duplicate
    begun = await studio.house.record(one.run.id)
    assert (begun.started, begun.count) == (True, 1)
    reading = asyncio.create_task(studio.house.events(one.run.id))
    for seq, chunk in enumerate(TEXT):
        await studio.say(one, seq, chunk)
    found = await reading
    assert [event["type"] for event in found] == [
        "start", "message-metadata", "start-step", "text-start", "text-delta", "text-delta", "text-end", "finish-step",
        "finish",
    ]  # fmt: skip
    assert found[0]["messageMetadata"] == {"run": one.run.id, "model": "home/one", "createdAt": one.run.created_at}
    message = await studio.message(one)
    assert (text_of(message.parts or []), message.status) == ("Hello, reader.", "completed")
    usage = {"inputTokens": 3, "outputTokens": 4}
    row = await studio.row(one)
    ended_at = message.metadata.pop("endedAt")
    assert one.run.created_at <= ended_at <= (row.ended_at or 0)
    assert message.metadata == {
        "run": one.run.id, "model": "home/one", "createdAt": one.run.created_at, "theme": "dark", "mood": "good",
        "usage": usage, "finishReason": "stop",
    }  # fmt: skip
    assert (row.status, row.usage, row.next_offset, row.worker) == ("completed", usage, 9, None)


async def test_the_users_message_is_saved_before_the_first_chunk(studio: Studio) -> None:
    one = await studio.open("Save me.")
    page, _ = await studio.house.store.read(lambda tx: messages.page(tx, "chat-1", None, 10))
    assert [(row.role, text_of(row.parts or []), row.status) for row in page] == [
        ("user", "Save me.", "completed"),
        ("assistant", "", "streaming"),
    ]
    told = await studio.house.store.read(lambda tx: changes.read(tx, studio.house.user, 0, 100))
    assert "run.started" in str(told)
    assert one.run.parent_id == page[0].id


async def test_a_close_alone_ends_what_is_open_and_leaves_calls_to_the_client(studio: Studio) -> None:
    one = await studio.open()
    call = {"type": "tool-input-available", "toolCallId": "c", "toolName": "look", "input": {"a": 1}}
    half = {"type": "tool-input-start", "toolCallId": "d", "toolName": "look"}
    await studio.say(one, 0, {"type": "start-step"}, *BEGUN, {"type": "reasoning-start", "id": "r"}, call, half)
    done = await studio.say(one, 1, close=True)
    assert done.closed
    parts = (await studio.message(one)).parts or []
    assert [part.get("state") for part in parts] == [None, "done", "done", "input-available", "output-error"]
    assert (await studio.row(one)).status == "completed"
    assert (await studio.house.record(one.run.id)).last_type == "finish"


@pytest.mark.parametrize(
    ("chunk", "status", "reason"),
    [({"type": "error", "errorText": "no"}, "error", "error"), ({"type": "abort"}, "stopped", "other")],
)
async def test_an_error_and_an_abort_are_the_programs_to_tell(
    studio: Studio, chunk: Event, status: str, reason: str
) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN, chunk, close=True)
    row = await studio.row(one)
    assert (row.status, row.finish_reason) == (status, reason)
    assert text_of((await studio.message(one)).parts or []) == "Half of"


async def test_the_same_opening_gives_the_same_run_and_fences_the_program_that_was_before(studio: Studio) -> None:
    first = await studio.open()
    await studio.say(first, 0, *BEGUN)
    again = await studio.open()
    assert (again.run.id, again.duplicate, again.run.epoch) == (first.run.id, True, first.run.epoch + 1)
    with pytest.raises(Fenced) as fenced:
        await studio.say(first, 1, words(" it"))
    assert fenced.value.details == {"epoch": again.run.epoch}
    await studio.say(again, 0, words(" all."), close=True)
    assert text_of((await studio.message(again)).parts or []) == "Half of all."
    assert (await studio.open()).run.status == "completed"


async def test_a_program_that_starts_anew_is_told_what_there_is_and_begins_its_step_again(studio: Studio) -> None:
    first = await studio.open()
    assert (first.text, first.next_offset, first.open_parts) == ("", 1, ())
    await studio.say(first, 0, {"type": "start-step"}, {"type": "text-start", "id": "0"}, words("Kept. "))
    await studio.say(first, 1, {"type": "text-end", "id": "0"}, {"type": "finish-step"}, {"type": "start-step"})
    await studio.say(first, 2, {"type": "reasoning-start", "id": "r"}, *BEGUN)
    await studio.say(first, 3, {"type": "tool-input-start", "toolCallId": "c", "toolName": "look"})
    again = await studio.open()
    assert (again.text, again.next_offset) == ("Kept. Half of", 11)
    assert list(again.open_parts) == [
        {"id": "r", "type": "reasoning"}, {"id": "0", "type": "text"}, {"id": "c", "type": "tool-input"},
    ]  # fmt: skip
    with pytest.raises(BadRequest, match="open already"):
        await studio.say(again, 0, *BEGUN)
    await studio.say(again, 0, {"type": "reset-step"}, {"type": "text-start", "id": "0"}, words("All of it."))
    await studio.say(again, 1, {"type": "text-end", "id": "0"}, close=True)
    assert text_of((await studio.message(again)).parts or []) == "Kept. All of it."
    assert [part["type"] for part in (await studio.message(again)).parts or []].count("reasoning") == 0


async def test_a_program_that_starts_anew_may_go_on_in_the_part_that_is_open(studio: Studio) -> None:
    await studio.say(await studio.open(), 0, *BEGUN)
    again = await studio.open()
    [part] = again.open_parts
    await studio.say(again, 0, words(" it.", part["id"]), {"type": f"{part['type']}-end", "id": part["id"]}, close=True)
    assert text_of((await studio.message(again)).parts or []) == "Half of it."


async def test_a_key_finds_the_run_again_and_is_for_one_recording_alone(studio: Studio) -> None:
    first = await studio.open(chat_id=None, key="k")
    again = await studio.open(chat_id=None, key="k")
    assert (again.run.id, again.duplicate) == (first.run.id, True)
    with pytest.raises(Conflict):
        await studio.open("Another thing", chat_id=None, key="k")
    other = await studio.house.store.write(lambda tx: users.add(tx, "guest"))
    theirs = await studio.recordings.open(other.id, Opening(message=user("Hello"), key="k"))
    assert theirs.run.id != first.run.id


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "text": text}]}


async def test_an_answer_may_hang_below_a_message_that_is_there(studio: Studio) -> None:
    first = await studio.open()
    await studio.say(first, 0, *TEXT)
    second = await studio.open(None, parent_id=first.run.parent_id)
    assert second.run.parent_id == first.run.parent_id
    third = await studio.open(None)
    assert third.run.parent_id == second.run.message_id
    for opening in (Opening(), Opening(chat_id="nowhere"), Opening(chat_id="chat-1", parent_id="nothing")):
        with pytest.raises((BadRequest, NotFound)):
            await studio.recordings.open(studio.house.user, opening)


@pytest.mark.parametrize(
    "more",
    [
        {"model": ""},
        {"model": "x" * 201},
        {"key": ""},
        {"key": "a\nb"},
        {"model": "a\x00"},
        {"seconds": 4.9},
        {"seconds": 3601.0},
        {"chat_id": "a/b"},
    ],
)
async def test_what_cannot_be_opened_is_refused_and_nothing_is_written(studio: Studio, more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await studio.open(**more)
    assert await studio.house.store.read(recordings.next_lapse) is None


BAD: list[Any] = [
    1, "x", None, [], {}, {"type": 1}, {"type": "no-such"}, {"type": "data-"}, {"type": "data-recovery", "data": 1},
    {"type": "text-start"}, {"type": "text-start", "id": 1},
    {"type": "text-start", "id": "1", "providerMetadata": None},
    {"type": "text-start", "id": "1", "providerMetadata": {"x": 1}}, {"type": "text-delta", "id": "0"},
    {"type": "finish", "finishReason": "tired"}, {"type": "finish", "messageMetadata": []},
    {"type": "message-metadata"},
    {"type": "finish-step", "usage": 3}, {"type": "error"}, {"type": "tool-input-start", "toolCallId": "c"},
    {"type": "tool-input-start", "toolCallId": "c", "toolName": "t", "inputEncoding": "xml"},
    {"type": "tool-approval-response", "approvalId": "a", "approved": "yes"},
    {"type": "steering-message", "id": "s", "parts": [{"type": "image"}]}, {"type": "custom"},
    {"type": "text-end", "id": "0", "citations": [{"source": {}}]}, {"type": "data-x", "data": 1, "transient": "no"},
    {"type": "data-x", "data": 2**70}, {"type": "file", "url": "x"},
    {"type": "data-x", "data": [{"__proto__": 1}]}, {"type": "data-x", "data": {"constructor": {"prototype": 1}}},
    # Of their form, but not in their place.
    words("x", "1"), {"type": "text-start", "id": "0"}, {"type": "text-end", "id": "1"},
    {"type": "reasoning-delta", "id": "0", "delta": "x"},
    {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": ""},
    {"type": "tool-output-available", "toolCallId": "c", "output": 1},
    {"type": "tool-output-denied", "toolCallId": "c"},
    {"type": "tool-approval-response", "approvalId": "a", "approved": True},
]  # fmt: skip


@pytest.mark.parametrize("chunk", BAD, ids=str)
async def test_one_chunk_that_is_wrong_refuses_all_names_itself_and_takes_no_seq(studio: Studio, chunk: Any) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    with pytest.raises(BadRequest) as refused:
        await studio.say(one, 1, words(" good"), chunk)
    assert refused.value.message.startswith("Chunk 1 (")
    assert (refused.value.details or {})["index"] == 1
    await studio.say(one, 1, words(" it."), close=True)
    assert text_of((await studio.message(one)).parts or []) == "Half of it."


async def test_a_chunk_and_a_recording_may_not_be_too_large(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    with pytest.raises(BadRequest, match="larger than 4 MB"):
        await studio.say(one, 1, words("x" * (4 << 20)))
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(BadRequest, match="nested"):
        await studio.say(one, 1, {"type": "data-x", "data": deep})
    monkeypatch.setattr("threadline.services.recordings.MAX_BYTES", 1000)
    with pytest.raises(BadRequest, match="has at most"):
        await studio.say(one, 1, words("x" * 1000))
    assert MAX_BYTES > 1000
    await studio.say(one, 1, close=True)


async def test_what_only_looks_like_a_name_that_javascript_keeps_to_itself_is_taken(studio: Studio) -> None:
    one = await studio.open()
    data = {"constructor": {"name": 1}, "prototype": ["__proto__", '"__proto__":'], "of": {"constructor": 1}}
    await studio.say(one, 0, {"type": "data-x", "data": data}, close=True)
    assert ((await studio.message(one)).parts or [])[0]["data"] == data


async def test_an_append_to_a_run_is_as_small_as_any_other_request(studio: Studio) -> None:
    one, house = await studio.open(), studio.house
    streams = Streams(house.log, house.answers, lambda _owner, _path: None, studio.recordings)
    many = [encode({"type": "data-x", "data": "x" * 100_000})] * 50
    producer = Producer("program", one.epoch, 0)
    with pytest.raises(TooLarge, match="at most 4 MB"):
        await streams.append(house.user, f"runs/{one.run.id}", many, producer=producer)
    done = await streams.append(house.user, f"runs/{one.run.id}", many[:40], producer=producer)
    assert done.tail == 41


def test_what_is_kept_in_memory_of_a_recording_is_what_may_come_next_and_not_what_came() -> None:
    standing = Standing()
    begun: list[Event] = [*BEGUN, {"type": "reasoning-start", "id": "r"}]
    standing.apply(begun, 100)
    before = len(pickle.dumps(standing.order))
    for _ in range(1000):
        standing.apply([words("More."), {"type": "data-x", "data": [{}] * 10}, {"type": "start-step"}], 100)
    assert (standing.count, standing.size) == (3003, 100_100)
    assert len(pickle.dumps(standing.order)) == before


async def test_nothing_comes_after_finish(studio: Studio) -> None:
    one = await studio.open()
    with pytest.raises(BadRequest, match="after finish"):
        await studio.say(one, 0, *TEXT, words("more"))
    await studio.say(one, 0, *TEXT)
    with pytest.raises(Closed) as closed:
        await studio.say(one, 1, words("more"))
    assert closed.value.details == {"closed": True, "tail": 9}
    assert (await studio.say(one, 1, close=True)).closed


@pytest.mark.parametrize("anew", [False, True])
async def test_what_came_before_is_answered_and_a_gap_is_refused_whatever_is_in_it(studio: Studio, anew: bool) -> None:
    one = await studio.open()
    for seq, chunks in enumerate((BEGUN, [words(" it")], [{"type": "text-end", "id": "0"}])):
        await studio.say(one, seq, *chunks)
        if anew:
            studio.anew()
    for seq, chunks in enumerate((BEGUN, [words(" it")], [{"type": "text-end", "id": "0"}])):
        done = await studio.say(one, seq, *chunks)
        assert (done.duplicate, done.tail, done.seq) == (True, 5, 2)
    for chunk in ({"type": "abort"}, words("x")):
        with pytest.raises(Gap) as gap:
            await studio.say(one, 4, chunk)
        assert (gap.value.details or {})["expected_seq"] == 3
    await studio.say(one, 3, close=True)
    assert (await studio.say(one, 3, close=True)).duplicate
    assert (await studio.say(one, 0, *BEGUN)).duplicate
    assert text_of((await studio.message(one)).parts or []) == "Half of it"


async def test_a_program_may_take_a_newer_epoch_itself(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    with pytest.raises(BadRequest, match="seq 0"):
        await studio.say(one, 1, words("x"), epoch=7)
    await studio.say(one, 0, words(" it"), epoch=7)
    with pytest.raises(Fenced):
        await studio.say(one, 1, words("x"))
    assert (await studio.open()).run.epoch == 8
    with pytest.raises(Fenced):
        await studio.say(one, 1, words("x"), epoch=7)


async def test_what_is_refused_takes_no_epoch(studio: Studio) -> None:
    one = await studio.open()
    await studio.say(one, 0, *BEGUN)
    for seq, chunk in ((0, words("x", "1")), (0, {"type": "no"}), (1, words("x"))):
        with pytest.raises(BadRequest):
            await studio.say(one, seq, chunk, epoch=7)
    await studio.say(one, 1, words(" it"))


async def test_only_its_own_producer_writes_a_recording_and_nobody_a_models_run(studio: Studio) -> None:
    one, house = await studio.open(), studio.house
    for producer in (None, Producer("another", 1, 0)):
        with pytest.raises(BadRequest):
            await studio.recordings.append(house.user, one.run.id, producer, BEGUN)
    other = await house.store.write(lambda tx: users.add(tx, "guest"))
    producer = Producer("program", 1, 0)
    for whose, run in ((other.id, one.run.id), (house.user, "run_none")):
        with pytest.raises(NotFound):
            await studio.recordings.append(whose, run, producer, BEGUN)
    await studio.say(one, 0, *BEGUN)
    with pytest.raises(NotFound):
        await studio.recordings.append(other.id, one.run.id, Producer("program", 1, 1), [words("x")])
    submitted = await house.ask("Hello", chat="chat-2")
    with pytest.raises(NotAllowed):
        await studio.recordings.append(house.user, submitted.run_id, producer, BEGUN)


@pytest.mark.parametrize("seed", range(60))
async def test_any_valid_sequence_is_taken_and_a_mutated_one_is_refused_or_folded_as_it_stands(
    studio: Studio, seed: int
) -> None:
    sequence = Sequence(seed)
    chunks = sequence.made()
    mutated = seed % 2 == 1
    if mutated:
        at = sequence.chance.randrange(len(chunks))
        other = sequence.chance.randrange(len(chunks))
        match sequence.chance.choice(["drop", "swap", "field"]):
            case "drop":
                del chunks[at]
            case "swap":
                chunks[at], chunks[other] = chunks[other], chunks[at]
            case "field":
                chunks[at] = {
                    **chunks[at],
                    sequence.chance.choice([*chunks[at]]): sequence.chance.choice([1, None, {}]),
                }
    one, seq, kept = await studio.open(), 0, list[Event]()
    while chunks:
        many = sequence.chance.randint(1, 7)
        few, chunks = chunks[:many], chunks[many:]
        try:
            await studio.say(one, seq, *few)
        except (BadRequest, Closed):
            if not mutated:
                raise
            continue
        kept += few
        seq += 1
        if sequence.chance.random() < 0.1:
            studio.anew()
    await studio.say(one, seq, close=True)
    expected = Fold().apply_all([chunk for chunk in kept if chunk["type"] not in ("start", "finish")])
    now = await studio.house.record(one.run.id)
    assert shape(now.snapshot()) == shape(expected.snapshot())
    assert (await studio.message(one)).parts == now.parts
    assert now.last_type == "finish"


def shape(parts: list[Any]) -> list[Any]:
    """All but what the end itself does: what streams is ended, and an input that broke off is an error."""
    ended = ("state", "input", "rawInput", "errorText", "inputEncoding", "providerMetadata")
    return [{key: value for key, value in part.items() if key not in ended} for part in parts]
