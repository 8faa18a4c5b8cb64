"""``AbstractChat`` of every major leaves and comes back: live, after the end, and through a crash."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.answers import new_id, settled, stored, until_ended
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.node import Driver
from tests.support.server import Server

pytestmark = pytest.mark.anyio
CHUNKS = 200
CUT: dict[str, Any] = {"chunks": CHUNKS, "pace": 0.01, "hold_at": 150, "again": {"hold_at": None}}
"""An answer that does not end before the server does."""


def ui(message: dict[str, Any]) -> dict[str, Any]:
    """A stored message as a page hands it to its chat."""
    return {"id": message["id"], "role": message["role"], "parts": message["parts"] or []}


async def begun(sdk: Driver, model: str, **options: Any) -> str:
    """A chat in mid-answer; returns its id, which is also its name in the driver."""
    chat = new_id()
    await sdk.do("open", **{"as": chat, "chat": chat, "model": model, **options})
    await sdk.do("send", **{"as": chat, "text": "Tell me."})
    await sdk.do("until", **{"as": chat, "characters": 40})
    return chat


async def reload(sdk: Driver, visitor: Client, chat: str, name: str) -> None:
    """A new page of the same chat, which knows the user's message only, begins to resume."""
    messages = [ui(message) for message in await stored(visitor, chat) if message["role"] == "user"]
    await sdk.do("open", **{"as": name, "chat": chat, "messages": messages})
    await sdk.do("resume", **{"as": name})


async def reloaded(sdk: Driver, visitor: Client, chat: str, name: str) -> Any:
    """The same; returns its report at the end."""
    await reload(sdk, visitor, chat, name)
    return await sdk.do("settled", **{"as": name})


async def test_nothing_to_resume_is_answered_with_204(sdk: Driver, visitor: Client, fake: Fake) -> None:
    assert await sdk.do("reconnect", chat=new_id()) is None


async def test_a_reloaded_page_resumes_in_mid_answer_and_has_it_whole_once(
    sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = await begun(sdk, fake.model(chunks=CHUNKS, pace=0.01, hold_at=190))
    await reload(sdk, visitor, chat, f"{chat}-a")
    await sdk.do("until", **{"as": f"{chat}-a", "characters": 80})
    await reload(sdk, visitor, chat, f"{chat}-b")
    fake.go()
    for page in (chat, f"{chat}-a", f"{chat}-b"):
        report = await sdk.do("settled", **{"as": page})
        assert report["errors"] == []
        assert report["status"] == "ready"
        assert report["text"] == fake.text(chunks=CHUNKS)
        assert [message["role"] for message in report["messages"]] == ["user", "assistant"]


async def test_an_answer_that_has_just_ended_is_replayed_whole_and_later_is_204(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = new_id()
    await sdk.do("answer", chat=chat, text="Short.", model=fake.model(chunks=20))
    again = await sdk.do("reconnect", chat=chat)
    assert again["errors"] == []
    assert again["valid"] is True
    assert again["text"] == fake.text(chunks=20)
    (run,) = [message["run_id"] for message in await settled(visitor, chat) if message["run_id"]]
    with closing(sqlite3.connect(server.data / "threadline.db", timeout=60)) as base, base:
        base.execute("UPDATE runs SET ended_at = ended_at - 3600 WHERE id = ?", (run,))
    assert await sdk.do("reconnect", chat=chat) is None


@pytest.mark.parametrize("browser_like", [False, True], ids=["node-error", "browser-error"])
async def test_a_killed_server_is_resumed_by_the_same_chat_after_its_start(
    server: Server, sdk: Driver, visitor: Client, fake: Fake, browser_like: bool
) -> None:
    chat = await begun(sdk, fake.model(**CUT), browserLike=browser_like)
    await asyncio.to_thread(server.kill9)
    cut = await sdk.do("settled", **{"as": chat})
    assert cut["status"] == "error", "the package took a broken body for a whole answer"
    assert fake.text(chunks=CHUNKS).startswith(cut["text"])
    await asyncio.to_thread(server.up)
    await sdk.do("resume", **{"as": chat})
    report = await sdk.do("settled", **{"as": chat})
    assert report["status"] == "ready"
    if sdk.major == 5 and browser_like:
        assert report["text"].endswith(fake.text(chunks=CHUNKS)), "major 5 itself keeps its cut text before a replay"
    else:
        assert report["text"] == fake.text(chunks=CHUNKS)


async def test_a_page_reloaded_after_a_crash_has_the_answer_whole_once(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = await begun(sdk, fake.model(**CUT))
    await asyncio.to_thread(server.restart)
    report = await reloaded(sdk, visitor, chat, f"{chat}-new")
    assert report["errors"] == []
    assert report["text"] == fake.text(chunks=CHUNKS)


async def test_a_terminated_server_cuts_the_body_instead_of_ending_it(
    server: Server, sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = await begun(sdk, fake.model(**CUT))
    await asyncio.to_thread(server.terminate)
    cut = await sdk.do("settled", **{"as": chat})
    assert cut["status"] == "error", "the package took a cut answer for a whole one"
    await asyncio.to_thread(server.up)
    assert (await reloaded(sdk, visitor, chat, f"{chat}-new"))["text"] == fake.text(chunks=CHUNKS)


async def test_leaving_the_page_does_not_stop_the_answer(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = await begun(sdk, fake.model(chunks=CHUNKS, pace=0.005))
    await sdk.do("stop", **{"as": chat})
    (run,) = [message["run_id"] for message in await stored(visitor, chat) if message["run_id"]]
    assert (await until_ended(visitor, run))["status"] == "completed"
    assert (await reloaded(sdk, visitor, chat, f"{chat}-new"))["text"] == fake.text(chunks=CHUNKS)


async def test_a_stopped_answer_is_resumed_as_it_was_left(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = await begun(sdk, fake.model(chunks=CHUNKS, pace=0.01, hold_at=150))
    await visitor.call("POST", f"/api/chat/{chat}/stop", {})
    stopped = await sdk.do("settled", **{"as": chat})
    again = await reloaded(sdk, visitor, chat, f"{chat}-new")
    assert again["text"] == stopped["text"]
    assert fake.text(chunks=CHUNKS).startswith(again["text"])
