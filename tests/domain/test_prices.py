"""What an answer cost: exact in integers, rounded once, unknown where it is not known."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.messages import Usage
from threadline.domain.prices import MILLION, Price, cost, cost_of_calls, dollars, millionths

# Three dollars for a million tokens of input, and so on.
PRICE = Price(3_000_000, 15_000_000, cached=300_000, cache_write=3_750_000)
LONG = Price(
    2_000_000, 12_000_000, cached=200_000, long_above=200_000, long=Price(4_000_000, 18_000_000, cached=400_000)
)

TOKENS = st.integers(0, 10_000_000)
RATE = st.integers(0, 200_000_000)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(inputTokens=1000, outputTokens=100), 4500),
        (Usage(inputTokens=1000, outputTokens=100, reasoningTokens=90), 4500),
        (Usage(inputTokens=1000, outputTokens=0, cachedInputTokens=400), 1920),
        (Usage(inputTokens=1000, outputTokens=0, cachedInputTokens=400, cacheWriteTokens=200), 2070),
        (Usage(inputTokens=1000), 3000),
        (Usage(outputTokens=0), 0),
        (Usage(inputTokens=10, cachedInputTokens=99), 3),
        (Usage(), None),
        (Usage(totalTokens=5), None),
    ],
)
def test_the_cost_of_one_call(usage: Usage, expected: int | None) -> None:
    assert cost(PRICE, usage) == expected


def test_no_price_is_no_cost_and_a_free_model_costs_nothing() -> None:
    assert cost(None, Usage(inputTokens=1, outputTokens=1)) is None
    assert cost(Price(0, 0), Usage(inputTokens=1, outputTokens=1)) == 0


def test_what_has_no_price_of_its_own_costs_what_input_costs() -> None:
    usage = Usage(inputTokens=1000, outputTokens=0, cachedInputTokens=400, cacheWriteTokens=200)
    assert cost(Price(3_000_000, 0), usage) == 3000


@pytest.mark.parametrize(("tokens", "expected"), [(1, 0), (2, 1), (3, 1), (5, 1), (6, 2)])
def test_half_a_millionth_is_a_whole_one(tokens: int, expected: int) -> None:
    assert cost(Price(250_000, 0), Usage(inputTokens=tokens)) == expected


def test_a_long_prompt_has_the_price_of_long_ones_for_all_of_its_call() -> None:
    short, long = Usage(inputTokens=200_000, outputTokens=1000), Usage(inputTokens=200_001, outputTokens=1000)
    assert cost(LONG, short) == 412_000
    assert cost(LONG, long) == 818_004
    # Two calls below the line are not one above it.
    assert cost_of_calls(LONG, [short, short]) == 824_000


@given(st.builds(Price, RATE, RATE, cached=RATE, cache_write=RATE), TOKENS, TOKENS, TOKENS, TOKENS)
def test_it_is_the_exact_sum_rounded_half_up(price: Price, fresh: int, read: int, written: int, made: int) -> None:
    usage = Usage(
        inputTokens=fresh + read + written, outputTokens=made, cachedInputTokens=read, cacheWriteTokens=written
    )
    assert price.cached is not None
    assert price.cache_write is not None
    exact = Fraction(
        fresh * price.input + read * price.cached + written * price.cache_write + made * price.output, MILLION
    )
    found = cost(price, usage)
    assert found is not None
    assert Fraction(-1, 2) < found - exact <= Fraction(1, 2)


@given(st.lists(st.builds(Usage, inputTokens=TOKENS, outputTokens=TOKENS), min_size=1, max_size=5))
def test_calls_together_are_rounded_once(calls: list[Usage]) -> None:
    found, apart = cost_of_calls(PRICE, calls), [cost(PRICE, usage) or 0 for usage in calls]
    assert found is not None
    assert abs(found - sum(apart)) <= len(calls)


@given(st.integers(0, 2**50))
def test_dollars_lose_nothing(cost: int) -> None:
    assert millionths(dollars(cost)) == cost


def test_unknown_stays_unknown() -> None:
    assert dollars(None) is None
    assert millionths(None) is None
