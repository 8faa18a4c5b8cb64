"""What one has never keeps another waiting: calls, announcements and looks go in turns of their owners."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from tests.runs.driving import HOOK, PULL, Process, Recorder, recorder, until
from tests.runs.harness import opened
from threadline.domain.errors import ThreadlineError
from threadline.domain.subscriptions import MAX_SUBSCRIPTIONS, protocol_error
from threadline.log.memory import MemoryLog
from threadline.log.protocol import StreamConfig, StreamInfo
from threadline.runs.wakes import CALLS_OF_ONE
from threadline.services.streams import own
from threadline.store import subscriptions as rows
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

HANGING = "https://hanging.example.org/"


class Watched(MemoryLog):
    """Notes how it is looked at; listing what a name in ``held`` begins never ends."""

    def __init__(self) -> None:
        super().__init__(SystemWorld())
        self.lists: list[str] = []
        self.heads: list[str] = []
        self.held: set[str] = set()

    async def listed(self, prefix: str) -> AsyncGenerator[list[StreamInfo], None]:
        self.lists.append(prefix)
        if any(prefix.startswith(one) for one in self.held):
            await asyncio.Event().wait()
        async for page in super().listed(prefix):
            yield page

    async def head(self, name: str) -> StreamInfo:
        self.heads.append(name)
        return await super().head(name)


@pytest.fixture
def log() -> Watched:
    return Watched()


@pytest.fixture
async def process(tmp_path: Path, log: Watched) -> AsyncIterator[Process]:
    async with opened(tmp_path, log) as house:
        yield Process(house, house.store, house.signals)


async def look(process: Process) -> None:
    """What a driver does of itself."""
    for change in process.notices.take():
        await process.looking.look(change)


def _looked_at(log: Watched, those: list[Process]) -> list[Process]:
    """At whose streams somebody looks once more than when the subscription was made."""
    return [one for one in those if log.lists.count(own(one.owner, "events")) > 1]


async def acked(process: Process, path: str) -> bool:
    return (await process.acked()).get(path, 0) > 0


async def test_webhooks_that_hang_keep_nobody_elses_waiting(process: Process) -> None:
    sender = recorder()
    sender.hangs = lambda url: url.startswith(HANGING)
    others = [await process.another() for _ in range(3)]
    for number, other in enumerate(others):
        await other.append("events/a")
        for count in range(50):
            await other.make(HOOK, name=f"hook-{count}", webhook={"url": f"{HANGING}{number}/{count}"})
    async with process.driving(sender) as task:
        for other in others:
            await other.append("events/a")
        await until(lambda: len(sender.urls) >= CALLS_OF_ONE * len(others))
        await process.streams.create(process.owner, "wakes", StreamConfig())
        await process.make(HOOK)
        await process.make(PULL, name="pull")
        await process.append("events/a")
        await until(lambda: acked(process, "events/a"))
        await until(process.told)
        task.cancel()
    called = Counter(url.rsplit("/", 1)[0] for url in sender.urls if url.startswith(HANGING))
    assert set(called.values()) == {CALLS_OF_ONE}


async def test_what_is_due_is_due_in_turns_of_the_owners(process: Process) -> None:
    other = await process.another()
    for count in range(20):
        await other.make(HOOK, name=f"hook-{count}")
    await process.make(HOOK)
    await other.append("events/a")
    await look(other)
    await process.append("events/a")
    await look(process)
    due = await process.waking.due("webhook", 3)
    assert [row.user_id == process.owner for row in due] == [False, True, False]
    left = await process.waking.due("webhook", 3, but=[due[1].id], full=[other.owner])
    assert left == []
    assert await process.waking.next_time("webhook", but=[due[1].id], full=[other.owner]) is None


async def test_a_webhook_that_fails_again_and_again_is_waited_for_less(process: Process) -> None:
    sender = recorder(lambda number: (500, {}) if number < 5 else (200, {"done": True}))
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a")
        for count in range(1, 5):
            await until(lambda count=count: len(sender.sent) == count)
            await until(lambda: _failed(process))
            await process.store.write(rows.break_deliveries)
            process.signals.poke(rows.WAKES)
        await until(lambda: acked(process, "events/a"))
    assert sender.waited == [15.0, 15.0, 15.0, 5.0, 5.0]


async def test_nobody_has_more_subscriptions_than_a_hundred(process: Process) -> None:
    for count in range(MAX_SUBSCRIPTIONS):
        await process.make(HOOK, name=f"sub-{count}")
    with pytest.raises(ThreadlineError) as caught:
        await process.make(HOOK)
    told = protocol_error(caught.value)
    assert told is not None
    assert (caught.value.status, told["error"]["code"]) == (409, "LIMIT_REACHED")
    # What is there is confirmed, and another has his own.
    await process.make(HOOK, name="sub-0")
    await (await process.another()).make(HOOK)
    await process.service.delete(process.owner, "sub-0")
    await process.make(HOOK)


async def test_an_append_has_only_its_own_stream_looked_at(process: Process, log: Watched) -> None:
    for number in range(20):
        await process.append(f"events/{number}")
    for count in range(10):
        await process.make(PULL, name=f"sub-{count}")
    await look(process)
    log.lists.clear()
    log.heads.clear()
    await process.append("events/3")
    await process.append("events/new")
    await look(process)
    assert log.lists == []
    assert sorted(log.heads) == [own(process.owner, path) for path in ("events/3", "events/new")]
    assert len(await process.waking.due("pull-wake", 20)) == 10


async def test_one_look_serves_all_subscriptions_of_an_owner(process: Process, log: Watched) -> None:
    for count in range(20):
        await process.make(PULL, name=f"sub-{count}")
    for number in range(20):
        await log.create(own(process.owner, f"events/{number}"), messages=[b"{}"])
    log.lists.clear()
    await look(process)
    assert log.lists == [own(process.owner, "events")]
    assert len(await process.waking.due("pull-wake", 30)) == 20


async def test_a_look_that_lasts_keeps_no_append_waiting(process: Process, log: Watched) -> None:
    others = [await process.another() for _ in range(30)]
    for one in (process, *others):
        await one.make(HOOK)
        log.held.add(own(one.owner, ""))
    log.held.discard(own(process.owner, ""))
    sender = recorder()
    async with process.driving(sender) as task:
        # Whose comes first is chance; all that may look at everything at the same time are at it for ever then.
        begun = await until(lambda: _looked_at(log, others)[1:])
        log.held.add(own(process.owner, ""))
        for one in (process, begun[0]):
            process.notices.made(one.owner)
            await one.append("events/a")
            await until(lambda one=one: acked(one, "events/a"))
        task.cancel()


async def test_a_stream_of_which_more_is_told_than_fits_waits_until_there_is_room(process: Process) -> None:
    await process.make(PULL, streams=[f"named/{number}" for number in range(998)])
    for number in range(4):
        await process.append(f"events/{number}")
    await look(process)
    links = await process.acked()
    assert len(links) == 1000
    assert {path for path in links if path.startswith("events")} == {"events/0", "events/1"}
    await process.service.remove(process.owner, "sub", "named/0")
    claimed = await process.service.claim(process.owner, "sub", "w")
    assert "events/0" in {state.path for state in claimed.streams if state.pending}
    await process.streams.delete(process.owner, "events/0")
    process.notices.made(process.owner)
    await look(process)
    assert "events/2" in await process.acked()
    assert len(await process.acked()) == 1000


async def test_an_announcement_that_was_removed_is_made_again_and_one_that_is_there_is_not(process: Process) -> None:
    await process.streams.create(process.owner, "wakes", StreamConfig())
    async with process.driving(Recorder()):
        await process.make(PULL)
        await process.append("events/a")
        (first,) = await until(process.told)
        await until(lambda: _arrived(process))
        process.notices.made(process.owner)
        await asyncio.sleep(0.2)
        assert await process.told() == [first]
        await process.streams.delete(process.owner, "wakes")
        await process.streams.create(process.owner, "wakes", StreamConfig())
        process.notices.made(process.owner)
        (again,) = await until(process.told)
    assert again == {**first, "ts": again["ts"]}


async def _failed(process: Process) -> bool:
    row = await process.row()
    return row.status == "failed"


async def _arrived(process: Process) -> bool:
    row = await process.row()
    return row.wake_id is not None and row.next_attempt_at is None
