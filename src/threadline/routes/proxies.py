"""From where a request really comes: what proxies say of it counts, but only those that the operator has named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from threadline.routes.exchange import Scope, header
from threadline.services.accounts import Visit

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]


def reveal(scope: Scope, networks: Networks) -> None:
    """Put the client's own address and scheme into a request's scope, where it came through proxies in ``networks``.

    Each proxy adds at the end what it saw: the client is the last one that is none of ours. What stands before that,
    the client may have written itself. Whether TLS was spoken is also believed of this very machine: at the worst a
    cookie goes over TLS alone.
    """
    peer = _address(scope["client"][0]) if scope.get("client") else None
    if peer is None:
        return
    is_ours = _within(peer, networks)
    if not is_ours and not peer.is_loopback:
        return
    scheme = _scheme(scope)
    if scheme is not None:
        is_socket = scope["type"] == "websocket"
        scope["scheme"] = scheme.replace("http", "ws") if is_socket else scheme
    if is_ours:
        scope["client"] = (str(_client(scope, peer, networks)), 0)


def visit_of(scope: Scope) -> Visit:
    """From where a request comes, for what remembers it."""
    client = scope.get("client")
    return Visit(client[0] if client else None, header(scope, b"user-agent"))


def _client(scope: Scope, peer: Address, networks: Networks) -> Address:
    told = [_last(peer, hops, networks) for hops in (_forwarded_for(scope), _forwarded(scope, "for")) if hops]
    # A proxy writes one of the two headers and may hand the other on, as the client has sent it: where they say
    # different things, neither is known to be the proxy's.
    return told[0] if told and told[0] == told[-1] else peer


def _last(peer: Address, hops: list[str], networks: Networks) -> Address:
    found = peer
    for hop in reversed(hops):
        address = _address(hop)
        if address is None or not _within(found, networks):
            break
        found = address
    return found


def _scheme(scope: Scope) -> str | None:
    told = header(scope, b"x-forwarded-proto") or next(iter(_forwarded(scope, "proto")), "")
    first = told.partition(",")[0].strip().lower()
    return first if first in ("http", "https") else None


def _forwarded_for(scope: Scope) -> list[str]:
    return [hop.strip() for line in _lines(scope, b"x-forwarded-for") for hop in line.split(",")]


def _forwarded(scope: Scope, name: str) -> list[str]:
    found = []
    for line in _lines(scope, b"forwarded"):
        for element in line.split(","):
            for pair in element.split(";"):
                key, _, value = pair.partition("=")
                if key.strip().lower() == name:
                    found.append(value.strip().strip('"'))
    return found


def _lines(scope: Scope, name: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _address(text: str) -> Address | None:
    """An address, with or without a port: ``192.0.2.1:4711``, ``[2001:db8::1]:4711``, ``2001:db8::1``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _within(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
