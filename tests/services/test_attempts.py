"""The same request sent again: it finds its run, however long that takes and whatever became of all else meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.runs.harness import House, Paused, opened
from tests.runs.test_handed import AnyModel
from tests.services.test_responses import MODEL, conversations_of, said
from threadline.domain.errors import Conflict, UnsupportedModel
from threadline.services.attempts import WAITS_SECONDS, Attempt
from threadline.services.responses import Responses, Wanted
from threadline.store import tables
from threadline.store.runs import RunRow
from threadline.wire.openai.objects import response_id

pytestmark = pytest.mark.anyio

KEYED = Attempt(b"digest", b"key")
FIRST = Attempt(b"digest")
AGAIN = Attempt(b"digest", again=True)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


class NoModel(AnyModel):
    """A server that has just started, and has not found its models yet."""

    async def resolve(self, _user_id: str, _name: str | None) -> str:
        """See ``Models``."""
        raise UnsupportedModel


def service(house: House, models: AnyModel | None = None) -> Responses:
    return Responses(house.store, house.answers, house.turns, conversations_of(house), models or AnyModel())


async def ask(
    house: House, attempt: Attempt | None, models: AnyModel | None = None, previous: str | None = None
) -> RunRow:
    wanted = Wanted([said("Hi")], None, {"tools": []}, previous=previous)
    return (await service(house, models).create(house.user, wanted, attempt))[0]


async def long_ago(house: House, run: RunRow, *, ended: bool) -> None:
    """As if more than the whole time had gone by since the request, and since its answer where that is over."""
    at = house.world.now() - WAITS_SECONDS - 1
    asked = update(tables.responses).where(tables.responses.c.run_id == run.id).values(asked_at=at)
    over = update(tables.runs).where(tables.runs.c.id == run.id, tables.runs.c.ended_at.is_not(None))
    await house.store.write(lambda tx: tx.conn.execute(asked))
    if ended:
        await house.store.write(lambda tx: tx.conn.execute(over.values(ended_at=at)))


@pytest.mark.parametrize(("first", "again"), [(KEYED, KEYED), (FIRST, AGAIN)])
async def test_a_server_that_has_not_found_its_models_yet_knows_the_run(
    house: House, first: Attempt, again: Attempt
) -> None:
    run = await ask(house, first)
    assert (await ask(house, again, NoModel())).id == run.id
    with pytest.raises(UnsupportedModel):
        await ask(house, Attempt(b"other", b"other"), NoModel())
    with pytest.raises(UnsupportedModel):
        await ask(house, FIRST, NoModel())


async def test_a_key_finds_its_run_also_when_what_that_goes_on_from_was_deleted(house: House) -> None:
    async with house.worker(MODEL):
        above = response_id((await house.ended((await ask(house, None)).id)).id)
        run = await ask(house, KEYED, previous=above)
        await service(house).delete(house.user, above)
        assert (await ask(house, KEYED, previous=above)).id == run.id
        with pytest.raises(Conflict):
            await ask(house, Attempt(b"other", KEYED.key), previous=above)
        await house.ended(run.id)


async def test_who_waits_longer_than_that_for_an_answer_that_goes_on_finds_it(house: House) -> None:
    model = Paused(MODEL, 2)
    async with house.worker(model):
        run = await ask(house, FIRST)
        await model.reached.wait()
        await long_ago(house, run, ended=False)
        assert (await ask(house, AGAIN)).id == run.id
        await long_ago(house, run, ended=False)
        model.go.set()
        await house.ended(run.id)
        # It ended just now, and nobody was told.
        assert (await ask(house, AGAIN)).id == run.id
        await long_ago(house, run, ended=True)
        assert (await ask(house, AGAIN)).id != run.id
