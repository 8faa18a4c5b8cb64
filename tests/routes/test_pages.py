"""The page and its files."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.routes.conftest import PAGE, House
from tests.support.client import Client

pytestmark = pytest.mark.anyio
ASSET = "/assets/page-1a2b3c.js"


@pytest.mark.parametrize("address", ["/", "/chat/c1", "/chat/an%20id", "/?q=1"])
async def test_every_address_of_the_page_is_the_page(visitor: Client, address: str) -> None:
    reply = await visitor.call("GET", address)
    assert (reply.status, reply.body.decode()) == (200, PAGE)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_files_with_a_hash_in_their_name_are_kept_for_ever(visitor: Client) -> None:
    reply = await visitor.call("GET", ASSET)
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-type"].startswith("application/javascript")
    small = await visitor.call("GET", ASSET, headers={"Accept-Encoding": "br, gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == reply.body
    assert len(small.body) < len(reply.body)


async def test_what_has_not_changed_is_not_sent_again(visitor: Client) -> None:
    etag = (await visitor.call("GET", "/")).headers["etag"]
    reply = await visitor.call("GET", "/", headers={"If-None-Match": etag})
    assert (reply.status, reply.body) == (304, b"")


async def test_a_page_that_was_built_anew_is_seen_at_once(open_own: Any) -> None:
    async with open_own() as house:
        visitor = house.visitor()
        before = await visitor.call("GET", "/")
        (house.folder / "index.html").write_text(PAGE + "<p>new</p>")
        after = await visitor.call("GET", "/")
        assert after.body != before.body


@pytest.mark.parametrize(
    "address",
    [
        "/assets/..%2f..%2flock",
        "/..%2fdata%2flock",
        "/assets/none.js",
        "/none",
        "/assets/%00",
        "/%2e%2e",
        "/assets/.",
        "/" + "a" * 300,
        "/" + "a" * 5000,
    ],
)
async def test_nothing_outside_the_folder_is_served(visitor: Client, address: str) -> None:
    assert (await visitor.call("GET", address)).status == 404


@pytest.mark.parametrize("address", ["/nonsense", "/chat/a/b", "/a/deep/one", "/chat", "/apix"])
async def test_a_person_at_an_address_that_is_not_there_gets_the_page_and_a_program_an_error(
    visitor: Client, address: str
) -> None:
    person = await visitor.call("GET", address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (person.status, person.body.decode()) == (404, PAGE)
    assert person.headers["content-type"] == "text/html; charset=utf-8"
    for accept in ("*/*", "application/json", ""):
        program = await visitor.call("GET", address, headers={"Accept": accept})
        assert (program.status, program.json["error"]["status"]) == (404, 404)


@pytest.mark.parametrize("address", ["/api/nonsense", "/v1/nonsense", "/assets/none.js", "/api/conversations/none"])
async def test_an_address_of_programs_never_answers_with_the_page(visitor: Client, address: str) -> None:
    reply = await visitor.call("GET", address, headers={"Accept": "text/html"})
    assert reply.status == 404
    assert reply.json["error"]["status"] == 404


async def test_a_head_request_gets_the_length_alone(house: House) -> None:
    stream = await house.visitor().open("HEAD", "/")
    assert stream.headers["content-length"] == str(len(PAGE))
    stream.close()


async def test_a_page_that_is_not_built_says_how_to_build_it(open_own: Any) -> None:
    async with open_own() as house:
        (house.folder / "index.html").unlink()
        reply = await house.visitor().call("GET", "/")
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/plain")
        assert b"make setup" in reply.body
