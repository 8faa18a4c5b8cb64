"""``/api/conversations`` over HTTP: make, list, search, name, choose and delete."""

from __future__ import annotations

import pytest

from tests.routes.conftest import asking, begun, chunks
from tests.support.answers import until_ended
from tests.support.client import Client

pytestmark = pytest.mark.anyio


async def made(visitor: Client, title: str) -> str:
    reply = await visitor.call("POST", "/api/conversations", {"title": title})
    assert reply.status == 201
    return str(reply.json["id"])


async def test_a_conversation_is_made_named_and_deleted(visitor: Client) -> None:
    one = await made(visitor, "First")
    changed = await visitor.call("PATCH", f"/api/conversations/{one}", {"title": "Second", "model": "demo/demo"})
    assert (changed.json["title"], changed.json["model"]) == ("Second", "demo/demo")
    assert (await visitor.get(f"/api/conversations/{one}")) == changed.json
    gone = await visitor.call("DELETE", f"/api/conversations/{one}")
    assert (gone.status, gone.body) == (204, b"")
    assert (await visitor.call("GET", f"/api/conversations/{one}")).status == 404


async def test_lists_come_in_pages_and_may_be_searched(visitor: Client) -> None:
    ids = [await made(visitor, f"Number {number}") for number in range(5)]
    await made(visitor, "Something else")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = await visitor.get(f"/api/conversations?limit=2&q=number{cursor and f'&cursor={cursor}'}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids[::-1]


async def test_a_conversation_that_was_made_first_takes_messages(visitor: Client) -> None:
    chat = await made(visitor, "Mine")
    stream = await visitor.open("POST", "/api/chat", asking("Say it at once.", chat))
    await chunks(stream)
    await until_ended(visitor, stream.headers["x-threadline-run"])
    assert (await visitor.get(f"/api/conversations/{chat}"))["title"] == "Mine"


async def test_a_conversation_keeps_every_setting_that_a_message_may_have(visitor: Client) -> None:
    chat = await made(visitor, "Mine")
    settings = {
        "max_tokens": 100,
        "temperature": None,
        "system": "Be brief.",
        "reasoning_effort": "low",
        "tools": False,
        "web_search": True,
    }
    kept = await visitor.call("PATCH", f"/api/conversations/{chat}", {"settings": settings})
    assert kept.json["settings"] == settings


async def test_deleting_all_ends_what_is_being_written(visitor: Client) -> None:
    run = await begun(visitor, "A long story, slowly.")
    assert (await visitor.call("DELETE", "/api/conversations")).status == 204
    assert (await visitor.get("/api/conversations"))["items"] == []
    assert (await visitor.call("GET", f"/api/runs/{run}")).status == 404


@pytest.mark.parametrize(
    "patch",
    [
        {"model": "nowhere/none"},
        {"model": "no-slash"},
        {"settings": {"temperature": 9}},
        {"settings": {"colour": "red"}},
        {"settings": None},
        {"leaf_id": ""},
        {"leaf_id": None},
        {"title": " "},
        {"title": "x" * 201},
        {"status": "idle"},
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(visitor: Client, patch: dict[str, object]) -> None:
    one = await made(visitor, "As it was")
    before = await visitor.get(f"/api/conversations/{one}")
    assert (await visitor.call("PATCH", f"/api/conversations/{one}", patch)).status == 400
    assert await visitor.get(f"/api/conversations/{one}") == before


async def test_a_leaf_that_is_no_message_is_not_found(visitor: Client) -> None:
    one = await made(visitor, "A tree")
    reply = await visitor.call("PATCH", f"/api/conversations/{one}", {"leaf_id": "msg_none"})
    assert reply.status == 404


async def test_the_models_are_listed_with_the_one_that_answers_by_default(visitor: Client) -> None:
    listed = await visitor.get("/api/models")
    assert listed["default"] == "demo/demo"
    assert "demo/demo" in [item["id"] for item in listed["items"]]
