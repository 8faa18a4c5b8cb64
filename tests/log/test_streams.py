"""The life of streams: how they are made, forked, trimmed, deleted, and how their time runs out."""

from __future__ import annotations

import pytest

from tests.log.engines import Clock, everything, numbered
from threadline.domain.errors import BadRequest, Conflict, Gap, Gone, NotFound
from threadline.log.protocol import Fork, Log, Producer, StreamConfig

pytestmark = pytest.mark.anyio

TEXT = StreamConfig("text/plain")


def fork(source: str, offset: int | None = None, sub_offset: int = 0, content_type: str = "") -> StreamConfig:
    return StreamConfig(content_type, fork=Fork(source, offset, sub_offset))


async def test_a_stream_is_made_with_its_first_messages(log: Log, clock: Clock) -> None:
    made = await log.create("s", TEXT, messages=[b"1", b"2"])
    assert made.new
    assert (made.info.tail, made.info.first, made.info.closed, made.info.created_at) == (2, 0, False, clock.time)
    assert made.info.config == TEXT
    assert await log.head("s") == made.info
    assert await everything(log, "s") == [b"1", b"2"]


async def test_the_same_again_is_answered_as_not_new_and_changes_nothing(log: Log) -> None:
    await log.create("s", StreamConfig("text/plain", ttl=60), messages=[b"1"])
    again = await log.create("s", StreamConfig("TEXT/PLAIN; charset=utf-8", ttl=60), messages=[b"other"])
    assert not again.new
    assert again.info.tail == 1
    assert await everything(log, "s") == [b"1"]


@pytest.mark.parametrize(
    "config",
    [StreamConfig("text/html", ttl=60), StreamConfig("text/plain"), StreamConfig("text/plain", ttl=61)],
    ids=["type", "no ttl", "other ttl"],
)
async def test_a_stream_of_another_configuration_is_a_conflict(log: Log, config: StreamConfig) -> None:
    await log.create("s", StreamConfig("text/plain", ttl=60))
    with pytest.raises(Conflict):
        await log.create("s", config)


async def test_being_closed_is_part_of_the_configuration(log: Log) -> None:
    assert (await log.create("s", TEXT, messages=[b"1"], close=True)).info.closed
    assert not (await log.create("s", TEXT, close=True)).new
    with pytest.raises(Conflict):
        await log.create("s", TEXT)


@pytest.mark.parametrize(
    "config",
    [StreamConfig(ttl=1, expires_at=2.0), StreamConfig(ttl=-1), fork("s", -1), fork("s", 0, -1)],
    ids=["both", "negative", "negative offset", "negative sub-offset"],
)
async def test_a_configuration_that_can_never_be_right_is_refused(log: Log, config: StreamConfig) -> None:
    await log.create("s")
    with pytest.raises(BadRequest):
        await log.create("t", config)


async def test_a_stream_without_a_type_is_bytes(log: Log) -> None:
    assert (await log.create("s", StreamConfig(""))).info.config.content_type == "application/octet-stream"


async def test_reading_is_bounded_and_brings_one_message_at_the_least(log: Log) -> None:
    await log.create("s", TEXT)
    for number in range(100):
        await log.append("s", [b"%03d" % number * 100])
    reading = await log.read("s", 10, limit=3000)
    assert reading.batches[0].first == 10
    assert 15 <= reading.next <= 30
    assert not reading.up_to_date
    assert not reading.closed
    assert (await log.read("s", 50, limit=1)).next == 51
    assert len(await everything(log, "s", 7, limit=500)) == 93


async def test_reading_tells_when_it_is_up_to_date_and_when_closed(log: Log) -> None:
    await log.create("s")
    reading = await log.read("s")
    assert (reading.batches, reading.next, reading.up_to_date, reading.closed) == ((), 0, True, False)
    await log.append("s", numbered(0, 3))
    reading = await log.read("s", 9)
    assert (reading.batches, reading.next, reading.up_to_date) == ((), 9, True)
    await log.append("s", [b"last"], close=True)
    reading = await log.read("s", 1)
    assert (reading.next, reading.up_to_date, reading.closed, reading.batches[-1].final) == (4, True, True, True)
    reading = await log.read("s", 4)
    assert (reading.batches, reading.up_to_date, reading.closed) == ((), True, True)
    part = await log.read("s", 0, limit=1)
    assert (part.up_to_date, part.closed) == (part.next == 4, part.next == 4)


async def test_a_fork_begins_with_its_sources_messages_and_then_goes_its_own_way(log: Log) -> None:
    await log.create("s", messages=numbered(0, 4))
    made = await log.create("f", fork("s", 2))
    assert (made.info.tail, made.info.first, made.info.config.content_type) == (2, 0, "application/json")
    await log.append("f", [b"f"])
    await log.append("s", [b"s"])
    assert await everything(log, "f") == [*numbered(0, 2), b"f"]
    assert await everything(log, "f", 1) == [*numbered(1, 2), b"f"]
    assert await everything(log, "f", 2) == [b"f"]
    assert await everything(log, "s") == [*numbered(0, 4), b"s"]


async def test_a_fork_without_an_offset_begins_at_the_tail_and_its_repeat_is_the_same(log: Log) -> None:
    await log.create("s", messages=numbered(0, 4))
    assert (await log.create("f", fork("s"))).info.config.fork == Fork("s", 4)
    await log.append("s", [b"more"])
    assert not (await log.create("f", fork("s"))).new
    assert not (await log.create("f", fork("s", 4))).new
    for other in (fork("s", 3), fork("t"), StreamConfig(), fork("s", 4, 1), fork("s", content_type="text/plain")):
        with pytest.raises(Conflict):
            await log.create("f", other)


async def test_a_fork_at_every_offset_has_just_what_lies_below(log: Log) -> None:
    await log.create("s", TEXT, messages=[b"A"])
    await log.append("s", [b"B", b"C"])
    for offset in range(4):
        await log.create(f"f{offset}", fork("s", offset))
        assert await everything(log, f"f{offset}") == [b"A", b"B", b"C"][:offset]


async def test_a_fork_starts_open_and_does_not_inherit_producers(log: Log) -> None:
    await log.append("s", [b"1"], producer=Producer("p", 3, 0), create=TEXT, close=True)
    made = await log.create("f", fork("s"))
    assert not made.info.closed
    reading = await log.read("f")
    assert not reading.closed
    assert not reading.batches[-1].final
    assert not (await log.append("f", [b"2"], producer=Producer("p", 0, 0))).duplicate
    assert await everything(log, "f") == [b"1", b"2"]
    assert (await log.head("s")).tail == 1


async def test_a_sub_offset_counts_bytes_of_the_next_message(log: Log) -> None:
    await log.create("s", TEXT, messages=[b"first"])
    await log.append("s", [b"second"])
    made = await log.create("f", fork("s", 1, 3), messages=[b"XY"])
    assert made.info.tail == 3
    assert await everything(log, "f") == [b"first", b"sec", b"XY"]
    assert not (await log.create("f", fork("s", 1, 3))).new
    with pytest.raises(Conflict):
        await log.create("f", fork("s", 1, 2))
    await log.create("whole", fork("s", 1, 6))
    assert await everything(log, "whole") == [b"first", b"second"]


async def test_a_sub_offset_of_a_json_stream_counts_messages(log: Log) -> None:
    await log.create("s")
    await log.append("s", numbered(0, 4))
    await log.create("f", fork("s", 0, 2))
    await log.append("f", [b"f"])
    assert await everything(log, "f") == [*numbered(0, 2), b"f"]
    assert not (await log.create("f", fork("s", 0, 2))).new
    with pytest.raises(Conflict):
        await log.create("f", fork("s", 0, 3))
    await log.create("all", fork("s", 0, 4))
    assert await everything(log, "all") == numbered(0, 4)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
async def test_a_fork_beyond_its_source_is_refused(log: Log, content_type: str) -> None:
    await log.create("s", StreamConfig(content_type), messages=[b"1", b"22"])
    for offset, sub_offset in ((3, 0), (2, 1), (None, 1), (1, 3)):
        with pytest.raises(BadRequest):
            await log.create("f", fork("s", offset, sub_offset))
    with pytest.raises(NotFound):
        await log.head("f")
    await log.delete("s")
    with pytest.raises(NotFound):
        await log.head("s")


async def test_a_fork_of_another_type_or_of_nothing_is_refused(log: Log) -> None:
    await log.create("s", TEXT)
    with pytest.raises(Conflict):
        await log.create("f", fork("s", content_type="application/json"))
    with pytest.raises(NotFound):
        await log.create("f", fork("missing"))


async def test_forks_of_forks_read_through_their_whole_line(log: Log) -> None:
    await log.create("a", TEXT, messages=[b"abcdef", b"A"])
    await log.create("b", fork("a", 0, 4), messages=[b"B1", b"B2"])
    await log.create("c", fork("b", 2), messages=[b"C"])
    await log.create("d", fork("c", 0, 2), messages=[b"D"])
    await log.create("e", fork("c", 1))
    assert await everything(log, "b") == [b"abcd", b"B1", b"B2"]
    assert await everything(log, "c") == [b"abcd", b"B1", b"C"]
    assert await everything(log, "d") == [b"ab", b"D"]
    assert await everything(log, "e") == [b"abcd"]
    assert await everything(log, "c", 1, limit=1) == [b"B1", b"C"]


async def test_a_source_is_kept_for_its_forks_alone_and_goes_with_the_last_of_them(log: Log) -> None:
    await log.create("a", messages=numbered(0, 3))
    await log.create("b", fork("a", 2), messages=[b"b"])
    await log.create("c", fork("b"), messages=[b"c"])
    await log.delete("a")
    await log.delete("b")
    for name in ("a", "b"):
        for call in (log.head(name), log.read(name), log.append(name, [b"x"]), log.delete(name), log.trim(name, 1)):
            with pytest.raises(Gone):
                await call
        with pytest.raises(Conflict):
            await log.create(name)
        with pytest.raises(Conflict):
            await log.create("d", fork(name))
    assert await everything(log, "c") == [*numbered(0, 2), b"b", b"c"]
    await log.delete("c")
    for name in ("a", "b", "c"):
        with pytest.raises(NotFound):
            await log.head(name)
    assert (await log.create("a")).new


async def test_deleting_forks_leaves_a_source_that_is_not_deleted(log: Log) -> None:
    await log.create("a", messages=numbered(0, 3))
    await log.create("b", fork("a"))
    await log.delete("b")
    assert await everything(log, "a") == numbered(0, 3)
    await log.delete("a")
    with pytest.raises(NotFound):
        await log.head("a")


async def test_a_deleted_stream_is_gone_and_its_name_begins_anew(log: Log) -> None:
    await log.append("s", [b"1"], producer=Producer("p", 5, 0), order="z", create=StreamConfig(), close=True)
    await log.delete("s")
    for call in (log.head("s"), log.read("s"), log.append("s", [b"x"]), log.delete("s"), log.trim("s", 1)):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Gap):
        await log.append("s", [b"x"], producer=Producer("p", 5, 1), create=StreamConfig())
    assert (await log.append("s", [b"2"], producer=Producer("p", 0, 0), order="a", create=StreamConfig())).tail == 1
    assert await everything(log, "s") == [b"2"]


async def test_trimmed_offsets_are_gone_and_never_used_again(log: Log) -> None:
    await log.create("s")
    for number in range(10):
        await log.append("s", numbered(number * 3, number * 3 + 3))
    await log.trim("s", 14)
    info = await log.head("s")
    assert (info.first, info.tail) == (14, 30)
    with pytest.raises(Gone) as gone:
        await log.read("s", 13)
    assert gone.value.details == {"first": 14}
    assert await everything(log, "s", 14) == numbered(14, 30)
    await log.trim("s", 3)
    assert (await log.head("s")).first == 14
    await log.trim("s", 1000)
    assert (await log.head("s")).first == 30
    assert (await log.read("s", 30)).up_to_date
    assert (await log.append("s", [b"on"])).tail == 31
    assert await everything(log, "s", 30) == [b"on"]


async def test_a_trimmed_closed_stream_still_tells_its_end_and_its_producers(log: Log) -> None:
    await log.append("s", numbered(0, 5), producer=Producer("p", 1, 0), create=StreamConfig(), close=True)
    await log.trim("s", 5)
    reading = await log.read("s", 5)
    assert (reading.batches, reading.closed, reading.next) == ((), True, 5)
    assert (await log.append("s", [b"x"], producer=Producer("p", 1, 0))).duplicate


async def test_a_trim_takes_nothing_from_the_forks(log: Log) -> None:
    await log.create("a", TEXT, messages=numbered(0, 6))
    await log.create("b", fork("a", 4), messages=[b"b"])
    await log.trim("a", 5)
    assert await everything(log, "b") == [*numbered(0, 4), b"b"]
    with pytest.raises(Gone):
        await log.create("c", fork("a", 3))
    await log.create("c", fork("a", 5))
    assert (await log.head("c")).first == 5
    await log.trim("b", 2)
    assert await everything(log, "b", 2) == [*numbered(2, 4), b"b"]
    await log.delete("b")
    await log.delete("c")
    assert await everything(log, "a", 5) == numbered(5, 6)


async def test_a_ttl_slides_with_every_read_and_append_but_not_with_a_look(log: Log, clock: Clock) -> None:
    await log.create("s", StreamConfig(ttl=100))
    for use in range(6):
        clock.time += 90
        if use % 3 == 0:
            await log.append("s", [b"x"])
        elif use % 3 == 1:
            await log.read("s", 1)
        else:
            await anext(aiter(log.follow("s")))
    clock.time += 60
    await log.head("s")
    clock.time += 40
    with pytest.raises(NotFound):
        await log.head("s")


@pytest.mark.parametrize(
    "config", [StreamConfig(ttl=10), StreamConfig(expires_at=1_800_000_010.0)], ids=["ttl", "date"]
)
async def test_a_stream_whose_time_is_over_is_not_there_any_more(log: Log, clock: Clock, config: StreamConfig) -> None:
    await log.create("s", config, messages=[b"1"])
    clock.time += 9.9
    await log.head("s")
    clock.time += 0.1
    for call in (log.head("s"), log.read("s"), log.append("s", [b"x"]), log.delete("s"), log.create("f", fork("s"))):
        with pytest.raises(NotFound):
            await call
    assert (await log.create("s")).new
    assert await everything(log, "s") == []


async def test_an_append_makes_anew_what_has_expired(log: Log, clock: Clock) -> None:
    await log.append("s", [b"1"], producer=Producer("p", 1, 0), create=StreamConfig(ttl=10))
    clock.time += 11
    assert (await log.append("s", [b"2"], producer=Producer("p", 0, 0), create=StreamConfig(ttl=10))).tail == 1
    assert await everything(log, "s") == [b"2"]


async def test_expire_deletes_what_is_over_and_tells_how_many(log: Log, clock: Clock) -> None:
    for number in range(600):
        await log.create(f"s{number}", StreamConfig(ttl=10 if number % 2 else None), messages=[b"1"])
    await log.create("dated", StreamConfig(expires_at=clock.time + 5))
    clock.time += 8
    await log.read("s1")
    await log.append("s3", [b"2"])
    assert await log.expire() == 1
    clock.time += 8
    assert await log.expire() == 298
    assert await log.expire() == 0
    assert await everything(log, "s3") == [b"1", b"2"]
    assert await everything(log, "s0") == [b"1"]
    clock.time += 20
    assert await log.expire() == 2


async def test_an_expired_source_is_kept_for_its_forks(log: Log, clock: Clock) -> None:
    await log.create("a", StreamConfig(ttl=10), messages=[b"1"])
    await log.create("b", StreamConfig(ttl=100, fork=Fork("a")))
    clock.time += 20
    with pytest.raises(Gone):
        await log.head("a")
    assert await log.expire() == 1
    with pytest.raises(Gone):
        await log.read("a")
    assert await everything(log, "b") == [b"1"]
    clock.time += 200
    assert await log.expire() == 1
    with pytest.raises(NotFound):
        await log.head("a")


async def test_a_fork_inherits_its_sources_lifetime_unless_it_has_one(log: Log, clock: Clock) -> None:
    await log.create("a", StreamConfig(ttl=100))
    await log.create("same", fork("a"))
    await log.create("longer", StreamConfig(ttl=1000, fork=Fork("a")))
    await log.create("dated", StreamConfig(expires_at=clock.time + 50, fork=Fork("a")))
    lifetimes = [(await log.head(name)).config for name in ("same", "longer", "dated")]
    assert [config.ttl for config in lifetimes] == [100, 1000, None]
    assert lifetimes[2].expires_at == clock.time + 50
    assert not (await log.create("same", fork("a"))).new
    with pytest.raises(Conflict):
        await log.create("longer", fork("a"))


async def test_a_big_stream_is_read_whole_from_any_place(log: Log) -> None:
    await log.create("s")
    for start in range(0, 20_000, 1000):
        await log.append("s", numbered(start, start + 1000))
    await log.append("s", [b"m" * 3_000_000, b"\n" * 10])
    expected = [*numbered(0, 20_000), b"m" * 3_000_000, b"\n" * 10]
    for start in (0, 1, 999, 1000, 12_345, 20_000, 20_001):
        assert await everything(log, "s", start, limit=50_000) == expected[start:]
