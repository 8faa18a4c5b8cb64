"""Which addresses this server may call for others: none that is private to the place where it stands; pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

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
_Address = IPv4Address | IPv6Address


def fault_of(url: str, *, loopback: bool) -> str | None:
    """Why a webhook's URL is refused, for people, as far as it can be told without asking for a name; None where it is
    good. ``loopback``: this very machine may be called, too, and without TLS."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"webhook.url must be an address of at most {MAX_URL} printable ASCII characters."
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "webhook.url is not a valid address."
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "webhook.url must be an https address."
    if parts.username is not None or parts.password is not None:
        return "webhook.url must not carry a user or a password."
    if _is_loopback(host) and not loopback:
        return "webhook.url must not be an address of this machine."
    # Below are the ports of mail, of remote shells and the like, where a webhook has nothing to say.
    usual = (_TLS_PORT, _PLAIN_PORT) if _is_loopback(host) else (_TLS_PORT,)
    if port is not None and port < _FIRST_FREE_PORT and port not in usual:
        return f"webhook.url must have port {_TLS_PORT}, or one from {_FIRST_FREE_PORT} on."
    if _is_loopback(host):
        return None
    if parts.scheme == "http":
        return "webhook.url must be an https address."
    return None if may_call(host, loopback=loopback) is not False else "webhook.url must not be a private address."


def may_call(address: str, *, loopback: bool) -> bool | None:
    """Whether a connection to an IP address may be made; None for what is none."""
    try:
        found: _Address = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return all(_public(one) or (loopback and one.is_loopback) for one in _meant(found))


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
