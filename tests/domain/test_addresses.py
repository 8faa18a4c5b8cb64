"""Which addresses a webhook may have."""

from __future__ import annotations

import pytest

from threadline.domain.addresses import fault_of, may_call

PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "192.88.99.1",
    "3fff::1",
]
LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]


def url(address: str, scheme: str = "https") -> str:
    host = f"[{address.replace('%', '%25')}]" if ":" in address else address
    return f"{scheme}://{host}:8443/hook"


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("loopback", [False, True])
def test_a_private_address_is_never_called(address: str, loopback: bool) -> None:
    assert may_call(address, loopback=loopback) is False
    assert fault_of(url(address), loopback=loopback)
    assert fault_of(url(address, "http"), loopback=loopback)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_called_only_where_that_is_open(address: str) -> None:
    assert may_call(address, loopback=False) is False
    assert may_call(address, loopback=True) is True
    for scheme in ("http", "https"):
        assert fault_of(url(address, scheme), loopback=False)
        assert fault_of(url(address, scheme), loopback=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called_over_tls(address: str) -> None:
    assert may_call(address, loopback=False) is True
    assert fault_of(url(address), loopback=False) is None
    assert fault_of(url(address, "http"), loopback=True)


def test_ports_below_1024_are_those_of_the_web_alone() -> None:
    for port in (443, 1024, 65535):
        assert fault_of(f"https://example.org:{port}/", loopback=False) is None
    for scheme, port in (("http", 80), ("https", 443), ("http", 1024)):
        assert fault_of(f"{scheme}://127.0.0.1:{port}/", loopback=True) is None
    assert fault_of("http://127.0.0.1:22/", loopback=True)


def test_a_name_is_no_address_and_is_looked_at_when_it_is_called() -> None:
    assert may_call("example.org", loopback=False) is None
    assert fault_of("https://example.org/hook?x=1", loopback=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "https://",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://example.org/",
        "https://user@example.org/",
        "https://user:word@example.org/",
        "https://example.org:0/",
        "https://example.org:22/",
        "https://example.org:80/",
        "https://example.org:1023/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://example.org/\r\nx: y",
        "https://example.org/a b",
        "https://ex\u00e4mple.org/",
        "https://localhost/",
        "https://a.localhost./",
        "https://example.org/" + "a" * 3000,
    ],
)
def test_what_is_no_address_of_a_webhook_is_told(text: str) -> None:
    assert fault_of(text, loopback=False)
