"""Handover: what a guest made is there when he signs in, whatever it is, and also what is being written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.conftest import Base
from tests.services.front_desk import ELSEWHERE, EMAIL, PASSWORD, Desk
from tests.services.studio import BEGUN, Studio
from tests.services.test_conversations import answer, events, rows_left, say
from tests.services.test_deletion import settle_in, traces
from threadline.domain.errors import Gone, NotFound
from threadline.log.protocol import StreamConfig
from threadline.services.accounts import Identified
from threadline.services.handover import hand_over
from threadline.services.sharing import Sharing
from threadline.services.streams import own
from threadline.store import keys, preferences, runs, subscriptions, tables, users
from threadline.store.database import Tx

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(base: Base) -> Desk:
    return Desk(base)


async def test_what_a_guest_made_is_his_accounts_when_he_signs_in(desk: Desk) -> None:
    base, account = desk.base, await desk.register()
    had = (await base.conversations.create(account.user.id, title="Of old"))["id"]
    guest = await base.accounts.guest()
    _, chat, run, *_ = await settle_in(desk, guest.user.id)
    opened = await desk.login(guest)
    assert opened.user.id == account.user.id
    assert {one["id"] for one in (await base.conversations.page(account.user.id))["items"]} == {had, chat}
    (told,) = [one for one in await events(base, account.user.id) if one.get("conversation", {}).get("id") == chat]
    assert (told["type"], told["conversation"]["title"]) == ("conversation.created", "Mine alone")
    row = await base.store.read(lambda tx: runs.get(tx, run))
    assert row is not None
    assert (row.user_id, row.asker_id) == (account.user.id, account.user.id)
    # The key stays where nobody can read it anew, and the limits of one guest are not another's.
    assert await traces(base, guest.user.id) == []
    assert await base.accounts.identify(guest.token) is None
    read = "SELECT count(*) FROM admissions WHERE user_id = ?"
    assert await base.store.read(lambda tx: tx.conn.exec_driver_sql(read, (account.user.id,)).scalar()) == 1


async def test_what_he_prefers_is_the_accounts_where_it_said_nothing(desk: Desk) -> None:
    store, account, guest = desk.base.store, await desk.register(), await desk.base.accounts.guest()
    await store.write(lambda tx: preferences.merge(tx, account.user.id, slots={"chat": "hers"}))
    await store.write(lambda tx: preferences.merge(tx, guest.user.id, slots={"chat": "his"}, favourites=["a/b"]))
    await desk.login(guest)
    kept = await store.read(lambda tx: preferences.get(tx, account.user.id))
    assert kept == {"slots": {"chat": "hers"}, "favourites": ["a/b"]}


async def test_the_account_is_in_all_that_he_was_let_into_and_its_pages_hear_of_it(desk: Desk) -> None:
    base, account, guest = desk.base, await desk.register(), await desk.base.accounts.guest()
    owner, sharing = (await desk.register("grace@example.org")).user.id, Sharing(base.store, base.world)
    ways = {"Both": ("observer", "observer"), "His": (None, "observer"), "More": ("observer", "participant")}
    ways["Less"] = ("participant", "observer")
    for title, roles in ways.items():
        chat = (await base.conversations.create(owner, title=title))["id"]
        for one, role in zip((account, guest), roles, strict=True):
            if role is not None:
                await sharing.accept(one.user.id, (await sharing.share(owner, chat, role))["token"])
    before = await events(base, account.user.id)
    await desk.login(guest)
    told = {one["conversation"]["title"]: one for one in (await events(base, account.user.id))[len(before) :]}
    assert {title: one["type"] for title, one in told.items()} == {
        "His": "conversation.created",
        "More": "conversation.updated",
    }
    assert told["His"]["conversation"]["owner"]["id"] == owner
    listed = (await base.conversations.page(account.user.id))["items"]
    assert {one["title"]: one["role"] for one in listed} == {
        "Both": "observer",
        "His": "observer",
        "More": "participant",
        "Less": "participant",
    }


async def test_his_streams_follow_him_whole(desk: Desk) -> None:
    base, account, guest = desk.base, await desk.register(), await desk.base.accounts.guest()
    await base.log.create(own(guest.user.id, "notes"), StreamConfig("text/plain"), messages=[b"one", b"two"])
    await base.log.create(own(guest.user.id, "done"), messages=[b"{}"], close=True)
    await base.log.create(own(guest.user.id, "both"), messages=[b'"his"'])
    await base.log.create(own(account.user.id, "both"), messages=[b'"hers"'])
    await desk.login(guest)
    notes = await base.log.read(own(account.user.id, "notes"))
    assert [bytes(one) for batch in notes.batches for one in batch.messages] == [b"one", b"two"]
    assert notes.info is not None
    assert notes.info.config.content_type == "text/plain"
    assert (await base.log.append(own(account.user.id, "notes"), [b"three"])).tail == 3
    assert (await base.log.head(own(account.user.id, "done"))).closed
    for path, text in (("both", b'"hers"'), (f"{guest.user.id}/both", b'"his"')):
        reading = await base.log.read(own(account.user.id, path))
        assert [bytes(one) for batch in reading.batches for one in batch.messages] == [text]
    with pytest.raises((NotFound, Gone)):
        await base.log.head(own(guest.user.id, "notes"))
    # When the account goes, they all do.
    await desk.deletion.delete(account.user.id)
    assert await traces(base, account.user.id, guest.user.id) == []


async def test_what_is_being_written_is_the_accounts_when_it_ends(studio: Studio) -> None:
    house = studio.house
    opened = await studio.open("Hello")
    await studio.say(opened, 0, *BEGUN)

    def hand(tx: Tx) -> str:
        account = users.add(tx, "registered", "Ada").id
        assert hand_over(tx, house.user, account)
        return account

    account = await house.store.write(hand)
    house.user = account
    await studio.say(opened, 1, {"type": "text-end", "id": "0"}, {"type": "finish"}, close=True)
    assert (await studio.row(opened)).status == "completed"
    assert (await studio.row(opened)).user_id == account
    told = await house.store.read(
        lambda tx: tx.conn.execute(tables.changes.select().where(tables.changes.c.user_id == account)).all()
    )
    assert "run.finished" in str(told)


async def test_a_worker_that_ends_an_answer_tells_whoever_has_it_by_then(desk: Desk) -> None:
    base, account, guest = desk.base, await desk.register(), await desk.base.accounts.guest()
    chat = (await base.conversations.create(guest.user.id))["id"]
    run = await answer(base, guest.user.id, chat, await say(base, chat, "going on"), "running", 60.0)
    await desk.login(guest)
    assert await rows_left(base) == {"conversations": 1, "messages": 2, "runs": 1}
    row = await base.store.read(lambda tx: runs.get(tx, run))
    assert row is not None
    assert row.cancel is None
    assert row.user_id == account.user.id
    assert (await base.conversations.get(account.user.id, chat))["status"] == "streaming"


async def test_a_guest_is_handed_over_once(desk: Desk) -> None:
    """Two tabs sign in at the same time."""
    await desk.register()
    await desk.register("grace@example.org")
    guest = await desk.base.accounts.guest()
    chat = (await desk.base.conversations.create(guest.user.id))["id"]
    known = await desk.known(guest)

    async def login(email: str) -> Any:
        return await desk.signing_in.login(known, email, PASSWORD, ELSEWHERE)

    both = await asyncio.gather(login(EMAIL), login("grace@example.org"))
    lists = [(await desk.base.conversations.page(one.user.id))["items"] for one in both]
    assert sorted(len(items) for items in lists) == [0, 1]
    assert chat in str(lists)
    assert [await desk.base.accounts.identify(one.token) is not None for one in both] == [True, True]


async def test_who_registers_and_signs_in_at_once_loses_nothing(desk: Desk) -> None:
    account = await desk.register()
    for number in range(5):
        guest = await desk.base.accounts.guest()
        chat = (await desk.base.conversations.create(guest.user.id))["id"]
        results = await asyncio.gather(
            desk.registration.register(guest.user, f"{number}@example.org", PASSWORD),
            desk.signing_in.login(Identified(guest.user), EMAIL, PASSWORD),
            return_exceptions=True,
        )
        assert not isinstance(results[1], BaseException)
        owner = await desk.base.store.read(
            lambda tx, chat=chat: tx.conn.exec_driver_sql(
                "SELECT user_id FROM conversations WHERE id = ?", (chat,)
            ).scalar()
        )
        assert owner == (account.user.id if isinstance(results[0], BaseException) else results[0].user.id)


async def test_what_a_guest_asked_before_he_signed_in_and_is_written_after_follows(desk: Desk) -> None:
    base, account, guest = desk.base, await desk.register(), await desk.base.accounts.guest()
    await base.store.write(lambda tx: hand_over(tx, guest.user.id, account.user.id))
    late = (await base.conversations.create(guest.user.id, title="Just in time"))["id"]
    await base.log.create(own(guest.user.id, "late"))
    assert await desk.deletion.sweep() == 1
    assert (await base.conversations.get(account.user.id, late))["title"] == "Just in time"
    assert (await base.log.head(own(account.user.id, "late"))).tail == 0
    assert await traces(base, guest.user.id) == []


@pytest.mark.parametrize("registers", [True, False])
async def test_what_leads_out_ends_with_the_guest(desk: Desk, registers: bool) -> None:
    """Somebody else may have been here before him, and written where his words are to go."""
    if not registers:
        await desk.register()
    guest = await desk.base.accounts.guest()

    def subscribe(tx: Tx) -> None:
        row = {"id": "sub", "user_id": guest.user.id, "name": "s", "type": "webhook", "lease_ms": 1, "digest": b""}
        tx.conn.execute(tables.subscriptions.insert(), {**row, "base": "", "created_at": tx.now})
        for provider, base_url in (("there", "https://elsewhere.example"), ("usual", None)):
            keys.put(tx, guest.user.id, provider, base_url=base_url, master="m", sealed=b"", last_four="")

    await desk.base.store.write(subscribe)
    if registers:
        opened = await desk.registration.register(guest.user, EMAIL, PASSWORD)
        assert opened.user.id == guest.user.id
    else:
        opened = await desk.login(guest)
    left = await desk.base.store.read(lambda tx: keys.of_user(tx, guest.user.id))
    assert [row.provider for row in left] == (["usual"] if registers else [])
    assert await desk.base.store.read(lambda tx: subscriptions.of_user(tx, opened.user.id)) == []
    assert await desk.base.store.read(subscriptions.owners) == frozenset()
