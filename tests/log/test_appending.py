"""What an append promises: all or nothing, in order, once, under the fence, and nothing after the close."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.log.engines import everything, numbered
from threadline.domain.errors import (
    BadRequest,
    Closed,
    Conflict,
    Fenced,
    Gap,
    NotFound,
    ThreadlineError,
    TooLarge,
    Unavailable,
)
from threadline.log.protocol import Appended, Log, Producer, StreamConfig

pytestmark = pytest.mark.anyio

MAKE: Any = {"create": StreamConfig()}


async def refused(log: Log, kind: type[ThreadlineError], name: str, *messages: bytes, **named: Any) -> dict[str, Any]:
    """The details of a refusal, which must have changed nothing."""
    before = await log.head(name)
    with pytest.raises(kind) as caught:
        await log.append(name, messages, **named)
    assert type(caught.value) is kind
    assert await log.head(name) == before
    return caught.value.details or {}


async def test_offsets_are_gap_free_from_zero_and_increase_by_one(log: Log) -> None:
    tails = [(await log.append("s", numbered(0, count), **MAKE)).tail for count in (1, 3, 2)]
    assert tails == [1, 4, 6]
    reading = await log.read("s")
    offsets = [offset for batch in reading.batches for offset in range(batch.first, batch.next)]
    assert offsets == list(range(6))
    assert (await log.head("s")).tail == 6


async def test_an_append_to_no_stream_is_refused_unless_it_may_make_it(log: Log) -> None:
    with pytest.raises(NotFound):
        await log.append("s", [b"1"])
    assert await log.append("s", [b"1"], create=StreamConfig("text/plain")) == Appended(1)
    assert (await log.head("s")).config.content_type == "text/plain"
    assert (await log.append("s", [b"2"], **MAKE)).tail == 2


async def test_a_refused_append_does_not_make_the_stream_either(log: Log) -> None:
    with pytest.raises(Gap):
        await log.append("s", [b"1"], producer=Producer("p", 0, 3), **MAKE)
    with pytest.raises(NotFound):
        await log.head("s")


async def test_what_was_read_does_not_change_with_the_list_that_was_appended(log: Log) -> None:
    messages = [b"1", b"2"]
    await log.append("s", messages, **MAKE)
    messages.append(b"3")
    assert await everything(log, "s") == [b"1", b"2"]


@pytest.mark.parametrize(
    "messages",
    [
        [b""],
        [b"", b""],
        [b"a\nb"],
        [b"a\n", b"", b"\nb", b"c"],
        [b"\n", b"\n"],
        [bytes(range(256)), b"\x00", b"\xff\xfe\n"],
        [b"x" * 700_000, b"y" * 10, b"z\n" * 300_000],
    ],
    ids=["empty", "two empty", "a break", "breaks", "only breaks", "any byte", "large"],
)
async def test_every_message_comes_back_byte_for_byte(log: Log, messages: list[bytes]) -> None:
    await log.append("s", messages, **MAKE)
    await log.append("s", [b"after"])
    assert await everything(log, "s") == [*messages, b"after"]
    for offset, message in enumerate(messages):
        reading = await log.read("s", offset, limit=1)
        assert (reading.batches[0].first, reading.batches[0].messages[0]) == (offset, message)


async def test_append_is_idempotent_for_each_producer_epoch_and_sequence(log: Log) -> None:
    for seq in range(3):
        assert await log.append("s", [b"%d" % seq], producer=Producer("p", 1, seq), **MAKE) == Appended(
            seq + 1, seq=seq
        )
    for seq in range(3):
        retried = await log.append("s", [b"other"], producer=Producer("p", 1, seq))
        assert retried == Appended(3, duplicate=True, seq=2)
    assert await everything(log, "s") == [b"0", b"1", b"2"]


async def test_a_retry_of_an_append_that_made_the_stream_never_doubles(log: Log) -> None:
    first, again = await asyncio.gather(
        *(log.append("s", [b"1"], producer=Producer("p", 0, 0), **MAKE) for _ in range(2))
    )
    assert (first.duplicate, again.duplicate) == (False, True)
    assert await everything(log, "s") == [b"1"]


async def test_a_gap_in_a_sequence_is_refused_and_says_what_was_expected(log: Log) -> None:
    await log.append("s", [b"0"], producer=Producer("p", 1, 0), **MAKE)
    details = await refused(log, Gap, "s", b"2", producer=Producer("p", 1, 2))
    assert (details["expected_seq"], details["received_seq"]) == (1, 2)
    details = await refused(log, Gap, "s", b"x", producer=Producer("new", 4, 1))
    assert (details["expected_seq"], details["received_seq"]) == (0, 1)


async def test_only_the_holder_of_the_newest_epoch_appends(log: Log) -> None:
    await log.append("s", [b"old"], producer=Producer("p", 1, 0), **MAKE)
    await log.append("s", [b"new"], producer=Producer("p", 2, 0))
    details = await refused(log, Fenced, "s", b"late", producer=Producer("p", 1, 1))
    assert details == {"epoch": 2, "tail": 2, "closed": False}
    assert await everything(log, "s") == [b"old", b"new"]


async def test_a_new_epoch_begins_with_sequence_zero(log: Log) -> None:
    await log.append("s", [b"0"], producer=Producer("p", 1, 0), **MAKE)
    await refused(log, BadRequest, "s", b"1", producer=Producer("p", 2, 1))
    assert (await log.append("s", [b"1"], producer=Producer("p", 1, 1))).tail == 2


async def test_an_empty_append_takes_a_stream_over_and_its_tail_is_exact(log: Log) -> None:
    await log.append("s", numbered(0, 5), producer=Producer("run", 1, 0), **MAKE)
    late = [asyncio.create_task(log.append("s", [b"x"], producer=Producer("run", 1, seq))) for seq in range(1, 20)]
    taken = await log.append("s", [], producer=Producer("run", 2, 0))
    results = await asyncio.gather(*late, return_exceptions=True)
    kept = [result for result in results if isinstance(result, Appended)]
    assert all(isinstance(result, Appended | Fenced) for result in results)
    assert taken.tail == 5 + len(kept) == (await log.head("s")).tail
    assert (await log.append("s", [b"on"], producer=Producer("run", 2, 1))).tail == taken.tail + 1


async def test_a_run_may_be_taken_over_before_it_wrote_anything(log: Log) -> None:
    assert (await log.append("s", [], producer=Producer("run", 3, 0), **MAKE)).tail == 0
    await refused(log, Fenced, "s", b"x", producer=Producer("run", 2, 0))
    assert (await log.head("s")).tail == 0


async def test_producers_are_counted_each_for_itself(log: Log) -> None:
    await log.append("s", [b"a"], producer=Producer("a", 5, 0), **MAKE)
    await log.append("s", [b"b"], producer=Producer("b", 0, 0))
    await log.append("s", [b"c"])
    await log.append("s", [b"d"], producer=Producer("a", 5, 1))
    assert await everything(log, "s") == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("producer", [Producer("", 0, 0), Producer("p", -1, 0), Producer("p", 0, 1 << 53)])
async def test_a_producer_that_can_never_be_right_is_refused(log: Log, producer: Producer) -> None:
    await log.create("s")
    await refused(log, BadRequest, "s", b"1", producer=producer)


async def test_what_no_storage_keeps_is_refused_before_it_is_queued(log: Log) -> None:
    await log.create("s")
    half = chr(0xD800)
    for refusal in (
        log.append(half, [b"1"]),
        log.append("s", [b"1"], order=half),
        log.append("s", [b"1"], producer=Producer(half, 0, 0)),
        log.create("t", StreamConfig(half)),
        log.create("t", StreamConfig(ttl=1 << 70)),
        log.create("t", StreamConfig(expires_at=float("nan"))),
        log.read(half),
        log.head(half),
        log.delete(half),
        log.trim(half, 1),
    ):
        with pytest.raises(BadRequest):
            await refusal
    with pytest.raises(TypeError):
        await log.append("s", [b"1", "2"])  # type: ignore[list-item]
    with pytest.raises(TooLarge):
        await log.append("s", [bytes(1 << 20)] * 257)
    assert (await log.head("s")).tail == 0


async def test_close_is_final_and_atomic_with_the_last_append(log: Log) -> None:
    assert await log.append("s", [b"1"], close=True, **MAKE) == Appended(1, closed=True)
    details = await refused(log, Closed, "s", b"2")
    assert details == {"tail": 1, "closed": True}
    await refused(log, Closed, "s", b"2", close=True)
    await refused(log, Closed, "s", b"2", producer=Producer("p", 0, 0))
    assert (await log.read("s")).closed


async def test_a_refused_append_does_not_close_the_stream(log: Log) -> None:
    await log.append("s", [b"1"], producer=Producer("p", 1, 0), **MAKE)
    await refused(log, Gap, "s", b"2", producer=Producer("p", 1, 5), close=True)
    assert not (await log.head("s")).closed


async def test_a_close_that_comes_again_is_answered_on_a_closed_stream(log: Log) -> None:
    await log.append("s", [b"1"], **MAKE)
    assert await log.append("s", [], close=True) == Appended(1, closed=True)
    assert await log.append("s", [], close=True) == Appended(1, duplicate=True, closed=True)


async def test_a_duplicate_is_answered_on_a_closed_stream_and_all_else_is_refused(log: Log) -> None:
    await log.append("s", [b"0"], producer=Producer("p", 1, 0), **MAKE)
    await log.append("s", [b"1"], producer=Producer("p", 1, 1), close=True)
    for seq in (0, 1):
        again = await log.append("s", [b"x"], producer=Producer("p", 1, seq), close=True)
        assert again == Appended(2, duplicate=True, closed=True, seq=1)
    await refused(log, Closed, "s", b"2", producer=Producer("p", 1, 2))
    await refused(log, Closed, "s", b"2", producer=Producer("p", 2, 0))
    await refused(log, Closed, "s", producer=Producer("q", 0, 0), close=True)
    await refused(log, Fenced, "s", b"2", producer=Producer("p", 0, 0))


async def test_an_order_only_rises_in_the_order_of_its_characters(log: Log) -> None:
    await log.append("s", [b"1"], order="09", **MAKE)
    await refused(log, Conflict, "s", b"x", order="09")
    await refused(log, Conflict, "s", b"x", order="0")
    await log.append("s", [b"2"], order="10")
    await log.append("s", [b"3"], order="2")
    await refused(log, Conflict, "s", b"x", order="10")
    await log.append("s", [b"4"])
    await log.append("s", [b"5"], order="a")
    await refused(log, Conflict, "s", b"x", order="B")
    assert await everything(log, "s") == [b"1", b"2", b"3", b"4", b"5"]


async def test_a_duplicate_is_answered_before_its_order_is_looked_at(log: Log) -> None:
    await log.append("s", [b"1"], order="a", producer=Producer("p", 0, 0), **MAKE)
    assert (await log.append("s", [b"1"], order="a", producer=Producer("p", 0, 0))).duplicate


async def test_the_content_type_of_an_append_is_checked_without_its_parameters(log: Log) -> None:
    await log.create("s", StreamConfig("text/plain; charset=utf-8"))
    await log.append("s", [b"1"], content_type="Text/Plain")
    await refused(log, Conflict, "s", b"2", content_type="application/json")


async def test_a_caller_that_is_cancelled_breaks_nothing(log: Log) -> None:
    await log.create("s")
    tasks = [asyncio.create_task(log.append("s", [b"%d" % n], producer=Producer(f"p{n}", 0, 0))) for n in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, Appended | asyncio.CancelledError) for result in results)
    again = [await log.append("s", [b"%d" % n], producer=Producer(f"p{n}", 0, 0)) for n in range(50)]
    assert sorted(await everything(log, "s"), key=int) == [b"%d" % n for n in range(50)]
    assert all(answer.seq == 0 for answer in again)


async def test_appends_of_one_task_are_kept_in_the_order_in_which_they_were_started(log: Log) -> None:
    await log.create("s")
    async with asyncio.TaskGroup() as group:
        for n in range(200):
            group.create_task(log.append("s", [b"%d" % n], producer=Producer("p", 0, n)))
    assert await everything(log, "s") == [b"%d" % n for n in range(200)]


async def test_one_refused_append_among_many_at_once_fails_alone(log: Log) -> None:
    await log.append("shut", [b"0"], close=True, **MAKE)
    names = ["a", "shut", "b", "missing", "c"]
    tasks = [log.append(name, [b"1"], create=None if name == "missing" else StreamConfig()) for name in names]
    a, shut, b, missing, c = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(shut, Closed)
    assert isinstance(missing, NotFound)
    assert a == b == c == Appended(1)
    for name in ("a", "b", "c"):
        assert await everything(log, name) == [b"1"]


async def test_a_closed_log_refuses_and_may_be_closed_again(log: Log) -> None:
    await log.append("s", [b"1"], **MAKE)
    await log.close()
    await log.close()
    for call in (log.append("s", [b"2"]), log.read("s"), log.head("s"), log.create("t")):
        with pytest.raises(Unavailable):
            await call


async def test_closing_finishes_what_is_queued(log: Log) -> None:
    await log.create("s")
    tasks = [asyncio.create_task(log.append("s", [b"x"])) for _ in range(100)]
    await asyncio.sleep(0)
    await log.close()
    assert sorted(answer.tail for answer in await asyncio.gather(*tasks)) == list(range(1, 101))
