"""Doorbells ring on the loop, whoever pokes them, and only for their topic."""

from __future__ import annotations

import asyncio

import pytest

from threadline.store.signals import Signals

pytestmark = pytest.mark.anyio


async def test_a_poke_rings_for_everyone_who_listens_to_its_topic_alone() -> None:
    signals = Signals()
    with signals.listen("a") as first, signals.listen("a") as second, signals.listen("b") as other:
        signals.poke("a")
        assert first.is_set()
        assert second.is_set()
        assert not other.is_set()


async def test_a_poke_from_a_thread_rings_on_the_loop() -> None:
    signals = Signals()
    with signals.listen("a") as bell:
        await asyncio.to_thread(signals.poke, "a")
        await asyncio.wait_for(bell.wait(), 60)


async def test_a_poke_for_nobody_is_forgotten() -> None:
    signals = Signals()
    signals.poke("a")
    with signals.listen("a") as bell:
        assert not bell.is_set()
    signals.poke("a")
    assert not bell.is_set()
