"""A server of one machine answers to its own names alone, whatever name was bent to point at it."""

from __future__ import annotations

from typing import Any

import pytest
import websockets

from tests.routes.conftest import House
from tests.support.client import Client

pytestmark = pytest.mark.anyio
FRIEND = "https://chat.example.org:8443"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[", "x@localhost", "é"]
)
async def test_another_name_is_refused_and_the_answer_says_what_to_set(visitor: Client, host: str) -> None:
    for method, address in (("GET", "/"), ("GET", "/api/me"), ("POST", "/api/chat"), ("GET", "/healthz")):
        reply = await visitor.call(method, address, headers={"Host": host, "Origin": f"http://{host}"})
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden:host")
        assert "THREADLINE_ORIGINS" in reply.json["error"]["message"]
        assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "a.localhost", "localhost.", "10.0.0.7:80", "[::1]:8000", ""]
)
async def test_localhost_and_addresses_are_its_own(visitor: Client, host: str) -> None:
    assert (await visitor.call("GET", "/api/me", headers={"Host": host})).status == 200


async def test_the_hosts_of_allowed_origins_are_its_own_too(open_own: Any) -> None:
    async with open_own(origins=(FRIEND,)) as house:
        for host, status in (("chat.example.org", 200), ("chat.example.org:8443", 200), ("example.org", 403)):
            assert (await house.visitor().call("GET", "/api/me", headers={"Host": host})).status == status


async def test_a_server_that_listens_to_others_answers_to_every_name(open_own: Any) -> None:
    async with open_own(host="0.0.0.0") as house:
        assert (await house.visitor().call("GET", "/api/me", headers={"Host": "chat.example.org"})).status == 200


@pytest.mark.parametrize(
    ("host", "origin"), [("evil.example", None), (None, "http://["), (None, "https://evil.example")]
)
async def test_a_socket_is_guarded_in_the_same_way(
    house: House, caplog: pytest.LogCaptureFixture, host: str | None, origin: str | None
) -> None:
    address = f"ws://{host or '127.0.0.1'}:{house.port}/api/live"
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(address, host="127.0.0.1", port=house.port, origin=origin):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403
    assert b'"code":"forbidden:' in refused.value.response.body
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("host", "scheme", "told"),
    [
        ("chat.example.org", "https", True),
        ("chat.example.org:443", "https", True),
        ("chat.example.org", "http", False),
        ("chat.example.org:8443", "https", False),
        ("localhost", "https", False),
        ("127.0.0.1", "https", False),
    ],
)
async def test_a_name_that_was_reached_over_tls_is_for_tls_alone(
    open_own: Any, host: str, scheme: str, told: bool
) -> None:
    """Not on a port of its own, nor where the name is the machine's: other servers have them, too."""
    async with open_own(origins=(FRIEND,)) as house:
        asking = house.visitor(Host=host, **{"X-Forwarded-Proto": scheme})
        for address, status in (("/", 200), ("/api/me", 200), ("/api/none", 404), ("/v1/models", 401)):
            reply = await asking.call("GET", address)
            assert (reply.status, "strict-transport-security" in reply.headers) == (status, told)
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert "base-uri 'none'; " in reply.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
            assert reply.headers["cache-control"] == ("no-cache" if address == "/" else "no-store")
