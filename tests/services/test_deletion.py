"""Deletion: nothing is left of an account, wherever it was cut off; and of a guest whom nobody has seen for long."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.services.conftest import Base
from tests.services.front_desk import EMAIL, HOME, Desk
from tests.services.test_conversations import answer, say
from tests.services.test_conversations_purge import Cut, CutOff
from threadline.domain.errors import Conflict, NotFound, Unauthorized
from threadline.log.protocol import Log, StreamInfo
from threadline.log.sqlite import SqliteLog
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.deletion import Deletion
from threadline.services.streams import own
from threadline.services.tokens import Wanted
from threadline.store import leases, participants, shares, subscriptions, tables
from threadline.store.database import Store, Tx

pytestmark = pytest.mark.anyio

DAY = 86_400.0
WRITTEN_DOWN = {"audit", "throttles"}
"""What tells of those who are gone, by their ids alone, until its own time is over."""


@pytest.fixture
def desk(base: Base) -> Desk:
    return Desk(base)


async def traces(base: Base, *words: str) -> list[str]:
    """Where any of these stands in the store or the log."""

    def work(tx: Tx) -> list[str]:
        found = []
        for table in tables.metadata.sorted_tables:
            rows = str(tx.conn.execute(table.select()).all())
            if table.name not in WRITTEN_DOWN:
                found += [f"{table.name}: {word}" for word in words if word in rows]
        return found

    found = await base.store.read(work)
    async for page in base.log.listed(""):
        found += [f"log: {info.name}" for info in page if any(word in info.name for word in words)]
    return found


async def settle_in(desk: Desk, user_id: str) -> list[str]:
    """Give a user one of everything; the ids of what he has."""
    base = desk.base
    chat = (await base.conversations.create(user_id, title="Mine alone"))["id"]
    run = await answer(base, user_id, chat, await say(base, chat, "my own words"), "completed")
    await base.log.create(own(user_id, "a/stream"), messages=[b"{}"])
    await base.log.create(own(user_id, "another"), messages=[b"{}"])

    def work(tx: Tx) -> None:
        rows: list[tuple[Any, dict[str, Any]]] = [
            (tables.keys, {"id": f"key-{user_id}", "provider": "a", "master": "m", "sealed": b"", "last_four": "x"}),
            (tables.identities, {"provider": "github", "subject": user_id}),
            (tables.admissions, {"run_id": run, "model": "a/b", "at": tx.now}),
        ]
        for table, row in rows:
            extra = {"created_at": tx.now} if "created_at" in table.c else {}
            tx.conn.execute(table.insert(), {**row, **extra, "user_id": user_id})
        tx.conn.execute(tables.entitlements.insert(), {"subject": user_id, "model": "*", "messages": 7})

    await base.store.write(work)
    return [user_id, chat, run, "Mine alone", "my own words"]


async def test_nothing_is_left_of_an_account(desk: Desk) -> None:
    await desk.register("admin@example.org")
    opened = await desk.register()
    told = await settle_in(desk, opened.user.id)
    issued = await desk.tokens.create(opened.user.id, Wanted("program"))
    assert await desk.tokens.identify(issued.token) is not None
    other = (await desk.base.accounts.guest()).user.id
    others = await settle_in(desk, other)
    await desk.deletion.delete(opened.user.id, HOME)
    assert await traces(desk.base, *told[:3], EMAIL, "ada", issued.row.id) == []
    assert await desk.base.accounts.identify(opened.token) is None
    assert await desk.tokens.identify(issued.token) is None
    assert len(await traces(desk.base, *others[:3])) >= 6
    with pytest.raises(Unauthorized):
        await desk.login()
    assert [row["target"] for row in await desk.audited("account.deleted")] == [opened.user.id]
    # Whoever has the address now is somebody else.
    assert (await desk.register()).user.id != opened.user.id


async def test_no_table_of_either_file_holds_anything_of_who_is_gone(base: Base, tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", base.world)
    own_files = replace(
        base, log=log, conversations=Conversations(base.store, log, Answers(base.store, log, base.world))
    )
    desk = Desk(own_files)
    opened, guest = await desk.register(), await base.accounts.guest()
    told = [*await settle_in(desk, opened.user.id), *await settle_in(desk, guest.user.id)]
    assert (await desk.login(guest)).user.id == opened.user.id
    assert found_in(tmp_path, *told)
    await desk.deletion.delete(opened.user.id)
    assert found_in(tmp_path, EMAIL, *told) == []
    await log.close()


def found_in(folder: Path, *words: str) -> list[str]:
    """Where any of these stands in a table of a file there, but for what is written down of who did what."""
    found = []
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(path)) as base:
            names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in set(names) - WRITTEN_DOWN:
                rows = str(base.execute(f"SELECT * FROM {name}").fetchall())
                found += [f"{path.name} {name}: {word}" for word in words if word in rows]
    return found


async def test_what_a_worker_still_writes_is_removed_when_it_lets_go(desk: Desk) -> None:
    base, opened = desk.base, await desk.register()
    told = await settle_in(desk, opened.user.id)
    chat = (await base.conversations.create(opened.user.id))["id"]
    run = await answer(base, opened.user.id, chat, await say(base, chat, "going on"), "running", 60.0)
    await desk.deletion.delete(opened.user.id)
    assert await base.accounts.identify(opened.token) is None
    with pytest.raises(NotFound):
        await base.conversations.get(opened.user.id, chat)
    cancelled = await base.store.read(
        lambda tx: tx.conn.exec_driver_sql("SELECT cancel FROM runs WHERE id = ?", (run,)).scalar()
    )
    assert cancelled == "deleted"
    assert await desk.deletion.sweep() == 0
    await base.store.write(leases.break_leases)
    assert await desk.deletion.sweep() == 1
    assert await traces(base, *told, chat, EMAIL) == []


async def test_whoever_is_asked_for_in_anothers_conversation_is_stopped(desk: Desk) -> None:
    base = desk.base
    owner, guest = (await base.accounts.guest()).user.id, (await base.accounts.guest()).user.id
    chat = (await base.conversations.create(owner))["id"]
    run = await answer(base, owner, chat, await say(base, chat, "asked by another"), "running", 60.0)

    def join(tx: Tx) -> None:
        share = shares.add(tx, chat, "participant", b"hash", email=None, expires_at=None)
        participants.put(tx, chat, guest, "participant", share.id)
        tx.conn.exec_driver_sql("UPDATE runs SET author_id = ? WHERE id = ?", (guest, run))

    await base.store.write(join)
    await desk.deletion.delete(guest)
    read = "SELECT cancel, (SELECT count(*) FROM participants) FROM runs WHERE id = ?"
    row = await base.store.read(lambda tx: tx.conn.exec_driver_sql(read, (run,)).one())
    assert tuple(row) == ("stopped", 0)
    assert (await base.conversations.get(owner, chat))["status"] == "streaming"


class Broken(CutOff):
    """A log that is cut off, too, where it is listed."""

    async def listed(self, prefix: str) -> AsyncGenerator[list[StreamInfo], None]:
        await self.before()
        async for page in cast(Log, self._inner).listed(prefix):
            yield page


async def test_a_deletion_that_is_cut_off_anywhere_is_finished_by_the_next_sweep(desk: Desk) -> None:
    base, steps, done = desk.base, 0, False
    while not done:
        opened = await base.accounts.guest()
        told = await settle_in(desk, opened.user.id)
        left = [steps]
        service = Deletion(
            cast(Store, CutOff(base.store, left)),
            cast(Log, Broken(base.log, left)),
            base.world,
            accounts=base.accounts,
            tokens=desk.tokens,
            conversations=base.conversations,
            guest_days=30,
        )
        with suppress(Cut):
            await service.delete(opened.user.id)
            done = left[0] >= 0
        if steps > 1:
            assert not done or await traces(base, *told[:3]) == []
            while await desk.deletion.sweep():
                pass
            assert await traces(base, *told[:3]) == []
        else:
            await desk.deletion.delete(opened.user.id)
        steps += 1
    assert steps > 10


async def test_the_last_admin_stays_while_there_are_others(desk: Desk) -> None:
    admin, other = await desk.register("admin@example.org"), await desk.register()
    with pytest.raises(Conflict):
        await desk.deletion.delete(admin.user.id)
    assert (await desk.known(admin)).user.role == "admin"
    await desk.deletion.delete(other.user.id)
    await desk.deletion.delete(admin.user.id)
    assert await traces(desk.base, admin.user.id, other.user.id) == []


async def test_an_account_goes_once(desk: Desk) -> None:
    opened = await desk.register()
    await desk.deletion.delete(opened.user.id)
    with pytest.raises(NotFound):
        await desk.deletion.delete(opened.user.id)
    assert not await desk.deletion.finish(opened.user.id)
    assert not await desk.deletion.finish("usr_nobody")


async def test_what_was_asked_before_and_is_written_after_goes_too(desk: Desk) -> None:
    base, guest = desk.base, await desk.base.accounts.guest()
    chat = (await base.conversations.create(guest.user.id))["id"]
    await answer(base, guest.user.id, chat, await say(base, chat, "going on"), "running", 60.0)
    await desk.deletion.delete(guest.user.id)
    late = (await base.conversations.create(guest.user.id, title="Too late"))["id"]
    await base.log.create(own(guest.user.id, "late"))
    assert await desk.deletion.sweep() == 0
    with pytest.raises(NotFound):
        await base.conversations.get(guest.user.id, late)
    await base.store.write(leases.break_leases)
    assert await desk.deletion.sweep() == 1
    assert await traces(base, guest.user.id, chat, late) == []


async def test_nothing_is_finished_that_was_not_begun(desk: Desk) -> None:
    opened = await desk.register()
    told = await settle_in(desk, opened.user.id)
    before = await traces(desk.base, *told)
    assert not await desk.deletion.finish(opened.user.id)
    assert await desk.deletion.sweep() == 0
    assert await traces(desk.base, *told) == before


async def test_a_guest_whom_nobody_has_seen_for_long_goes_and_no_other(base: Base) -> None:
    desk = Desk(base, guest_days=30)
    stale, used, spoke = [await base.accounts.guest() for _ in range(3)]
    registered, service = await desk.register(), await desk.tokens.issue("program")
    told = await settle_in(desk, stale.user.id)
    for _ in range(4):
        base.world.ahead += 8 * DAY
        await base.accounts.identify(used.token)
    await base.conversations.create(spoke.user.id)
    chat = (await base.conversations.create(spoke.user.id))["id"]
    assert await desk.deletion.sweep() == 1
    assert await desk.deletion.sweep() == 0
    assert await traces(base, *told) == []
    assert await base.accounts.identify(stale.token) is None
    assert (await desk.known(used)).user == used.user
    assert (await base.conversations.get(spoke.user.id, chat))["id"] == chat
    for user_id in (registered.user.id, service.user.id):
        assert (await desk.user(user_id)).disabled_at is None
    (row,) = await desk.audited("account.deleted")
    assert (row["actor_id"], row["target"], row["details"]) == (None, stale.user.id, '{"reason":"unused"}')


async def test_the_subscriptions_of_who_is_gone_are_forgotten_by_who_wakes(desk: Desk) -> None:
    opened = await desk.register()
    heard: list[str] = []
    with desk.base.signals.attach(subscriptions.TOPIC, lambda: heard.append("subscriptions")):
        await desk.deletion.delete(opened.user.id)
    assert heard
