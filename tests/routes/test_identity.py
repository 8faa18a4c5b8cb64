"""Who a request comes from, and that nobody sees what is another's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routes.conftest import House, asking, begun, chunks
from tests.support.answers import new_id, until_ended
from tests.support.client import Client
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


class AdvancingWorld(SystemWorld):
    """The machine's world, on a later day."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def test_a_visitor_becomes_a_guest_and_stays_the_same(house: House) -> None:
    visitor = house.visitor()
    first = await visitor.call("GET", "/api/me")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("threadline_session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    second = await visitor.call("GET", "/api/me")
    assert "set-cookie" not in second.headers
    assert first.json == second.json
    assert first.json["kind"] == "guest"


async def test_behind_a_proxy_with_tls_the_cookie_goes_over_tls_alone(house: House) -> None:
    reply = await house.visitor().call("GET", "/api/me", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in reply.headers["set-cookie"]


async def test_a_chat_can_be_the_first_thing_that_a_visitor_does(house: House) -> None:
    visitor = house.visitor()
    body = asking("Say it at once.")
    stream = await visitor.open("POST", "/api/chat", body)
    await chunks(stream)
    await until_ended(visitor, stream.headers["x-threadline-run"])
    assert (await visitor.get(f"/api/conversations/{body['id']}"))["status"] == "completed"


@pytest.mark.parametrize("cookie", ["nonsense", "", "a" * 4000, '"', "\\x", "a=b; ;;="])
async def test_a_cookie_that_names_nobody_is_replaced(house: House, cookie: str) -> None:
    reply = await house.visitor(Cookie=f"threadline_session={cookie}").call("GET", "/api/me")
    assert reply.status == 200
    assert "set-cookie" in reply.headers


async def test_pages_and_health_make_no_guest(house: House) -> None:
    for address in ("/", "/chat/x", "/healthz", "/readyz", "/openapi.json"):
        assert "set-cookie" not in (await house.visitor().call("GET", address)).headers


async def test_without_guests_a_session_is_needed(open_own: Any) -> None:
    async with open_own(guests=False) as house:
        visitor = house.visitor()
        for method, address in (("GET", "/api/me"), ("POST", "/api/chat"), ("GET", "/api/feed/events")):
            reply = await visitor.call(method, address, asking("Hello") if method == "POST" else None)
            assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized:session")
        assert (await visitor.call("GET", "/healthz")).status == 200


async def test_what_is_anothers_is_not_there(house: House, visitor: Client) -> None:
    body = asking("A long story, slowly.")
    chat, run = body["id"], await begun(visitor, "A long story, slowly.", body["id"])
    other = house.visitor()
    await other.get("/api/me")
    for method, address, sent in [
        ("GET", f"/api/conversations/{chat}", None),
        ("PATCH", f"/api/conversations/{chat}", {"title": "Mine now"}),
        ("DELETE", f"/api/conversations/{chat}", None),
        ("GET", f"/api/conversations/{chat}/messages", None),
        ("POST", f"/api/chat/{chat}/stop", {}),
        ("POST", f"/api/chat/{chat}/stop", {"run": run}),
        ("POST", "/api/chat", asking("Let me in.", chat)),
        ("GET", f"/api/chat/{chat}/stream?run={run}", None),
        ("GET", f"/api/chat/{chat}/stream?startIndex=0", None),
        ("GET", f"/api/chat/{run}/stream", None),
        ("GET", f"/api/runs/{run}", None),
        ("GET", f"/api/runs/{run}/events", None),
    ]:
        reply = await other.call(method, address, sent)
        assert reply.status == 404, (method, address, reply.body)
    # A page asks this of a chat in which nothing was said yet; of another's it hears the very same.
    assert (await other.call("GET", f"/api/chat/{chat}/stream")).status == 404
    assert (await other.get("/api/conversations"))["items"] == []
    await other.call("DELETE", "/api/conversations")
    assert (await visitor.get(f"/api/conversations/{chat}"))["status"] == "streaming"


async def test_what_one_visitor_is_given_is_never_given_to_the_next(house: House) -> None:
    """Also where the answer is the same for everyone: nothing to come back to."""
    seen: dict[str, str] = {}
    for _ in range(3):
        visitor = house.visitor()
        reply = await visitor.call("GET", f"/api/chat/{new_id()}/stream")
        assert reply.status == 204
        assert len(reply.headers["set-cookie"].split("\n")) == 1
        assert len(reply.headers["x-request-id"].split("\n")) == 1
        me = (await visitor.get("/api/me"))["id"]
        assert me not in seen
        seen[me] = reply.headers["set-cookie"]
        again = await visitor.call("GET", f"/api/chat/{new_id()}/stream")
        assert "set-cookie" not in again.headers
        assert (await visitor.get("/api/me"))["id"] == me


@pytest.mark.parametrize(
    "other",
    ['pref={"a":1}', "a=é", "flag", "path=/", "a b=c", "=", "$x=1", "a=b=c", 'a="x; y', "threadline_session=another"],
)
async def test_no_cookie_of_another_program_hides_the_visitors_own(house: House, other: str) -> None:
    visitor = house.visitor()
    me = await visitor.get("/api/me")
    for line in (f"{other}; {visitor.cookie}", f"{visitor.cookie}; {other}", f" {visitor.cookie} ;{other};"):
        reply = await house.visitor(Cookie=line).call("GET", "/api/me")
        assert reply.json == me
        assert "set-cookie" not in reply.headers


async def test_two_servers_on_one_host_do_not_take_each_others_guests(house: House, open_own: Any) -> None:
    """Browsers give the cookies of a host to all its ports."""
    async with open_own() as second:
        visitors = [house.visitor(), second.visitor()]
        visitors[1].cookies = visitors[0].cookies
        first = [await visitor.get("/api/me") for visitor in visitors]
        assert first[0]["id"] != first[1]["id"]
        assert set(visitors[0].cookies) == {"threadline_session", f"threadline_session_{second.port}"}
        assert [await visitor.get("/api/me") for visitor in visitors] == first
        # What this server set itself and does not know any more is replaced, and not added to.
        visitors[1].cookies[f"threadline_session_{second.port}"] = "over"
        assert (await visitors[1].get("/api/me"))["id"] != first[1]["id"]
        assert len(visitors[1].cookies) == 2
        assert await visitors[0].get("/api/me") == first[0]


async def test_the_cookie_of_a_session_that_is_used_lives_on(open_own: Any) -> None:
    """Else the browser forgets it a year after the first visit, and with it all that a guest has."""
    world = AdvancingWorld()
    async with open_own(world=world) as house:
        visitor = house.visitor()
        first = await visitor.call("GET", "/api/me")
        assert "set-cookie" not in (await visitor.call("GET", "/api/me")).headers
        world.ahead = 2 * 86_400.0
        for method, address in (("GET", "/api/me"), ("GET", "/api/models")):
            reply = await visitor.call(method, address)
            assert ("set-cookie" in reply.headers) == (address == "/api/me")
        again = (await visitor.call("GET", "/api/me")).json
        assert again == first.json
        assert visitor.cookies["threadline_session"] in first.headers["set-cookie"]


async def test_a_programs_token_counts_before_any_cookie(house: House, visitor: Client) -> None:
    program = await house.program("reader")
    me = (await program.call("GET", "/api/me")).json
    assert (me["kind"], me["name"]) == ("service", "reader")
    guest = await visitor.get("/api/me")
    both = await visitor.call("GET", "/api/me", headers=program.headers)
    assert both.json == me
    assert "set-cookie" not in both.headers
    assert await visitor.get("/api/me") == guest
    lower = await house.visitor(authorization=program.headers["Authorization"].replace("Bearer", "bearer")).get(
        "/api/me"
    )
    assert lower == me


@pytest.mark.parametrize("token", ["", "tl_unknown", "tl_" + "a" * 43, "x y"])
async def test_a_token_that_is_not_known_is_refused_and_makes_no_guest(
    house: House, visitor: Client, token: str
) -> None:
    for client in (house.visitor(), visitor):
        for method, address in (("GET", "/api/me"), ("POST", "/api/chat"), ("GET", "/api/feed/events")):
            body = asking("Hello") if method == "POST" else None
            reply = await client.call(method, address, body, {"Authorization": f"Bearer {token}"})
            assert (reply.status, reply.json["error"]["code"]) == (401, "unauthorized:token")
            assert "set-cookie" not in reply.headers


async def test_other_kinds_of_authorization_are_somebody_elses(house: House) -> None:
    """A proxy before us may ask for a password, and hand it on."""
    reply = await house.visitor(Authorization="Basic eDp5").call("GET", "/api/me")
    assert (reply.status, reply.json["kind"]) == (200, "guest")


async def test_a_program_has_conversations_of_its_own(house: House, visitor: Client) -> None:
    program = await house.program("writer")
    body = asking("Say it at once.")
    stream = await program.open("POST", "/api/chat", body)
    await chunks(stream)
    assert "set-cookie" not in stream.headers
    await until_ended(program, stream.headers["x-threadline-run"])
    assert [one["id"] for one in (await program.get("/api/conversations"))["items"]] == [body["id"]]
    assert (await visitor.call("GET", f"/api/conversations/{body['id']}")).status == 404
    assert (await (await house.program("writer")).get(f"/api/conversations/{body['id']}"))["status"] == "completed"
