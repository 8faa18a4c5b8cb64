"""Long-polls of a run's events and of the feed: the same events at the same offsets, one JSON answer at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.routes.conftest import House, begun, chunks
from tests.routes.test_live_life import context_of
from tests.support.answers import submit, until, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
QUICK = "Say it at once, please."


async def poll(visitor: Client, stream: str, after: int | None = None) -> dict[str, Any]:
    """One answer, whose numbers agree with what it holds."""
    more = "" if after is None else f"&after={after}"
    reply = await visitor.call("GET", f"/api/{stream}/events?live=poll{more}")
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    found: dict[str, Any] = reply.json
    assert set(found) == {"events", "offset", "next", "end", "up_to_date"}
    assert found["next"] == found["offset"] + len(found["events"])
    assert after is None or found["offset"] == after + 1
    return found


async def test_a_run_is_polled_from_its_start_to_its_end_without_a_gap(visitor: Client) -> None:
    run, stream = await submit(visitor, "A story, fast.", model=DEMO)
    events: list[Any] = []
    answers = 0
    async with asyncio.timeout(180):
        while True:
            found = await poll(visitor, f"runs/{run}", len(events) - 1)
            events += found["events"]
            answers += 1
            if found["end"]:
                break
    assert answers > 1
    assert found["up_to_date"]
    assert events == [chunk for _, chunk in await chunks(stream)]


async def test_a_run_that_is_over_is_polled_at_once_and_whole_and_its_end_again_and_again(visitor: Client) -> None:
    run = await begun(visitor, QUICK)
    tail = (await until_ended(visitor, run))["next_offset"]
    whole = await poll(visitor, f"runs/{run}")
    assert (whole["offset"], whole["next"], whole["end"]) == (0, tail, True)
    assert whole["events"][-1]["type"] == "finish"
    again = await poll(visitor, f"runs/{run}", tail - 1)
    assert again == {"events": [], "offset": tail, "next": tail, "end": True, "up_to_date": True}
    refused = await visitor.call("GET", f"/api/runs/{run}/events?live=poll&after={tail}")
    assert (refused.status, refused.json["error"]["details"]) == (409, {"tail": tail})


async def test_a_poll_says_whose_run_it_is_and_a_look_at_its_head_does_not_wait(visitor: Client) -> None:
    run = await begun(visitor, "A long story, very slowly.")
    reply = await visitor.call("GET", f"/api/runs/{run}/events?live=poll")
    assert reply.headers["x-threadline-run"] == run
    head = await visitor.call("HEAD", f"/api/runs/{run}/events?live=poll&after={reply.json['next'] - 1}")
    assert (head.status, head.body) == (200, b"")


async def test_the_feed_is_polled_from_now_on_and_from_an_offset(visitor: Client) -> None:
    waiting = asyncio.create_task(poll(visitor, "feed"))
    for number in range(50):
        await visitor.call("POST", "/api/conversations", {"title": f"Number {number}"})
        if waiting.done():
            break
    found = await waiting
    assert [event["type"] for event in found["events"]] == ["conversation.created"]
    assert not found["end"]
    await visitor.call("POST", "/api/conversations", {"title": "Next"})
    rest = await poll(visitor, "feed", found["next"] - 1)
    assert rest["events"][-1]["conversation"]["title"] == "Next"
    assert (await poll(visitor, "feed", -1))["offset"] == 0


async def test_a_large_feed_comes_about_a_megabyte_at_a_time(visitor: Client) -> None:
    made = (await visitor.call("POST", "/api/conversations", {"title": "Large"})).json
    for number in range(30):
        await visitor.call(
            "PATCH", f"/api/conversations/{made['id']}", {"settings": {"system": str(number % 10) * 50_000}}
        )
    first = await visitor.call("GET", "/api/feed/events?live=poll&after=-1")
    assert len(first.body) < 1_500_000
    assert not first.json["up_to_date"]
    count, found = 0, first.json
    while not found["up_to_date"]:
        count += len(found["events"])
        found = await poll(visitor, "feed", found["next"] - 1)
    assert count + len(found["events"]) == 31


async def test_where_nothing_comes_in_time_the_answer_is_empty_and_never_204(open_own: Any) -> None:
    async with open_own(long_poll_seconds=0.2) as house:
        visitor = house.visitor()
        now = await poll(visitor, "feed")
        assert (now["events"], now["end"], now["up_to_date"]) == ([], False, True)
        assert await poll(visitor, "feed", now["next"] - 1) == now


async def test_a_poll_is_answered_at_once_where_the_server_goes_away(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        waiting = asyncio.create_task(poll(visitor, "feed"))
        await until(lambda: bool(context_of(house).pulse._open), what="the poll")
        assert not waiting.done()
        await house.drain()
        assert (await waiting)["events"] == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("runs/run_none/events?live=poll", 404),
        ("feed/events?live=maybe", 400),
        ("feed/events?live=false", 400),
        ("feed/events?live=poll&after=x", 400),
    ],
)
async def test_a_poll_that_makes_no_sense_is_refused(visitor: Client, address: str, status: int) -> None:
    assert (await visitor.call("GET", f"/api/{address}")).status == status


async def test_a_run_of_another_is_not_polled(house: House, visitor: Client) -> None:
    run = await begun(visitor, QUICK)
    other = house.visitor()
    await other.get("/api/me")
    assert (await other.call("GET", f"/api/runs/{run}/events?live=poll")).status == 404
