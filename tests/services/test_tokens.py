"""Access tokens: shown once, kept as a hash, known until they are revoked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy import text

from tests.services.conftest import Base, Full
from threadline.domain.errors import BadRequest, NotFound
from threadline.services.tokens import Tokens
from threadline.store import users
from threadline.store.database import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def tokens(base: Base) -> Tokens:
    return Tokens(base.store, base.world)


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
        assert await one.identify(issued.token) == issued.user
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
    assert await tokens.identify(issued.token) == ada
    for name in ("bob", "script", ""):
        with pytest.raises(NotFound):
            await tokens.issue("script", name)
    assert len(await tokens.listed()) == 1


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
    assert await tokens.identify(issued.token) == issued.user
    await base.store.close()
    assert await tokens.identify(issued.token) == issued.user


async def test_a_token_that_is_revoked_here_is_worthless_at_once(tokens: Tokens) -> None:
    issued, other = await tokens.issue("one"), await tokens.issue("one")
    assert await tokens.identify(issued.token) is not None
    await tokens.revoke(issued.row.id)
    assert await tokens.identify(issued.token) is None
    assert await tokens.identify(other.token) == other.user
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
    assert await full.identify(issued.token) == issued.user
