"""What is known of a model: by which names it is found, which price holds when, and who wins where two speak."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from threadline.domain.facts import Capabilities, Known, Tariff, owned, silent, spellings, tabled
from threadline.domain.prices import Price

CHEAP, DEAR = Price(1, 2), Price(10, 20)
TABLE = tabled(
    [
        Known("gpt-5", context=400_000),
        Known("gpt-5-mini", context=1),
        Known("claude-opus-4-5"),
        Known("mistral-large-2512"),
        Known("old", retires="2026-11-20"),
    ],
    {"gpt-5-thinking": "gpt-5"},
    ["gpt-audio"],
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt-5", "gpt-5"),
        ("GPT-5", "gpt-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5-latest", "gpt-5"),
        ("gpt-5-thinking", "gpt-5"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("claude-opus-4.5", "claude-opus-4-5"),
        ("mistral-large-2512", "mistral-large-2512"),
        ("mistral-large", None),
        ("mistral-large-latest", None),
        ("gpt-5-turbo", None),
        ("gpt-5-mini-high", None),
        ("gpt-5.1", None),
        ("", None),
    ],
)
def test_a_model_is_found_by_its_dated_names_and_never_by_one_that_only_begins_alike(
    name: str, found: str | None
) -> None:
    known = TABLE.find(name)
    assert (known is None) == (found is None)
    if known is not None and found is not None:
        assert known.name == name
        assert known.context == TABLE.models[found].context


def test_the_most_exact_spelling_comes_first() -> None:
    assert list(spellings("Claude-X-4.5-latest")) == [
        "claude-x-4.5-latest",
        "claude-x-4-5-latest",
        "claude-x-4.5",
        "claude-x-4-5",
    ]


def test_what_is_retired_is_not_offered_from_its_day_on() -> None:
    assert "old" in TABLE.offered(at("2026-11-19T23:59"))
    assert "old" not in TABLE.offered(at("2026-11-20T00:00"))


def test_the_last_price_that_holds_is_asked() -> None:
    known = Known("m", tariffs=(Tariff(CHEAP), Tariff(DEAR, since="2027-01-01")))
    assert known.price(at("2026-12-31T23:59")) == CHEAP
    assert known.price(at("2027-01-01T00:00")) == DEAR
    peak = Known("m", tariffs=(Tariff(CHEAP), Tariff(DEAR, hours=(1, 4)), Tariff(DEAR, hours=(6, 10))))
    assert [peak.price(at(f"2026-11-20T{hour:02}:30")) for hour in (0, 1, 3, 4, 6, 9, 10)] == [
        CHEAP,
        DEAR,
        DEAR,
        CHEAP,
        DEAR,
        DEAR,
        CHEAP,
    ]
    assert Known("m").price(0.0) is None
    assert Known("m", tariffs=(Tariff(CHEAP, since="2027-01-01"),)).price(at("2026-11-20T00:00")) is None


def test_who_says_something_wins_over_who_says_nothing_and_no_is_something() -> None:
    mine = Known("mine", Capabilities(tools=False), context=5, source="me")
    theirs = Known("theirs", Capabilities(tools=True, vision=True), 7, 8, (Tariff(CHEAP),), "2030-01-01", "they")
    assert mine.over(theirs) == Known(
        "mine", Capabilities(tools=False, vision=True), 5, 8, (Tariff(CHEAP),), "2030-01-01", "me"
    )
    assert Known("mine").over(theirs).capabilities is theirs.capabilities


@pytest.mark.parametrize(
    "name",
    [
        "text-embedding-3-large",
        "nomic-embed-text:latest",
        "tts-1-hd",
        "gpt-4o-mini-tts",
        "whisper-large-v3",
        "gpt-4o-transcribe",
        "dall-e-3",
        "gpt-image-1",
        "imagen-4.0-generate-001",
        "omni-moderation-latest",
        "gpt-4o-realtime-preview",
        "rerank-v3.5",
        "mistral-ocr-latest",
        "llama-guard-4-12b",
        "veo-3.1",
        "gemini-3.8-live",
        "babbage-002",
        "gpt-3.5-turbo-instruct",
        "grok-2-image-1212",
    ],
)
def test_what_answers_in_no_words_is_known_by_its_name(name: str) -> None:
    assert silent(name)
    assert not TABLE.writes(name)


@pytest.mark.parametrize(
    "name",
    ["gpt-5.1", "claude-opus-4-8", "gemini-3.8-flash", "o3", "llama3:8b", "imaginary-7b", "olive-2", "codestral-2508"],
)
def test_what_may_answer_in_words_stays(name: str) -> None:
    assert not silent(name)
    assert TABLE.writes(name)


def test_what_facts_call_silent_is() -> None:
    assert not TABLE.writes("gpt-audio")
    assert not TABLE.writes("gpt-audio-2025-08-28")


def test_a_routers_model_is_its_makers() -> None:
    assert owned("anthropic/claude-opus-4.8") == ("anthropic", "claude-opus-4.8")
    assert owned("x-ai/grok-4.7:free") == ("xai", "grok-4.7")
    assert owned("qwen/qwen3-max") is None
    assert owned("gpt-5") is None
