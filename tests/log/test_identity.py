"""One stream and another that was made anew under its name: who means the first is never given the second."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.log.engines import messages_of, numbered, started
from tests.log.test_following import MAKE, following
from threadline.domain.errors import Gone
from threadline.log.protocol import Log

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("known", [False, True])
async def test_who_means_one_stream_by_its_id_is_never_given_another_of_its_name(log: Log, known: bool) -> None:
    await log.append("s", numbered(0, 2), **MAKE)
    info = (await log.read("s")).info
    assert info == await log.head("s")
    assert info is not None
    async with aclosing(log.follow("s", of=info.id)) as steps:
        assert messages_of(await anext(steps)) == numbered(0, 2)
    await log.delete("s")
    with pytest.raises(Gone):
        await anext(log.follow("s", 2, of=info.id))
    await log.append("s", [b"new"] * 3, **MAKE)
    if known:
        async with following(log, "s", 3) as other:
            task = asyncio.create_task(anext(other))
            await started(log, task)
            await log.append("s", [b"new"] * 2)
            await task
    assert (await log.head("s")).id != info.id
    for start in (0, 2, 3, 5, 9):
        with pytest.raises(Gone):
            await asyncio.wait_for(anext(log.follow("s", start, of=info.id)), 60)
