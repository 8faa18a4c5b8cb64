"""A request that is sent again: the same run by its key or by the count of its attempts, else another one."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.routes.test_openai import FAST, SLOW, events_of, is_error, text_of
from tests.support.answers import until
from tests.support.client import Client, Reply

pytestmark = pytest.mark.anyio

AGAIN = {"x-stainless-retry-count": "1"}
UNSAID: list[dict[str, str]] = [{}, {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "x"}]
PACED = "A story of 30 words, slowly."
CHAT = {"messages": [{"role": "user", "content": FAST}]}


@pytest.fixture
async def program(house: House) -> Client:
    return await house.program("alpha")


def run_in(reply: Reply) -> str:
    """The run that an answer names, once."""
    name = reply.headers["x-threadline-run"]
    assert name.startswith("run_")
    assert "\n" not in name
    return name


async def ask(program: Client, body: Any, path: str = "/v1/responses", **headers: str) -> Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await program.call("POST", path, body, given)


async def give_up(house: House, program: Client, body: dict[str, Any], times: int = 1) -> list[str]:
    """Ask so often at once, and leave once the runs are there, before there is an answer; returns the runs."""
    before = set(going(house))
    asked = [asyncio.create_task(program.open("POST", "/v1/responses", body)) for _ in range(times)]
    await until(lambda: len(set(going(house)) - before) == times)
    for one in asked:
        one.cancel()
    await asyncio.wait(asked)
    assert all(one.cancelled() for one in asked)
    return sorted(set(going(house)) - before)


def going(house: House) -> list[str]:
    """The runs that have not ended, of whomever."""
    with closing(sqlite3.connect(house.app.settings.data / "threadline.db")) as base:
        found = base.execute("SELECT id FROM runs WHERE status IN ('queued', 'running') ORDER BY id").fetchall()
    return [name for (name,) in found]


@pytest.mark.parametrize(("path", "body"), [("/v1/responses", {"input": FAST}), ("/v1/chat/completions", CHAT)])
async def test_a_key_makes_a_request_one_run_however_often_it_comes(
    program: Client, path: str, body: dict[str, Any]
) -> None:
    first, second = await asyncio.gather(*(ask(program, body, path, idempotency_key=f"one {path}") for _ in range(2)))
    third = await ask(program, body, path, idempotency_key=f"one {path}")
    assert run_in(first) == run_in(second) == run_in(third)
    assert first.json == second.json == third.json
    assert run_in(await ask(program, body, path, idempotency_key=f"two {path}")) != run_in(first)
    assert run_in(await ask(program, body, path)) != run_in(first)


async def test_a_key_tells_of_an_answer_in_the_background_as_it_is_by_then(program: Client) -> None:
    body = {"input": FAST, "background": True}
    first = await ask(program, body, idempotency_key="behind")
    assert first.json["status"] == "queued"
    await events_of(await program.open("GET", f"/v1/responses/{first.json['id']}?stream=true"))
    again = await ask(program, body, idempotency_key="behind")
    assert again.json == await program.get(f"/v1/responses/{first.json['id']}")
    assert again.json["status"] == "completed"


async def test_a_key_streams_the_same_run_from_its_first_event(program: Client) -> None:
    body, key = {"input": FAST, "stream": True}, {"Idempotency-Key": "streamed"}
    first = await events_of(await program.open("POST", "/v1/responses", body, key))
    assert await events_of(await program.open("POST", "/v1/responses", body, key)) == first


async def test_a_key_belongs_to_one_request_of_one_user(house: House, program: Client) -> None:
    first = await ask(program, {"input": FAST}, idempotency_key="mine")
    for body, path in (({"input": "Other, fast."}, "/v1/responses"), (CHAT, "/v1/chat/completions")):
        refused = await ask(program, body, path, idempotency_key="mine")
        is_error(refused, 409, "conflict")
        assert refused.headers["x-should-retry"] == "false"
    stranger = await house.program("beta")
    assert run_in(await ask(stranger, {"input": FAST}, idempotency_key="mine")) != run_in(first)
    is_error(await ask(program, {"input": FAST}, idempotency_key="x" * 256), 400, "bad_request", "Idempotency-Key")
    is_error(await ask(program, {"input": FAST}, idempotency_key=""), 400, "bad_request", "Idempotency-Key")


async def test_the_key_of_what_was_deleted_is_free_again(program: Client) -> None:
    first = await ask(program, {"input": FAST}, idempotency_key="gone")
    await program.call("DELETE", f"/v1/responses/{first.json['id']}")
    second = await ask(program, {"input": FAST}, idempotency_key="gone")
    assert run_in(second) != run_in(first)
    assert run_in(await ask(program, {"input": FAST}, idempotency_key="gone")) == run_in(second)


async def test_who_left_before_the_answer_and_asks_again_gets_it(house: House, program: Client) -> None:
    body = {"input": f"{PACED} Left."}
    (run,) = await give_up(house, program, body)
    reply = await program.call("POST", "/v1/responses", body, AGAIN)
    assert run_in(reply) == run
    assert len(text_of(reply.json).split()) >= 30
    # It has its answer now: the same again is another one.
    assert run_in(await program.call("POST", "/v1/responses", body, AGAIN)) != run


async def test_only_who_says_so_is_taken_for_the_same(house: House, program: Client) -> None:
    body = {"input": f"{PACED} Unsaid."}
    (run,) = await give_up(house, program, body)
    others = [program.call("POST", "/v1/responses", body, headers) for headers in UNSAID]
    stranger = await house.program("beta")
    others.append(stranger.call("POST", "/v1/responses", body, AGAIN))
    found = {run_in(reply) for reply in await asyncio.gather(*others)}
    assert len(found) == len(others)
    assert run not in found


async def test_requests_that_look_alike_find_each_its_own_run(house: House, program: Client) -> None:
    body = {"input": f"{PACED} Alike."}
    left = await give_up(house, program, body, 3)
    again = await asyncio.gather(*(program.call("POST", "/v1/responses", body, AGAIN) for _ in range(3)))
    assert sorted(run_in(reply) for reply in again) == left


async def test_what_one_has_not_told_to_the_end_is_joined_and_what_is_told_is_not(program: Client) -> None:
    body = {"input": FAST, "stream": True, "metadata": {"who": "joined"}}
    cut = await program.open("POST", "/v1/responses", body)
    cut.close()
    again = await program.open("POST", "/v1/responses", body, AGAIN)
    assert again.headers["x-threadline-run"] == cut.headers["x-threadline-run"]
    await events_of(again)
    for _ in range(100):
        more = await program.open("POST", "/v1/responses", body, AGAIN)
        await events_of(more)
        if more.headers["x-threadline-run"] != cut.headers["x-threadline-run"]:
            return
    raise AssertionError("an answer that was told to its end is joined for ever")


async def test_a_chat_that_somebody_stopped_is_an_error_that_names_its_run(house: House, program: Client) -> None:
    body, before = {"messages": [{"role": "user", "content": SLOW}]}, set(going(house))
    waiting = asyncio.create_task(ask(program, body, "/v1/chat/completions", idempotency_key="stopped"))
    other = asyncio.create_task(ask(program, {"input": SLOW}))
    stream = await program.open("POST", "/v1/chat/completions", {**body, "stream": True})
    seen = ""
    async for event in stream.sse():
        seen = event.data or seen
        names = sorted(set(going(house)) - before)
        if len(names) == 3 and '"content":"' in seen and '"content":""' not in seen:
            for name in names:
                cancelled = await program.call("POST", f"/v1/responses/{name.replace('run_', 'resp_')}/cancel")
                assert run_in(cancelled) == name
        if '"error"' in seen:
            break
    assert "stopped" in seen
    for task in (waiting, other):
        reply = await task
        is_error(reply, 409, "conflict")
        assert reply.headers["x-should-retry"] == "false"
        name = run_in(reply).replace("run_", "resp_")
        assert "stopped" in reply.json["error"]["message"]
        kept = await program.call("GET", f"/v1/responses/{name}")
        assert (run_in(kept), kept.json["status"]) == (run_in(reply), "cancelled")
    is_error(await ask(program, body, "/v1/chat/completions", idempotency_key="stopped"), 409, "conflict")
