"""Settings: where they come from, which wins, and what is said of one that cannot be used."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from threadline.domain.addresses import NOWHERE, Private
from threadline.domain.catalog import ProviderConfig
from threadline.domain.prices import Price
from threadline.settings import PROVIDER_KEYS, Settings, SettingsError, key_wanted, load


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "threadline.toml"
    path.write_text(text)
    return path


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    config = file(tmp_path, 'port = 1\nhost = "10.0.0.1"\nlease_seconds = 2\n')
    found = load({"THREADLINE_PORT": "2", "THREADLINE_HOST": "10.0.0.2"}, config, port=3)
    assert (found.port, found.host, found.lease_seconds) == (3, "10.0.0.2", 2.0)


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    config = file(tmp_path, "port = 7\n")
    assert load({"THREADLINE_CONFIG": str(config)}).port == 7


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({}) == Settings()


def test_a_file_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(tmp_path, "max_steps = 9\n")
    monkeypatch.chdir(tmp_path)
    assert load({}).max_steps == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("PORT", "80.5"),
        ("GUESTS", "perhaps"),
        ("WHEN_BUSY", "panic"),
        ("LEASE_SECONDS", "0"),
        ("LEASE_SECONDS", "nan"),
        ("PRIVATE_ADDRESSES", "10.0.0.1/8"),
        ("PRIVATE_ADDRESSES", "https://example.org"),
        ("ORIGINS", "chat.example.org"),
        ("ORIGINS", "https://chat.example.org/x"),
        ("ORIGINS", "https://user@chat.example.org"),
        ("ORIGINS", "https://"),
        ("ORIGINS", "https://*.example.org"),
        ("OLLAMA_URL", "localhost"),
        ("HOST", " "),
        ("DATA", ""),
        ("MAX_RUNS", "-1"),
        ("LIMIT_GUEST", "-1"),
        ("LIMIT_GUEST", "many"),
        ("LIMIT_REGISTERED", "1.5"),
        ("USAGE_DAYS", "30"),
        ("AUDIT_DAYS", "0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"THREADLINE_{name}: .*must"):
        load({f"THREADLINE_{name}": value})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 80", "'prot' is not a setting. Did you mean 'port'?"),
        ("port = true", "port in .*must be a whole number|must be a number"),
        ("port =", r"threadline.toml: is not TOML: invalid value \(at "),
        ("[models]\nchat = 'gpt'", r"\[models\] chat: must be \"provider/model\""),
        ("[models]\nvoice = 'a/b'", "'voice' is not a slot"),
        ("[[providers]]\nname = 'x'", "needs kind"),
        ("[[providers]]\nname = 'demo'\nkind = 'openai'", "built-in demo"),
        ("[[providers]]\nname = 'a/b'\nkind = 'openai'", "slash"),
        ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_ur = 'x'", "Did you mean 'base_url'"),
        ("[[providers]]\nname = 'a'\nkind = 'openai'\nbase_url = 'x'", "base_url must begin with http"),
        ("[[providers]]\nname = 'a'\nkind = 'b'\nmodels = 'c'", "models must be a list"),
        ("[[providers]]\nname = 'a'\nkind = 'b'\n[[providers]]\nname = 'a'\nkind = 'b'", "there twice"),
        ("[providers]\nname = 'a'", "write each provider as"),
        ("[[providers]]\nname = 'a'\nkind = 'b'\nprices = {m = 1}", "prices of 'm' must be a table with input and"),
        ("[[providers]]\nname = 'a'\nkind = 'b'\nprices = {m = {input = 1}}", "must be a table with input and output"),
        ("[[providers]]\nname = 'a'\nkind = 'b'\nprices = {m = {input = -1, output = 1}}", "from 0"),
        (
            "[[providers]]\nname = 'a'\nkind = 'b'\nprices = {m = {input = 1, output = 1, long_above = 9}}",
            "long and long_above, or neither",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong_in_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load({}, file(tmp_path, text))


def test_prices_of_ones_own_are_in_dollars(tmp_path: Path) -> None:
    text = """
[[providers]]
name = "a"
kind = "b"
tools = true
prices = { "m:8b" = { input = 0.15, output = 0.6, cached = 0, long_above = 9, long = { input = 1, output = 2.5 } } }
"""
    (provider,) = load({}, file(tmp_path, text)).providers
    assert provider.tools is True
    assert provider.prices == {
        "m:8b": Price(150_000, 600_000, 0, long_above=9, long=Price(1_000_000, 2_500_000)),
    }


def test_every_slot_may_be_set_also_those_that_are_not_used_yet(tmp_path: Path) -> None:
    slots = ("chat", "title", "reasoning", "artifact", "image")
    text = "[models]\n" + "".join(f"{slot} = 'a/{slot}'\n" for slot in slots)
    assert load({}, file(tmp_path, text)).models == {slot: f"a/{slot}" for slot in slots}


def test_a_file_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "threadline.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not text in UTF-8"):
        load({}, path)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such file.*--config"):
        load({}, tmp_path / "none.toml")


def test_what_is_no_setting_is_noted_and_does_no_harm() -> None:
    assert load({"THREADLINE_COLOUR": "red"}).unknown == ("THREADLINE_COLOUR",)


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    config = file(tmp_path, "[[providers]]\nname='a'\nkind='b'\napi_key='hush-1'\nheaders={x='hush-2'}\n")
    found = load({"OPENAI_API_KEY": "hush-3", "THREADLINE_PORT": "1"}, config)
    assert found.keys == {"openai": "hush-3"}
    assert found.providers[0].api_key == "hush-1"
    assert "hush" not in repr(found)


@pytest.mark.parametrize("provider", PROVIDER_KEYS)
def test_keys_are_found_under_their_usual_names(provider: str) -> None:
    for variable in PROVIDER_KEYS[provider]:
        assert load({variable: " k "}).keys == {provider: "k"}
        assert load({variable: " "}).keys == {}


def test_private_addresses_are_networks_and_hosts_or_all_of_them() -> None:
    chosen = load({"THREADLINE_PRIVATE_ADDRESSES": "10.0.0.0/8, Models.example.org."}).private_addresses
    assert chosen == Private.of(["10.0.0.0/8", "models.example.org"])
    assert load({"THREADLINE_PRIVATE_ADDRESSES": "on"}).private_addresses == Private.of(["on"])
    for nothing in ({}, {"THREADLINE_PRIVATE_ADDRESSES": "off"}, {"THREADLINE_PRIVATE_ADDRESSES": ""}):
        assert load(nothing).private_addresses == NOWHERE


def test_who_needs_a_key_is_told_the_variable_that_is_read_for_its_address() -> None:
    usual, own = ProviderConfig("o", "openai"), ProviderConfig("o", "openai", base_url="http://127.0.0.1:1/v1")
    assert key_wanted(usual) == 'Set OPENAI_API_KEY, or api_key = "…" in its [[providers]] table.'
    assert key_wanted(own) == 'Set api_key = "…" in its [[providers]] table.'


def test_a_limit_is_a_number_or_off(tmp_path: Path) -> None:
    assert load({"THREADLINE_LIMIT_GUEST": "off"}, file(tmp_path, "limit_registered = 0")).limit_guest is None
    assert load({}, file(tmp_path, "limit_guest = false\nlimit_registered = 0")).limit_registered == 0
    assert load({}, file(tmp_path, 'limit_guest = "off"')).limit_guest is None


def test_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    expected = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1"))
    assert load({"THREADLINE_PROXIES": "10.0.0.0/8, 2001:db8::1,"}).proxies == expected
    assert load({}, file(tmp_path, 'proxies = ["10.0.0.0/8", "2001:db8::1"]')).proxies == expected
    assert load({}).proxies == ()
    for wrong in ("nginx", "10.0.0.1/8", "10.0.0.0/33"):
        with pytest.raises(SettingsError, match="THREADLINE_PROXIES: must be addresses or networks"):
            load({"THREADLINE_PROXIES": wrong})


def test_origins_are_a_list_in_either_form(tmp_path: Path) -> None:
    expected = ("https://a.example", "http://b.example:3000")
    assert load({"THREADLINE_ORIGINS": "https://A.example:443/, http://b.example:3000,"}).origins == expected
    assert load({}, file(tmp_path, 'origins = ["https://a.example", "http://b.example:3000"]')).origins == expected
