"""Reads are bounded in bytes: a page ends early where its rows are large, and what follows goes on from there."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Executable

from threadline.store import admissions, changes, conversations, messages, ownership, sessions, users
from threadline.store.conversations import NewConversation
from threadline.store.database import Store, Tx
from threadline.store.messages import NewMessage

pytestmark = pytest.mark.anyio


async def test_a_page_of_messages_ends_early_where_they_are_large(store: Store) -> None:
    sizes = [400_000] * 5 + [2_000_000, 10, 10, 2_000_000, 2_000_000]

    def write(tx: Tx) -> str:
        chat = conversations.add(tx, NewConversation(users.add(tx, "guest").id)).id
        for size in sizes:
            messages.add(tx, NewMessage(chat, "user", [{"type": "text", "text": "x" * size}]))
        return chat

    chat = await store.write(write)
    pages: list[list[int]] = []
    cursor = None
    while True:
        rows, cursor = await store.read(lambda tx, at=cursor: messages.page(tx, chat, at, 1000))  # type: ignore[misc]
        pages.append([len(row.parts[0]["text"]) for row in rows])
        if cursor is None:
            break
    assert pages == [sizes[0:2], sizes[2:4], sizes[4:5], sizes[5:6], sizes[6:8], sizes[8:9], sizes[9:10]]


@pytest.mark.parametrize(("most_bytes", "found"), [(3_000, 0), (5_000, 0), (6_000, 1), (16_000, 2), (1 << 20, 4)])
async def test_the_way_up_from_a_leaf_ends_at_a_bound_and_no_message_is_cut(
    store: Store, most_bytes: int, found: int
) -> None:
    sizes = [400, 10_000, 10_000, 500, 4_900]

    def write(tx: Tx) -> tuple[str, str | None]:
        chat, leaf = conversations.add(tx, NewConversation(users.add(tx, "guest").id)).id, None
        for size in sizes:
            # Two bytes a letter: it is bytes that are counted.
            parts = [{"type": "text", "text": "ö" * (size // 2)}]
            leaf = messages.add(tx, NewMessage(chat, "user", parts, parent_id=leaf)).id
        return chat, leaf

    chat, leaf = await store.write(write)
    assert leaf is not None
    rows = await store.read(lambda tx: messages.path(tx, chat, leaf, 50, most_bytes))
    assert [len((row.parts or [])[0]["text"]) * 2 for row in rows] == sizes[-1 - found :]


async def test_a_read_of_the_feed_ends_early_where_its_changes_are_large(store: Store) -> None:
    user = (await store.write(lambda tx: users.add(tx, "guest"))).id
    await store.write(
        lambda tx: [changes.record(tx, user, {"number": n, "more": "ö" * 150_000}) for n in range(10)] and None
    )
    at, reads, found = 0, 0, []
    while True:
        page = await store.read(lambda tx, at=at: changes.read(tx, user, at, 500))  # type: ignore[misc]
        assert page.first == at
        assert sum(map(len, page.events)) <= changes.READ_BYTES
        found += [orjson.loads(event)["number"] for event in page.events]
        at, reads = at + len(page.events), reads + 1
        if at == page.tail:
            break
    assert found == list(range(10))
    assert reads == 4


@pytest.mark.parametrize(("size", "whole"), [(10, True), (64_000, True), (66_000, False), (2_000_000, False)])
async def test_a_message_that_is_large_is_told_without_its_parts(store: Store, size: int, whole: bool) -> None:
    message = {"id": "msg_1", "role": "user", "parts": [{"type": "text", "text": "x" * size}], "status": "completed"}
    event: dict[str, Any] = {"type": "message.added", "conversation_id": "c", "message": message}

    def work(tx: Tx) -> list[bytes]:
        user = users.add(tx, "guest").id
        changes.record(tx, user, event)
        return changes.read(tx, user, 0, 10).events

    (told,) = await store.write(work)
    cut = {**event, "message": {**message, "parts": []}, "truncated": True}
    assert orjson.loads(told) == (event if whole else cut)
    assert event["message"]["parts"]


def plan(tx: Tx, query: Executable, given: dict[str, Any]) -> str:
    """How the database would find what a query asks for."""
    made = query.compile(tx.conn.engine)
    full = made.construct_expanded_state({name: given[name] for name in made.params.keys() & given.keys()})
    rows = tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {full.statement}", full.positional_parameters).all()
    return "\n".join(str(row[3]) for row in rows)


async def test_what_is_to_be_forgotten_is_found_by_an_index(store: Store) -> None:
    found = await store.read(lambda tx: plan(tx, changes._FORGET, {"ids": ["conv_1", "conv_2"]}))
    assert "changes_by_conversation (conversation_id=?)" in found


async def test_what_a_limit_counts_is_found_by_an_index(store: Store) -> None:
    given = {"user": "usr_1", "since": 0.0, "newer": 19, "before": 0.0, "most": 500}
    queries = (admissions._REACHED, admissions._COUNTED, admissions._FORGET)
    reached, counted, forgotten = await store.read(lambda tx: [plan(tx, query, given) for query in queries])
    assert "admissions_by_time (user_id=? AND at>?)" in reached
    assert "TEMP B-TREE" not in reached
    assert "admissions_by_time (user_id=? AND at>?)" in counted
    assert "admissions_by_age (at<?)" in forgotten


@pytest.mark.parametrize(
    "query",
    [*ownership._MOVE, *ownership._TAKE_AWAY, ownership._STOP, sessions._REMOVE_EXPIRED, users._STALE, users._ADMINS],
)
async def test_what_is_somebodys_is_found_without_a_look_at_all_the_rest(store: Store, query: Executable) -> None:
    """Else whoever signs in holds up everybody who writes, and so does the sweeper."""
    given = {"user": "usr_1", "to": "usr_2", "at": 0.0, "before": 0.0, "most": 50}
    found = await store.read(lambda tx: plan(tx, query, given))
    assert "SEARCH" in found
    assert "SCAN" not in found
