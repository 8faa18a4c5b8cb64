"""Reads the table of models that comes with the package, once and when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from threadline.domain.facts import NOTHING, Capabilities, Known, Table, Tariff, owned, tabled
from threadline.domain.prices import Price

_CAPABILITIES: Final = tuple(one.name for one in fields(Capabilities))


@cache
def table(kind: str) -> Table:
    """What is known of the models of a kind of provider; nothing of a kind that the package has no table of."""
    found = _file()["kinds"].get(kind)
    if found is None:
        return NOTHING
    sources = _file()["sources"]
    return tabled(
        (_known(name, facts, sources) for name, facts in found["models"].items()), found["names"], found["silent"]
    )


@lru_cache(maxsize=4096)
def find(kind: str, name: str) -> Known | None:
    """A model of a kind of provider at its usual address. Of a router's model, what its maker says of it holds too,
    but for its price and its end."""
    found = table(kind).find(name)
    maker = owned(name) if kind == "openrouter" else None
    made = table(maker[0]).find(maker[1]) if maker else None
    if made is None:
        return found
    made = replace(made, name=name, tariffs=(), retires=None)
    return made if found is None else found.over(made)


@cache
def _file() -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(Path(__file__).with_name("facts.json").read_bytes())
    return read


def _known(name: str, facts: Mapping[str, Any], sources: Sequence[Sequence[str]]) -> Known:
    """Each fact is its value and the number of its source."""
    value = {fact: said[0] for fact, said in facts.items()}
    told = facts.get("prices") or facts.get("context")
    return Known(
        name,
        Capabilities(**{one: value.get(one) for one in _CAPABILITIES}),
        value.get("context"),
        value.get("output"),
        tuple(_tariff(one) for one in value.get("prices", ())),
        value.get("retires"),
        ", ".join(sources[told[1]]) if told else None,
    )


def _tariff(row: Mapping[str, Any]) -> Tariff:
    price = Price(*row["price"])
    if "long" in row:
        price = replace(price, long_above=row["long_above"], long=Price(*row["long"]))
    return Tariff(price, row.get("since"), tuple(row["hours"]) if "hours" in row else None)
