"""``/api/durable/chat``: an answer as a stream with an address, and what that address opens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.routes.conftest import House, asking, chunks
from tests.support.answers import new_id, until_ended
from tests.support.client import Client, Reply
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
CHAT = "/api/durable/chat"
QUICK = "Say it at once, please."
DAY = 86_400


class AdvancingWorld(SystemWorld):
    """Its clock can be put on."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


async def asked(client: Client, chat: str | None = None, **headers: str) -> Reply:
    reply = await client.call("POST", CHAT, asking(QUICK, chat, model="demo/demo"), headers)
    assert reply.status == 201, reply.body
    return reply


async def whole(client: Client, url: str) -> list[dict[str, Any]]:
    """All events of a run that has ended."""
    found: list[dict[str, Any]] = await client.get(f"{url}&offset=-1")
    return found


def run_of(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


async def test_what_is_said_is_answered_with_the_address_of_the_answer(visitor: Client) -> None:
    chat = new_id()
    reply = await asked(visitor, chat)
    url = reply.json["streamUrl"]
    assert reply.headers["location"] == url
    assert reply.headers["cache-control"] == "no-store"
    assert run_of(url) == reply.headers["x-threadline-run"]
    again = await visitor.call("GET", f"{CHAT}/{chat}/stream")
    assert (again.status, urlsplit(again.json["streamUrl"]).path) == (200, urlsplit(url).path)
    assert again.headers["location"] == again.json["streamUrl"]
    head = await visitor.call("HEAD", f"{CHAT}/{chat}/stream")
    assert (head.status, head.body) == (200, b"")


async def test_where_nothing_is_active_there_is_no_address(house: House, visitor: Client) -> None:
    assert (await visitor.call("GET", f"{CHAT}/{new_id()}/stream")).status == 204
    chat = new_id()
    await asked(visitor, chat)
    assert (await house.visitor().call("GET", f"{CHAT}/{chat}/stream")).status == 404


async def test_the_address_alone_opens_this_answer_in_every_way_of_reading(house: House, visitor: Client) -> None:
    url = (await asked(visitor)).json["streamUrl"]
    await until_ended(visitor, run_of(url))
    nobody = house.visitor()
    events = await whole(nobody, url)
    assert (events[0]["type"], events[-1]["type"]) == ("start", "finish")
    stream = await visitor.open("GET", f"/api/chat/{run_of(url)}/stream")
    assert [chunk for _, chunk in await chunks(stream)] == events
    assert (await nobody.call("HEAD", url)).headers["stream-closed"] == "true"
    polled = await nobody.call("GET", f"{url}&offset=-1&live=long-poll")
    assert polled.json == events
    live = await nobody.open("GET", f"{url}&offset=-1&live=sse")
    assert [one async for item in live.sse() if item.event == "data" for one in item.json] == events
    assert nobody.cookies == {}


async def test_it_opens_nothing_else_and_not_to_write(house: House, visitor: Client) -> None:
    url, other = [(await asked(visitor)).json["streamUrl"] for _ in range(2)]
    key = parse_qs(urlsplit(url).query)["key"][0]
    until, _, proof = key.partition(".")
    nobody = house.visitor()
    for wrong in (
        f"{urlsplit(other).path}?key={key}",
        f"{urlsplit(url).path}?key={int(until) + 1}.{proof}",
        f"{urlsplit(url).path}?key={until}.{proof[:-1]}",
        f"{urlsplit(url).path}?key={until}.",
        f"{urlsplit(url).path}?key=",
        f"{urlsplit(url).path}?key={'9' * 5000}.{proof}",
        f"{urlsplit(url).path}?key=%C2%B2.{proof}",
        f"{urlsplit(url).path}",
        f"/v1/stream/mine?key={key}",
        f"/v1/stream/runs/run_none?key={key}",
    ):
        refused = await nobody.call("GET", f"{wrong}{'&' if '?' in wrong else '?'}offset=-1")
        assert (refused.status, refused.json["error"]["code"]) == (401, "unauthorized:stream"), wrong
        assert proof not in refused.body.decode()
    for method in ("PUT", "POST", "DELETE"):
        assert (await nobody.call(method, url, b"{}")).status == 401
    assert (await nobody.call("GET", f"/api/runs/{run_of(url)}?key={key}")).status == 404


async def test_it_is_over_after_a_day_and_whose_it_is_still_reads(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(world=world) as house:
        visitor = house.visitor()
        url = (await asked(visitor)).json["streamUrl"]
        world.ahead = DAY - 60
        assert (await house.visitor().call("GET", f"{url}&offset=-1")).status == 200
        world.ahead = DAY + 60
        assert (await house.visitor().call("GET", f"{url}&offset=-1")).status == 401
        assert (await visitor.call("GET", f"{url}&offset=-1")).status == 200


async def test_a_conversation_that_was_deleted_is_gone_at_its_address_too(house: House, visitor: Client) -> None:
    chat = new_id()
    url = (await asked(visitor, chat)).json["streamUrl"]
    await until_ended(visitor, run_of(url))
    assert (await visitor.call("DELETE", f"/api/conversations/{chat}")).status == 204
    assert (await house.visitor().call("GET", f"{url}&offset=-1")).status == 404


async def test_each_major_gets_what_it_knows_at_the_same_offsets(house: House, visitor: Client) -> None:
    urls = [
        (await asked(visitor, **({"X-AI-SDK-Version": v} if v else {}))).json["streamUrl"] for v in ("", "6", "7.1")
    ]
    assert [parse_qs(urlsplit(url).query)["sdk"] for url in urls] == [["5"], ["6"], ["7"]]
    program = await house.program("appends")
    path = "/v1/stream/own"
    await program.call("PUT", path, b'[{"type":"reset-step"}]', {"Content-Type": "application/json"})
    assert await program.get(f"{path}?sdk=5") == [{"type": "reset-step"}], "one's own streams are what was written"
    tags = set()
    await until_ended(visitor, run_of(urls[0]))
    for query in ("", "?sdk=5", "?sdk=7"):
        tags.add((await visitor.call("GET", urlsplit(urls[0]).path + query)).headers["etag"])
    assert len(tags) == 3
