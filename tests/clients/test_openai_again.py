"""OpenAI's own client, as it is: it sends a request again by itself, and gets the answer that was begun."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from tests.support.answers import until
from tests.support.fake import Fake
from tests.support.server import Server

pytestmark = pytest.mark.anyio

PACE = {"chunks": 40, "pace": 0.05}
CUT: dict[str, Any] = {"chunks": 40, "pace": 0.25, "again": {"pace": 0}}
"""An answer that does not end before the server does."""
LOOK: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
SAID: Any = [{"role": "user", "content": "Go."}]


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    if not running.running:
        running.up()
    return running.token("stubborn")


def client_of(server: Server, token: str, **more: Any) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=token, base_url=f"{server.url}/v1", **{"max_retries": 2, "timeout": 120, **more})


async def drink(stream: Any, seen: list[Any]) -> None:
    async for chunk in stream:
        seen.append(chunk)


def runs(server: Server) -> set[str]:
    with closing(sqlite3.connect(server.data / "threadline.db")) as base:
        return {name for (name,) in base.execute("SELECT id FROM runs")}


@pytest.mark.parametrize("how", ["timeout", "term", "kill"])
@pytest.mark.parametrize("dialect", ["responses", "chat"])
async def test_a_client_that_tries_again_has_one_run_and_its_answer(
    server: Server, fake: Fake, token: str, how: str, dialect: str
) -> None:
    before = runs(server)
    patience: dict[str, Any] = {"max_retries": 30, **({"timeout": 1.2} if how == "timeout" else {})}
    model = fake.model(**PACE)

    async def ask() -> str | None:
        async with client_of(server, token, **patience) as client:
            if dialect == "responses":
                return (await client.responses.create(model=model, input=f"Go: {how}.")).output_text
            made = await client.chat.completions.create(model=model, messages=SAID, user=f"{how} it")
            return made.choices[0].message.content

    asked = asyncio.create_task(ask())
    if how != "timeout":
        await until(lambda: bool(runs(server) - before))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.terminate if how == "term" else server.kill9)
        await asyncio.to_thread(server.up)
    assert await asked == fake.text(**PACE)
    assert len(runs(server) - before) == 1


@pytest.mark.parametrize("fault", [{"cut_at": 5, "chunks": 50}, {"error_at": 5, "error": "Enough.", "chunks": 50}])
async def test_half_an_answer_is_raised_once_and_can_be_retrieved(
    server: Server, fake: Fake, token: str, fault: dict[str, Any]
) -> None:
    before = runs(server)
    model = fake.model(**fault)
    async with client_of(server, token) as client:
        with pytest.raises(openai.InternalServerError) as chat:
            await client.chat.completions.create(model=model, messages=SAID)
        with pytest.raises(openai.InternalServerError) as response:
            await client.responses.create(model=model, input="Go.")
        assert len(runs(server) - before) == 2
        for raised in (chat, response):
            name = raised.value.response.headers["x-threadline-run"].replace("run_", "resp_")
            assert name in raised.value.message
            kept = await client.responses.retrieve(name)
            assert (kept.status, kept.output_text) == ("failed", fake.text(chunks=5))


async def test_a_call_is_the_same_in_chunks_and_whole_and_one_that_is_broken_in_neither(
    server: Server, fake: Fake, token: str
) -> None:
    async with client_of(server, token) as client:
        good = fake.model(tool=["look", "look"], arguments_pace=0.01)
        whole = await client.chat.completions.create(model=good, messages=SAID, tools=[LOOK])
        calls = whole.choices[0].message.tool_calls or []
        async with client.chat.completions.stream(model=good, messages=SAID, tools=[LOOK]) as whole_stream:
            final = await whole_stream.get_final_completion()
        told = final.choices[0].message.tool_calls or []
        assert [call.function.arguments for call in told] == [call.function.arguments for call in calls]  # type: ignore[union-attr]
        assert len(calls) == 2
        broken = fake.model(tool="look", arguments='{"city": 5', rounds=99)
        asked = len(fake.requests())
        with pytest.raises(openai.InternalServerError, match="cannot be read"):
            await client.chat.completions.create(model=broken, messages=SAID, tools=[LOOK])
        assert len(fake.requests()) - asked == 2
        seen: list[Any] = []
        stream = await client.chat.completions.create(model=broken, messages=SAID, tools=[LOOK], stream=True)
        with pytest.raises(openai.APIError, match="cannot be read"):
            await drink(stream, seen)
        assert [choice.delta.tool_calls for chunk in seen for choice in chunk.choices] == [None]


async def test_a_key_of_the_programs_own_outlives_the_server(server: Server, fake: Fake, token: str) -> None:
    before = runs(server)
    model, key = fake.model(**CUT), {"Idempotency-Key": "order 66"}
    async with client_of(server, token, max_retries=0) as client:
        asked = asyncio.create_task(client.responses.create(model=model, input="Go.", extra_headers=key))
        await until(lambda: bool(runs(server) - before))
        await asyncio.to_thread(server.kill9)
        with pytest.raises(openai.APIConnectionError):
            await asked
        await asyncio.to_thread(server.up)
        made = await client.responses.create(model=model, input="Go.", extra_headers=key)
        again = await client.responses.create(model=model, input="Go.", extra_headers=key)
    assert made.output_text == fake.text(**CUT)
    assert again.id == made.id
    assert len(runs(server) - before) == 1


async def test_a_server_that_goes_away_tells_where_the_answer_will_be(server: Server, fake: Fake, token: str) -> None:
    before = runs(server)
    body = {"model": fake.model(**CUT), "input": "Go."}
    about = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=about, timeout=120) as plain:
        asked = asyncio.create_task(plain.post("/v1/responses", json=body))
        await until(lambda: bool(runs(server) - before))
        await asyncio.to_thread(server.terminate)
        refused = await asked
    await asyncio.to_thread(server.up)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (503, "false")
    async with client_of(server, token) as client:
        name = refused.headers["x-threadline-run"].replace("run_", "resp_")
        stream = await client.responses.retrieve(name, stream=True)
        text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
    assert text == fake.text(**CUT)
