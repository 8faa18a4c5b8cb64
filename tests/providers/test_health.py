"""How a model does, by what its calls did: only what is the model's own counts, and only of late."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Literal

import pytest

from threadline.domain import events
from threadline.domain.errors import ProviderError, ProviderStalled
from threadline.domain.events import Event
from threadline.providers.health import Healths, Watched
from threadline.providers.protocol import ModelRequest
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

MODEL = "fake/m"


class Clock(SystemWorld):
    """A world whose time goes on when it is told to."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Fake:
    """Answers after some seconds, then fails, or not."""

    name = "fake"
    continues: Literal["prefill", "instruction"] = "instruction"

    def __init__(self, clock: Clock, after: float, fault: ProviderError | None = None, batches: int = 2) -> None:
        self._clock, self._after, self._fault, self._batches = clock, after, fault, batches
        self.cancelled: list[str] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        for number in range(self._batches):
            self._clock.seconds += self._after if number == 0 else 0.0
            yield [events.text_delta("p0", request.model)]
        if self._fault is not None:
            raise self._fault

    async def cancel(self, kept: str) -> None:
        self.cancelled.append(kept)


async def ask(clock: Clock, healths: Healths, *providers: Fake) -> None:
    for provider in providers:
        with suppress(ProviderError):
            async with aclosing(Watched(provider, healths, clock).stream(ModelRequest("m", []))) as batches:
                async for batch in batches:
                    assert batch


async def health(*calls: tuple[float, ProviderError | None], batches: int = 2) -> str | None:
    clock = Clock()
    healths = Healths(clock)
    await ask(clock, healths, *(Fake(clock, after, fault, batches) for after, fault in calls))
    return healths.of(MODEL)


def broken(status: int | None = 500) -> ProviderError:
    return ProviderError("broken", provider_status=status)


async def test_too_little_is_nothing() -> None:
    assert await health() is None
    assert await health((1.0, None), (1.0, None)) is None
    assert await health((1.0, broken()), (1.0, broken())) is None


async def test_a_model_that_answers_soon_is_ok_and_one_that_takes_long_is_slow() -> None:
    assert await health(*[(1.0, None)] * 3) == "ok"
    assert await health((1.0, None), (11.0, None), (12.0, None)) == "slow"
    assert await health((1.0, None), (2.0, None), (60.0, None)) == "ok"


@pytest.mark.parametrize("fault", [broken(), broken(503), broken(None), broken(408), ProviderStalled()])
async def test_a_model_that_fails_as_often_as_not_is_failing(fault: ProviderError) -> None:
    assert await health((1.0, None), (1.0, fault), (1.0, fault)) == "failing"
    assert await health((1.0, None), (1.0, None), (1.0, fault)) == "ok"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429])
async def test_a_bad_key_a_bad_request_and_a_limit_are_not_the_models_fault(status: int) -> None:
    assert await health(*[(1.0, broken(status))] * 5) is None


async def test_an_answer_that_somebody_left_counts_by_when_it_began() -> None:
    clock = Clock()
    healths = Healths(clock)
    for _ in range(3):
        async with aclosing(Watched(Fake(clock, 1.0), healths, clock).stream(ModelRequest("m", []))) as batches:
            await anext(batches)
    assert healths.of(MODEL) == "ok"


async def test_only_the_last_twenty_calls_of_the_last_half_hour_count() -> None:
    clock = Clock()
    healths = Healths(clock)
    for _ in range(20):
        healths.saw(MODEL, None)
    assert healths.of(MODEL) == "failing"
    for _ in range(11):
        healths.saw(MODEL, 1.0)
    assert healths.of(MODEL) == "ok"
    clock.seconds += 1801
    assert healths.of(MODEL) is None


async def test_what_is_remembered_has_an_end() -> None:
    healths = Healths(Clock())
    for number in range(1001):
        for _ in range(3):
            healths.saw(f"fake/{number}", 1.0)
    assert healths.of("fake/0") is None
    assert healths.of("fake/1") == "ok"


async def test_a_watched_provider_is_the_one_that_it_was_made_of() -> None:
    clock = Clock()
    fake = Fake(clock, 1.0)
    watched = Watched(fake, Healths(clock), clock)
    assert (watched.name, watched.continues) == ("fake", "instruction")
    await watched.cancel("kept")
    assert fake.cancelled == ["kept"]


async def test_each_model_has_its_own() -> None:
    clock = Clock()
    healths = Healths(clock)
    models: Sequence[str] = ("a", "b")
    for model in models:
        for _ in range(3):
            healths.saw(f"fake/{model}", None if model == "a" else 1.0)
    assert [healths.of(f"fake/{model}") for model in models] == ["failing", "ok"]
