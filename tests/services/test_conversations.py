"""Conversations: what a user can do with his own and nobody with another's, and that deleting leaves nothing."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from sqlalchemy import text, update

from tests.services.conftest import Base
from threadline.domain.errors import BadRequest, NotFound
from threadline.domain.ids import run_stream
from threadline.log.protocol import StreamConfig
from threadline.services.conversations import Conversations, Patch
from threadline.store import changes, messages, runs, tables
from threadline.store.database import Tx
from threadline.store.messages import NewMessage
from threadline.store.runs import NewRun

pytestmark = pytest.mark.anyio


async def user(base: Base) -> str:
    return (await base.accounts.guest()).user.id


async def events(base: Base, user_id: str) -> list[dict[str, Any]]:
    reading = await base.feed.read(user_id)
    return [orjson.loads(message) for batch in reading.batches for message in batch.messages]


async def say(base: Base, chat: str, words: str, parent: str | None = None) -> str:
    new = NewMessage(chat, "user", [{"type": "text", "text": words}], parent_id=parent, client_id=f"c-{words}")
    return (await base.store.write(lambda tx: messages.add(tx, new))).id


async def answer(base: Base, user_id: str, chat: str, parent: str, status: str, lease: float | None = None) -> str:
    """An answer with its run in some state, and its stream in the log."""

    def work(tx: Tx) -> str:
        run_id = tx.new_id("run")
        message = messages.add(tx, NewMessage(chat, "assistant", None, parent_id=parent, run_id=run_id))
        runs.insert(tx, run_id, NewRun(chat, user_id, message.id, parent, "demo/demo", {}))
        values = {"status": status, "lease_until": None if lease is None else tx.now + lease}
        tx.conn.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(values))
        return run_id

    run_id = await base.store.write(work)
    await base.log.create(run_stream(run_id), StreamConfig(), messages=[b'{"type":"start"}'])
    return run_id


async def rows_left(base: Base) -> dict[str, int]:
    def work(tx: Tx) -> dict[str, int]:
        names = ("conversations", "messages", "runs")
        return {name: int(tx.conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()) for name in names}

    return await base.store.read(work)


async def no_stream_left(base: Base, run_ids: list[str]) -> None:
    """Nothing of the streams at once, and not even their names after a day."""
    for run_id in run_ids:
        with suppress(NotFound):
            info = await base.log.head(run_stream(run_id))
            assert (info.tail, info.closed) == (0, True)
    base.world.ahead += 86_401
    await base.log.expire()
    for run_id in run_ids:
        with pytest.raises(NotFound):
            await base.log.head(run_stream(run_id))


async def test_a_conversation_is_made_read_and_renamed(base: Base) -> None:
    me = await user(base)
    made = await base.conversations.create(me, title="  My   plans ", model="demo/demo")
    assert made["title"] == "My plans"
    assert made["status"] == "idle"
    assert await base.conversations.get(me, made["id"]) == made
    renamed = await base.conversations.change(me, made["id"], {"title": "Other plans"})
    assert renamed == {**made, "title": "Other plans"}
    assert await base.conversations.change(me, made["id"], {}) == renamed
    assert await events(base, me) == [
        {"type": "conversation.created", "conversation": made},
        {"type": "conversation.updated", "conversation": renamed},
    ]


async def test_model_and_settings_are_kept_as_given(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    patched = await base.conversations.change(me, chat, {"model": "a/b", "settings": {"temperature": 0.2}})
    assert (patched["model"], patched["settings"]) == ("a/b", {"temperature": 0.2})


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
async def test_a_title_that_is_empty_or_too_long_is_refused(base: Base, title: str) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    with pytest.raises(BadRequest):
        await base.conversations.create(me, title=title)
    with pytest.raises(BadRequest):
        await base.conversations.change(me, chat, {"title": title})


async def test_the_list_has_ones_own_in_pages_and_search_finds_titles(base: Base) -> None:
    me, other = await user(base), await user(base)
    made = [(await base.conversations.create(me, title=f"Plan {number}"))["id"] for number in range(5)]
    await base.conversations.create(other, title="Plan of another")
    first = await base.conversations.page(me, limit=3)
    second = await base.conversations.page(me, limit=3, cursor=first["next"])
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None
    found = await base.conversations.page(me, words="plan 3")
    assert [item["id"] for item in found["items"]] == [made[3]]
    with pytest.raises(BadRequest):
        await base.conversations.page(me, cursor="made up")
    with pytest.raises(BadRequest):
        await base.conversations.page(me, limit=0)


async def test_the_messages_are_the_whole_tree_with_states_and_runs_not_ended(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    asked = await say(base, chat, "hello")
    done = await answer(base, me, chat, asked, "completed")
    going = await answer(base, me, chat, asked, "running", lease=5)
    waiting = await answer(base, me, chat, asked, "queued")
    page = await base.conversations.messages(me, chat)
    assert [(item["role"], item["status"], item["run_id"]) for item in page["items"]] == [
        ("user", "completed", None),
        ("assistant", "completed", done),
        ("assistant", "streaming", going),
        ("assistant", "queued", waiting),
    ]
    assert [(run["id"], run["status"]) for run in page["runs"]] == [(going, "running"), (waiting, "queued")]
    assert page["next"] is None
    assert (await base.conversations.get(me, chat))["status"] == "streaming"
    first = await base.conversations.messages(me, chat, limit=3)
    second = await base.conversations.messages(me, chat, limit=3, cursor=first["next"])
    assert first["items"] + second["items"] == page["items"]


async def test_choosing_a_message_makes_the_newest_one_below_it_the_leaf(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    root = await say(base, chat, "root")
    left = await say(base, chat, "left", root)
    await say(base, chat, "right", root)
    below = await say(base, chat, "below", left)
    assert (await base.conversations.change(me, chat, {"leaf_id": left}))["leaf_id"] == below
    assert (await base.conversations.change(me, chat, {"leaf_id": "c-right"}))["leaf_id"] != below
    with pytest.raises(NotFound):
        await base.conversations.change(me, chat, {"leaf_id": "msg_unknown"})
    elsewhere = (await base.conversations.create(me))["id"]
    with pytest.raises(NotFound):
        await base.conversations.change(me, elsewhere, {"leaf_id": left})


async def test_a_branch_can_be_cut_off_at_an_answer_and_nowhere_else(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    root = await say(base, chat, "root")
    new = NewMessage(chat, "assistant", [], parent_id=root)
    said = (await base.store.write(lambda tx: messages.add(tx, new))).id
    below = await say(base, chat, "below", said)
    assert (await base.conversations.change(me, chat, {"leaf_id": said}))["leaf_id"] == below
    cut: Patch = {"leaf_id": said, "leaf_exact": True}
    assert (await base.conversations.change(me, chat, cut))["leaf_id"] == said
    assert (await base.conversations.messages(me, chat))["leaf_id"] == said
    with pytest.raises(BadRequest):
        await base.conversations.change(me, chat, {"leaf_id": root, "leaf_exact": True})


async def test_a_deleted_conversation_is_gone_at_once_and_leaves_nothing(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    asked = await say(base, chat, "hello")
    run_ids = [await answer(base, me, chat, asked, status) for status in ("completed", "queued")]
    await base.conversations.delete(me, chat)
    for gone in (
        base.conversations.get(me, chat),
        base.conversations.messages(me, chat),
        base.conversations.delete(me, chat),
    ):
        with pytest.raises(NotFound):
            await gone
    assert (await base.conversations.page(me))["items"] == []
    assert (await events(base, me))[-1] == {"type": "conversation.deleted", "id": chat}
    assert await rows_left(base) == {"conversations": 0, "messages": 0, "runs": 0}
    await no_stream_left(base, run_ids)


async def test_a_conversation_that_is_deleted_in_mid_run_waits_for_its_worker_and_then_leaves_nothing(
    base: Base,
) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run_id = await answer(base, me, chat, await say(base, chat, "hello"), "running", lease=5)
    with base.signals.listen("stops") as stop, base.signals.listen("runs") as wanted:
        await base.conversations.delete(me, chat)
        assert stop.is_set()
        assert wanted.is_set()
    run = await base.store.read(lambda tx: runs.get(tx, run_id))
    assert run is not None
    assert run.cancel == "deleted"
    assert await base.conversations.sweep() == 0
    with pytest.raises(NotFound):
        await base.conversations.get(me, chat)
    base.world.ahead += 6
    assert await base.conversations.sweep() == 1
    assert await rows_left(base) == {"conversations": 0, "messages": 0, "runs": 0}
    await no_stream_left(base, [run_id])


async def test_deleting_all_takes_ones_own_alone(base: Base) -> None:
    me, other = await user(base), await user(base)
    for owner in (me, other):
        chats = [(await base.conversations.create(owner))["id"] for _ in range(40)]
        chat = chats[-1]
        await answer(base, owner, chat, await say(base, chat, "hello"), "completed")
    await base.conversations.delete_all(me)
    assert (await base.conversations.page(me))["items"] == []
    assert len((await base.conversations.page(other))["items"]) == 40
    assert await rows_left(base) == {"conversations": 40, "messages": 2, "runs": 1}
    assert [event["type"] for event in await events(base, me)].count("conversation.deleted") == 40
    await base.conversations.delete_all(me)


async def test_what_is_deleted_is_taken_out_of_the_feed_and_every_offset_stays(base: Base) -> None:
    me = await user(base)
    kept = await base.conversations.create(me, title="Groceries")
    chat = (await base.conversations.create(me, title="My diary"))["id"]
    await base.conversations.change(me, chat, {"settings": {"system": "You read my diary."}})
    message = {"id": "msg_1", "parts": [{"type": "text", "text": "My diary, day one."}]}
    run = {"id": "run_1", "conversation_id": chat}
    for event in (
        {"type": "message.added", "conversation_id": chat, "message": message},
        {"type": "run.queued", "run": run},
    ):
        await base.store.write(lambda tx, event=event: changes.record(tx, me, event))  # type: ignore[misc]
    await base.conversations.delete(me, chat)
    assert await events(base, me) == [
        {"type": "conversation.created", "conversation": kept},
        {"type": "forgotten"},
        {"type": "forgotten"},
        {"type": "forgotten"},
        {"type": "run.queued", "run": run},
        {"type": "conversation.deleted", "id": chat},
    ]
    await base.conversations.create(me, title="My diary, again")
    await base.conversations.delete_all(me)
    assert "diary" not in str(await events(base, me))


async def test_a_purge_never_touches_what_is_not_deleted(base: Base) -> None:
    me = await user(base)
    chat = (await base.conversations.create(me))["id"]
    run_id = await answer(base, me, chat, await say(base, chat, "hello"), "completed")
    assert not await base.conversations.purge(chat)
    assert not await base.conversations.purge("conv_unknown")
    assert (await base.log.head(run_stream(run_id))).tail == 1
    assert (await base.conversations.get(me, chat))["id"] == chat


Attempt = Callable[[Conversations, str, str], Awaitable[object]]
ATTEMPTS: dict[str, Attempt] = {
    "get": lambda service, user_id, chat: service.get(user_id, chat),
    "change": lambda service, user_id, chat: service.change(user_id, chat, {"title": "Mine now"}),
    "messages": lambda service, user_id, chat: service.messages(user_id, chat),
    "delete": lambda service, user_id, chat: service.delete(user_id, chat),
}
OF_ONES_OWN = {"create", "page", "delete_all"}
INTERNAL = {"purge", "remove", "sweep", "retire"}


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_another_users_conversation_is_not_found(base: Base, name: str) -> None:
    owner, stranger = await user(base), await user(base)
    chat = (await base.conversations.create(owner, title="Secret"))["id"]
    before = await events(base, owner)
    for someone in (stranger, "usr_unknown", ""):
        with pytest.raises(NotFound):
            await ATTEMPTS[name](base.conversations, someone, chat)
    for missing in ("conv_unknown", "", "%"):
        with pytest.raises(NotFound):
            await ATTEMPTS[name](base.conversations, owner, missing)
    assert (await base.conversations.get(owner, chat))["title"] == "Secret"
    assert await events(base, owner) == before
    assert await events(base, stranger) == []


def test_every_function_of_the_service_is_in_the_table_of_isolation() -> None:
    public = {name for name, _ in inspect.getmembers(Conversations, inspect.isfunction) if not name.startswith("_")}
    assert public == set(ATTEMPTS) | OF_ONES_OWN | INTERNAL
