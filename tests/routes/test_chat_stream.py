"""``GET /api/chat/{id}/stream``: whole, from an exact place, and when there is nothing to come back to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routes.conftest import House, asking, chunks
from tests.support.answers import new_id, until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio
QUICK = "Say it at once, please."
SLOW = "Tell a long story fast."


async def asked(visitor: Client, text: str = QUICK) -> tuple[str, str]:
    body = asking(text)
    stream = await visitor.open("POST", "/api/chat", body)
    stream.close()
    return body["id"], stream.headers["x-threadline-run"]


async def test_a_reader_who_comes_back_in_mid_answer_gets_all_of_it(visitor: Client) -> None:
    chat, run = await asked(visitor, SLOW)
    stream = await visitor.open("GET", f"/api/chat/{chat}/stream")
    assert stream.headers["x-threadline-run"] == run
    found = await chunks(stream)
    assert [number for number, _ in found] == list(range(len(found)))


async def test_an_answer_that_has_just_ended_is_replayed_whole(visitor: Client) -> None:
    body = asking(QUICK)
    whole = await chunks(await visitor.open("POST", "/api/chat", body))
    assert await chunks(await visitor.open("GET", f"/api/chat/{body['id']}/stream")) == whole


async def test_an_answer_that_ended_longer_ago_is_not(open_own: Any) -> None:
    async with open_own(replay_seconds=0.0) as house:
        visitor = house.visitor()
        body = asking(QUICK)
        stream = await visitor.open("POST", "/api/chat", body)
        whole = await chunks(stream)
        await until_ended(visitor, stream.headers["x-threadline-run"])
        reply = await visitor.call("GET", f"/api/chat/{body['id']}/stream")
        assert (reply.status, reply.body) == (204, b"")
        again = await visitor.open("GET", f"/api/chat/{body['id']}/stream?run={stream.headers['x-threadline-run']}")
        assert await chunks(again) == whole


async def test_a_chat_in_which_nothing_was_said_has_nothing(visitor: Client) -> None:
    assert (await visitor.call("GET", f"/api/chat/{new_id()}/stream")).status == 204


async def test_an_exact_place_is_the_offset_after_the_last_that_was_seen(visitor: Client) -> None:
    body = asking(QUICK)
    stream = await visitor.open("POST", "/api/chat", body)
    whole, run = await chunks(stream), stream.headers["x-threadline-run"]
    address = f"/api/chat/{body['id']}/stream?run={run}"
    assert await chunks(await visitor.open("GET", f"{address}&after=4")) == whole[5:]
    assert await chunks(await visitor.open("GET", address, headers={"Last-Event-ID": "6"})) == whole[7:]
    both = await visitor.open("GET", f"{address}&after=1", headers={"Last-Event-ID": "6"})
    assert await chunks(both) == whole[7:]
    assert await chunks(await visitor.open("GET", f"{address}&after={len(whole) - 1}")) == []


async def test_the_workflow_transport_resumes_at_the_index_of_what_it_has(visitor: Client) -> None:
    stream = await visitor.open("POST", "/api/chat", asking(QUICK))
    whole, run = await chunks(stream), stream.headers["x-workflow-run-id"]
    again = await visitor.open("GET", f"/api/chat/{run}/stream?startIndex=5")
    assert again.headers["x-workflow-run-id"] == run
    assert await chunks(again) == whole[5:]


async def test_a_negative_index_counts_from_the_tail_and_tells_where_that_is(visitor: Client) -> None:
    stream = await visitor.open("POST", "/api/chat", asking(QUICK))
    whole, run = await chunks(stream), stream.headers["x-workflow-run-id"]
    again = await visitor.open("GET", f"/api/chat/{run}/stream?startIndex=-3")
    assert again.headers["x-workflow-stream-tail-index"] == str(len(whole) - 1)
    assert await chunks(again) == whole[-3:]


async def test_the_workflow_transport_is_never_told_204(visitor: Client) -> None:
    reply = await visitor.call("GET", f"/api/chat/{new_id()}/stream?startIndex=0")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "not_found:stream"


@pytest.mark.parametrize("query", ["after=x", "after=-2", "after=9999999999999999999", "startIndex=1.5", "startIndex="])
async def test_a_place_that_is_no_number_is_refused(visitor: Client, query: str) -> None:
    reply = await visitor.call("GET", f"/api/chat/{new_id()}/stream?{query}")
    assert reply.status == 400


async def test_a_run_of_another_chat_is_not_found(visitor: Client) -> None:
    _, run = await asked(visitor)
    other, _ = await asked(visitor)
    assert (await visitor.call("GET", f"/api/chat/{other}/stream?run={run}")).status == 404


async def test_a_head_request_gets_the_head_alone(house: House, visitor: Client) -> None:
    chat, _ = await asked(visitor)
    stream = await visitor.open("HEAD", f"/api/chat/{chat}/stream")
    assert stream.status == 200
    assert "x-threadline-run" in stream.headers
    stream.close()


async def test_an_offset_counts_only_where_its_run_is_named(visitor: Client) -> None:
    """A client that reconnects by itself sends the last id of the answer that it read, which may be the one before."""
    body = asking(QUICK)
    whole = await chunks(await visitor.open("POST", "/api/chat", body))
    address = f"/api/chat/{body['id']}/stream"
    assert await chunks(await visitor.open("GET", address, headers={"Last-Event-ID": "6"})) == whole
    assert await chunks(await visitor.open("GET", f"{address}?after=4")) == whole


async def test_a_place_behind_the_end_of_an_answer_is_refused_before_the_first_byte(visitor: Client) -> None:
    stream = await visitor.open("POST", "/api/chat", asking(QUICK))
    whole, run = await chunks(stream), stream.headers["x-threadline-run"]
    await until_ended(visitor, run)
    tail = len(whole)
    for address in (f"/api/chat/{run}/stream", f"/api/runs/{run}/events"):
        assert (await visitor.call("GET", f"{address}?after={tail - 1}")).status == 200
        for query, headers in (
            (f"?after={tail}", {}),
            ("", {"Last-Event-ID": "99999"}),
            ("?live=false&after=99999", {}),
        ):
            reply = await visitor.call("GET", address + query, headers=headers)
            assert reply.status == 409, (address, query)
            error = reply.json["error"]
            assert (error["code"], error["details"]) == ("conflict:stream", {"tail": tail})
    reply = await visitor.call("GET", f"/api/chat/{run}/stream?startIndex={tail + 1}")
    assert reply.json["error"]["code"] == "conflict:stream"


async def test_a_place_that_a_running_answer_has_not_come_to_is_refused_and_not_waited_for(visitor: Client) -> None:
    chat, run = await asked(visitor, "A long story, slowly.")
    for address in (
        f"/api/chat/{run}/stream?startIndex=99999",
        f"/api/chat/{chat}/stream?run={run}&after=99999",
        f"/api/runs/{run}/events?after=99999",
        f"/api/runs/{run}/events?live=poll&after=99999",
    ):
        reply = await visitor.call("GET", address)
        assert (reply.status, reply.json["error"]["code"]) == (409, "conflict:stream"), address
    tail = reply.json["error"]["details"]["tail"]
    again = await visitor.open("GET", f"/api/chat/{run}/stream?startIndex={tail}")
    await visitor.call("POST", f"/api/chat/{chat}/stop", {})
    found = await chunks(again)
    assert [number for number, _ in found] == list(range(tail, tail + len(found)))
    assert found[-1][1]["type"] == "finish"
