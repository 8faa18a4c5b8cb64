"""The audit log: written with what it tells, read newest first, kept for a time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from tests.services.conftest import Base
from threadline.domain.errors import BadRequest
from threadline.services.audit import Audit, record
from threadline.store import tables, users
from threadline.store.transaction import Tx

pytestmark = pytest.mark.anyio


@pytest.fixture
def audit(base: Base) -> Audit:
    return Audit(base.store, base.world, days=365)


async def some(base: Base, *actors: str) -> None:
    def work(tx: Tx) -> None:
        for actor in actors:
            record(tx, "token.created", actor, target=f"of {actor}")

    await base.store.write(work)


async def test_an_entry_tells_who_did_what_to_whom_from_where_and_when(base: Base, audit: Audit) -> None:
    def work(tx: Tx) -> float:
        record(tx, "user.role_changed", "usr_1", target="usr_2", address="192.0.2.7", was="user", role="admin")
        record(tx, "session.failed", None)
        return tx.now

    at = await base.store.write(work)
    (failed, changed), more = await audit.page()
    assert (changed.at, changed.action, changed.actor_id, changed.target) == (at, "user.role_changed", "usr_1", "usr_2")
    assert (changed.address, changed.details) == ("192.0.2.7", {"was": "user", "role": "admin"})
    assert (failed.actor_id, failed.target, failed.address, failed.details, more) == (None, None, None, {}, None)


async def test_what_is_not_done_is_not_written_down(base: Base, audit: Audit) -> None:
    def work(tx: Tx) -> None:
        record(tx, "key.added", "usr_1")
        raise BadRequest("It cannot be done.")

    with pytest.raises(BadRequest):
        await base.store.write(work)
    assert await audit.page() == ([], None)


async def test_pages_go_from_the_newest_to_the_oldest_without_a_gap_also_while_more_comes(
    base: Base, audit: Audit
) -> None:
    await some(base, *(str(number) for number in range(7)))
    seen: list[Any] = []
    cursor = None
    while True:
        rows, cursor = await audit.page(cursor=cursor, limit=3)
        seen += [row.actor_id for row in rows]
        if cursor is None:
            break
        await some(base, "later")
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    with pytest.raises(BadRequest):
        await audit.page(cursor="mine")


async def test_a_page_may_be_of_one_actor_and_of_one_action(base: Base, audit: Audit) -> None:
    await some(base, "ada", "bob", "ada")
    await base.store.write(lambda tx: record(tx, "token.revoked", "ada"))
    for given, count in (({"actor": "ada"}, 3), ({"action": "token.created"}, 3), ({"actor": "nobody"}, 0)):
        assert len((await audit.page(**given))[0]) == count  # type: ignore[arg-type]
    [row], more = await audit.page(actor="ada", action="token.created", limit=1)
    [first], last = await audit.page(actor="ada", action="token.created", limit=1, cursor=more)
    assert (row.actor_id, first.actor_id, last) == ("ada", "ada", None)
    assert row.id > first.id


async def test_an_entry_outlives_the_account_that_it_tells_of(base: Base, audit: Audit) -> None:
    def work(tx: Tx) -> str:
        user = users.add(tx, "registered", "ada")
        record(tx, "account.deleted", user.id, target=user.id)
        tx.conn.execute(delete(tables.users).where(tables.users.c.id == user.id))
        return user.id

    user_id = await base.store.write(work)
    [row], _ = await audit.page(actor=user_id)
    assert (row.action, row.target) == ("account.deleted", user_id)


async def test_what_is_older_than_it_is_kept_goes_in_bounded_steps(base: Base, audit: Audit) -> None:
    await some(base, *["old"] * 501)
    assert await audit.forget() == 0
    base.world.ahead += 364 * 86_400
    await some(base, "new")
    assert await audit.forget() == 0
    base.world.ahead += 2 * 86_400
    assert [await audit.forget() for _ in range(3)] == [500, 1, 0]
    [row], _ = await audit.page()
    assert row.actor_id == "new"
