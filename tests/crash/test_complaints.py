"""What users of other products suffered, as cases that must not come back; each test says the complaint in words."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.answers import (
    Assembly,
    ask,
    chat_body,
    follow,
    new_id,
    stored,
    stored_answer,
    submit,
    text_of,
    until,
    until_ended,
)
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.live import open_live
from tests.support.server import Server

pytestmark = pytest.mark.anyio


async def stop(client: Client, conversation: str, run: str | None = None) -> None:
    reply = await client.call("POST", f"/api/chat/{conversation}/stop", {"run": run} if run else {})
    assert reply.status < 300, reply.body


async def test_who_leaves_reloads_twice_closes_the_lid_and_comes_back_has_the_answer_whole_and_once(
    server: Server, fake: Fake
) -> None:
    client, conversation = server.client(), new_id()
    run, stream = await submit(client, "Go.", conversation, fake.model(chunks=200, pace=0.01))
    stream.close()
    for _ in range(2):
        reload = Assembly()
        await reload.drink(await client.open("GET", f"/api/chat/{conversation}/stream"), stop_at=30)
    assert (await until_ended(client, run))["status"] == "completed"
    back = Assembly()
    await follow(client, run, back)
    assert back.text == text_of(await stored_answer(client, conversation, run)) == fake.text(chunks=200)


async def test_a_second_device_that_joins_late_sees_all_of_it_and_then_live(server: Server, fake: Fake) -> None:
    phone, conversation = server.client(), new_id()
    run, stream = await submit(phone, "Go.", conversation, fake.model(chunks=100, hold_at=60))
    early, late = Assembly(), Assembly()
    reading = asyncio.create_task(early.drink(stream))
    await until(lambda: early.next >= 40)
    laptop = Client(server.port, dict(phone.cookies))
    joining = asyncio.create_task(follow(laptop, run, late))
    await until(lambda: late.next >= 40)
    assert not early.finished, "the second device waited for the end"
    fake.go()
    await asyncio.gather(reading, joining)
    assert late.events == early.events


async def test_the_rejoin_of_a_finished_run_ends_and_ids_never_repeat(server: Server, fake: Fake) -> None:
    client = server.client()
    _, run, seen = await ask(client, "Go.", model=fake.model(chunks=50))
    for _ in range(2):
        again = Assembly()
        await follow(client, run, again)
        assert again.events == seen.events
    behind_the_end = await client.open("GET", f"/api/runs/{run}/events?after={seen.next - 1}")
    assert [event.event async for event in behind_the_end.sse()] == ["end"]
    assert behind_the_end.ended == "clean"


async def test_a_lost_done_never_leaves_a_client_waiting(server: Server, fake: Fake) -> None:
    client, seen = server.client(), Assembly()
    run, stream = await submit(client, "Go.", model=fake.model(chunks=50, pace=0.01))
    stream.close()
    await seen.drink(await client.open("GET", f"/api/runs/{run}/events"), stop_at=40)
    await until_ended(client, run)
    await follow(client, run, seen)
    live = await open_live(client)
    await live.subscribe(f"runs/{run}", after=seen.next - 1)
    reading = asyncio.create_task(live.read())
    await until(lambda: bool(live.ended), what="the end on the socket")
    await live.socket.close()
    await reading


async def test_two_chats_that_resume_at_once_never_get_each_others_answer(server: Server, fake: Fake) -> None:
    client = server.client()
    await client.get("/api/me")
    chats, runs = [new_id() for _ in range(6)], list[str]()
    for number, chat in enumerate(chats):
        model = fake.model(chunks=60 + number * 10, pace=0.01)
        run, stream = await submit(client, f"Chat {number}.", chat, model)
        stream.close()
        runs.append(run)

    async def resume(chat: str) -> Assembly:
        seen = Assembly()
        assert await seen.drink(await client.open("GET", f"/api/chat/{chat}/stream"))
        return seen

    for number, seen in enumerate(await asyncio.gather(*(resume(chat) for chat in chats))):
        assert seen.text == fake.text(chunks=60 + number * 10)
        assert seen.events[0]["messageId"] == (await stored_answer(client, chats[number], runs[number]))["id"]


async def test_an_answer_of_more_than_a_thousand_deltas_is_not_cut(server: Server, fake: Fake) -> None:
    client = server.client()
    conversation, run, seen = await ask(client, "Go.", model=fake.model(chunks=3000))
    assert seen.text == fake.text(chunks=3000)
    assert text_of(await stored_answer(client, conversation, run)) == seen.text


async def test_stop_keeps_the_partial_text_and_ends_running_tools(server: Server, fake: Fake) -> None:
    client, conversation, seen = server.client(), new_id(), Assembly()
    run, stream = await submit(client, "Go.", conversation, fake.model(chunks=2000, pace=0.02))
    reading = asyncio.create_task(seen.drink(stream))
    await until(lambda: len(seen.text) > 100)
    await stop(client, conversation, run)
    assert await reading
    assert (await until_ended(client, run))["status"] == "stopped"
    assert text_of(await stored_answer(client, conversation, run)) == seen.text != ""

    run, stream = await submit(client, "And now a tool.", conversation, fake.model(chunks=5, tool="endless"))
    seen = Assembly()
    reading = asyncio.create_task(seen.drink(stream))
    await until(lambda: "tool-input-available" in seen.types)
    await until(lambda: (server.folder / "endless.calls").exists())
    await stop(client, conversation)
    assert await reading
    await until(lambda: (server.folder / "endless.cancelled").exists(), what="the end of the running tool")


async def test_a_half_finished_tool_call_in_the_history_does_not_break_the_next_request(
    server: Server, fake: Fake
) -> None:
    client, conversation, seen = server.client(), new_id(), Assembly()
    model = fake.model(chunks=5, tool="count", arguments={"city": "Oslo" * 100}, arguments_pace=0.1)
    _, stream = await submit(client, "Use the tool.", conversation, model)
    reading = asyncio.create_task(seen.drink(stream))
    await until(lambda: "tool-input-delta" in seen.types)
    await stop(client, conversation)
    await reading
    _, run, after = await ask(client, "Go on.", conversation, model=fake.model(chunks=20))
    assert after.text == fake.text(chunks=20)
    assert (await until_ended(client, run))["status"] == "completed"
    asked: list[dict[str, Any]] = (await asyncio.to_thread(fake.requests))[-1]["messages"]
    calls = [call["id"] for message in asked for call in message.get("tool_calls") or ()]
    results = [message["tool_call_id"] for message in asked if message["role"] == "tool"]
    assert calls == results, "each call in the history needs its result"


async def test_many_open_streams_do_not_starve_the_stop_button(server: Server, fake: Fake) -> None:
    client, conversation = server.client(), new_id()
    run, stream = await submit(client, "Go.", conversation, fake.model(chunks=2000, pace=0.05))
    open_streams = [await client.open("GET", f"/api/runs/{run}/events") for _ in range(30)]
    async with asyncio.timeout(60):
        await stop(client, conversation, run)
        for one in [stream, *open_streams]:
            await one.read()
            assert one.ended == "clean"


async def test_the_providers_real_error_is_shown_and_kept(server: Server, fake: Fake) -> None:
    client = server.client()
    conversation, run, seen = await ask(client, "Go.", model=fake.model(error="Your credit balance is too low."))
    (error,) = [event["errorText"] for event in seen.events if event["type"] == "error"]
    assert "Your credit balance is too low." in error
    assert seen.finished
    assert (await stored_answer(client, conversation, run))["status"] == "error"
    assert (await client.get(f"/api/conversations/{conversation}"))["status"] == "error"


async def test_deltas_are_not_held_back_until_the_next_part(server: Server, fake: Fake) -> None:
    client, seen = server.client(), Assembly()
    run, stream = await submit(client, "Go.", model=fake.model(chunks=10, hold_at=10))
    reading = asyncio.create_task(seen.drink(stream))
    await until(lambda: seen.text == fake.text(chunks=10), what="the last delta")
    assert "text-end" not in seen.types
    fake.go()
    await reading
    assert (await until_ended(client, run))["status"] == "completed"


async def test_what_is_sent_and_kept_grows_with_the_length_and_not_with_its_square(server: Server, fake: Fake) -> None:
    sent, kept = list[int](), list[int]()
    for chunks in (250, 2000):
        before = size_of_log(server)
        stream = (await submit(server.client(), "Go.", model=fake.model(chunks=chunks)))[1]
        sent.append(len(await stream.read()))
        kept.append(size_of_log(server) - before)
    growth = len(fake.text(chunks=2000)) / len(fake.text(chunks=250))
    assert sent[1] < sent[0] * growth * 1.5
    assert kept[1] < kept[0] * growth * 1.5


def size_of_log(server: Server) -> int:
    """The bytes of every value in the log's tables: pages and WAL would hide small growth."""
    with closing(sqlite3.connect(server.data / "log.db")) as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        total = 0
        for table in tables:
            columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
            sums = " + ".join(f"coalesce(sum(length({column})), 0)" for column in columns)
            total += base.execute(f"SELECT {sums} FROM {table}").fetchone()[0]
    return total


async def test_the_database_is_never_locked_however_many_write_at_once(server: Server, fake: Fake) -> None:
    async def visitor(number: int) -> None:
        client = server.client()
        await client.get("/api/me")
        for turn in range(4):
            made = await client.call("POST", "/api/conversations", {"title": f"{number}-{turn}"})
            assert made.status == 201, made.body
            changed = await client.call("PATCH", f"/api/conversations/{made.json['id']}", {"title": "renamed"})
            assert changed.status == 200, changed.body
            _, _, seen = await ask(client, "Go.", made.json["id"], model=fake.model(chunks=30))
            assert seen.text == fake.text(chunks=30)

    await asyncio.gather(*(visitor(number) for number in range(25)))
    assert "database is locked" not in server.log.read_text(errors="replace")


async def test_a_stale_worker_cannot_write_into_an_answer_that_another_has_taken(server: Server, fake: Fake) -> None:
    second = Server(server.folder / "second", fake.tables())
    second.command[second.command.index(str(second.data))] = str(server.data)
    with second:
        second.start()
        code = await asyncio.to_thread(second.wait)
    assert code != 0, "two servers work on one data folder"
    assert str(server.data) in second.output()


async def test_no_message_vanishes_when_a_branch_is_made_in_the_middle(server: Server, fake: Fake) -> None:
    client, model = server.client(), fake.model(chunks=5)
    conversation, _, _ = await ask(client, "One.", model=model)
    await ask(client, "Two.", conversation, model=model)
    before = [message["id"] for message in await stored(client, conversation)]
    body = chat_body("One, better.", conversation, model, messageId=before[0])
    stream = await client.open("POST", "/api/chat", body)
    assert await Assembly().drink(stream)
    await until_ended(client, stream.headers["x-threadline-run"])
    after = await stored(client, conversation)
    assert [message["id"] for message in after][: len(before)] == before
    assert after[len(before)]["parent_id"] == after[0]["parent_id"], "the edit is a sibling"
    listed = (await client.get("/api/conversations"))["items"]
    assert [one["status"] for one in listed] == ["completed"]
