"""From where a request comes: what a named proxy says counts, and what anybody else says does not."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from tests.routes.conftest import PASSWORD, House
from threadline.routes.proxies import reveal, visit_of

pytestmark = pytest.mark.anyio

OURS = tuple(ip_network(one) for one in ("10.0.0.0/8", "127.0.0.1", "2001:db8:1::/48"))


def told(
    peer: str | None, *headers: tuple[str, str], kind: str = "http", networks: Any = OURS
) -> tuple[str | None, str]:
    """The address and the scheme that a request is taken for."""
    scope: dict[str, Any] = {
        "type": kind,
        "scheme": "http" if kind == "http" else "ws",
        "client": None if peer is None else (peer, 4711),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    reveal(scope, networks)
    return visit_of(scope).address, scope["scheme"]


FOR, FORWARDED, PROTO = "X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        # The client is the last one that is none of ours; it may have written whatever stands before itself.
        ("10.0.0.1", [(FOR, "192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [(FOR, "203.0.113.9, 192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [(FOR, "203.0.113.9, 192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        ("10.0.0.1", [(FOR, "203.0.113.9"), (FOR, "192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        ("10.0.0.1", [(FOR, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ("2001:db8:1::1", [(FOR, "2001:db8:2::7")], "2001:db8:2::7"),
        ("::ffff:10.0.0.1", [(FOR, "[2001:db8:2::7]:443")], "2001:db8:2::7"),
        ("10.0.0.1", [(FOR, "192.0.2.1:5000")], "192.0.2.1"),
        ("127.0.0.1", [(FORWARDED, 'for="[2001:db8:2::7]:4711";proto=https;by=10.0.0.1')], "2001:db8:2::7"),
        ("10.0.0.1", [(FORWARDED, "for=203.0.113.9, For=192.0.2.1;host=a, for=10.0.0.2")], "192.0.2.1"),
        ("10.0.0.1", [(FOR, "192.0.2.1"), (FORWARDED, "for=192.0.2.1")], "192.0.2.1"),
        # One of the two is the client's own.
        ("10.0.0.1", [(FOR, "192.0.2.1"), (FORWARDED, "for=203.0.113.9")], "10.0.0.1"),
        # What is no address ends the way back.
        ("10.0.0.1", [(FOR, "unknown")], "10.0.0.1"),
        ("10.0.0.1", [(FOR, "192.0.2.1, _hidden, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", [(FOR, ", ,")], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        # Nobody else is believed.
        ("192.0.2.77", [(FOR, "192.0.2.1"), (FORWARDED, "for=192.0.2.1")], "192.0.2.77"),
        ("::1", [(FOR, "192.0.2.1")], "::1"),
        (None, [(FOR, "192.0.2.1")], None),
    ],
)
def test_the_client_is_whom_the_last_of_our_proxies_saw(
    peer: str | None, headers: list[tuple[str, str]], address: str | None
) -> None:
    assert told(peer, *headers)[0] == address


def test_without_named_proxies_nobody_is_believed() -> None:
    assert told("127.0.0.1", (FOR, "192.0.2.1"), networks=()) == ("127.0.0.1", "http")
    assert told("10.0.0.1", (FOR, "192.0.2.1"), (PROTO, "https"), networks=()) == ("10.0.0.1", "http")


@pytest.mark.parametrize(
    ("peer", "header", "scheme"),
    [
        ("10.0.0.1", (PROTO, "https"), "https"),
        ("10.0.0.1", (PROTO, "HTTPS, http"), "https"),
        ("10.0.0.1", (FORWARDED, "for=192.0.2.1;proto=https"), "https"),
        ("10.0.0.1", (PROTO, "http"), "http"),
        ("10.0.0.1", (PROTO, "gopher"), "http"),
        # This very machine is believed that TLS was spoken.
        ("127.0.0.2", (PROTO, "https"), "https"),
        ("192.0.2.77", (PROTO, "https"), "http"),
    ],
)
def test_tls_is_where_our_proxy_says_that_it_ends(peer: str, header: tuple[str, str], scheme: str) -> None:
    assert told(peer, header)[1] == scheme
    assert told(peer, header, kind="websocket")[1] == scheme.replace("http", "ws")


async def test_the_address_behind_a_named_proxy_is_the_one_that_counts(open_own: Any) -> None:
    async with open_own(proxies=(ip_network("127.0.0.0/8"),)) as house:
        ada = house.visitor(**{FOR: "203.0.113.9, 192.0.2.1", "User-Agent": "A browser"})
        await ada.call("POST", "/api/auth/register", {"email": "ada@example.org", "password": PASSWORD})
        (session,) = (await ada.get("/api/auth/sessions"))["items"]
        assert (session["address"], session["agent"]) == ("192.0.2.1", "A browser")


async def test_behind_tls_the_cookie_is_this_hosts_alone(house: House) -> None:
    """A site beside this one can set cookies of every name but of this kind."""
    visitor = house.visitor(**{PROTO: "https"})
    reply = await visitor.call("GET", "/api/me")
    name, _, attributes = reply.headers["set-cookie"].partition("=")
    assert name == "__Host-threadline_session"
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes.split("; "))
    assert "Domain" not in attributes
    assert "set-cookie" not in (await visitor.call("GET", "/api/me")).headers
    other = house.visitor()
    theirs = await other.get("/api/me")
    both = house.visitor(Cookie=f"{other.cookie}; {visitor.cookie}", **{PROTO: "https"})
    assert (await both.get("/api/me"))["id"] == reply.json["id"]
    planted = house.visitor(Cookie=other.cookie, **{PROTO: "https"})
    assert (await planted.get("/api/me"))["id"] not in (theirs["id"], reply.json["id"])


async def test_who_signs_in_behind_tls_gets_the_safer_cookie(house: House) -> None:
    visitor = house.visitor()
    await visitor.get("/api/me")
    visitor.headers[PROTO] = "https"
    body = {"email": "tls@example.org", "password": PASSWORD}
    reply = await visitor.call("POST", "/api/auth/register", body)
    assert reply.headers["set-cookie"].startswith("__Host-threadline_session=")
    assert (await visitor.get("/api/me"))["email"] == "tls@example.org"
    assert (await visitor.call("POST", "/api/auth/logout")).status == 204
    assert (await visitor.get("/api/me"))["kind"] == "guest"
