"""Throttles: how often one may try to come in, from one address and into one account."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from threadline.domain.errors import RateLimited
from threadline.store import throttles
from threadline.store.transaction import Tx

_NETWORK_BITS: Final = 64
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be tried ``most`` times within ``seconds``."""

    name: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one may try. By account: what nobody can guess in, however many addresses he has. By address: what
    keeps one machine from going through many accounts, and leaves room for many people behind one."""

    login_account: Limit = Limit("login:account", 10, 15 * _MINUTE)
    login_address: Limit = Limit("login:address", 100, 15 * _MINUTE)
    registration: Limit = Limit("register:address", 50, 60 * _MINUTE)


def take(tx: Tx, limit: Limit, whose: str, surface: str = "login") -> None:
    """Count a try. Raises ``RateLimited`` for one too many, which does not count: whoever waits may try again."""
    count, since = throttles.count(tx, _key(limit, whose), limit.seconds)
    if count > limit.most:
        raise RateLimited(
            "Too many tries. Wait for the time that Retry-After names, then try again.",
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
    longest = max(limit.seconds for limit in (limits.login_account, limits.login_address, limits.registration))
    return throttles.forget(tx, longest)


def network_of(address: str | None) -> str:
    """What counts as one address: whoever has one of IPv6 has all of its network."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS)
    return str(found)


def _key(limit: Limit, whose: str) -> str:
    # An e-mail address that nobody has here is somebody's all the same.
    return f"{limit.name}:{sha256(whose.encode('utf-8', 'surrogatepass')).hexdigest()}"
