"""Which addresses this server may call for others: none that is private to the place where it stands; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL: Final = 2048

_NEVER: Final = (
    # What every machine in one provider's cloud is served by, at an address that looks public.
    IPv4Network("168.63.129.16/32"),
    # Relays of a transition that is over.
    IPv4Network("192.88.99.0/24"),
    # For documents alone; Python does not know it everywhere.
    IPv6Network("3fff::/20"),
)
_TLS_PORT: Final = 443
_PLAIN_PORT: Final = 80
_FIRST_FREE_PORT: Final = 1024
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_EVERYWHERE: Final = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_LOCALHOST: Final = IPv4Address("127.0.0.1")
_HOST: Final = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Private:
    """Which private places may be called all the same: networks, and hosts by their names."""

    networks: tuple[_Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, places: Iterable[str]) -> Private:
        """Out of ``on`` (every one), networks such as ``10.0.0.0/8``, addresses, and names of hosts. Raises
        ``ValueError``."""
        networks: list[_Network] = []
        hosts: set[str] = set()
        for place in places:
            if place == "on":
                networks += _EVERYWHERE
                continue
            try:
                networks.append(ip_network(place))
            except ValueError:
                if not _HOST.fullmatch(place):
                    raise ValueError(
                        f"{place!r} is neither a network, nor an address, nor the name of a host"
                    ) from None
                hosts.add(place.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def has(self, address: _Address) -> bool:
        """Whether an address is in one of the networks."""
        return any(address in network for network in self.networks if network.version == address.version)


NOWHERE: Final = Private()
LOOPBACK: Final = Private((IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")))
"""This very machine."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Where a connection may lead that is made to a URL that a user gave: anywhere in public, unless it is ``plain``,
    and to what is ``private`` and allowed. ``named``: the operator named the URL's host."""

    private: Private
    plain: bool
    named: bool

    @classmethod
    def of(cls, url: str, private: Private) -> Guard:
        """The guard of connections to a URL."""
        parts = urlsplit(url)
        return cls(private, parts.scheme == "http", _host(parts) in private.hosts)

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address may be made."""
        found = _parsed(address)
        if found is None:
            return False
        meant = _meant(found)
        if all(map(_public, meant)):
            return not self.plain
        return self.named or all(_public(one) or self.private.has(one) for one in meant)


def fault_of(url: str, *, loopback: bool) -> str | None:
    """Why a webhook's URL is refused, for people, as far as it can be told without asking for a name; None where it is
    good. ``loopback``: this very machine may be called, too, and without TLS."""
    parts = _read(url, "webhook.url")
    if isinstance(parts, str):
        return parts
    host = _host(parts)
    if _is_loopback(host):
        return None if loopback else "webhook.url must not be an address of this machine."
    if parts.scheme == "http":
        return "webhook.url must be an https address."
    return None if may_call(host, loopback=loopback) is not False else "webhook.url must not be a private address."


def fault_of_base(url: str, private: Private) -> str | None:
    """Why a provider's address that a user gave is refused, for people, as far as it can be told without asking for a
    name; None where it is good."""
    parts = _read(url, "base_url")
    if isinstance(parts, str):
        return parts
    if parts.query or parts.fragment:
        return "base_url must end with its path: what is asked for is added to it."
    host, guard = _host(parts), Guard.of(url, private)
    literal = _parsed(host)
    inside = _is_loopback(host) if literal is None else not all(map(_public, _meant(literal)))
    if guard.plain and not inside and not (guard.named or (literal is None and private.networks)):
        return "base_url must be an https address: a key is not sent in clear."
    allowed = guard.named or (private.has(_LOCALHOST) if literal is None else guard.permits(host))
    if inside and not allowed:
        return "base_url must not be a private address, unless whoever runs this server allows it."
    return None


def may_call(address: str, *, loopback: bool) -> bool | None:
    """Whether a connection to an IP address may be made; None for what is none."""
    found = _parsed(address)
    if found is None:
        return None
    return all(_public(one) or (loopback and LOOPBACK.has(one)) for one in _meant(found))


def _read(url: str, what: str) -> SplitResult | str:
    """A URL in its parts, or why it is refused wherever it leads; ``what`` is its name for people."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"{what} must be an address of at most {MAX_URL} printable ASCII characters."
    try:
        parts = urlsplit(url)
        host, port = _host(parts), parts.port
    except ValueError:
        return f"{what} is not a valid address."
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return f"{what} must be an https address."
    if parts.username is not None or parts.password is not None:
        return f"{what} must not carry a user or a password."
    # Below are the ports of mail, of remote shells and the like, where nothing of this kind has anything to say.
    usual = (_TLS_PORT,) if parts.scheme == "https" else (_TLS_PORT, _PLAIN_PORT)
    if port is not None and port < _FIRST_FREE_PORT and port not in usual:
        return f"{what} must have port {_TLS_PORT}, or one from {_FIRST_FREE_PORT} on."
    return parts


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _parsed(address: str) -> _Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return all(one.is_loopback for one in _meant(ip_address(host)))
    except ValueError:
        return False


def _meant(address: _Address) -> list[_Address]:
    """An address, or the ones that a network takes out of it."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _TRANSLATED:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def _public(address: _Address) -> bool:
    return (
        address.is_global
        and not any(address in network for network in _NEVER)
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_link_local
        and not (isinstance(address, IPv6Address) and address.is_site_local)
    )
