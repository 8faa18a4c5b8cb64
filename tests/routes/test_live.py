"""``/api/live``: the protocol of the one socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.routes.conftest import House, asking, begun, chunks
from tests.support.answers import submit, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
QUICK = "Say it at once, please."


@asynccontextmanager
async def socket_of(visitor: Client, **headers: str) -> AsyncIterator[ClientConnection]:
    """An open socket, after its hello."""
    url = f"ws://127.0.0.1:{visitor.port}/api/live"
    given = {"Cookie": visitor.cookie, **headers} if visitor.cookies else headers
    options: dict[str, Any] = {"compression": None, "proxy": None, "max_size": None, "close_timeout": 1}
    async with connect(url, additional_headers=given, **options) as socket:
        assert (await take(socket))["type"] == "hello"
        yield socket


async def take(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        frame: dict[str, Any] = json.loads(await socket.recv())
    return frame


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Frames up to the first of that type."""
    frames = [await take(socket)]
    while frames[-1]["type"] != kind:
        frames.append(await take(socket))
    return frames


async def test_a_run_is_followed_from_its_start_to_its_end(visitor: Client) -> None:
    run, stream = await submit(visitor, "A story, fast.", model=DEMO)
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="s1", stream=f"runs/{run}")
        frames = await until(socket, "end")
    assert frames[0] == {"type": "subscribed", "id": "s1", "stream": f"runs/{run}", "after": -1}
    found = [event for frame in frames for event in frame.get("events", [])]
    offsets = [frame["offset"] for frame in frames if frame["type"] == "events"]
    assert offsets[0] == 0
    whole = await chunks(stream)
    assert found == [chunk for _, chunk in whole]
    assert frames[-1] == {"type": "end", "id": "s1", "next": len(whole)}


async def test_after_is_the_last_offset_that_the_reader_has(visitor: Client) -> None:
    run, stream = await submit(visitor, QUICK, model=DEMO)
    whole = await chunks(stream)
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}", after=7)
        frames = await until(socket, "end")
        assert frames[0]["after"] == 7
        assert frames[1]["offset"] == 8
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}", after=len(whole) - 1)
        assert [frame["type"] for frame in await until(socket, "end")] == ["subscribed", "end"]


async def test_many_streams_share_one_socket_and_none_starves(visitor: Client) -> None:
    runs = [await begun(visitor, "A story of 300 words, fast.") for _ in range(8)]
    async with socket_of(visitor) as socket:
        for run in runs:
            await say(socket, type="subscribe", id=run, stream=f"runs/{run}")
        seen: dict[str, int] = dict.fromkeys(runs, 0)
        ended: set[str] = set()
        while len(ended) < len(runs):
            frame = await take(socket)
            if frame["type"] == "events":
                assert frame["offset"] == seen[frame["id"]]
                seen[frame["id"]] += len(frame["events"])
            elif frame["type"] == "end":
                assert frame["next"] == seen[frame["id"]]
                ended.add(frame["id"])


async def test_the_feed_tells_what_changes_from_now_on_and_from_an_offset(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="f", stream="feed")
        now = await take(socket)
        assert now["type"] == "subscribed"
        made = await visitor.call("POST", "/api/conversations", {"title": "Fresh"})
        frame = await take(socket)
        assert frame["offset"] == now["after"] + 1
        assert frame["events"] == [{"type": "conversation.created", "conversation": made.json}]
        await say(socket, type="subscribe", id="again", stream="feed", after=now["after"])
        frames = await until(socket, "events")
        assert (frames[-1]["id"], frames[-1]["events"]) == ("again", frame["events"])


async def test_the_feed_is_the_same_over_server_sent_events(visitor: Client) -> None:
    made = await visitor.call("POST", "/api/conversations", {"title": "Fresh"})
    stream = await visitor.open("GET", "/api/feed/events?after=-1")
    events = aiter(stream.sse())
    opened = await anext(events)
    assert (opened.event, opened.id, opened.json) == ("open", "-1", {"after": -1})
    first = await anext(events)
    assert (first.id, first.json) == ("0", {"type": "conversation.created", "conversation": made.json})
    stream.close()


async def test_an_unsubscribed_stream_says_nothing_more(visitor: Client) -> None:
    run = await begun(visitor, "A long story, slowly.")
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}")
        await until(socket, "events")
        await say(socket, type="unsubscribe", id="s")
        await say(socket, type="ping")
        await until(socket, "pong")
        await say(socket, type="ping")
        assert [frame["type"] for frame in await until(socket, "pong")] == ["pong"]
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}", after=0)
        assert (await until(socket, "events"))[-1]["offset"] == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", "bad_request:live"),
        ("[]", "bad_request:live"),
        ('{"type": "dance"}', "bad_request:live"),
        ('{"type": {"a": 1}}', "bad_request:live"),
        ('{"type": "subscribe", "stream": "feed"}', "bad_request:live"),
        ('{"type": "subscribe", "id": "s", "stream": "mine"}', "bad_request:live"),
        ('{"type": "subscribe", "id": "s", "stream": "feed", "after": "1"}', "bad_request:live"),
        ('{"type": "subscribe", "id": "s", "stream": "feed", "after": true}', "bad_request:live"),
        ('{"type": "subscribe", "id": "s", "stream": "feed", "after": -5}', "bad_request:live"),
        ('{"type": "subscribe", "id": "s", "stream": "runs/run_none"}', "not_found:run"),
    ],
)
async def test_a_frame_that_is_wrong_is_answered_and_the_socket_stays(visitor: Client, frame: str, code: str) -> None:
    async with socket_of(visitor) as socket:
        await socket.send(frame)
        answer = await take(socket)
        assert answer["type"] == "error"
        assert answer["error"]["code"] == code
        assert set(answer["error"]) >= {"code", "message", "status", "request_id", "retryable"}
        await say(socket, type="ping")
        assert (await take(socket))["type"] == "pong"


async def test_a_name_is_given_once_at_a_time(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="f", stream="feed")
        await until(socket, "subscribed")
        await say(socket, type="subscribe", id="f", stream="feed")
        assert (await take(socket))["error"]["code"] == "conflict:live"


@pytest.mark.parametrize(
    ("frame", "code", "name"),
    [
        ({"type": "subscribe", "stream": "nonsense"}, "conflict:live", "f"),
        ({"type": "subscribe", "stream": "feed", "after": "x"}, "conflict:live", "f"),
        ({"type": "dance"}, "bad_request:live", None),
        ({"type": "auth"}, "bad_request:live", None),
    ],
)
async def test_no_error_but_that_its_name_is_in_use_names_a_stream_that_goes_on(
    visitor: Client, frame: dict[str, Any], code: str, name: str | None
) -> None:
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="f", stream="feed")
        await until(socket, "subscribed")
        await say(socket, **frame, id="f")
        refused = await take(socket)
        assert (refused["error"]["code"], refused.get("id")) == (code, name)
        await visitor.call("POST", "/api/conversations", {"title": "Fresh"})
        assert (await take(socket))["id"] == "f"


async def test_bytes_are_no_frame(visitor: Client) -> None:
    async with socket_of(visitor) as socket:
        await socket.send(b"{}")
        assert (await take(socket))["error"]["code"] == "bad_request:live"


async def test_a_visitor_without_a_session_becomes_a_guest_here_too(house: House) -> None:
    url = f"ws://127.0.0.1:{house.port}/api/live"
    async with connect(url, compression=None, proxy=None) as socket:
        assert socket.response is not None
        assert "threadline_session=" in socket.response.headers["Set-Cookie"]
        assert socket.response.headers["X-Request-Id"].startswith("req_")


async def test_the_socket_of_another_site_is_refused(visitor: Client) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket_of(visitor, Origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "forbidden:origin"


async def test_a_socket_elsewhere_is_not_found(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{house.port}/api/nowhere", proxy=None):
            pass
    assert refused.value.response.status_code == 404


async def test_a_slow_socket_holds_back_only_its_own_followers(visitor: Client) -> None:
    runs = [await begun(visitor, "A story of 2000 words, at once.") for _ in range(3)]
    async with socket_of(visitor) as slow, socket_of(visitor) as quick:
        for number in range(60):
            await say(slow, type="subscribe", id=str(number), stream=f"runs/{runs[number % 3]}")
        await say(quick, type="subscribe", id="s", stream=f"runs/{runs[0]}")
        await until(quick, "end")
        stream = await visitor.open("POST", "/api/chat", asking(QUICK))
        await chunks(stream)


async def test_heartbeats_come_while_nothing_else_does(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        async with socket_of(visitor) as socket:
            assert await take(socket) == {"type": "ping"}
            assert await take(socket) == {"type": "ping"}


async def test_a_server_that_goes_away_says_when_to_come_back(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        await visitor.get("/api/me")
        run = await begun(visitor, "A long story, slowly.")
        async with socket_of(visitor) as socket:
            await say(socket, type="subscribe", id="s", stream=f"runs/{run}")
            await say(socket, type="subscribe", id="f", stream="feed")
            await until(socket, "events")
            house.app.draining.set()
            notice = (await until(socket, "reconnect"))[-1]
            assert notice["after_ms"] >= 0
            with pytest.raises(ConnectionClosed):
                await take(socket)
            assert socket.close_code == 1012
        await house.task


async def test_a_place_behind_the_end_of_a_run_is_refused_and_the_name_is_free_again(visitor: Client) -> None:
    run = await begun(visitor, "Say it at once.")
    tail = (await until_ended(visitor, run))["next_offset"]
    async with socket_of(visitor) as socket:
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}", after=tail)
        refused = await take(socket)
        assert (refused["id"], refused["error"]["code"]) == ("s", "conflict:stream")
        await say(socket, type="subscribe", id="s", stream=f"runs/{run}", after=tail - 1)
        assert (await take(socket))["type"] == "subscribed"
        assert await take(socket) == {"type": "end", "id": "s", "next": tail}
