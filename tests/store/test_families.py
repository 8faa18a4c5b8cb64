"""The family files over real files: the tree, paths, pages, search, derived status, the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from threadline.domain.errors import BadRequest, Gone
from threadline.store import changes, conversations, cursors, messages, runs, sessions, tables, users
from threadline.store.conversations import ConversationRow, NewConversation
from threadline.store.database import Store, Tx
from threadline.store.messages import MessageRow, NewMessage
from threadline.store.signals import Signals
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

T = TypeVar("T")


def conversation(tx: Tx, title: str | None = None) -> ConversationRow:
    user = users.add(tx, "guest")
    return conversations.add(tx, NewConversation(user.id, title=title))


def say(tx: Tx, chat: str, words: str, parent: str | None = None, **more: Any) -> MessageRow:
    parts = [{"type": "text", "text": words}]
    return messages.add(tx, NewMessage(chat, "user", parts, parent_id=parent, **more))


def want_run(tx: Tx, chat: ConversationRow, status: str = "queued", parent: str | None = None) -> str:
    run_id = tx.new_id("run")
    answer = messages.add(tx, NewMessage(chat.id, "assistant", None, parent_id=parent, run_id=run_id))
    runs.insert(tx, run_id, runs.NewRun(chat.id, chat.user_id, answer.id, "msg_x", "demo/demo", {}))
    tx.conn.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(status=status))
    return run_id


async def test_a_message_comes_back_as_it_was_written(store: Store) -> None:
    def work(tx: Tx) -> tuple[MessageRow, MessageRow | None]:
        chat = conversation(tx)
        written = say(tx, chat.id, "Grüße", client_id="c1", digest=b"\x00\x01", metadata={"a": [1, None]})
        return written, messages.get(tx, chat.id, written.id)

    written, read = await store.write(work)
    assert written == read
    assert written.status == "completed"


async def test_a_client_id_finds_the_newest_and_our_own_id_goes_first(store: Store) -> None:
    def work(tx: Tx) -> None:
        chat, other = conversation(tx), conversation(tx)
        first = say(tx, chat.id, "one", client_id="c1")
        second = say(tx, chat.id, "two", client_id="c1")
        say(tx, chat.id, "three", client_id=first.id)
        assert messages.find(tx, chat.id, "c1") == second
        assert messages.find(tx, chat.id, first.id) == first
        assert messages.find(tx, chat.id, "nothing") is None
        assert messages.find(tx, other.id, "c1") is None
        assert messages.get(tx, other.id, first.id) is None

    await store.write(work)


@given(shape=st.lists(st.integers(0, 10**6), max_size=25), pick=st.integers(0, 10**6), most=st.integers(1, 30))
def test_a_path_is_the_way_up_to_the_root_cut_at_the_limit(shape: list[int], pick: int, most: int) -> None:
    def check(tx: Tx) -> None:
        chat = conversation(tx)
        nodes = [say(tx, chat.id, "root")]
        for number, choice in enumerate(shape):
            nodes.append(say(tx, chat.id, str(number), nodes[choice % len(nodes)].id))
        by_id = {node.id: node for node in nodes}
        node: MessageRow | None = nodes[pick % len(nodes)]
        assert node is not None
        leaf = node.id
        expected: list[MessageRow] = []
        while node is not None and len(expected) < most:
            expected.append(node)
            node = by_id[node.parent_id] if node.parent_id else None
        assert messages.path(tx, chat.id, leaf, most) == expected[::-1]
        end = nodes[pick % len(nodes)]
        while below := [each for each in nodes if each.parent_id == end.id]:
            end = below[-1]
        assert messages.newest_leaf(tx, chat.id, leaf) == end.id
        collected: list[MessageRow] = []
        cursor = None
        while True:
            page, cursor = messages.page(tx, chat.id, cursor, most)
            collected += page
            if cursor is None:
                break
        assert collected == nodes

    in_scratch_store(check)


_scratch: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store on a loop of its own, for the properties that hypothesis tries."""
    loop = asyncio.new_event_loop()
    path: Path = tmp_path_factory.mktemp("scratch") / "threadline.db"

    async def start() -> Store:
        return await Store.open(path, SystemWorld(), Signals())

    store = loop.run_until_complete(start())
    _scratch[:] = [loop, store]
    yield
    loop.run_until_complete(store.close())
    loop.close()


def in_scratch_store(work: Callable[[Tx], T]) -> T:
    loop, store = _scratch
    result: T = loop.run_until_complete(store.write(work))
    return result


LOOK_UPS: dict[str, Callable[[Tx, str, str], object]] = {
    "the way up from a leaf": lambda tx, chat, leaf: messages.path(tx, chat, leaf, 20, 1 << 20),
    "by our id": lambda tx, chat, leaf: messages.get(tx, chat, leaf),
    "by the client's id": lambda tx, chat, leaf: messages.find(tx, chat, "c19"),
    "by the client's id and content": lambda tx, chat, leaf: messages.find_same(tx, chat, "c19", b"19"),
    "the leaf below a leaf": lambda tx, chat, leaf: messages.newest_leaf(tx, chat, leaf),
    "a page": lambda tx, chat, leaf: messages.page(tx, chat, None, 20),
    "the conversation": lambda tx, chat, leaf: conversations.find(tx, chat),
}


async def test_each_look_up_costs_the_same_in_a_long_conversation(store: Store) -> None:
    """Counted in SQLite's own steps, which do not depend on the machine."""

    def steps(tx: Tx, look_up: Callable[[Tx, str, str], object], chat: str, leaf: str) -> int:
        raw: Any = tx.conn.connection.driver_connection
        taken = 0

        def tick() -> int:
            nonlocal taken
            taken += 1
            return 0

        raw.set_progress_handler(tick, 1)
        try:
            look_up(tx, chat, leaf)
        finally:
            raw.set_progress_handler(None, 0)
        return taken

    def grown(tx: Tx, length: int) -> dict[str, int]:
        chat = conversation(tx)
        leaf = None
        for number in range(length):
            name = str(number)
            leaf = say(tx, chat.id, name, leaf, client_id=f"c{name}", digest=name.encode()).id
            want_run(tx, chat, "completed", leaf)
        assert leaf is not None
        return {name: steps(tx, look_up, chat.id, leaf) for name, look_up in LOOK_UPS.items()}

    short, long = await store.write(lambda tx: (grown(tx, 20), grown(tx, 2_000)))
    slower = [name for name in LOOK_UPS if long[name] > short[name] * 1.1 + 10]
    assert not slower


async def test_parts_are_filled_once(store: Store) -> None:
    def work(tx: Tx) -> None:
        chat = conversation(tx)
        run_id = want_run(tx, chat, "running")
        (answer,) = messages.page(tx, chat.id, None, 10)[0]
        assert (answer.parts, answer.run_id, answer.status) == (None, run_id, "streaming")
        assert messages.fill(tx, answer.id, [{"type": "text", "text": "done"}], {"model": "m"})
        assert not messages.fill(tx, answer.id, [{"type": "text", "text": "again"}], {})
        after = messages.get(tx, chat.id, answer.id)
        assert after is not None
        assert (after.parts, after.metadata) == ([{"type": "text", "text": "done"}], {"model": "m"})

    await store.write(work)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "idle"),
        (["queued"], "streaming"),
        (["running", "completed"], "streaming"),
        (["error", "completed"], "completed"),
        (["completed", "stopped"], "completed"),
        (["completed", "error"], "error"),
        (["interrupted"], "error"),
    ],
)
async def test_the_status_of_a_conversation_is_that_of_its_runs(
    store: Store, statuses: list[str], expected: str
) -> None:
    def work(tx: Tx) -> ConversationRow | None:
        chat = conversation(tx)
        for status in statuses:
            want_run(tx, chat, status)
        return conversations.find(tx, chat.id)

    found = await store.write(work)
    assert found is not None
    assert found.status == expected


async def test_the_status_of_a_long_conversation_is_found_by_indexes(store: Store) -> None:
    def work(tx: Tx) -> str:
        query: Any = conversations._LISTS[False, False].compile(tx.conn.engine)
        given = query.construct_params({"user": "usr", "most": 10})
        values = tuple(given[name] for name in query.positiontup)
        rows = tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all()
        return "\n".join(str(row[3]) for row in rows)

    plan = await store.read(work)
    assert "runs_by_state (conversation_id=? AND status=?)" in plan
    assert "runs_in_conversation" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


async def test_conversations_are_listed_by_activity_without_gap_or_repeat(store: Store) -> None:
    def make(tx: Tx) -> str:
        user = users.add(tx, "guest")
        for number in range(25):
            chat = conversations.add(tx, NewConversation(user.id, title=f"Chat {number}"))
            conversations.change(tx, chat.id, updated_at=float(number // 3))
        return user.id

    user_id = await store.write(make)
    whole, end = await store.read(lambda tx: conversations.page(tx, user_id, None, 100))
    assert end is None
    assert [row.updated_at for row in whole] == sorted((row.updated_at for row in whole), reverse=True)
    collected: list[ConversationRow] = []
    cursor = None
    for _ in range(4):
        page, cursor = await store.read(partial(conversations.page, user_id=user_id, cursor=cursor, most=7))
        collected += page
    assert cursor is None
    assert collected == whole


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("über", ["Über Berge"]),
        ("100%", ["100% sure"]),
        ("%", ["100% sure"]),
        ("_", ["a_b"]),
        ("/", ["x/y"]),
        ("E", ["100% sure", "Über Berge"]),
        ("nowhere", []),
    ],
)
async def test_search_finds_words_of_titles_in_any_case_and_takes_no_wildcards(
    store: Store, words: str, found: list[str]
) -> None:
    def work(tx: Tx) -> list[str | None]:
        user = users.add(tx, "guest")
        for title in (None, "a_b", "x/y", "Über Berge", "100% sure"):
            conversations.add(tx, NewConversation(user.id, title=title))
        return [row.title for row in conversations.page(tx, user.id, None, 10, words)[0]]

    assert await store.write(work) == found


async def test_a_title_that_is_there_is_never_replaced(store: Store) -> None:
    def work(tx: Tx) -> list[str | None]:
        plain, named = conversation(tx), conversation(tx)
        conversations.change(tx, named.id, title="Mine", title_by="user")
        assert conversations.name_by_model(tx, plain.id, "Model's")
        assert not conversations.name_by_model(tx, plain.id, "Model's second")
        assert not conversations.name_by_model(tx, named.id, "Model's")
        rows = [conversations.find(tx, each.id) for each in (plain, named)]
        return [row.title for row in rows if row]

    assert await store.write(work) == ["Model's", "Mine"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!!", "bnVsbA", "WzEsMl0", "WyIxIiwiMiJd", "W3RydWUsImEiXQ", "ä", "a" * 10_000]
)
def test_a_cursor_that_is_not_ours_is_a_bad_request(cursor: str) -> None:
    with pytest.raises(BadRequest):
        cursors.decode(cursor)


@given(at=st.floats(0, 1e12), item=st.text(max_size=40))
def test_a_cursor_keeps_its_key_exactly(at: float, item: str) -> None:
    assert cursors.decode(cursors.encode(at, item)) == (at, item)


async def test_changes_are_numbered_without_gap_for_each_user_also_when_units_fail(store: Store) -> None:
    ada, grace = await store.write(lambda tx: (users.add(tx, "guest").id, users.add(tx, "guest").id))

    def record(user: str, number: int, *, fail: bool) -> Callable[[Tx], int]:
        def work(tx: Tx) -> int:
            seq = changes.record(tx, user, {"type": "test", "number": number})
            if fail:
                raise LookupError
            return seq

        return work

    units = [store.write(record(user, number, fail=number % 4 == 0)) for number in range(60) for user in (ada, grace)]
    results = await asyncio.gather(*units, return_exceptions=True)
    for user, mine in ((ada, results[::2]), (grace, results[1::2])):
        assert [seq for seq in mine if isinstance(seq, int)] == list(range(45))
        page = await store.read(partial(changes.read, user_id=user, start=40, most=100))
        assert (page.first, len(page.events), page.tail) == (40, 5, 45)


async def test_a_feed_keeps_its_newest_changes_and_says_what_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEEP", 100)
    user = (await store.write(lambda tx: users.add(tx, "guest"))).id

    def many(tx: Tx) -> None:
        for number in range(513):
            changes.record(tx, user, {"type": "test", "number": number})

    await store.write(many)
    with pytest.raises(Gone) as gone:
        await store.read(lambda tx: changes.read(tx, user, 0, 10))
    assert gone.value.details == {"tail": 513}
    page = await store.read(lambda tx: changes.read(tx, user, 413, 1_000))
    assert len(page.events) == 100


async def test_changes_past_their_time_are_forgotten_from_the_oldest_on(store: Store) -> None:
    def work(tx: Tx) -> tuple[int, int]:
        user = users.add(tx, "guest").id
        for number in range(6):
            changes.record(tx, user, {"number": number})
        # A clock that was set back leaves an old time above a newer one.
        old = tables.changes.c.seq.in_([0, 3])
        tx.conn.execute(update(tables.changes).where(old).values(created_at=tx.now - changes.KEEP_SECONDS - 1))
        gone = changes.forget_old(tx)
        with pytest.raises(Gone):
            changes.read(tx, user, 3, 10)
        return gone, len(changes.read(tx, user, 4, 10).events)

    assert await store.write(work) == (4, 2)


async def test_sessions_are_found_by_token_until_they_end(store: Store) -> None:
    def work(tx: Tx) -> None:
        user = users.add(tx, "guest", "Ada")
        session = sessions.add(tx, user.id, b"hash", 60)
        assert sessions.by_token(tx, b"hash") == (session, user)
        assert sessions.by_token(tx, b"other") is None
        assert sessions.of_user(tx, user.id) == [session]
        sessions.renew(tx, session.id, 120)
        renewed = sessions.by_token(tx, b"hash")
        assert renewed is not None
        assert renewed[0].expires_at == tx.now + 120
        sessions.add(tx, user.id, b"over", 0)
        assert sessions.by_token(tx, b"over") is None
        assert sessions.remove_expired(tx) == 1
        assert not sessions.remove(tx, "usr_other", session.id)
        assert sessions.remove(tx, user.id, session.id)
        assert sessions.by_token(tx, b"hash") is None

    await store.write(work)


async def test_a_purge_takes_everything_that_hangs_on_a_conversation(store: Store) -> None:
    def work(tx: Tx) -> None:
        chat, other = conversation(tx), conversation(tx)
        for each in (chat, other):
            say(tx, each.id, "hello")
            want_run(tx, each)
        assert not conversations.purge(tx, chat.id)
        assert conversations.hide(tx, [chat.id]) == [chat.id]
        assert conversations.hide(tx, [chat.id]) == []
        assert conversations.hidden(tx, 10) == [chat.id]
        assert conversations.purge(tx, chat.id)
        left = [tx.conn.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in ("messages", "runs")]
        assert left == [2, 1]
        assert conversations.find(tx, chat.id) is None
        assert conversations.find(tx, other.id) is not None

    await store.write(work)
