"""Makes ``src/threadline/providers/facts.json``: what is known of models, each fact with its source and date."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from genai_prices.data import providers
from genai_prices.types import (
    ClauseAnd,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from pydantic_ai.profiles.anthropic import anthropic_model_profile
from pydantic_ai.profiles.google import google_model_profile
from pydantic_ai.profiles.grok import grok_model_profile
from pydantic_ai.profiles.groq import groq_model_profile
from pydantic_ai.profiles.mistral import mistral_model_profile
from pydantic_ai.profiles.openai import openai_model_profile

FILE: Final = Path(__file__).resolve().parent.parent / "src/threadline/providers/facts.json"
BY_HAND: Final = Path(__file__).with_suffix(".toml")
PACKAGES: Final = ("genai-prices", "pydantic-ai-slim")
FACTS: Final = (
    "context",
    "output",
    "tools",
    "reasoning",
    "vision",
    "files",
    "audio",
    "structured",
    "search",
    "retires",
)
_KINDS: Final = {"xai": "x-ai"}
_PROFILES: Final[Mapping[str, Any]] = {
    "openai": openai_model_profile,
    "anthropic": anthropic_model_profile,
    "google": google_model_profile,
    "xai": grok_model_profile,
    "mistral": mistral_model_profile,
    "groq": groq_model_profile,
}
_SAID: Final = {
    "openai": {"reasoning": "supports_thinking"},
    "anthropic": {
        "reasoning": "supports_thinking",
        "structured": "supports_json_schema_output",
        "output": "anthropic_max_output_tokens",
    },
    "google": {"reasoning": "supports_thinking"},
    "xai": {
        "tools": "supports_tools",
        "reasoning": "supports_thinking",
        "structured": "supports_json_schema_output",
    },
    "mistral": {"reasoning": "supports_thinking"},
    "groq": {"reasoning": "supports_thinking"},
}
"""What a profile says for certain: where it is silent, or says no, it may only never have been looked at."""
_PROFILE_SOURCE: Final = "https://pydantic.dev/docs/ai/core-concepts/model-profiles"
_CUT: Final = re.compile(r"(?:[-@]|-20\d\d)$")


class Catalogue:
    """What was gathered so far; a source is named once, by its number."""

    def __init__(self, by_hand: Mapping[str, Any]) -> None:
        self.by_hand = by_hand
        self.read_on: date = by_hand["read_on"]
        self.sources: list[list[str]] = []
        self.kinds: dict[str, dict[str, Any]] = {}

    def source(self, address: str) -> int:
        """The number of a source, read on the day that the file of facts names."""
        entry = [address, self.read_on.isoformat()]
        if entry not in self.sources:
            self.sources.append(entry)
        return self.sources.index(entry)

    def gather(self) -> dict[str, Any]:
        """The whole file."""
        by_id = {provider.id: provider for provider in providers}
        for kind in self.by_hand["keep"]:
            self._of_package(kind, by_id[_KINDS.get(kind, kind)])
        for table in self.by_hand["models"]:
            self.kinds[table["kind"]]["models"][table["name"]] = self._facts(table)
        for table in self.by_hand["facts"]:
            self._add(table)
        return {
            "made_of": {package: version(package) for package in PACKAGES},
            "sources": self.sources,
            "kinds": {kind: _sorted(found) for kind, found in sorted(self.kinds.items())},
        }

    def _of_package(self, kind: str, provider: Provider) -> None:
        source = self.source(provider.pricing_urls[0] if provider.pricing_urls else provider.id)
        found: dict[str, Any] = {"models": {}, "names": {}, "silent": []}
        for model in provider.models:
            if _silent(model):
                found["silent"] += [model.id, *names_of(model, provider)]
            elif self._kept(kind, model):
                found["models"][model.id] = self._priced(kind, model, source)
                found["names"] |= dict.fromkeys(names_of(model, provider), model.id)
        self.kinds[kind] = found

    def _kept(self, kind: str, model: ModelInfo) -> bool:
        keep, leave = self.by_hand["keep"][kind], self.by_hand["leave"].get(kind, ())
        # Of the hundreds there, those without a context size are the ones that nobody looks after any more.
        looked_after = kind != "openrouter" or model.context_window is not None
        return looked_after and _any(keep, model.id) and not _any(leave, model.id)

    def _priced(self, kind: str, model: ModelInfo, source: int) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if model.context_window:
            facts["context"] = [model.context_window, source]
        for fact, unit in (("search", "web_searches_kcount"), ("audio", "input_audio_mtok")):
            if any(getattr(price, unit, None) is not None for price in _prices(model)):
                facts[fact] = [True, source]
        tariffs = list(tariffs_of(model, self.read_on))
        if tariffs:
            facts["prices"] = [tariffs, source]
        if kind in _PROFILES:
            profile = _PROFILES[kind](model.id) or {}
            for fact, key in _SAID[kind].items():
                if profile.get(key):
                    facts[fact] = [profile[key], self.source(_PROFILE_SOURCE)]
        return facts

    def _facts(self, table: Mapping[str, Any]) -> dict[str, Any]:
        source = self.source(table["source"])
        return {fact: [_plain(table[fact]), source] for fact in FACTS if fact in table}

    def _add(self, table: Mapping[str, Any]) -> None:
        models = self.kinds[table["kind"]]["models"]
        for pattern in table["names"]:
            named = [name for name in models if fnmatchcase(name, pattern)]
            if not named:
                raise SystemExit(f"{BY_HAND.name}: {table['kind']} has no model {pattern!r}.")
            for name in named:
                models[name] |= self._facts(table)


def names_of(model: ModelInfo, provider: Provider) -> list[str]:
    """Other names by which a model is called: those alone that the package itself takes for this model."""
    found = {name.lower() for name in _names(model.match) if not _CUT.search(name)} - {model.id}
    return sorted(name for name in found if provider.find_model(name) is model)


def tariffs_of(model: ModelInfo, on: date) -> Iterator[dict[str, Any]]:
    """The prices that hold from a day on, the last one that has begun first; then those of certain hours in UTC."""
    if isinstance(model.prices, ModelPrice):
        priced = _tariff(model.prices)
        if priced:
            yield priced
        return
    dated = [one for one in model.prices if not isinstance(one.constraint, TimeOfDateConstraint)]
    begun = [one for one in dated if one.constraint is None or _day(one.constraint) <= on]
    for one in [*begun[-1:], *(one for one in dated if one not in begun)]:
        since = {} if one in begun else {"since": _day(one.constraint).isoformat()}
        priced = _tariff(one.prices)
        if priced:
            yield {**priced, **since}
    for one in model.prices:
        if isinstance(one.constraint, TimeOfDateConstraint):
            hours = [one.constraint.start_time.hour, one.constraint.end_time.hour]
            yield {**_tariff(one.prices), "hours": hours}


def _day(constraint: object) -> date:
    assert isinstance(constraint, StartDateConstraint)
    return constraint.start_date


def _tariff(price: ModelPrice) -> dict[str, Any]:
    """Millionths of a dollar per million tokens: input, output, cached, cache write; empty where it has other units."""
    parts = [getattr(price, f"{name}_mtok", None) for name in ("input", "output", "cache_read", "cache_write")]
    reasoning = getattr(price, "output_reasoning_mtok", None)
    if parts[0] is None or parts[1] is None or reasoning not in (None, parts[1]):
        return {}
    starts = {tier.start for part in parts if isinstance(part, TieredPrices) for tier in part.tiers}
    if len(starts) > 1:
        return {}
    found: dict[str, Any] = {
        "price": [_micros(part.base if isinstance(part, TieredPrices) else part) for part in parts]
    }
    if starts:
        found["long_above"] = starts.pop()
        found["long"] = [_micros(part.tiers[0].price if isinstance(part, TieredPrices) else part) for part in parts]
    return found


def _micros(dollars: Any) -> int | None:
    return None if dollars is None else round(dollars * 1_000_000)


def _prices(model: ModelInfo) -> list[ModelPrice]:
    return [model.prices] if isinstance(model.prices, ModelPrice) else [one.prices for one in model.prices]


def _silent(model: ModelInfo) -> bool:
    """Whether it answers in no words: what is paid are pictures, sounds or pages, or input alone."""
    others = ("output_image_mtok", "output_audio_mtok", "output_video_mtok", "input_document_kpages")
    return any(
        any(getattr(price, unit, None) is not None for unit in others)
        or (any(value is not None for value in vars(price).values()) and getattr(price, "output_mtok", None) is None)
        for price in _prices(model)
    )


def _names(clause: object) -> Iterator[str]:
    if isinstance(clause, ClauseEquals):
        yield clause.equals
    elif isinstance(clause, ClauseStartsWith):
        yield clause.starts_with
    elif isinstance(clause, ClauseOr):
        for one in clause.or_:
            yield from _names(one)
    elif isinstance(clause, ClauseAnd):
        for one in clause.and_:
            yield from _names(one)


def _any(patterns: list[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _sorted(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key: dict(sorted(value.items())) if isinstance(value, dict) else sorted(set(value))
        for key, value in found.items()
    }


def made() -> str:
    """The file as it should be: one model on a line, so that a change is a line."""
    whole = Catalogue(tomllib.loads(BY_HAND.read_text(encoding="utf-8"))).gather()
    text = json.dumps(whole, separators=(",", ":"))
    return (
        re.sub(r'(?<=[{\[,])(?="[^"]+":\{"(?:models|context|output|tools|prices|reasoning|search|audio)")', "\n", text)
        + "\n"
    )


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if FILE.read_text(encoding="utf-8") == made() else "Run scripts/catalogue.py: the facts have changed."
        )
    FILE.write_text(made(), encoding="utf-8")
