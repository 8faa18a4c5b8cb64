"""Subscriptions as their owners and those who are awake use them, without a driver."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import delete

from tests.services.conftest import Base
from threadline.domain.errors import ThreadlineError
from threadline.domain.subscriptions import MAX_STREAMS, Report, protocol_error, wanted
from threadline.log.protocol import StreamConfig
from threadline.services.looking import Looking
from threadline.services.notices import Notices
from threadline.services.signing import Signing
from threadline.services.streams import Streams, own
from threadline.services.subscriptions import Claimed, Subscriptions
from threadline.services.waking import Waking
from threadline.store import subscriptions as rows
from threadline.store import tables, users

pytestmark = pytest.mark.anyio

BASE = "http://127.0.0.1:8000"
PULL: dict[str, Any] = {"type": "pull-wake", "pattern": "events/*", "wake_stream": "wakes"}
HOOK: dict[str, Any] = {"type": "webhook", "pattern": "events/*", "webhook": {"url": "https://example.org/hook"}}


@dataclass
class Desk:
    """The service for one user, and his streams."""

    base: Base
    owner: str
    service: Subscriptions
    streams: Streams
    notices: Notices
    waking: Waking
    looking: Looking

    async def make(self, name: str = "sub", **more: Any) -> bool:
        return (await self.service.create(self.owner, name, wanted({**PULL, **more}), BASE))[1]

    async def append(self, path: str, count: int = 1) -> None:
        await self.streams.create(self.owner, path, StreamConfig())
        await self.streams.append(self.owner, path, [b"{}"] * count)

    async def look(self) -> None:
        """What a driver does of itself."""
        for change in self.notices.take():
            await self.looking.look(change)

    async def acked(self, name: str = "sub") -> dict[str, int]:
        return {link.path: link.acked for link in (await self.service.get(self.owner, name)).links}

    async def claim(self, worker: str = "w1", name: str = "sub") -> Claimed:
        return await self.service.claim(self.owner, name, worker)

    async def report(self, claimed: Claimed, *acks: tuple[str, int], done: bool = True, name: str = "sub") -> bool:
        return await self.service.report(name, claimed.token, "pull-wake", report(claimed, *acks, done=done))


def report(claimed: Claimed, *acks: tuple[str, int], done: bool = False) -> Report:
    return Report(claimed.row.wake_id or "", claimed.row.generation, acks, done)


async def refused(code: str, work: Awaitable[Any]) -> dict[str, Any]:
    """What the protocol tells of a refusal."""
    with pytest.raises(ThreadlineError) as caught:
        await work
    told = protocol_error(caught.value)
    assert told is not None
    assert told["error"]["code"] == code
    return dict(told["error"])


@pytest.fixture
async def desk(base: Base) -> Desk:
    owner = await base.store.write(lambda tx: users.add(tx, "service", "one"))
    notices, signing = Notices(base.signals), Signing([b"a secret of this test"])
    parts: dict[str, Any] = {"store": base.store, "log": base.log, "world": base.world, "notices": notices}
    streams = Streams(base.log, base.conversations._answers, notices.appended)
    service = Subscriptions(**parts, signing=signing)
    return Desk(base, owner.id, service, streams, notices, Waking(**parts, signing=signing), Looking(**parts))


async def test_a_subscription_is_made_once_and_confirmed_after(desk: Desk) -> None:
    assert await desk.make()
    assert not await desk.make()
    await refused("SUBSCRIPTION_ALREADY_EXISTS", desk.make(lease_ttl_ms=5000))
    await desk.service.delete(desk.owner, "sub")
    await desk.service.delete(desk.owner, "sub")
    await refused("SUBSCRIPTION_NOT_FOUND", desk.acked())
    assert await desk.make(lease_ttl_ms=5000)


async def test_another_users_subscription_is_another(desk: Desk) -> None:
    other = await desk.base.store.write(lambda tx: users.add(tx, "service", "two"))
    await desk.make()
    await refused("SUBSCRIPTION_NOT_FOUND", desk.service.get(other.id, "sub"))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.service.claim(other.id, "sub", "w"))
    _, new = await desk.service.create(other.id, "sub", wanted(HOOK), BASE)
    assert new
    await desk.service.delete(other.id, "sub")
    assert await desk.acked() == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**PULL, "type": "push"},
        {**PULL, "pattern": None},
        {**PULL, "wake_stream": None},
        {**PULL, "wake_stream": "a/../b"},
        {**PULL, "lease_ttl_ms": 999},
        {**PULL, "lease_ttl_ms": True},
        {**PULL, "lease_ttl_ms": 600_001},
        {**PULL, "streams": "a"},
        {**PULL, "streams": ["a", 1]},
        {**PULL, "streams": ["runs/run_1"]},
        {**PULL, "streams": ["wakes"]},
        {**PULL, "streams": ["a\ud800"]},
        {**PULL, "pattern": "runs/*"},
        {**PULL, "pattern": 5},
        {**PULL, "description": 5},
        {**HOOK, "webhook": "https://example.org"},
        {**HOOK, "webhook": {"url": ""}},
    ],
)
def test_what_is_no_subscription_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ThreadlineError) as caught:
        wanted(body)
    told = protocol_error(caught.value)
    assert told is not None
    assert told["error"]["code"] == "INVALID_REQUEST"


async def test_a_webhook_at_a_private_address_is_refused(desk: Desk) -> None:
    body = {**HOOK, "webhook": {"url": "https://192.168.0.1/"}}
    await refused("WEBHOOK_URL_REJECTED", desk.service.create(desk.owner, "sub", wanted(body), BASE))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.acked())


async def test_streams_count_from_where_they_are_and_later_ones_from_their_start(desk: Desk) -> None:
    await desk.append("events/old", 3)
    await desk.append("other", 3)
    await desk.make(streams=["other", "later"])
    assert await desk.acked() == {"events/old": 3, "later": 0, "other": 3}
    await refused("NO_PENDING_WORK", desk.claim())
    await desk.append("events/new", 2)
    await desk.append("later", 1)
    claimed = await desk.claim()
    assert {(state.path, state.acked, state.tail, state.pending) for state in claimed.streams} == {
        ("events/old", 3, 3, False),
        ("events/new", 0, 2, True),
        ("later", 0, 1, True),
        ("other", 3, 3, False),
    }


async def test_streams_are_named_and_named_no_more(desk: Desk) -> None:
    await desk.append("events/a", 1)
    await desk.append("b", 2)
    await desk.make()
    await desk.service.add(desk.owner, "sub", ["b", "events/a"])
    assert await desk.acked() == {"b": 2, "events/a": 1}
    for path in ("b", "events/a", "never"):
        await desk.service.remove(desk.owner, "sub", path)
    assert await desk.acked() == {"events/a": 1}
    await refused("INVALID_REQUEST", desk.service.add(desk.owner, "sub", ["wakes"]))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.service.add(desk.owner, "no", ["b"]))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.service.remove(desk.owner, "no", "b"))


async def test_the_wake_stream_never_wakes_its_own_subscription(desk: Desk) -> None:
    await desk.make(pattern="**")
    await desk.append("wakes", 2)
    await desk.look()
    assert await desk.acked() == {}
    await refused("NO_PENDING_WORK", desk.claim())


async def test_a_claim_is_for_one_worker(desk: Desk) -> None:
    await desk.make()
    await desk.append("events/a", 2)
    claimed = await desk.claim("w1")
    told = await refused("ALREADY_CLAIMED", desk.claim("w2"))
    assert (told["current_holder"], told["generation"]) == ("w1", claimed.row.generation)
    assert not await desk.report(claimed, ("events/a", 2))
    assert await desk.acked() == {"events/a": 2}
    await refused("FENCED", desk.report(claimed, ("events/a", 2)))
    await refused("NO_PENDING_WORK", desk.claim("w2"))


async def test_a_wake_that_is_done_in_part_is_followed_by_the_next(desk: Desk) -> None:
    await desk.make()
    await desk.append("events/a", 3)
    first = await desk.claim()
    assert await desk.report(first, ("events/a", 2))
    second = await desk.claim()
    assert second.row.generation == first.row.generation + 1
    assert second.row.wake_id != first.row.wake_id
    await refused("FENCED", desk.service.release("sub", first.token, report(first)))
    await refused("FENCED", desk.service.release("sub", first.token, report(second)))
    await refused("FENCED", desk.service.release("sub", second.token, report(first)))
    await desk.service.release("sub", second.token, report(second))
    assert (await desk.claim("w2")).row.generation == second.row.generation + 1


@pytest.mark.parametrize(
    "acks", [[("events/a", 1)], [("events/a", 6)], [("events/b", 0)], [("events/a", 3)] * 2 + [("x", 1)]]
)
async def test_an_ack_that_cannot_be_refuses_all_of_a_report(desk: Desk, acks: list[tuple[str, int]]) -> None:
    await desk.make()
    await desk.append("events/a", 5)
    claimed = await desk.claim()
    await desk.report(claimed, ("events/a", 2), done=False)
    await refused("INVALID_OFFSET", desk.report(claimed, *acks))
    assert await desk.acked() == {"events/a": 2}
    assert not await desk.report(claimed, ("events/a", 5))


async def test_a_lease_that_is_over_gives_the_wake_to_another(desk: Desk) -> None:
    await desk.make(lease_ttl_ms=10_000)
    await desk.append("events/a", 5)
    first = await desk.claim("w1")
    desk.base.world.ahead += 9
    await desk.report(first, ("events/a", 1), done=False)
    desk.base.world.ahead += 9
    await refused("ALREADY_CLAIMED", desk.claim("w2"))
    desk.base.world.ahead += 2
    second = await desk.claim("w2")
    assert [state.acked for state in second.streams] == [1]
    await refused("FENCED", desk.report(first, ("events/a", 5)))
    assert not await desk.report(second, ("events/a", 5))


async def test_a_token_speaks_for_its_own_wake_alone(desk: Desk) -> None:
    await desk.make()
    await desk.make("other")
    await desk.append("events/a", 1)
    claimed = await desk.claim()
    text = claimed.token
    broken = [
        text[:-1],
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text.replace(".1.", ".2."),
        "",
        "tlw_",
        "tlw_a.b.c",
    ]
    for token in [*broken, "tlw_sub.1.\u00e9", "a" * 1000]:
        await refused("TOKEN_INVALID", desk.service.report("sub", token, "pull-wake", report(claimed)))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.report(claimed, name="other"))
    await refused("INVALID_REQUEST", desk.service.report("sub", text, "webhook", report(claimed)))
    await desk.service.delete(desk.owner, "sub")
    await refused("SUBSCRIPTION_NOT_FOUND", desk.report(claimed))
    await desk.make()
    await refused("SUBSCRIPTION_NOT_FOUND", desk.report(claimed))


async def test_a_deleted_stream_leaves_and_one_made_anew_begins_anew(desk: Desk) -> None:
    await desk.make(streams=["named", "never"])
    await desk.append("events/a", 5)
    await desk.append("named", 5)
    claimed = await desk.claim()
    await desk.report(claimed, ("events/a", 5), ("named", 5))
    await desk.streams.delete(desk.owner, "events/a")
    await desk.streams.delete(desk.owner, "named")
    await desk.look()
    assert await desk.acked() == {"never": 0}
    await desk.append("events/a", 5)
    assert not await desk.report(await desk.claim(), ("events/a", 5))
    await desk.streams.delete(desk.owner, "events/a")
    await desk.append("events/a", 7)
    await desk.look()
    claimed = await desk.claim()
    assert [(state.path, state.acked, state.tail) for state in claimed.streams] == [("events/a", 0, 7), ("never", 0, 0)]


async def test_a_clock_that_steps_back_hides_no_stream_that_is_made_anew(desk: Desk) -> None:
    await desk.make()
    await desk.append("events/a", 2)
    claimed = await desk.claim()
    assert not await desk.report(claimed, ("events/a", 2))
    desk.base.world.ahead -= 100
    await desk.streams.delete(desk.owner, "events/a")
    await desk.append("events/a", 3)
    await desk.look()
    claimed = await desk.claim()
    assert [(state.path, state.acked, state.tail) for state in claimed.streams] == [("events/a", 0, 3)]


async def test_a_subscription_has_a_thousand_streams_at_the_most(desk: Desk) -> None:
    for number in range(MAX_STREAMS):
        await desk.base.log.create(own(desk.owner, f"events/{number}"))
    await desk.make(pattern="others/*")
    await refused("LIMIT_REACHED", desk.make("both", streams=["one/more"]))
    await desk.make("all")
    await refused("LIMIT_REACHED", desk.service.add(desk.owner, "all", ["one/more"]))
    await desk.service.add(desk.owner, "all", ["events/1", "events/2"])
    assert len(await desk.acked("all")) == MAX_STREAMS
    await desk.base.log.create(own(desk.owner, "events/more"))
    await refused("LIMIT_REACHED", desk.make("more"))
    await refused("SUBSCRIPTION_NOT_FOUND", desk.acked("more"))
    await desk.service.add(desk.owner, "sub", [f"named/{number}" for number in range(MAX_STREAMS)])
    await refused("LIMIT_REACHED", desk.service.add(desk.owner, "sub", ["named/more"]))


async def test_a_deleted_user_leaves_no_subscription(desk: Desk) -> None:
    await desk.append("events/a", 1)
    await desk.make()
    await desk.base.store.write(lambda tx: tx.conn.execute(delete(tables.users).where(tables.users.c.id == desk.owner)))
    assert await desk.base.store.read(rows.owners) == frozenset()
    left = await desk.base.store.read(lambda tx: tx.conn.execute(tables.subscription_streams.select()).all())
    assert left == []


async def test_an_append_is_noticed_only_for_who_has_subscriptions(desk: Desk) -> None:
    await desk.append("events/a", 1)
    assert desk.notices.take() == []
    await desk.make()
    await desk.look()
    await desk.append("events/a", 1)
    await desk.append("events/b", 1)
    (change,) = desk.notices.take()
    assert (change.owner, change.paths, change.ids) == (desk.owner, {"events/a", "events/b"}, frozenset())
    for number in range(1000):
        desk.notices.appended(desk.owner, f"many/{number}")
    # The other is still under way.
    (whole,) = desk.notices.take()
    assert whole.paths is None
    assert desk.notices.unseen(desk.owner) is None
    desk.notices.looked(whole)
    assert desk.notices.unseen(desk.owner) >= {"events/a", "events/b", "many/999"}


async def test_a_wake_whose_stream_is_gone_before_it_is_delivered_is_over(desk: Desk) -> None:
    await desk.make()
    await desk.append("events/a", 1)
    await desk.look()
    (row,) = await desk.waking.due("pull-wake", 10)
    await desk.streams.delete(desk.owner, "events/a")
    assert await desk.waking.take(row) is None
    assert (await desk.service.get(desk.owner, "sub")).row.wake_id is None
    await desk.append("events/a", 1)
    await desk.look()
    (again,) = await desk.waking.due("pull-wake", 10)
    assert again.generation == row.generation + 1
    delivery = await desk.waking.take(again)
    assert delivery is not None
    assert await desk.waking.take(again) is None


async def test_what_was_appended_unnoticed_is_found_by_looking(desk: Desk) -> None:
    await desk.make()
    await desk.look()
    await desk.base.log.create(own(desk.owner, "events/a"), messages=[b"{}"])
    await desk.look()
    assert await desk.waking.due("pull-wake", 10) == []
    owners = await desk.waking.owners()
    desk.notices.know(owners, whole=owners)
    await desk.look()
    assert [row.name for row in await desk.waking.due("pull-wake", 10)] == ["sub"]


def test_a_new_secret_signs_and_the_old_is_still_known() -> None:
    old, both, new = Signing([b"old" * 8]), Signing([b"new" * 8, b"old" * 8]), Signing([b"new" * 8])
    token = old.token("sub_1", 7)
    assert token == old.token("sub_1", 7)
    assert both.read(token) == ("sub_1", 7)
    assert new.read(token) is None
    assert new.read(both.token("sub_1", 7)) == ("sub_1", 7)
    assert both.kid == new.kid != old.kid
    assert [key["kid"] for key in both.jwks()["keys"]] == [new.kid, old.kid]
