"""Which addresses a webhook may have, and which the providers that users bring keys for."""

from __future__ import annotations

import pytest

from threadline.domain.addresses import NOWHERE, Guard, Private, fault_of, fault_of_base, may_call

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


@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK])
def test_what_a_user_names_leads_to_no_private_place_unless_the_operator_allowed_it(address: str) -> None:
    named, everywhere = Private.of(["models.example.org"]), Private.of(["on"])
    for scheme in ("http", "https"):
        base = url(address, scheme)
        assert fault_of_base(base, NOWHERE)
        assert fault_of_base(base, Private.of(["203.0.113.0/24"]))
        assert fault_of_base(base, everywhere) is None
        assert not Guard.of(base, NOWHERE).permits(address)
        assert Guard.of(base, everywhere).permits(address)
        by_name = f"{scheme}://models.example.org:8443/v1"
        assert Guard.of(by_name, named).permits(address)
        assert not Guard.of(by_name.replace("models", "others"), named).permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_place_is_called_with_a_key_over_tls_alone(address: str) -> None:
    for private in (NOWHERE, Private.of(["on", "models.example.org"])):
        assert fault_of_base(url(address), private) is None
        assert Guard.of(url(address), private).permits(address)
        assert not Guard.of(url(address, "http"), private).permits(address)
    assert fault_of_base(url(address, "http"), NOWHERE)


def test_an_address_that_stands_for_an_allowed_one_is_allowed() -> None:
    private = Private.of(["10.0.0.0/8", "192.168.1.7", "fc00::/7", "localhost"])
    for address, allowed in (
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("192.168.1.7", True),
        ("192.168.1.8", False),
        ("fc00::1", True),
        ("fe80::1", False),
        ("nonsense", False),
    ):
        assert Guard.of("http://somewhere.example.org/v1", private).permits(address) is allowed
    assert fault_of_base("http://localhost:11434/v1", private) is None
    assert fault_of_base("http://localhost:11434/v1", Private.of(["127.0.0.0/8"])) is None
    assert fault_of_base("http://localhost:11434/v1", NOWHERE)


@pytest.mark.parametrize("end", ["?x=1", "#part", "/v1?key=abc"])
def test_a_base_url_ends_with_its_path(end: str) -> None:
    assert "end with its path" in (fault_of_base(f"https://example.org{end}", NOWHERE) or "")


@pytest.mark.parametrize("place", ["", "10.0.0.1/8", "a b", "http://example.org", "example.org/v1", "*", "-" * 64])
def test_a_place_that_is_none_is_told(place: str) -> None:
    with pytest.raises(ValueError, match="neither a network"):
        Private.of([place])
