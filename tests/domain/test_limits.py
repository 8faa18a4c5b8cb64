"""Limits: which one holds, when it is free again, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.domain.limits import (
    ALL,
    DAY,
    NAMES,
    OFF,
    Entitlement,
    Limits,
    Name,
    Refusal,
    day_of,
    error_of,
    first_of_month,
    longest,
    over_budget,
    period_ends,
    resolve,
    text_of_day,
)

NOW = datetime(2026, 11, 20, 20, 15, tzinfo=UTC).timestamp()

SAID = st.none() | st.just(OFF) | st.integers(0, 3)
SUBJECT = st.sampled_from(["usr_1", "usr_2", "guest", "registered"])
MODEL = st.sampled_from([ALL, "a/one", "a/two"])
FIELDS = st.fixed_dictionaries(dict.fromkeys(NAMES, SAID))
ROWS = st.dictionaries(st.tuples(SUBJECT, MODEL), FIELDS, max_size=8)
USUAL = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=3)


def rows_of(written: dict[tuple[str, str], dict[str, int | None]]) -> list[Entitlement]:
    return [Entitlement(subject, model, **fields) for (subject, model), fields in written.items()]


@given(ROWS, USUAL, MODEL, st.randoms())
def test_the_first_that_says_something_holds(
    written: dict[tuple[str, str], dict[str, int | None]], usual: dict[Name, int], model: str, chance: object
) -> None:
    rows = rows_of(written)
    chance.shuffle(rows)  # type: ignore[attr-defined]
    found = resolve(rows, "usr_1", "guest", model, usual)
    for name in NAMES:
        said = [written.get((subject, model), {}).get(name) for subject in ("usr_1", "guest")]
        expected = next((one for one in [*said, usual.get(name)] if one is not None), OFF)
        assert found.get(name, OFF) == expected


@given(ROWS, USUAL, MODEL, SUBJECT, MODEL, FIELDS)
def test_what_is_written_for_others_and_for_other_models_changes_nothing(
    written: dict[tuple[str, str], dict[str, int | None]],
    usual: dict[Name, int],
    model: str,
    subject: str,
    other: str,
    fields: dict[str, int | None],
) -> None:
    before = resolve(rows_of(written), "usr_1", "guest", model, usual)
    if subject in ("usr_1", "guest") and other == model:
        return
    assert resolve(rows_of({**written, (subject, other): fields}), "usr_1", "guest", model, usual) == before


def test_a_user_can_be_freed_of_the_limit_of_his_kind() -> None:
    rows = [Entitlement("guest", ALL, messages=3, cost_day=5), Entitlement("usr_1", ALL, messages=OFF)]
    assert resolve(rows, "usr_1", "guest", ALL, {"messages": 20}) == {"cost_day": 5}


@given(st.dates(datetime(1970, 1, 1).date(), datetime(2400, 1, 1).date()), st.floats(0, 0.999))
def test_days_and_months_are_those_of_the_calendar(date: object, part: float) -> None:
    then = datetime(date.year, date.month, date.day, tzinfo=UTC)  # type: ignore[attr-defined]
    now = then.timestamp() + part * DAY
    day = day_of(now)
    assert text_of_day(day) == then.date().isoformat()
    assert text_of_day(first_of_month(day)) == then.replace(day=1).date().isoformat()
    assert period_ends("tokens_day", now) == (then + timedelta(days=1)).timestamp()
    after = datetime.fromtimestamp(period_ends("cost_month", now), UTC)
    assert (after.day, after.hour, after.minute) == (1, 0, 0)
    assert 0 < (after - then).days <= 31
    assert after.month != then.month


@given(USUAL, USUAL)
def test_a_budget_refuses_from_its_last_token_on(limits: Limits, used: Limits) -> None:
    found = {one.name: one for one in over_budget(limits, used, ALL, NOW)}
    for name in NAMES[1:]:
        assert (name in found) == (name in limits and used.get(name, 0) >= limits[name])
    assert all((one.until is None) == (one.most == 0) for one in found.values())


def test_of_several_the_longest_is_told() -> None:
    day, month = Refusal("cost_day", ALL, 5, NOW + 1), Refusal("cost_month", ALL, 9, NOW + 2)
    never = Refusal("messages", "a/one", 0, None)
    assert longest([]) is None
    assert longest([month, day]) == month
    assert longest([never, month, day]) == never


@pytest.mark.parametrize(
    ("refusal", "kind", "words", "retry_after"),
    [
        (
            Refusal("messages", ALL, 20, NOW + 3 * 3600),
            "guest",
            "Guests may send 20 messages in 24 hours. The next one is free in 3 hours. Register to send more.",
            10800,
        ),
        (
            Refusal("messages", "a/one", 1, NOW + 59.2),
            "registered",
            "You may send 1 message to a/one in 24 hours. The next one is free in a minute. Choose another model.",
            60,
        ),
        (
            Refusal("messages", ALL, 5, NOW + 600),
            "registered",
            "You may send 5 messages in 24 hours. The next one is free in 10 minutes.",
            600,
        ),
        (Refusal("messages", ALL, 0, None), "guest", "Guests may not send messages here. Register to send more.", None),
        (
            Refusal("cost_day", ALL, 2_500_000, NOW + 13_500),
            "registered",
            "The budget of 2.50 US dollars a day is used up. It is there again on 2026-11-21 (UTC). "
            "Add a key of your own in Settings: it has no budget.",
            13_500,
        ),
        (
            Refusal("tokens_month", "a/one", 1000, period_ends("tokens_month", NOW)),
            "guest",
            "The budget for a/one of 1000 tokens a month is used up. It is there again on 2026-12-01 (UTC). "
            "Add a key of your own in Settings: it has no budget.",
            877_500,
        ),
    ],
)
def test_a_refusal_says_what_when_and_what_to_do(
    refusal: Refusal, kind: str, words: str, retry_after: int | None
) -> None:
    error = error_of(refusal, kind, NOW)
    assert (error.message, error.retry_after, error.status) == (words, retry_after, 429)
    assert error.retryable == (retry_after is not None)
    assert error.details is not None
    assert error.details["resets_at"] == refusal.until


def test_costs_are_told_in_dollars() -> None:
    details = error_of(Refusal("cost_day", "a/one", 2_500_000, NOW + 1), "guest", NOW).details
    assert details == {"limit": "cost_day", "model": "a/one", "allowed": 2.5, "resets_at": NOW + 1}
