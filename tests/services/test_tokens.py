"""Access tokens: shown once, kept as a hash, known until they are revoked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy import text, update

from tests.services.conftest import Base, Full
from threadline.domain.errors import BadRequest, Conflict, Forbidden, NotFound
from threadline.services.audit import Audit
from threadline.services.tokens import Tokens, UserRow, Wanted
from threadline.store import tables, users
from threadline.store.database import Store, Tx

pytestmark = pytest.mark.anyio


@pytest.fixture
def tokens(base: Base) -> Tokens:
    return Tokens(base.store, base.world)


async def speaks(tokens: Tokens, token: str) -> UserRow | None:
    """For whom a token speaks."""
    program = await tokens.identify(token)
    return None if program is None else program.user


class Meanwhile:
    """A store in which something else happens right after the first read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.happens: Any = None

    async def read(self, work: Any) -> Any:
        found = await self._store.read(work)
        if self.happens is not None:
            happens, self.happens = self.happens, None
            await happens()
        return found

    async def write(self, work: Any) -> Any:
        return await self._store.write(work)


async def test_a_token_speaks_for_the_service_user_of_its_name(base: Base, tokens: Tokens) -> None:
    issued = await tokens.issue("indexer")
    assert (issued.user.kind, issued.user.name, issued.row.name) == ("service", "indexer", "indexer")
    for one in (tokens, Tokens(base.store, base.world)):
        assert await speaks(one, issued.token) == issued.user
    assert issued.token.startswith("tl_")
    assert len(issued.token) == 46
    assert issued.token.removeprefix("tl_").replace("-", "").replace("_", "").isalnum()


async def test_tokens_of_one_name_speak_for_one_user_and_differ(tokens: Tokens) -> None:
    issued = await asyncio.gather(*(tokens.issue(name) for name in ("one", " one ", "one", "two")))
    assert len({one.token for one in issued}) == 4
    assert len({one.user.id for one in issued[:3]}) == 1
    assert issued[3].user.id != issued[0].user.id
    assert await tokens.service("one") == issued[0].user


async def test_a_token_may_speak_for_an_account(base: Base, tokens: Tokens) -> None:
    ada = await base.store.write(lambda tx: users.add(tx, "registered", "ada"))
    issued = await tokens.issue("script", "ada")
    assert await speaks(tokens, issued.token) == ada
    for name in ("bob", "script", ""):
        with pytest.raises(NotFound):
            await tokens.issue("script", name)
    assert len(await tokens.listed()) == 1


async def test_an_account_is_named_by_its_address_its_id_or_a_name_that_no_other_has(
    base: Base, tokens: Tokens
) -> None:
    ada, bob = await ada_of(base, email="ada@example.org"), await ada_of(base, email="bob@example.org", name="bob")
    # Whoever calls himself by another's address gets nothing of his.
    await ada_of(base, email="mallory@example.org", name="bob@example.org")
    for called, who in ((ada.id, ada), ("Ada@Example.org", ada), ("bob@example.org", bob), ("bob", bob)):
        assert (await tokens.issue("script", called)).user.id == who.id
    await ada_of(base, email="eve@example.org", name="bob")
    with pytest.raises(BadRequest):
        await tokens.issue("script", "bob")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\tb", "a\x00", "\ud800", "a\x1b[31m"])
async def test_a_name_that_is_none_is_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(BadRequest):
        await tokens.issue(name)
    assert await tokens.listed() == []


@pytest.mark.parametrize("token", ["", "tl_", "tl_unknown", "x" * 43, "tl_" + "x" * 100_000, "tl_ä\ud800", "tl_\x00"])
async def test_a_token_that_is_not_known_speaks_for_nobody(tokens: Tokens, token: str) -> None:
    await tokens.issue("known")
    assert await tokens.identify(token) is None


async def test_a_token_is_kept_only_as_a_hash(base: Base, tokens: Tokens) -> None:
    issued = await tokens.issue("secret")
    rows = await base.store.read(lambda tx: tx.conn.execute(text("SELECT * FROM tokens")).all())
    assert issued.token not in str(rows)
    assert issued.token.encode() not in [value for row in rows for value in row]


async def test_a_request_of_a_program_that_is_known_costs_no_read(base: Base, tokens: Tokens) -> None:
    issued = await tokens.issue("busy")
    assert await speaks(tokens, issued.token) == issued.user
    await base.store.close()
    assert await speaks(tokens, issued.token) == issued.user


async def test_a_token_that_is_revoked_here_is_worthless_at_once(tokens: Tokens) -> None:
    issued, other = await tokens.issue("one"), await tokens.issue("one")
    assert await tokens.identify(issued.token) is not None
    await tokens.revoke(issued.row.id)
    assert await tokens.identify(issued.token) is None
    assert await speaks(tokens, other.token) == other.user
    with pytest.raises(NotFound):
        await tokens.revoke(issued.row.id)


async def test_a_token_that_another_process_revoked_is_worthless_within_half_a_minute(
    base: Base, tokens: Tokens
) -> None:
    issued = await tokens.issue("one")
    assert await tokens.identify(issued.token) is not None
    await Tokens(base.store, base.world).revoke(issued.row.id)
    base.world.ahead += 30.1
    assert await tokens.identify(issued.token) is None


async def test_a_token_that_is_revoked_while_it_is_looked_up_is_not_remembered(base: Base) -> None:
    store = Meanwhile(base.store)
    tokens = Tokens(cast(Store, store), base.world)
    issued = await tokens.issue("one")

    async def revoke() -> None:
        await tokens.revoke(issued.row.id)

    store.happens = revoke
    assert await tokens.identify(issued.token) is None
    assert await tokens.identify(issued.token) is None


async def test_the_list_tells_when_a_token_was_used_to_the_minute(base: Base, tokens: Tokens) -> None:
    issued = await tokens.issue("one")
    [(row, user)] = await tokens.listed()
    assert (row, user, row.used_at) == (issued.row, issued.user, None)
    await tokens.identify(issued.token)
    [(first, _)] = await tokens.listed()
    assert first.used_at is not None
    base.world.ahead += 45
    await tokens.identify(issued.token)
    assert (await tokens.listed())[0][0] == first
    base.world.ahead += 45
    await tokens.identify(issued.token)
    again = (await tokens.listed())[0][0].used_at
    assert again is not None
    assert again >= first.used_at + 90


async def test_a_program_is_known_also_while_the_disk_is_full(base: Base, tokens: Tokens) -> None:
    issued = await tokens.issue("one")
    full = Tokens(cast(Store, Full(base.store)), base.world)
    assert await speaks(full, issued.token) == issued.user


async def ada_of(base: Base, **more: Any) -> UserRow:
    """Somebody with an account."""

    def work(tx: Tx) -> UserRow:
        user = users.add(tx, "registered", "ada")
        if more:
            tx.conn.execute(update(tables.users).where(tables.users.c.id == user.id).values(**more))
        return user

    return await base.store.write(work)


async def test_a_token_is_for_what_its_user_made_it_for(base: Base, tokens: Tokens) -> None:
    ada = await ada_of(base)
    issued = await tokens.create(ada.id, Wanted(" script ", ("read", "openai", "read"), 30))
    program = await tokens.identify(issued.token)
    assert program is not None
    assert (program.user.id, program.token_id, program.scopes) == (ada.id, issued.row.id, {"read", "openai"})
    [row] = await tokens.of_user(ada.id)
    assert (row.name, row.scopes, row.expires_at) == ("script", "read openai", row.created_at + 30 * 86_400)
    assert row == issued.row or row.used_at is not None


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("x", ()),
        Wanted("x", ("write",)),
        Wanted("x", days=0),
        Wanted("x", days=3651),
        Wanted(" "),
        Wanted("\x00"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(base: Base, tokens: Tokens, wanted: Wanted) -> None:
    ada = await ada_of(base)
    with pytest.raises(BadRequest):
        await tokens.create(ada.id, wanted)
    with pytest.raises(BadRequest):
        await tokens.issue(wanted.name, scopes=wanted.scopes, days=wanted.days)


async def test_a_token_speaks_for_nobody_from_its_end_on_however_lately_it_was_used(base: Base, tokens: Tokens) -> None:
    ada = await ada_of(base)
    issued = await tokens.create(ada.id, Wanted("short", days=1))
    base.world.ahead += 86_400 - 10
    assert await speaks(tokens, issued.token) == ada
    assert tokens.remembers(issued.token)
    base.world.ahead += 10.1
    assert not tokens.remembers(issued.token)
    assert await speaks(tokens, issued.token) is None
    assert len(await tokens.of_user(ada.id)) == 1
    assert await tokens.sweep() == 0
    base.world.ahead += 30 * 86_400
    assert await tokens.sweep() == 1
    assert await tokens.of_user(ada.id) == []


async def test_a_guest_has_no_tokens_and_only_an_admin_has_those_of_an_admin(base: Base, tokens: Tokens) -> None:
    guest = await base.store.write(lambda tx: users.add(tx, "guest"))
    ada = await ada_of(base)
    for user_id, scopes in ((guest.id, ("all",)), (ada.id, ("read", "admin"))):
        with pytest.raises(Forbidden):
            await tokens.create(user_id, Wanted("x", scopes))
    with pytest.raises(Forbidden):
        await tokens.issue("x", scopes=("admin",))
    with pytest.raises(NotFound):
        await tokens.create("usr_nobody", Wanted("x"))
    admin = await ada_of(base, role="admin")
    assert (await tokens.create(admin.id, Wanted("x", ("admin",)))).row.scopes == "admin"


async def test_a_user_has_at_most_a_hundred_living_tokens_however_many_are_asked_for_at_once(
    base: Base, tokens: Tokens
) -> None:
    ada = await ada_of(base)
    asked = (tokens.create(ada.id, Wanted(str(number), days=1)) for number in range(105))
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in made) == 5
    assert len(await tokens.of_user(ada.id)) == 100
    base.world.ahead += 86_401
    await tokens.create(ada.id, Wanted("after those have ended"))


async def test_a_user_revokes_his_own_tokens_alone(base: Base, tokens: Tokens) -> None:
    ada, bob = await ada_of(base), await ada_of(base)
    issued = await tokens.create(ada.id, Wanted("hers"))
    with pytest.raises(NotFound):
        await tokens.revoke(issued.row.id, bob.id)
    assert await speaks(tokens, issued.token) == ada
    await tokens.revoke(issued.row.id, ada.id)
    assert await speaks(tokens, issued.token) is None


async def test_who_may_not_come_in_has_no_program_that_may_and_makes_none(base: Base, tokens: Tokens) -> None:
    ada = await ada_of(base)
    issued = await tokens.create(ada.id, Wanted("early"))
    await base.store.write(lambda tx: users.change(tx, ada.id, disabled_at=tx.now))
    assert await speaks(tokens, issued.token) is None
    with pytest.raises(NotFound):
        await tokens.create(ada.id, Wanted("late"))


async def test_what_is_remembered_of_a_users_programs_can_be_forgotten(base: Base, tokens: Tokens) -> None:
    ada, bob = await ada_of(base), await ada_of(base)
    hers, his = await tokens.create(ada.id, Wanted("x")), await tokens.create(bob.id, Wanted("x"))
    rung: list[bool] = []
    tokens.watch(lambda: rung.append(True))
    for one in (hers, his):
        await tokens.identify(one.token)
    tokens.forget(ada.id)
    assert [tokens.remembers(one.token) for one in (hers, his)] == [False, True]
    assert rung == [True]


async def test_making_and_revoking_is_written_down_without_the_token(base: Base, tokens: Tokens) -> None:
    ada = await ada_of(base)
    issued = await tokens.create(ada.id, Wanted("its name", ("read",), 7), address="192.0.2.7")
    await tokens.revoke(issued.row.id)
    (gone, made), _ = await Audit(base.store, base.world, 365).page()
    assert (made.action, made.actor_id, made.target, made.address) == (
        "token.created",
        ada.id,
        issued.row.id,
        "192.0.2.7",
    )
    assert made.details == {"user": ada.id, "scopes": ["read"], "days": 7}
    assert (gone.action, gone.actor_id, gone.target, gone.details) == (
        "token.revoked",
        None,
        issued.row.id,
        {"user": ada.id},
    )
    assert issued.token not in repr((made, gone))
