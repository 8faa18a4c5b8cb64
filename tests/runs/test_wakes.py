"""The driver of subscriptions: what it delivers, to whom, and how often, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.driving import HOOK, PULL, SIGNING, Process, Recorder, recorder, until
from tests.runs.harness import opened
from tests.support.receiver import done, receiving
from threadline.domain.errors import ThreadlineError
from threadline.domain.subscriptions import Report, protocol_error
from threadline.log.protocol import StreamConfig
from threadline.runs.webhook import HttpSender
from threadline.services.streams import own
from threadline.store import subscriptions as rows
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.wire.durable import offset_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    async with opened(tmp_path) as house:
        yield Process(house, house.store, house.signals)


async def has_acked(process: Process, expected: dict[str, int]) -> bool:
    return await process.acked() == expected


async def rests(process: Process) -> bool:
    return (await process.row()).wake_id is None


async def test_an_append_wakes_and_what_is_done_is_not_told_again(process: Process) -> None:
    sender = recorder()
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a", 2)
        await process.append("elsewhere", 2)
        await until(lambda: has_acked(process, {"events/a": 2}))
        await process.append("events", 1)
        await until(lambda: has_acked(process, {"events": 1, "events/a": 2}))
        await until(lambda: rests(process))
    last = sender.sent[-1]
    assert last["subscription_id"] == "sub"
    assert last["callback_url"] == "http://here/v1/stream/__ds/subscriptions/sub/callback"
    assert [(one["path"], one["has_pending"]) for one in last["streams"]] == [("events", True), ("events/a", False)]
    assert [call["generation"] for call in sender.sent] == list(range(1, len(sender.sent) + 1))


async def test_appends_during_a_wake_come_with_the_next(process: Process) -> None:
    sender = Recorder()
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a")
        await until(lambda: sender.sent)
        for number in range(50):
            await process.append(f"events/{number % 5}", 2)
        sender.go.set()
        await until(lambda: has_acked(process, {"events/a": 1, **{f"events/{number}": 20 for number in range(5)}}))
    assert len(sender.sent) <= 3


async def test_what_fails_is_tried_again_and_is_the_same_wake(process: Process) -> None:
    sender = recorder(lambda number: [(500, {}), (0, {}), (200, {"done": True})][min(number, 3) - 1])
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a")
        await until(lambda: len(sender.sent) == 2)
        assert (await process.row()).status == "failed"
        await until(lambda: has_acked(process, {"events/a": 1}))
    assert (await process.row()).status == "active"
    assert len({(call["wake_id"], call["generation"], call["callback_token"]) for call in sender.sent}) == 1


async def test_each_failure_is_waited_out_for_longer_up_to_a_minute(process: Process) -> None:
    await process.make(HOOK)
    await process.append("events/a")
    for change in process.notices.take():
        await process.looking.look(change)
    (row,) = await process.waking.due("webhook", 9)
    waits = []
    for _ in range(9):
        delivery = await process.waking.take(row)
        assert delivery is not None
        before = process.house.world.now()
        await process.waking.failed(delivery)
        after = process.house.world.now()
        row = await process.row()
        at = row.next_attempt_at or 0.0
        waits.append((at - after, at - before))
        await process.store.write(rows.break_deliveries)
        row = await process.row()
    for (least, most), expected in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert expected * 0.7 < most
        assert least < expected * 1.21


async def test_two_drivers_on_one_store_deliver_a_wake_once(process: Process, tmp_path: Path) -> None:
    signals = Signals()
    store = await Store.open(tmp_path / "threadline.db", process.house.world, signals)
    other, sender = Process(process.house, store, signals), recorder()
    try:
        async with process.driving(sender), other.driving(sender):
            await process.make(HOOK)
            other.notices.know(await other.waking.owners())
            for number in range(20):
                await (process if number % 2 else other).append("events/a")
                other.notices.appended(process.owner, "events/a")
            await until(lambda: has_acked(process, {"events/a": 20}))
            await until(lambda: rests(process))
    finally:
        await store.close()
    generations = [call["generation"] for call in sender.sent]
    assert generations == sorted(set(generations))


async def test_a_crash_between_an_append_and_its_wake_loses_nothing(process: Process) -> None:
    await process.make(HOOK)
    await process.house.log.create(own(process.owner, "events/a"), messages=[b"{}"] * 3)
    again, sender = Process(process.house, process.store, process.signals), recorder()
    async with again.driving(sender):
        await until(lambda: has_acked(again, {"events/a": 3}))


async def test_a_crash_in_the_middle_of_a_wake_delivers_it_again(process: Process) -> None:
    sender = Recorder()
    async with process.driving(sender) as task:
        await process.make(HOOK)
        await process.append("events/a")
        await until(lambda: sender.sent)
        task.cancel()
    await process.append("events/a")
    await process.store.write(rows.break_deliveries)
    again = Process(process.house, process.store, process.signals)
    sender.go.set()
    async with again.driving(sender):
        await until(lambda: has_acked(again, {"events/a": 2}))
    first, second = sender.sent
    assert {key: first[key] for key in ("wake_id", "generation", "callback_token")} == {
        key: second[key] for key in ("wake_id", "generation", "callback_token")
    }


async def test_a_lease_that_is_over_wakes_again_and_fences_the_old(process: Process) -> None:
    sender = recorder(lambda number: (200, {"done": number > 1}))
    async with process.driving(sender):
        await process.make(HOOK, lease_ttl_ms=1000)
        await process.append("events/a")
        await until(lambda: has_acked(process, {"events/a": 1}))
    first, second = sender.sent
    assert second["generation"] == first["generation"] + 1
    assert second["wake_id"] != first["wake_id"]
    report = Report(first["wake_id"], first["generation"], (("events/a", 1),), done=True)
    with pytest.raises(ThreadlineError) as caught:
        await process.service.report("sub", first["callback_token"], "webhook", report)
    told = protocol_error(caught.value)
    assert told is not None
    assert told["error"]["code"] == "FENCED"


async def test_a_report_that_comes_before_the_answer_counts(process: Process) -> None:
    sender = Recorder(lambda _number: (500, {}))
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a")
        (call,) = await until(lambda: sender.sent)
        tail = offset_of(call["streams"][0]["tail_offset"]) or 0
        report = Report(call["wake_id"], call["generation"], (("events/a", tail),), done=True)
        assert not await process.service.report("sub", call["callback_token"], "webhook", report)
        sender.go.set()
        await until(lambda: rests(process))
        await process.append("other")
        await asyncio.sleep(0.1)
    assert len(sender.sent) == 1
    assert (await process.row()).status == "active"


async def test_a_pull_wake_is_announced_once_for_each_generation(process: Process) -> None:
    async with process.driving(recorder()):
        await process.make(PULL)
        await process.append("events/a", 2)
        await until(lambda: _failed(process))
        await process.streams.create(process.owner, "wakes", StreamConfig())
        await until(process.told)
        # As after a crash between the append and its note.
        await process.store.write(lambda tx: rows.put_off(tx, _of(tx, process.owner), 0.0))
        await until(lambda: _arrived(process))
        claimed = await process.service.claim(process.owner, "sub", "w1")
        report = Report(claimed.row.wake_id or "", claimed.row.generation, (("events/a", 1),), done=True)
        assert await process.service.report("sub", claimed.token, "pull-wake", report)
        await until(lambda: _count(process, 2))
    told = await process.told()
    assert [(one["type"], one["subscription_id"], one["stream"]) for one in told] == [("wake", "sub", "events/a")] * 2
    assert [one["generation"] for one in told] == [claimed.row.generation, claimed.row.generation + 1]


async def test_a_claim_that_lapses_is_announced_anew(process: Process) -> None:
    await process.streams.create(process.owner, "wakes", StreamConfig())
    async with process.driving(recorder()):
        await process.make(PULL, lease_ttl_ms=1000)
        await process.append("events/a", 2)
        await until(process.told)
        claimed = await process.service.claim(process.owner, "sub", "w1")
        await until(lambda: _count(process, 2))
    assert (await process.told())[-1]["generation"] == claimed.row.generation + 1


async def test_a_subscription_that_is_deleted_is_heard_of_no_more(process: Process) -> None:
    sender = Recorder()
    async with process.driving(sender):
        await process.make(HOOK)
        await process.append("events/a")
        await until(lambda: sender.sent)
        await process.service.delete(process.owner, "sub")
        sender.go.set()
        await process.append("events/a")
        await asyncio.sleep(0.2)
    assert len(sender.sent) == 1


async def test_a_webhook_is_called_with_a_signature_that_holds(process: Process) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    async with receiving(done) as receiver:
        sender = HttpSender(loopback=True)
        async with process.driving(sender):
            await process.make(HOOK, webhook={"url": receiver.url})
            await process.append("events/a")
            (call,) = await receiver.until(1)
            await until(lambda: has_acked(process, {"events/a": 1}))
        await sender.close()
    at, kid, signature = (part.partition("=")[2] for part in call.header("webhook-signature").split(","))
    (key,) = SIGNING.jwks()["keys"]
    assert key["kid"] == kid
    public = Ed25519PublicKey.from_public_bytes(_decoded(key["x"]))
    public.verify(_decoded(signature), at.encode() + b"." + call.body)
    assert call.header("content-type") == "application/json"
    # What is signed is of use to nobody but who it is for.
    assert (call.json["owner"], call.json["webhook_url"]) == (process.owner, receiver.url)


def _decoded(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _of(tx: Any, owner: str) -> rows.SubscriptionRow:
    found = rows.named(tx, owner, "sub")
    assert found is not None
    return found


async def _failed(process: Process) -> bool:
    return (await process.row()).status == "failed"


async def _arrived(process: Process) -> bool:
    return (await process.row()).next_attempt_at is None


async def _count(process: Process, count: int) -> bool:
    return len(await process.told()) >= count
