"""Streams are listed by the beginning of their names, however many they are."""

from __future__ import annotations

import asyncio

import pytest

from tests.log.engines import Clock
from threadline.log.protocol import Log, StreamConfig

pytestmark = pytest.mark.anyio


async def test_streams_are_listed_by_the_beginning_of_their_names(log: Log, clock: Clock) -> None:
    names = ["a/b", "a/é", "a/\U0010ffff", "a0", "a", "b/a", "a/b/c", "a/gone", "a/over"]
    for name in names:
        config = StreamConfig(ttl=5) if name == "a/over" else StreamConfig()
        await log.create(name, config, messages=[b"1", b"2"] if name == "a/b" else [])
    await log.delete("a/gone")
    await log.append("a/é", [b"3"])
    clock.time += 10
    found = [info async for page in log.listed("a/") for info in page]
    assert [(info.name, info.tail) for info in found] == [("a/b", 2), ("a/b/c", 0), ("a/é", 1), ("a/\U0010ffff", 0)]


async def test_a_long_list_comes_in_pages(log: Log) -> None:
    names = [f"a/{number:05d}" for number in range(1100)]
    await asyncio.gather(*(log.create(name) for name in names))
    pages = [[info.name for info in page] async for page in log.listed("a/")]
    assert [name for page in pages for name in page] == names
    assert max(map(len, pages)) < len(names)
