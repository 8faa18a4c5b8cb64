"""``/docs``: complete, and nobody else's server is asked for anything."""

from __future__ import annotations

import re

import pytest

from tests.support.client import Client

pytestmark = pytest.mark.anyio


async def test_every_address_of_the_schema_is_in_the_manual_which_loads_nothing_from_elsewhere(visitor: Client) -> None:
    schema = await visitor.get("/openapi.json")
    reply = await visitor.call("GET", "/docs")
    page = reply.body.decode()
    assert reply.status == 200
    for path in schema["paths"]:
        assert path in page
    assert not re.search(r"(src|href)=.?(https?:)?//", page)
    assert "<script" not in page
