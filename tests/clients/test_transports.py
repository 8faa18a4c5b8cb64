"""Every chat transport that the AI SDK's packages have, through good and bad, with the message that comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.messages import shown
from tests.support.answers import new_id, settled, state, text_of, until_come_to
from tests.support.client import Client
from tests.support.cutting import cutters
from tests.support.fake import Fake
from tests.support.node import Driver, installed_clients, node_path
from tests.support.server import Server

pytestmark = pytest.mark.anyio

WAYS = [
    *[("default", major) for major in (5, 6, 7)],
    ("socket", 7),
    ("workflow", 7),
    *[("durable", major) for major in (5, 6, 7)],
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: Fake) -> Iterator[Server]:
    """A server whose ended answers are replayed for longer than any test here lasts."""
    settings = {"replay_seconds": 120}
    with Server(tmp_path_factory.mktemp("server"), fake.tables(), settings=settings, extras=True) as server:
        server.up()
        yield server


@pytest.fixture(scope="module")
def drivers(running: Server) -> Iterator[dict[int, Driver]]:
    """A Node process for each major."""
    node = node_path()
    if node is None:
        pytest.skip("missing tool: no Node.js")
    installed_clients()
    with (
        Driver(node, 5, running.url) as five,
        Driver(node, 6, running.url) as six,
        Driver(node, 7, running.url) as seven,
    ):
        yield {5: five, 6: six, 7: seven}


@dataclass
class Way:
    """One transport in one major, used by one visitor."""

    kind: str
    major: int
    driver: Driver
    visitor: Client
    server: Server
    fake: Fake

    def asking(self, **control: Any) -> dict[str, Any]:
        """The fields of a command that asks for such an answer."""
        chat = new_id()
        return {**self.same, "model": self.fake.model(**control), "text": f"Tell me, {chat}.", "chat": chat}

    @property
    def same(self) -> dict[str, Any]:
        return {"kind": self.kind, "visitor": self.visitor.cookie, "declare": self.major}

    async def do(self, what: str, **more: Any) -> Any:
        return await self.driver.do(what, **more)

    async def is_stored(self, chat: str, report: dict[str, Any]) -> dict[str, Any]:
        """The client has the very message that the server has; returns that."""
        (kept,) = [one for one in await settled(self.visitor, chat) if one["role"] == "assistant"]
        (seen,) = [one for one in report["messages"] if one["role"] == "assistant"]
        assert seen["id"] == kept["id"]
        assert shown(seen["parts"], self.major) == shown(kept["parts"], self.major)
        assert [one["role"] for one in report["messages"]][-2:] in (["user", "assistant"], ["assistant"])
        return kept


@pytest.fixture(params=WAYS, ids=[f"{kind}-ai{major}" for kind, major in WAYS])
async def way(request: pytest.FixtureRequest, running: Server, drivers: dict[int, Driver], fake: Fake) -> Way:
    kind, major = request.param
    if not running.running:
        await asyncio.to_thread(running.up)
    visitor = running.client()
    await visitor.get("/api/me")
    driver = drivers[major]
    await driver.do("cookie", visitor=visitor.cookie, value=visitor.cookie)
    return Way(kind, major, driver, visitor, running, fake)


async def test_an_answer_comes_whole_and_is_the_one_that_is_stored(way: Way) -> None:
    asked = way.asking(chunks=40, reasoning=5)
    report = await way.do("ride", **asked)
    assert (report["status"], report["errors"]) == ("ready", [])
    assert report["text"] == way.fake.text(chunks=40)
    await way.is_stored(asked["chat"], report)


async def test_a_tool_is_called_between_two_steps(way: Way) -> None:
    asked = way.asking(chunks=10, tool="count")
    report = await way.do("ride", **asked)
    assert (report["status"], report["errors"]) == ("ready", [])
    kept = await way.is_stored(asked["chat"], report)
    assert [part["state"] for part in kept["parts"] if part["type"] == "tool-count"] == ["output-available"]
    assert report["text"] == way.fake.text(chunks=10)


async def test_the_providers_error_arrives_in_its_words(way: Way) -> None:
    asked = way.asking(chunks=10, error_at=5, error="The model is overloaded today.")
    report = await way.do("ride", **asked)
    assert report["status"] == "error"
    assert "The model is overloaded today." in report["error"]
    kept = await way.is_stored(asked["chat"], report)
    assert kept["status"] == "error"


async def test_a_stop_ends_the_stream_and_both_sides_keep_the_same(way: Way) -> None:
    asked = way.asking(chunks=2000, pace=0.02)
    riding = asyncio.create_task(way.do("ride", **asked))
    await until_said(way, asked["chat"], 60)
    assert (await way.visitor.call("POST", f"/api/chat/{asked['chat']}/stop", {})).status < 300
    async with asyncio.timeout(180):
        report = await riding
    assert (report["status"], report["errors"], report["comebacks"]) == ("ready", [], 0)
    kept = await way.is_stored(asked["chat"], report)
    assert kept["status"] == "stopped"
    assert len(text_of(kept)) >= 60
    assert way.fake.text(chunks=2000).startswith(text_of(kept))


async def test_two_readers_at_once_have_the_same(way: Way) -> None:
    asked = way.asking(chunks=100, pace=0.01, hold_at=80)
    chat = asked["chat"]
    await way.do("open", **{**asked, "as": chat})
    await way.do("send", **{"as": chat, "text": "Tell me."})
    await way.do("until", **{"as": chat, "characters": 40})
    await way.do("open", **{**asked, "as": f"{chat}-b"})
    await way.do("resume", **{"as": f"{chat}-b"})
    await asyncio.to_thread(way.fake.go)
    for name in (chat, f"{chat}-b"):
        report = await way.do("settled", **{"as": name})
        assert (report["status"], report["errors"]) == ("ready", [])
        assert report["text"] == way.fake.text(chunks=100)
        await way.is_stored(chat, report)


async def test_a_connection_that_is_cut_in_any_chunk_loses_and_doubles_nothing(way: Way) -> None:
    control = {"chunks": 12, "pace": 0.02}
    async with cutters(way.server.port, 18) as doors:
        rides = [{"do": "ride", **way.asking(**control), "base": door.url, "comeBack": True} for door in doors]
        reports = await way.do("all", commands=rides)
    for door, asked, report in zip(doors, rides, reports, strict=True):
        (kept,) = [one for one in await settled(way.visitor, asked["chat"]) if one["role"] == "assistant"]
        chunks = (await state(way.visitor, kept["run_id"]))["chunk_count"]
        assert door.fired == (door.at <= chunks), f"cut {door.at} of {chunks}"
        assert (report["status"], report["errors"]) == ("ready", []), f"cut {door.at} of {chunks}"
        assert report["text"] == way.fake.text(**control), f"cut {door.at} of {chunks}"
        assert bool(report["comebacks"]) == (door.fired and way.kind != "workflow")
        await way.is_stored(asked["chat"], report)


async def test_a_server_that_is_killed_and_started_again_goes_on_with_the_same_message(way: Way) -> None:
    asked = {**way.asking(chunks=200, pace=0.01, reasoning=3, hold_at=150, times=1), "comeBack": True}
    riding = asyncio.create_task(way.do("ride", **asked))
    await until_said(way, asked["chat"], 60)
    await asyncio.to_thread(way.server.restart)
    async with asyncio.timeout(180):
        report = await riding
    assert (report["status"], report["errors"]) == ("ready", [])
    assert report["text"] == way.fake.text(chunks=200)
    await way.is_stored(asked["chat"], report)


@pytest.mark.parametrize("way", [("default", 5), ("default", 6), ("socket", 7), ("durable", 7)], indirect=True)
async def test_a_step_that_is_thought_through_anew_is_shown_once_where_a_client_can_drop_it(way: Way) -> None:
    asked = {**way.asking(chunks=20, reasoning=100, pace=0.01, hold_at=60, times=1), "comeBack": True}
    riding = asyncio.create_task(way.do("ride", **asked))
    await until_come_to(way.visitor, asked["chat"], lambda run: run["chunk_count"] >= 20)
    await asyncio.to_thread(way.server.restart)
    async with asyncio.timeout(180):
        report = await riding
    assert (report["status"], report["errors"]) == ("ready", [])
    kept = await way.is_stored(asked["chat"], report)
    thoughts = [part["text"] for part in report["messages"][-1]["parts"] if part["type"] == "reasoning"]
    assert thoughts[-1] == way.fake.reasoning(chunks=20, reasoning=100)
    assert len(thoughts) == (1 if way.major == 7 else 2)
    assert len([part for part in kept["parts"] if part["type"] == "reasoning"]) == 2


async def test_the_workflow_transports_own_form_needs_no_chat_and_reads_from_any_place(
    running: Server, drivers: dict[int, Driver], fake: Fake
) -> None:
    visitor = running.client()
    await visitor.get("/api/me")
    await drivers[7].do("cookie", visitor=visitor.cookie, value=visitor.cookie)
    model = fake.model(chunks=30)
    found = await drivers[7].do("bare", visitor=visitor.cookie, model=model, text="Tell me.", tail=-5)
    for name in ("first", "again"):
        assert (found[name]["errors"], found[name]["valid"]) == ([], True)
        assert found[name]["text"] == fake.text(chunks=30)
    assert [chunk["type"] for chunk in found["tail"]["chunks"]][-1] == "finish"
    assert (await state(visitor, found["run"]))["text"] == fake.text(chunks=30)


async def until_said(way: Way, chat: str, characters: int) -> None:
    """Until so much of the answer's text is there."""
    await until_come_to(way.visitor, chat, lambda run: len(run["text"]) >= characters)
