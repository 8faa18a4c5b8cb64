"""What the docs tell a page to do, done with ``AbstractChat`` of every major: it has all that was said, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.clients.test_resume import CHUNKS, CUT
from tests.support.answers import new_id, settled
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.node import Driver, recipe
from tests.support.server import Server

pytestmark = pytest.mark.anyio


async def opened(sdk: Driver, chat: str, name: str, **options: Any) -> Any:
    """A page of a chat, as the docs have it; returns what it began with."""
    return await sdk.do("page", **{"as": name, "chat": chat, "recipe": recipe(), **options})


async def quiet(sdk: Driver, name: str) -> Any:
    """The report of a page, once it waits for nothing."""
    async with asyncio.timeout(180):
        return await sdk.do("quiet", **{"as": name})


def roles(report: Any) -> list[str]:
    return [message["role"] for message in report["messages"]]


async def test_a_page_that_is_reloaded_in_mid_answer_and_after_it_shows_both_sides(
    sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat, model = new_id(), fake.model(chunks=CHUNKS, pace=0.01, hold_at=190)
    assert await opened(sdk, chat, f"{chat}-a", model=model) == {"going": False, "messages": []}
    await sdk.do("send", **{"as": f"{chat}-a", "text": "Tell me."})
    await sdk.do("until", **{"as": f"{chat}-a", "characters": 40})
    begun = await opened(sdk, chat, f"{chat}-b")
    assert begun["going"]
    assert roles(begun) == ["user"]
    fake.go()
    first, second = await quiet(sdk, f"{chat}-a"), await quiet(sdk, f"{chat}-b")
    begun = await opened(sdk, chat, f"{chat}-c")
    third = await quiet(sdk, f"{chat}-c")
    assert not begun["going"]
    for report in (first, second, third):
        assert (roles(report), report["errors"]) == (["user", "assistant"], [])
        assert report["text"] == fake.text(chunks=CHUNKS)
    assert [one["id"] for one in second["messages"]] == [one["id"] for one in first["messages"]]
    assert [one["id"] for one in third["messages"]] == [one["id"] for one in first["messages"]]


async def test_a_page_shows_the_branch_that_was_chosen(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat, model = new_id(), fake.model(chunks=10)
    await sdk.do("answer", chat=chat, text="Tell me.", model=model)
    (asked, first) = await settled(visitor, chat)
    await sdk.do(
        "answer", chat=chat, text="Tell me.", model=model, messageId=asked["client_id"], trigger="regenerate-message"
    )
    (_, _, again) = await settled(visitor, chat)
    begun = await opened(sdk, chat, f"{chat}-a")
    assert [one["id"] for one in begun["messages"]] == [asked["client_id"], again["id"]]
    await visitor.call("PATCH", f"/api/conversations/{chat}", {"leaf_id": first["id"]})
    begun = await opened(sdk, chat, f"{chat}-b")
    assert [one["id"] for one in begun["messages"]] == [asked["client_id"], first["id"]]


@pytest.mark.parametrize("browser_like", [False, True], ids=["node-error", "browser-error"])
async def test_a_page_comes_back_by_itself_after_the_server_was_killed(
    server: Server, sdk: Driver, visitor: Client, fake: Fake, browser_like: bool
) -> None:
    chat = new_id()
    await opened(sdk, chat, chat, model=fake.model(**CUT), browserLike=browser_like)
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("until", **{"as": chat, "characters": 40})
    await asyncio.to_thread(server.restart)
    report = await quiet(sdk, chat)
    assert report["status"] == "ready"
    assert roles(report) == ["user", "assistant"]
    if sdk.major == 5 and browser_like:
        assert report["text"].endswith(fake.text(chunks=CHUNKS)), "the docs say that major 5 keeps its cut text"
    else:
        assert report["text"] == fake.text(chunks=CHUNKS)


async def test_a_page_whose_answer_has_an_address_comes_back_after_the_server_was_killed(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat, model = new_id(), fake.model(**CUT)
    await opened(sdk, chat, chat, kind="durable", browserLike=True, model=model)
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("until", **{"as": chat, "characters": 40})
    await asyncio.to_thread(server.restart)
    report = await quiet(sdk, chat)
    assert (report["status"], roles(report)) == ("ready", ["user", "assistant"])
    if sdk.major == 5:
        assert report["text"].endswith(fake.text(chunks=CHUNKS)), "the docs say that major 5 keeps its cut text"
    else:
        assert report["text"] == fake.text(chunks=CHUNKS)


async def test_an_answer_that_has_an_address_needs_nobody_where_the_server_is_stopped_in_order(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat, model = new_id(), fake.model(**CUT)
    await opened(sdk, chat, chat, kind="durable", model=model)
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("until", **{"as": chat, "characters": 40})
    await asyncio.to_thread(server.terminate)
    await asyncio.to_thread(server.up)
    report = await quiet(sdk, chat)
    assert (report["status"], report["errors"]) == ("ready", [])
    assert report["text"] == fake.text(chunks=CHUNKS)


async def test_an_answer_that_ended_while_the_page_was_away_is_there_whole(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = new_id()
    await opened(sdk, chat, chat, model=fake.model(chunks=50, pace=0.01))
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("until", **{"as": chat, "characters": 40})
    await asyncio.to_thread(server.kill9)
    await asyncio.sleep(3)
    await asyncio.to_thread(server.up)
    await settled(visitor, chat)
    report = await quiet(sdk, chat)
    assert roles(report) == ["user", "assistant"]
    assert report["text"] == fake.text(chunks=50)


async def test_a_question_that_did_not_arrive_stays_and_is_sent_again_once(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = new_id()
    await opened(sdk, chat, chat, model=fake.model(chunks=20))
    await sdk.do("send", **{"as": chat, "text": "First."})
    await sdk.do("settled", **{"as": chat})
    await asyncio.to_thread(server.kill9)
    await sdk.do("send", **{"as": chat, "text": "Second."})
    cut = await sdk.do("report", **{"as": chat})
    await asyncio.to_thread(server.up)
    report = await quiet(sdk, chat)
    assert roles(report) == ["user", "assistant", "user"], cut
    question = report["messages"][-1]["id"]
    for _ in range(2):
        await sdk.do("send", **{"as": chat, "text": "Second.", "messageId": question})
        report = await sdk.do("settled", **{"as": chat})
        assert roles(report) == ["user", "assistant", "user", "assistant"]
    assert [one["role"] for one in await settled(visitor, chat)] == roles(report)


async def test_an_answer_that_failed_is_not_asked_for_again_and_again(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = new_id()
    await opened(sdk, chat, chat, model=fake.model(chunks=10, error_at=5, error="The model is overloaded today."))
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("settled", **{"as": chat})
    report = await quiet(sdk, chat)
    assert (report["status"], report["errors"]) == ("error", ["The model is overloaded today."])
    assert roles(report) == ["user", "assistant"]
