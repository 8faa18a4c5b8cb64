"""Answers that their provider keeps: whoever is lost on the way, they are listened to again, and generated once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.answers import model_name, reasoning_of, text_of
from tests.fakes.interactions import FakeInteractions
from tests.fakes.responses import FakeResponses
from tests.runs.driving import until
from tests.runs.harness import House, Paused, opened
from threadline.domain.catalog import ProviderConfig
from threadline.domain.messages import is_tool
from threadline.domain.messages import text_of as said_in
from threadline.providers.http import Http
from threadline.providers.protocol import ToolSpec
from threadline.providers.remote import Remote
from threadline.runs.tools import Tool, ToolContext
from threadline.services.turns import Submitted
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

CHUNKS = 30


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


@pytest.fixture(params=[FakeResponses, FakeInteractions], ids=["responses", "interactions"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeResponses]:
    async with request.param() as provider:
        yield provider


@pytest.fixture
async def remote(fake: FakeResponses) -> AsyncIterator[Remote]:
    http = Http(SystemWorld(), stall_seconds=30)
    dialect: Any = fake.place.removeprefix("/v1/")
    config = ProviderConfig("fake", base_url=fake.url, dialect=dialect, background=True)
    yield Remote(config, http)
    await http.close()


def model(**control: Any) -> str:
    return f"fake/{model_name(chunks=CHUNKS, **control)}"


def generated(fake: FakeResponses) -> int:
    """How often an answer was begun there."""
    return sum(not call.title for call in fake.calls)


async def lost(house: House, remote: Remote, after: int, **control: Any) -> Submitted:
    """An answer whose worker was lost after so many events of the provider's."""
    paused = Paused(remote, after)
    async with house.worker(paused) as crash:
        sent = await house.ask(model=model(**control))
        await paused.reached.wait()
        await house.crashed(crash)
    return sent


@pytest.mark.parametrize("reasoning", [0, 4])
@pytest.mark.parametrize("after", [*range(1, 14), 30])
async def test_after_a_crash_anywhere_the_provider_is_listened_to_again_and_nothing_is_generated_twice(
    house: House, fake: FakeResponses, remote: Remote, after: int, reasoning: int
) -> None:
    sent = await lost(house, remote, after, reasoning=reasoning)
    async with house.worker(remote):
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    parts = (await house.message(sent)).parts or []
    assert [part["text"] for part in parts if part["type"] == "reasoning"] == (
        [reasoning_of(reasoning=reasoning)] if reasoning else []
    )
    assert generated(fake) == 1
    row = await house.run(sent.run_id)
    assert (row.status, row.usage and row.usage["outputTokens"]) == ("completed", CHUNKS + reasoning)
    taken = [event["data"]["action"] for event in await house.events(sent.run_id) if event["type"] == "data-recovery"]
    assert taken == ["attach"]


async def test_crash_after_crash_it_is_still_the_same_answer(house: House, fake: FakeResponses, remote: Remote) -> None:
    sent = None
    for after in (4, 5, 6):
        paused = Paused(remote, after)
        async with house.worker(paused) as crash:
            sent = sent or await house.ask(model=model())
            await paused.reached.wait()
            await house.crashed(crash)
    assert sent is not None
    async with house.worker(remote):
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    assert generated(fake) == 1


@pytest.mark.parametrize("cut", [1, 2, 17])
async def test_a_connection_that_breaks_is_made_anew_by_the_same_worker(
    house: House, fake: FakeResponses, remote: Remote, cut: int
) -> None:
    async with house.worker(remote):
        sent = await house.ask(model=model(cut_at=cut))
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    assert generated(fake) == 1
    assert fake.asked == [("GET", f"{fake.place}/resp_fake_1?stream=true")]


async def test_events_that_are_gone_are_made_up_for_by_the_answer_as_one(
    house: House, fake: FakeResponses, remote: Remote
) -> None:
    sent = await lost(house, remote, 9)
    fake.streams_kept = False
    async with house.worker(remote):
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    assert generated(fake) == 1
    assert [path for _, path in fake.asked] == [
        f"{fake.place}/resp_fake_1?stream=true",
        f"{fake.place}/resp_fake_1",
    ]


async def test_what_the_provider_does_not_have_any_more_is_gone_on_with_by_an_instruction(
    house: House, fake: FakeResponses, remote: Remote
) -> None:
    sent = await lost(house, remote, 9)
    fake.kept.clear()
    async with house.worker(remote):
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    assert generated(fake) == 2
    assert fake.asked[-1] == ("POST", f"{fake.place}/resp_fake_1/cancel")
    taken = [event["data"]["action"] for event in await house.events(sent.run_id) if event["type"] == "data-recovery"]
    assert taken == ["attach", "continue"]


async def test_a_stop_ends_it_at_the_provider_too(house: House, fake: FakeResponses, remote: Remote) -> None:
    async with house.worker(remote):
        sent = await house.ask(model=model(hold_at=5))
        await until(lambda: fake.held)
        await house.turns.stop(house.user, sent.conversation_id, sent.run_id)
        row = await house.ended(sent.run_id)
    assert row.status == "stopped"
    assert ("POST", f"{fake.place}/resp_fake_1/cancel") in fake.asked


async def test_who_hands_over_leaves_it_to_go_on(house: House, fake: FakeResponses, remote: Remote) -> None:
    async with house.worker(remote):
        sent = await house.ask(model=model(hold_at=5))
        await until(lambda: fake.held)
    assert fake.asked == []
    async with house.worker(remote):
        assert await house.text(sent) == text_of(chunks=CHUNKS)
    assert generated(fake) == 1


@pytest.mark.parametrize("after", range(1, 11))
async def test_a_tool_is_called_once_wherever_the_worker_was_lost_while_it_was_asked_for(
    house: House, fake: FakeResponses, remote: Remote, after: int
) -> None:
    called: list[dict[str, Any]] = []

    async def call(arguments: dict[str, Any], _context: ToolContext) -> str:
        called.append(arguments)
        return "sunny"

    weather = Tool(ToolSpec("weather", "Tell the weather.", {"type": "object"}), call)
    paused = Paused(remote, after)
    async with house.worker(paused, [weather]) as crash:
        sent = await house.ask(model=model(tool="weather", before=2))
        await paused.reached.wait()
        await house.crashed(crash)
    whole = any(
        is_tool(part) and part["state"] != "input-streaming" for part in (await house.record(sent.run_id)).parts
    )
    async with house.worker(remote, [weather]):
        parts = (await house.message(sent)).parts or []
    # Once all of the call is in the log, the tool may have been at work already.
    assert len(called) == (0 if whole else 1)
    assert [part["state"] for part in parts if is_tool(part)] == ["output-error" if whole else "output-available"]
    assert said_in(parts).endswith(text_of(chunks=CHUNKS))
    assert generated(fake) == 2


async def test_what_is_kept_says_nothing_in_the_message(house: House, remote: Remote) -> None:
    async with house.worker(remote):
        sent = await house.ask(model=model())
        parts = (await house.message(sent)).parts or []
    assert {part["type"] for part in parts} == {"step-start", "text"}
    assert said_in(parts) == text_of(chunks=CHUNKS)
