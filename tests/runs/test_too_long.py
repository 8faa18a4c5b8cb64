"""A conversation that is longer than its model takes is cut by rule, where everybody sees it, or refused in words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from tests.runs.harness import House, opened
from threadline.domain.errors import ContextExceeded
from threadline.domain.events import Event
from threadline.providers.protocol import ModelRequest
from threadline.providers.scripted import Script, Scripted, Text
from threadline.store import messages
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio


class Narrow:
    """A model that takes so many messages and no more."""

    name = "narrow"
    continues = "instruction"

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen: list[int] = []
        self._inner = Scripted("narrow", SystemWorld(), Script([Text("Well.")]))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        self.seen.append(len(request.messages))
        if len(request.messages) > self.most:
            raise ContextExceeded(f"prompt is too long: {len(request.messages)} > {self.most} maximum")
        async for batch in self._inner.stream(request):
            yield batch


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


async def talked(
    house: House, model: Narrow, turns: int, context: int | None = None, size: int = 1
) -> dict[str, object]:
    """So many turns; returns what the last answer remembers."""
    async with house.worker(model, context=context) as _:
        for number in range(turns):
            sent = await house.ask(f"{number} " + "x" * size, id=f"m{number}")
            row = await house.message(sent)
    return row.metadata


async def test_a_provider_that_takes_no_more_is_given_the_newer_half(house: House) -> None:
    model = Narrow(5)
    metadata = await talked(house, model, 4)
    # The fourth question comes after three others and their answers.
    assert model.seen == [1, 3, 5, 7, 3]
    third = await house.store.read(lambda tx: messages.find(tx, "chat-1", "m2"))
    assert third is not None
    assert metadata["contextFrom"] == third.id
    assert "error" not in metadata


async def test_what_fits_by_our_own_count_needs_no_refusal(house: House) -> None:
    model = Narrow(100)
    # 3,000 characters are about 1,000 tokens, of which 4,000 are left beside the answer.
    metadata = await talked(house, model, 6, context=8_000, size=3_000)
    assert model.seen == [1, 3, 5, 5, 5, 5]
    assert metadata["contextFrom"]


async def test_a_conversation_that_fits_says_nothing_of_it(house: House) -> None:
    assert "contextFrom" not in await talked(house, Narrow(100), 3, context=100_000)


async def test_a_question_that_is_too_long_by_itself_is_refused_in_words(house: House) -> None:
    async with house.worker(Narrow(0)) as _:
        sent = await house.ask("x")
        row = await house.ended(sent.run_id)
    assert row.status == "error"
    assert row.error == (
        "This is more than the model takes. Shorten your message, or choose a model with a larger context. "
        "prompt is too long: 1 > 0 maximum"
    )
