"""Throttles: how often one may try to come in, from one address and into one account."""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from threadline.domain.errors import RateLimited
from threadline.store import throttles
from threadline.store.transaction import Tx

_NETWORK_BITS: Final = 64
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be tried ``most`` times within ``seconds``, and what is told beyond."""

    name: str
    most: int
    seconds: float
    words: str = "Too many tries. Wait for the time that Retry-After names, then try again."


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may try. By account: what nobody can guess in, however many addresses he has. By address: what
    keeps one machine from going through many accounts, and from being many guests of whom each has the limits of one,
    and leaves room for many people behind one."""

    login_account: Limit = Limit("login:account", 10, 15 * _MINUTE)
    login_address: Limit = Limit("login:address", 100, 15 * _MINUTE)
    registration: Limit = Limit("register:address", 50, 60 * _MINUTE)
    guests: Limit = Limit(
        "guest:address", 200, 60 * _MINUTE, "Too many guests came from this network. Sign in, or come again later."
    )


def take(tx: Tx, limit: Limit, whose: str, surface: str = "login") -> None:
    """Count a try. Raises ``RateLimited`` for one too many, which does not count: whoever waits may try again."""
    count, since = throttles.count(tx, _key(limit, whose), limit.seconds)
    if count > limit.most:
        raise RateLimited(
            limit.words,
            surface=surface,
            retry_after=max(1.0, since + limit.seconds - tx.now),
        )


def give_back(tx: Tx, limit: Limit, whose: str) -> None:
    """A try was a good one, and does not count."""
    throttles.give_back(tx, _key(limit, whose))


def reset(tx: Tx, limit: Limit, whose: str) -> None:
    """All tries so far count no more."""
    throttles.reset(tx, _key(limit, whose))


def sweep(tx: Tx, limits: Limits) -> int:
    """Forget what counts no more; returns how many went."""
    longest = max(getattr(limits, one.name).seconds for one in fields(limits))
    return throttles.forget(tx, longest)


def network_of(address: str | None) -> str:
    """What counts as one address: whoever has one of IPv6 has all of its network."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        found = IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS)
    return "unknown" if found is None else str(found)


def is_near(address: str | None) -> bool:
    """Whether somebody comes from this very machine, or through a proxy there that nobody has named."""
    found = _parsed(address)
    return found is None or found.is_loopback


def _parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _key(limit: Limit, whose: str) -> str:
    # An e-mail address that nobody has here is somebody's all the same.
    return f"{limit.name}:{sha256(whose.encode('utf-8', 'surrogatepass')).hexdigest()}"
