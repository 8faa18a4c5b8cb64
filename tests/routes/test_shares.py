"""Sharing over HTTP: links, who comes by them, and what he may do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routes import test_chat_socket
from tests.routes.conftest import House, asking, chunks
from tests.routes.sharing import Shared, share
from tests.routes.test_chat_socket import socket_of as chat_socket
from threadline.domain.errors import Unavailable
from threadline.routes.site import Site
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
DEMO = "demo/demo"
QUICK = "Say it at once, please."


@pytest.fixture
async def shared(house: House) -> Shared:
    return await share(house)


WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/api/chat", {}),
    ("POST", "/api/durable/chat", {}),
    ("POST", "/api/chat/{chat}/stop", {}),
    ("PATCH", "/api/conversations/{chat}", {"title": "Mine"}),
    ("GET", "/api/conversations/{chat}/shares", None),
    ("POST", "/api/conversations/{chat}/shares", {"role": "participant"}),
    ("DELETE", "/api/conversations/{chat}/shares/shr_none", None),
    ("DELETE", "/api/conversations/{chat}/participants/usr_none", None),
    ("POST", "/api/recordings", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_what_an_observer_may_not_do_is_said_in_words_and_what_a_stranger_may_not_is_not_there(
    house: House, shared: Shared, method: str, path: str, body: Any
) -> None:
    stranger = house.visitor()
    await stranger.get("/api/me")
    await shared.let_in()
    if path.endswith("/chat"):
        body = asking(QUICK, shared.chat, model=DEMO)
    if path.endswith("/recordings"):
        body = {"conversation_id": shared.chat, "message": asking(QUICK)["messages"][0]}
    before = await shared.owner.get(f"{shared.one}/messages")
    for one, status in ((shared.reader, 403), (stranger, 404)):
        reply = await one.call(method, path.format(chat=shared.chat), body)
        assert reply.status == status, reply.body
        assert "owner" in reply.json["error"]["message"] or status == 404
    assert await shared.owner.get(f"{shared.one}/messages") == before


async def test_an_observer_says_nothing_on_a_socket_either(shared: Shared) -> None:
    await shared.let_in()
    async with chat_socket(shared.reader) as socket:
        await test_chat_socket.send(socket, "r", chat=shared.chat)
        frame = await test_chat_socket.take(socket)
    assert (frame["type"], frame["error"]["code"]) == ("error", "forbidden:conversation")


async def test_a_participant_asks_and_everybody_follows_his_answer(house: House, shared: Shared) -> None:
    await shared.program.say(close=True)
    writer, me = shared.reader, (await shared.reader.get("/api/me"))["id"]
    observer = house.visitor()
    await observer.get("/api/me")
    await shared.let_in("participant")
    await shared.let_in(reader=observer)
    stream = await writer.open("POST", "/api/chat", asking(QUICK, shared.chat, model=DEMO))
    run = stream.headers["x-threadline-run"]
    whole = await chunks(stream)
    for one in (shared.owner, observer):
        followed = await chunks(await one.open("GET", f"/api/chat/{shared.chat}/stream?run={run}&after=-1"))
        assert followed == whole
        tree = (await one.get(f"{shared.one}/messages"))["items"]
        assert [node["author_id"] for node in tree if node["role"] == "user"] == [None, me]
    assert (await writer.call("GET", f"/api/runs/{run}")).json["settings"] == {}


async def test_a_participant_may_wait_for_the_whole_answer(shared: Shared) -> None:
    await shared.program.say(close=True)
    await shared.let_in("participant")
    body = asking(QUICK, shared.chat, model=DEMO, settings={"temperature": 1})
    reply = await shared.reader.call("POST", "/api/chat", body, {"Accept": "application/json"})
    assert reply.status == 200
    assert "settings" not in reply.json["metadata"]


async def test_a_link_tells_whose_it_is_to_whoever_has_it_and_makes_a_guest_of_him(
    house: House, shared: Shared
) -> None:
    await shared.owner.call("PATCH", shared.one, {"title": "The plan"})
    made = (await shared.owner.call("POST", f"{shared.one}/shares", {"role": "observer"})).json
    passer = house.visitor()
    told = await passer.get(f"/api/shares/{made['token']}")
    assert told == {
        "conversation": {"id": shared.chat, "title": "The plan"},
        "role": "observer",
        "owner": {"name": None},
        "accepts": True,
    }
    assert passer.cookies
    listed = await shared.owner.get(f"{shared.one}/shares")
    assert listed == {"items": [{key: made[key] for key in listed["items"][0]}], "next": None}
    assert "token" not in listed["items"][0]
    await passer.call("POST", f"/api/shares/{made['token']}/accept")
    people = (await shared.owner.get(f"{shared.one}/participants"))["items"]
    assert [one["role"] for one in people] == ["owner", "observer"]


async def test_a_link_that_is_none_is_not_there(shared: Shared) -> None:
    for token in ("x", "y" * 199, "%00"):
        for method, path in (("GET", f"/api/shares/{token}"), ("POST", f"/api/shares/{token}/accept")):
            reply = await shared.reader.call(method, path)
            assert reply.status == 404
            assert reply.json["error"]["code"] == "not_found:share"


@pytest.mark.parametrize("path", ["/api/shares/{}", "/api/shares/{}/accept", "/share/{}"])
async def test_what_is_in_a_link_never_reaches_the_log(caplog: pytest.LogCaptureFixture, path: str) -> None:
    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise Unavailable

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    address = path.format("the-secret-of-the-link")
    scope = {"type": "http", "method": "GET", "path": address, "headers": [(b"host", b"localhost")], "scheme": "http"}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    await Site(broken, [], (), None, SystemWorld())(scope, receive, send)
    assert sent[0]["status"] == 503
    assert "unavailable" in caplog.text
    assert "the-secret" not in caplog.text + repr(sent)


@pytest.mark.parametrize(
    "body", [{}, {"role": "owner"}, {"role": "observer", "email": "nobody"}, {"role": "observer", "expires_in_days": 0}]
)
async def test_a_link_that_makes_no_sense_is_refused(shared: Shared, body: Any) -> None:
    reply = await shared.owner.call("POST", f"{shared.one}/shares", body)
    assert reply.status == 400
    assert reply.json["error"]["code"].startswith("bad_request")
