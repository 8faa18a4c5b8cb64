"""Administration: everybody is listed, who is shut out is out at once, and there is always an admin left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.services.conftest import Base
from threadline.domain.errors import BadRequest, Conflict, NotFound, Unauthorized
from threadline.domain.limits import day_of
from threadline.services.accounts import Opened, Visit
from threadline.services.admin import Admin, Overview
from threadline.services.answers import Answers
from threadline.services.audit import Audit
from threadline.services.deletion import Deletion
from threadline.services.entitlements import Entitlements
from threadline.services.submits import Submit
from threadline.services.tokens import Tokens, Wanted
from threadline.services.turns import Turns
from threadline.store import conversations, messages, runs, spending, users
from threadline.store.conversations import NewConversation
from threadline.store.messages import NewMessage
from threadline.store.spending import Spent
from threadline.store.transaction import Tx

pytestmark = pytest.mark.anyio

HERE = Visit("192.0.2.7", "A browser")


@dataclass
class Office:
    """Where users are administered."""

    base: Base
    tokens: Tokens
    admin: Admin

    async def user(self, name: str = "ada", **more: Any) -> str:
        """The id of somebody with an account."""
        values = {"email": f"{name}@example.org", **more}

        def work(tx: Tx) -> str:
            made = users.add(tx, "registered", name)
            users.change(tx, made.id, **values)
            return made.id

        return await self.base.store.write(work)

    async def boss(self, name: str = "boss") -> str:
        return await self.user(name, role="admin")

    async def admins(self) -> int:
        return await self.base.store.read(users.count_admins)

    async def names(self, **given: Any) -> list[str | None]:
        return [one.user.name for one in (await self.admin.users(**given))[0]]

    async def guest(self, name: str | None = None) -> Opened:
        """Somebody with a session."""
        opened = await self.base.accounts.guest()
        await self.base.store.write(lambda tx: users.change(tx, opened.user.id, name=name))
        return opened

    async def audited(self) -> list[tuple[Any, ...]]:
        rows, _ = await Audit(self.base.store, self.base.world, 365).page()
        return [(row.action, row.actor_id, row.target, row.details) for row in rows]


@pytest.fixture
def office(base: Base) -> Office:
    tokens = Tokens(base.store, base.world)
    deletion = Deletion(
        base.store,
        base.log,
        base.world,
        accounts=base.accounts,
        tokens=tokens,
        conversations=base.conversations,
        guest_days=30,
    )
    return Office(base, tokens, Admin(base.store, base.accounts, tokens, deletion))


async def test_users_are_listed_newest_first_without_a_gap(office: Office) -> None:
    made = [await office.user(f"user{number}") for number in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page, cursor = await office.admin.users(cursor=cursor, limit=2)
        seen += [one.user.id for one in page]
        if cursor is None:
            break
    assert seen == made[::-1]
    with pytest.raises(BadRequest):
        await office.admin.users(cursor="mine")


async def test_a_search_finds_names_addresses_and_ids(office: Office) -> None:
    ada, bob = await office.user("Ada Lovelace", email="ada@example.org"), await office.user("bob_100%")
    await office.guest("Visitor")
    for words, found in (
        ("LOVE", ["Ada Lovelace"]),
        ("ada@", ["Ada Lovelace"]),
        ("example", ["bob_100%", "Ada Lovelace"]),
        ("_100%", ["bob_100%"]),
        ("%", ["bob_100%"]),
        ("/", []),
        (ada, ["Ada Lovelace"]),
        (bob[:-1], []),
        ("", ["Visitor", "bob_100%", "Ada Lovelace"]),
    ):
        assert await office.names(words=words) == found, words
    assert await office.names(kind="guest") == ["Visitor"]


async def test_a_user_is_shown_with_what_is_known_of_him(office: Office) -> None:
    base, guest = office.base, await office.guest()
    [shown], _ = await office.admin.users()
    assert shown == Overview(shown.user, shown.seen_at, 0, 0, 0)
    assert (shown.user.id, shown.user.kind, shown.user.email, shown.user.role) == (guest.user.id, "guest", None, "user")
    assert shown.seen_at is not None
    ada = await office.user()
    today = await base.store.read(lambda tx: day_of(tx.now))
    for model, runs_, cost, unpriced in (("a/x", 3, 70, 0), ("a/y", 2, 0, 2)):
        spent = Spent(today, model, "server", runs_, 10, 20, 0, 0, cost, unpriced)
        await base.store.write(lambda tx, spent=spent: spending.add(tx, ada, spent))
    issued = await office.tokens.create(ada, Wanted("x"))
    await office.tokens.identify(issued.token)
    shown, _ = (await office.admin.users())[0]
    assert (shown.user.id, shown.answers, shown.cost, shown.unpriced) == (ada, 5, 70, 2)
    assert shown.seen_at is not None


async def test_who_is_made_an_admin_is_one_and_it_is_written_down(office: Office) -> None:
    boss, ada = await office.boss(), await office.user()
    changed = await office.admin.change(boss, ada, role="admin", visit=HERE)
    assert changed.user.role == "admin"
    assert await office.audited() == [("user.role_changed", boss, ada, {"was": "user", "role": "admin"})]
    await office.admin.change(boss, ada, role="admin", disabled=False)
    assert len(await office.audited()) == 1


async def test_only_an_account_can_be_an_admins(office: Office) -> None:
    boss, guest = await office.boss(), await office.guest()
    for user_id, fault in ((guest.user.id, BadRequest), ("usr_nobody", NotFound)):
        with pytest.raises(fault):
            await office.admin.change(boss, user_id, role="admin")
    assert await office.audited() == []


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
async def test_the_last_admin_stays_one(office: Office, change: dict[str, Any]) -> None:
    boss = await office.boss()
    await office.user()
    await office.user("shut out", role="admin", disabled_at=1.0)
    with pytest.raises(Conflict):
        await office.admin.change(boss, boss, **change)
    assert (await office.admins(), await office.audited()) == (1, [])
    await office.boss("other")
    await office.admin.change(boss, boss, **change)
    assert await office.admins() == 1


Act = Callable[[Office, str, str], Awaitable[Any]]


async def _demote(office: Office, one: str, other: str) -> None:
    await office.admin.change(one, other, role="user")


async def _disable(office: Office, one: str, other: str) -> None:
    await office.admin.change(one, other, disabled=True)


async def _delete(office: Office, one: str, other: str) -> None:
    await office.admin.delete(one, other)


@pytest.mark.parametrize("first", [_demote, _disable, _delete])
@pytest.mark.parametrize("second", [_demote, _disable, _delete])
async def test_of_two_admins_who_get_rid_of_each_other_at_once_one_stays(
    office: Office, first: Act, second: Act
) -> None:
    one, other = await office.boss("one"), await office.boss("other")
    results = await asyncio.gather(first(office, one, other), second(office, other, one), return_exceptions=True)
    assert [type(result) for result in results].count(NotFound) == 1
    assert await office.admins() == 1


async def test_who_is_none_any_more_administers_nothing(office: Office) -> None:
    boss, was, ada = await office.boss(), await office.user("was"), await office.user()
    for act in (_demote, _disable, _delete):
        with pytest.raises(NotFound):
            await act(office, was, ada)
    assert await office.audited() == []
    assert (await office.admin.change(boss, ada, disabled=False)).user.disabled_at is None


async def test_who_is_shut_out_is_out_at_once_and_comes_back_without_what_he_had(office: Office) -> None:
    boss, accounts = await office.boss(), office.base.accounts
    ada, bob = await office.guest(), await office.guest()
    program = await office.tokens.issue("program")
    service = program.user.id
    for opened in (ada, bob):
        assert await accounts.identify(opened.token) is not None
    assert await office.tokens.identify(program.token) is not None
    rung: list[str] = []
    accounts.watch(lambda: rung.append("sessions"))
    office.tokens.watch(lambda: rung.append("tokens"))
    for user_id in (ada.user.id, service):
        shown = await office.admin.change(boss, user_id, disabled=True, visit=HERE)
        assert shown.user.disabled_at is not None
        assert {"sessions", "tokens"} <= set(rung)
        rung.clear()
    assert await accounts.identify(ada.token) is None
    assert await office.tokens.identify(program.token) is None
    assert await accounts.identify(bob.token) is not None
    await office.admin.change(boss, ada.user.id, disabled=False)
    assert await accounts.identify(ada.token) is None
    assert [entry[:3] for entry in await office.audited()][:3] == [
        ("user.enabled", boss, ada.user.id),
        ("user.disabled", boss, service),
        ("user.disabled", boss, ada.user.id),
    ]


async def test_the_answers_of_who_is_shut_out_are_asked_to_end_and_no_others(office: Office) -> None:
    base, boss = office.base, await office.boss()
    ada, bob = await office.user("ada"), await office.user("bob")

    def want(tx: Tx, owner: str, author: str | None = None) -> str:
        chat = conversations.add(tx, NewConversation(owner))
        question = messages.add(tx, NewMessage(chat.id, "user", [{"type": "text", "text": "?"}]))
        run_id = tx.new_id("run")
        answer = messages.add(tx, NewMessage(chat.id, "assistant", None, parent_id=question.id, run_id=run_id))
        wanted = runs.NewRun(chat.id, owner, answer.id, question.id, "demo/demo", {}, author_id=author)
        return runs.insert(tx, run_id, wanted).id

    def work(tx: Tx) -> list[str]:
        return [want(tx, ada), want(tx, bob, ada), want(tx, bob)]

    wanted = await base.store.write(work)
    rung: list[str] = []
    with base.signals.attach("stops", lambda: rung.append("stops")):
        await office.admin.change(boss, ada, disabled=True)
    found = [await base.store.read(lambda tx, name=name: runs.get(tx, name)) for name in wanted]
    assert [run and run.cancel for run in found] == ["stopped", "stopped", None]
    assert rung == ["stops"]


async def test_who_was_let_in_just_before_he_is_shut_out_begins_no_answer(office: Office) -> None:
    base, boss, ada = office.base, await office.boss(), await office.user()
    turns = Turns(
        base.store,
        base.log,
        Answers(base.store, base.log, base.world),
        key_owner=lambda *_: "server",
        default_model="a/x",
        entitlements=Entitlements(base.store),
    )
    submit = Submit("chat", message={"role": "user", "parts": [{"type": "text", "text": "?"}]})
    shut, _ = await asyncio.gather(
        office.admin.change(boss, ada, disabled=True), turns.submit(ada, submit), return_exceptions=True
    )
    assert isinstance(shut, Overview)
    with pytest.raises(Unauthorized):
        await turns.submit(ada, submit)
    going = await base.store.read(lambda tx: runs.unfinished(tx, "chat"))
    assert all(run.cancel == "stopped" for run in going)


async def test_a_user_is_deleted_by_an_admin_and_it_is_written_down_by_whom(office: Office) -> None:
    boss, ada = await office.boss(), await office.guest()
    await office.admin.delete(boss, ada.user.id, HERE)
    assert await office.base.accounts.identify(ada.token) is None
    assert await office.names() == ["boss"]
    assert await office.audited() == [("account.deleted", boss, ada.user.id, {})]
    with pytest.raises(NotFound):
        await office.admin.delete(boss, ada.user.id)
    with pytest.raises(BadRequest):
        await office.admin.delete(boss, boss)


async def test_usage_is_told_by_day_and_model_and_by_who_spent_it(office: Office) -> None:
    base, ada, bob = office.base, await office.user("ada"), await office.user("bob")
    cleo = await office.user("cleo")

    def work(tx: Tx) -> None:
        today = day_of(tx.now)
        for user_id, day, owner, cost, unpriced in (
            (ada, today, "server", 100, 0),
            (ada, today - 1, "server", 50, 0),
            (ada, today - 7, "server", 5000, 0),
            (bob, today, "server", 30, 0),
            (bob, today, "user", 900, 0),
            (cleo, today, "server", 0, 1),
        ):
            spending.add(tx, user_id, Spent(day, "a/x", owner, 1, 2, 3, 0, 0, cost, unpriced))

    await base.store.write(work)
    days = await office.admin.usage(days=7)
    assert [(one["key_owner"], one["runs"], one["cost"]) for one in days] == [
        ("server", 3, 130 / 1e6),
        ("user", 1, 900 / 1e6),
        ("server", 1, 50 / 1e6),
    ]
    assert len(await office.admin.usage(days=8, user_id=ada)) == 3
    found, more = await office.admin.spenders(days=7, limit=2)
    rest, end = await office.admin.spenders(days=7, limit=2, cursor=more)
    assert [(one.user.id, one.cost, one.runs) for one in (*found, *rest)] == [
        (bob, 930, 2),
        (ada, 150, 2),
        (cleo, 0, 1),
    ]
    assert (rest[0].unpriced, end) == (1, None)
    paid, _ = await office.admin.spenders(days=7, key_owner="server")
    assert [one.user.name for one in paid] == ["ada", "bob", "cleo"]
