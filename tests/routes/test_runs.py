"""``/api/runs/{run}`` and its events: plain server-sent events that resume by offset, also long after the end."""

from __future__ import annotations

import pytest

from tests.routes.conftest import chunks
from tests.support.answers import Assembly, submit, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
QUICK = "Say it at once, please."
DEMO = "demo/demo"


async def test_a_run_tells_how_far_it_is(visitor: Client) -> None:
    run, stream = await submit(visitor, QUICK, model=DEMO)
    seen = Assembly()
    await seen.drink(stream)
    view = await until_ended(visitor, run)
    assert view["status"] == "completed"
    assert view["text"] == seen.text
    assert view["next_offset"] == view["chunk_count"] == len(seen.events)
    assert (view["model"], view["provider"], view["finish_reason"]) == (DEMO, "demo", "stop")


async def test_its_events_are_followed_to_an_end_that_is_announced(visitor: Client) -> None:
    run, stream = await submit(visitor, "A story, fast.", model=DEMO)
    native = await visitor.open("GET", f"/api/runs/{run}/events")
    assert native.headers["content-type"] == "text/event-stream"
    events = [event async for event in native.sse()]
    assert native.ended == "clean"
    assert events[-1].event == "end"
    found = [(int(event.id or -1), event.json) for event in events[:-1]]
    assert events[-1].json == {"next": len(found)}
    assert found == await chunks(stream)


async def test_they_go_on_after_the_last_event_that_was_seen(visitor: Client) -> None:
    run, stream = await submit(visitor, QUICK, model=DEMO)
    whole = await chunks(stream)
    by_query = await visitor.open("GET", f"/api/runs/{run}/events?after=3")
    assert [event.id async for event in by_query.sse()][:2] == ["4", "5"]
    by_header = await visitor.open("GET", f"/api/runs/{run}/events?after=3", headers={"Last-Event-ID": "7"})
    assert [event.id async for event in by_header.sse()][:2] == ["8", "9"]
    at_the_end = await visitor.open("GET", f"/api/runs/{run}/events?after={len(whole) - 1}")
    assert [event.event async for event in at_the_end.sse()] == ["end"]


async def test_only_what_is_there_may_be_asked_for(visitor: Client) -> None:
    run, stream = await submit(visitor, "A long story, very slowly.", model=DEMO)
    await Assembly().drink(stream, stop_at=3)
    present = await visitor.open("GET", f"/api/runs/{run}/events?live=false")
    events = [event async for event in present.sse()]
    assert present.ended == "clean"
    assert len(events) >= 3
    assert all(event.event == "message" for event in events)


async def test_a_run_that_ended_shows_its_end_also_without_following(visitor: Client) -> None:
    run, stream = await submit(visitor, QUICK, model=DEMO)
    whole = await chunks(stream)
    present = await visitor.open("GET", f"/api/runs/{run}/events?live=false")
    events = [event async for event in present.sse()]
    assert (len(events) - 1, events[-1].event) == (len(whole), "end")


@pytest.mark.parametrize("query", ["live=maybe", "after=two", "after=-7"])
async def test_a_question_that_makes_no_sense_is_refused(visitor: Client, query: str) -> None:
    run, stream = await submit(visitor, QUICK, model=DEMO)
    await chunks(stream)
    assert (await visitor.call("GET", f"/api/runs/{run}/events?{query}")).status == 400
