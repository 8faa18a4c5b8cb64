"""Limits: how much somebody may use of a model, and which of several limits holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal, get_args

from threadline.domain.errors import RateLimited
from threadline.domain.prices import dollars

Name = Literal["messages", "tokens_day", "tokens_month", "cost_day", "cost_month"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
BUDGETS: Final[tuple[Name, ...]] = NAMES[1:]
COSTS: Final[tuple[Name, ...]] = NAMES[3:]

ALL: Final = "*"
"""In the place of a model: all of them together."""

OFF: Final = -1
"""In the place of a number: no limit, whatever stands behind it."""

KINDS: Final = ("guest", "registered", "service")
DAY: Final = 86_400.0

Limits = Mapping[Name, int]
"""The most of each; one that is not there has no limit. Costs are in millionths of a US dollar."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What an admin wrote down for a ``subject``, which is a kind of user or the id of one, and a model or ``ALL``.
    None: what stands behind it holds; ``OFF``: no limit."""

    subject: str
    model: str
    messages: int | None = None
    tokens_day: int | None = None
    tokens_month: int | None = None
    cost_day: int | None = None
    cost_month: int | None = None

    def limits(self) -> dict[Name, int | None]:
        """Its limits by their names."""
        return {name: getattr(self, name) for name in NAMES}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that is reached: the ``most`` of ``name`` for ``model``. It is free again at ``until`` (Unix seconds);
    None: never."""

    name: Name
    model: str
    most: int
    until: float | None


def resolve(rows: Iterable[Entitlement], user_id: str, kind: str, model: str, usual: Limits) -> Limits:
    """The limits of a user for one model, or for ``ALL``. Field by field the first of these that says something holds:
    the row of the user, the row of his kind, ``usual``. Rows of other subjects and models say nothing."""
    found = {row.subject: row for row in rows if row.model == model}
    order = [found[subject].limits() for subject in (user_id, kind) if subject in found]
    out: dict[Name, int] = {}
    for name in NAMES:
        said = next((row[name] for row in order if row[name] is not None), usual.get(name, OFF))
        if said is not None and said != OFF:
            out[name] = said
    return out


def day_of(now: float) -> int:
    """The day in UTC, in days since 1970."""
    return math.floor(now / DAY)


def first_of_month(day: int) -> int:
    """The first day of the month of a day."""
    return day - (_date(day).day - 1)


def text_of_day(day: int) -> str:
    """As ``2026-11-20``."""
    return _date(day).isoformat()


def period_ends(name: Name, now: float) -> float:
    """When the day or the month of a budget is over, in Unix seconds."""
    day = day_of(now)
    if name.endswith("_day"):
        return (day + 1) * DAY
    # 31 days after its first, it is the next month, whichever it is.
    return first_of_month(first_of_month(day) + 31) * DAY


def over_budget(limits: Limits, used: Limits, model: str, now: float) -> list[Refusal]:
    """The budgets of ``limits`` that ``used`` has reached."""
    return [
        Refusal(name, model, limits[name], period_ends(name, now) if limits[name] else None)
        for name in BUDGETS
        if name in limits and used.get(name, 0) >= limits[name]
    ]


def longest(refusals: Iterable[Refusal]) -> Refusal | None:
    """The one that lasts longest: before it is over, nothing passes."""
    return max(refusals, key=lambda one: math.inf if one.until is None else one.until, default=None)


def error_of(refusal: Refusal, kind: str, now: float) -> RateLimited:
    """The refusal in words that say what the limit is, when it is free again, and what can be done."""
    details = {
        "limit": refusal.name,
        "model": None if refusal.model == ALL else refusal.model,
        "allowed": dollars(refusal.most) if refusal.name in COSTS else refusal.most,
        "resets_at": refusal.until,
    }
    retry_after = None if refusal.until is None else math.ceil(refusal.until - now)
    words = " ".join(part for part in (_what(refusal, kind), _when(refusal, now), _instead(refusal, kind)) if part)
    error = RateLimited(words, surface="chat", details=details, retry_after=retry_after)
    error.retryable = refusal.until is not None
    return error


def _what(refusal: Refusal, kind: str) -> str:
    if refusal.name == "messages":
        who = "Guests" if kind == "guest" else "You"
        to = "" if refusal.model == ALL else f" to {refusal.model}"
        if not refusal.most:
            return f"{who} may not send messages{to} here."
        return f"{who} may send {refusal.most} {'message' if refusal.most == 1 else 'messages'}{to} in 24 hours."
    period = "day" if refusal.name.endswith("_day") else "month"
    most = f"{refusal.most} tokens" if refusal.name not in COSTS else f"{_money(refusal.most)} US dollars"
    of = "" if refusal.model == ALL else f" for {refusal.model}"
    return f"The budget{of} of {most} a {period} is used up."


def _when(refusal: Refusal, now: float) -> str:
    if refusal.until is None:
        return ""
    if refusal.name == "messages":
        return f"The next one is free in {_span(refusal.until - now)}."
    return f"It is there again on {datetime.fromtimestamp(refusal.until, UTC):%Y-%m-%d} (UTC)."


def _instead(refusal: Refusal, kind: str) -> str:
    if refusal.name != "messages":
        return "Add a key of your own in Settings: it has no budget."
    if kind == "guest":
        return "Register to send more."
    return "" if refusal.model == ALL else "Choose another model."


def _money(cost: int) -> str:
    """In dollars, with two digits behind the point, or as many as it has."""
    whole, _, part = f"{dollars(cost):.6f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"


def _span(seconds: float) -> str:
    minutes = max(1, math.ceil(seconds / 60))
    if minutes < 100:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"{math.ceil(minutes / 60)} hours"


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * DAY, UTC).date()
