"""Durable Streams and browsers: what is kept for whom, what a page can be made of, and which pages may ask at all."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.routes.conftest import House, begun, until_waited_for
from tests.routes.test_durable import JSON, TEXT, is_error, new_path
from tests.routes.test_durable_live import name_of
from tests.support.answers import new_id, until_ended
from tests.support.client import Client, Reply
from threadline.wire.durable import offset_text

pytestmark = pytest.mark.anyio
ELSEWHERE = {"Origin": "https://elsewhere.example"}
FRIEND = {"Origin": "https://friend.example"}


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program(uuid4().hex)


def is_inert(headers: dict[str, str]) -> None:
    """It is of this one user, and no page, whatever it says."""
    assert headers["vary"] == "authorization, cookie, origin"
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none'; ")
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_browser_asks_each_time_before_it_shows_what_it_has_kept(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, b"one", {**TEXT, "Stream-Closed": "true"})
    for how in ("", "?offset=-1", "?offset=-1&live=long-poll"):
        reply = await program.call("GET", path + how)
        assert reply.headers["cache-control"] == "private, no-cache"
        again = await program.call("GET", path + how, headers={"If-None-Match": reply.headers["etag"]})
        assert (again.status, again.body, again.headers["cache-control"]) == (304, b"", "private, no-cache")
        is_inert(again.headers)


async def test_what_one_has_of_an_address_is_not_what_another_has_there(house: House) -> None:
    path, first, second = new_path(), await house.program("a"), await house.program("b")
    for one in (first, second):
        await one.call("PUT", path, b"x", {**TEXT, "Stream-Closed": "true"})
    tag = (await first.call("GET", path)).headers["etag"]
    assert (await second.call("GET", path, headers={"If-None-Match": tag})).status == 200


async def test_what_comes_from_now_on_is_never_kept(house: House, program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    waiting = asyncio.create_task(program.call("GET", f"{path}?offset=now&live=long-poll"))
    await until_waited_for(house, await name_of(program, path))
    await program.call("POST", path, b"last words", {**TEXT, "Stream-Closed": "true"})
    reply = await waiting
    assert (reply.status, reply.body) == (200, b"last words")
    for one in (reply, await program.call("GET", f"{path}?offset=now")):
        assert one.headers["cache-control"] == "no-store"
        assert "etag" not in one.headers


async def test_the_head_names_no_tag_that_a_reading_does_not_have(program: Client) -> None:
    path = new_path()
    await program.call("PUT", path, headers=TEXT)
    for _ in range(3):
        await program.call("POST", path, b"x" * 700_000, TEXT)
    assert "etag" not in (await program.call("HEAD", path)).headers
    assert (await program.call("GET", path)).headers["etag"]


async def test_a_run_has_the_same_tag_before_and_after_its_end(visitor: Client) -> None:
    chat = new_id()
    run = await begun(visitor, "A long story, slowly.", chat)
    path = f"/v1/stream/runs/{run}"
    await visitor.call("GET", f"{path}?offset=-1&live=long-poll")
    before = await visitor.call("GET", path)
    assert "stream-closed" not in before.headers
    assert (await visitor.call("POST", f"/api/chat/{chat}/stop")).status == 200
    await until_ended(visitor, run)
    after = await visitor.call("GET", path)
    assert after.headers["stream-closed"] == "true"
    assert before.headers["etag"].partition(":")[0] == after.headers["etag"].partition(":")[0]


@pytest.mark.parametrize("origin", [{}, ELSEWHERE])
async def test_nothing_at_these_addresses_is_ever_a_page(house: House, program: Client, origin: dict[str, str]) -> None:
    path = new_path()
    kind = {"Content-Type": "text/html; charset=utf-8"}
    found: list[Reply] = [
        await program.call("PUT", path, b"<script>alert(1)</script>", {**kind, **origin}),
        await program.call("POST", path, b"<script>alert(2)</script>", {**kind, **origin}),
        await program.call("POST", path, b"x", {**TEXT, **origin}),
    ]
    for how in ("", "?offset=now", "?offset=bogus", f"?offset={offset_text(1)}"):
        found.append(await program.call("GET", path + how, headers=origin))
    found.append(await program.call("HEAD", path, headers=origin))
    found.append(await house.visitor().call("GET", path, headers=origin))
    found.append(await program.call("DELETE", path, headers=origin))
    found.append(await program.call("GET", path, headers=origin))
    found.append(await program.call("GET", "/v1/models", headers=origin))
    for reply in found:
        is_inert(reply.headers)
    assert {reply.status for reply in found} == {200, 201, 204, 400, 401, 404, 409}
    stream_path = new_path()
    await program.call("PUT", stream_path, b"x", {**kind, **origin})
    stream = await program.open("GET", f"{stream_path}?offset=-1&live=sse", headers=origin)
    is_inert(stream.headers)
    stream.close()


@pytest.mark.parametrize(
    ("kind", "saved"),
    [("text/html", True), ("TEXT/HTML; charset=utf-8", True), ("image/svg+xml", True), ("application/xhtml+xml", True),
     ("text/xml", True), ("application/xml", True), ("text/xsl", True), ("text/javascript", True),
     ("text/plain", False), ("application/json", False), ("application/octet-stream", False), ("image/png", False)],
)  # fmt: skip
async def test_what_could_be_a_page_is_something_to_be_saved(program: Client, kind: str, saved: bool) -> None:
    path = new_path()
    await program.call("PUT", path, b"1", {"Content-Type": kind})
    for method, how in (("GET", ""), ("GET", "?offset=now"), ("HEAD", "")):
        reply = await program.call(method, path + how)
        assert reply.headers["content-type"] == kind
        assert reply.headers.get("content-disposition") == ("attachment" if saved else None)


async def test_open_streams_are_not_open_to_the_pages_of_other_sites(open_own: Any) -> None:
    async with open_own(streams_open=True, origins=(FRIEND["Origin"],)) as house:
        path, nobody = new_path(), house.visitor()
        own = {"Origin": f"http://127.0.0.1:{house.port}"}
        assert (await nobody.call("PUT", path, b"ours", {**TEXT, **own})).status == 201
        assert (await nobody.call("POST", path, b"!", {**TEXT, **FRIEND})).status == 204
        for method in ("PUT", "POST", "DELETE", "GET"):
            body = None if method in ("DELETE", "GET") else b"x"
            for origin in (ELSEWHERE, {"Origin": "null"}):
                is_error(await nobody.call(method, path, body, {**TEXT, **origin}), 403, "forbidden:origin")
        refused = await nobody.call("GET", "/v1/stream/__ds/subscriptions/x", headers=ELSEWHERE)
        assert refused.status == 403
        for origin in ({}, own, FRIEND):
            assert (await nobody.call("GET", path, headers=origin)).body == b"ours!"
        program = await house.program("anywhere")
        assert (await program.call("PUT", path, b"mine", {**TEXT, **ELSEWHERE})).status == 201
        assert (await program.call("GET", path, headers=ELSEWHERE)).body == b"mine"


async def test_a_page_of_another_site_has_nothing_answered_without_a_token(house: House) -> None:
    for path in ("/v1/responses", "/v1/chat/completions"):
        asked = {"model": "demo/demo", "input": "Hello.", "messages": [{"role": "user", "content": "Hello."}]}
        reply = await house.visitor().call("POST", path, asked, ELSEWHERE)
        assert reply.status == 403
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "value",
    ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+00:01",
     "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
async def test_a_time_that_could_not_be_told_again_is_refused(program: Client, value: str) -> None:
    path = new_path()
    is_error(await program.call("PUT", path, headers={**TEXT, "Stream-Expires-At": value}), 400, "bad_request:stream")
    assert (await program.call("HEAD", path)).status == 404


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-00:00", "9998-12-31T23:59:59-23:59"])
async def test_the_last_time_that_can_be_told_is_taken(program: Client, value: str) -> None:
    path = new_path()
    assert (await program.call("PUT", path, headers={**TEXT, "Stream-Expires-At": value})).status == 201
    assert (await program.call("HEAD", path)).headers["stream-expires-at"].startswith("9999-")


@pytest.mark.parametrize("name", ["%ff", "%ed%a0%80", "a%c3", "%f5%80%80%80", "%c0%80"])
async def test_a_path_that_is_no_text_is_refused(program: Client, name: str) -> None:
    source = new_path()
    await program.call("PUT", source, headers=TEXT)
    for method in ("PUT", "POST", "GET", "HEAD", "DELETE"):
        reply = await program.call(method, f"{new_path()}/{name}", b"x" if method in ("PUT", "POST") else None, TEXT)
        assert reply.status == 400
    fork = {**TEXT, "Stream-Forked-From": f"{source}/{name}"}
    is_error(await program.call("PUT", new_path(), headers=fork), 400, "bad_request:stream")
    whole = f"{new_path()}/%EF%BF%BD"
    assert (await program.call("PUT", whole, headers=JSON)).status == 201
    assert (await program.call("GET", whole)).body == b"[]"
