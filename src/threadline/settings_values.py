"""How one value of a setting is read, from a text of the environment or a value of the file."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from threadline.domain.addresses import Private
from threadline.domain.prices import MILLION, Price

_SHORTEST_SECRET: Final = 16


class SettingsError(ValueError):
    """A setting cannot be used. The message names it, and says what to do."""


def nearest(name: str, known: set[str]) -> str:
    """What was probably meant by a name that is none of ``known``, as a sentence that goes on from another; or
    nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def as_number(low: float, high: float) -> Callable[[Any], float]:
    """A number from ``low`` to ``high``."""

    def parse(value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (ValueError, TypeError):
            number = math.nan
        if not low <= number <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}, not {value!r}.")
        return number

    return parse


def as_whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number from ``low`` to ``high``."""
    number = as_number(low, high)

    def parse(value: Any) -> int:
        found = number(value)
        if found != int(found):
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}.")
        return int(found)

    return parse


def as_limit(value: Any) -> int | None:
    """A whole number, or ``off``: no limit, None."""
    if value is False or str(value).strip().lower() == "off":
        return None
    try:
        return as_whole(0, 1_000_000_000)(value)
    except ValueError:
        raise ValueError(f"must be a whole number, or off for no limit, not {value!r}.") from None


def as_switch(value: Any) -> bool:
    """On or off, in one of the words for it."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("on", "1", "true", "yes"):
        return True
    if text in ("off", "0", "false", "no"):
        return False
    raise ValueError(f"must be on or off, not {value!r}.")


def as_one_of(*choices: str) -> Callable[[Any], str]:
    """One of a few words."""

    def parse(value: Any) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}.")
        return text

    return parse


def as_text(value: Any) -> str:
    """A text that is not empty, without the blanks around it."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty.")
    return value.strip()


def as_address(value: Any) -> str:
    """An ``http`` or ``https`` address, without the slash at its end."""
    text = as_text(value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"must begin with http:// or https://, not {value!r}.")
    return text


def as_secure_address(value: Any) -> str:
    """An ``https`` address as it is written; ``http`` is for this machine alone."""
    found = as_text(value)
    try:
        parts = urlsplit(found)
        place = parts.hostname or ""
    except ValueError:
        raise ValueError("must be an address such as https://accounts.example.org.") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and place in ("localhost", "127.0.0.1", "::1"))
    if not safe or not place or parts.query or parts.fragment:
        raise ValueError(f"must begin with https:// (http:// only for this machine), with no query, not {value!r}.")
    return found


def as_path_name(value: Any) -> str:
    """A name that stands in an address of this server."""
    found = as_text(value)
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", found, re.ASCII) is None:
        raise ValueError(f"must be of up to 40 small letters, digits, - and _, not {value!r}.")
    return found


def as_networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks: a list, or a text with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be a list of addresses or networks such as 10.0.0.0/8.")
    try:
        return tuple(ip_network(one.strip()) for one in listed if one.strip())
    except ValueError as fault:
        raise ValueError(f"must be addresses or networks such as 10.0.0.0/8: {fault}.") from None


def as_origins(value: Any) -> tuple[str, ...]:
    """Origins as browsers write them: a list, or a text with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError("must be a list of origins such as https://chat.example.org.")
    return tuple(_origin(one) for one in listed if not (isinstance(one, str) and not one.strip()))


def _origin(value: Any) -> str:
    """As browsers write it: in small letters, and without the usual port."""
    text = as_address(value).lower()
    scheme, _, place = text.partition("://")
    if not place or any(mark in place for mark in "/?#@*\\ "):
        raise ValueError(
            f"must be origins such as https://chat.example.org, with nothing after the host, not {value!r}."
        )
    return text.removesuffix(":443" if scheme == "https" else ":80")


def as_secrets(value: Any) -> tuple[str, ...]:
    """Secrets of a length that nobody guesses: a list, or a text with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be a secret, or several with commas between them.")
    found = tuple(one.strip() for one in listed if one.strip())
    if not found or any(len(one) < _SHORTEST_SECRET for one in found):
        raise ValueError(f"each secret must have at least {_SHORTEST_SECRET} characters.")
    return found


def as_private(value: Any) -> Private:
    """Private places: ``on``, or networks and hosts as a list, or a text with commas between them; ``off``: none."""
    if value is True or value is False:
        value = "on" if value else ""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be on, or networks and hosts such as 10.0.0.0/8, models.example.org.")
    places = [one.strip() for one in listed if one.strip() not in ("", "off")]
    try:
        return Private.of(places)
    except ValueError as fault:
        raise ValueError(f"must be on, or networks and hosts: {fault}.") from None


def as_folder(value: Any) -> Path:
    """A folder; ``~`` is the home of who starts the server."""
    return Path(as_text(str(value))).expanduser()


def as_names(value: Any) -> tuple[str, ...]:
    """A list of names."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError('must be a list such as ["a-model"].')
    return tuple(value)


def as_table(value: Any) -> dict[str, Any]:
    """A table of anything."""
    if not isinstance(value, dict):
        raise ValueError("must be a table.")
    return value


def as_texts(value: Any) -> dict[str, str]:
    """A table of texts."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("must be a table of texts.")
    return value


def as_prices(value: Any) -> dict[str, Price]:
    """Prices by a model's name, in US dollars for a million tokens."""
    return {name: _price(name, entry) for name, entry in as_table(value).items()}


def _price(name: str, entry: Any, *, of_long_calls: bool = False) -> Price:
    more = ("cached", "cache_write") if of_long_calls else ("cached", "cache_write", "long_above", "long")
    if not isinstance(entry, dict) or not {"input", "output"} <= set(entry) <= {"input", "output", *more}:
        raise ValueError(f"of {name!r} must be a table with input and output, and perhaps {', '.join(more)}.")
    if ("long" in entry) != ("long_above" in entry):
        raise ValueError(f"of {name!r} must have long and long_above, or neither.")
    read = as_number(0, 1_000_000)
    told = {one: round(read(value) * MILLION) for one, value in entry.items() if not one.startswith("long")}
    price = Price(told["input"], told["output"], told.get("cached"), told.get("cache_write"))
    if "long" not in entry:
        return price
    above = as_whole(1, 1_000_000_000)(entry["long_above"])
    return replace(price, long_above=above, long=_price(name, entry["long"], of_long_calls=True))
