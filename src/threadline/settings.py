"""Every setting, read once: the environment over ``threadline.toml`` over the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, Literal

from threadline import settings_tables
from threadline.domain.addresses import NOWHERE, Private
from threadline.domain.catalog import KINDS, ProviderConfig
from threadline.domain.logins import LoginConfig
from threadline.settings_values import (
    SettingsError,
    as_address,
    as_folder,
    as_limit,
    as_networks,
    as_number,
    as_one_of,
    as_origins,
    as_private,
    as_secrets,
    as_switch,
    as_text,
    as_whole,
    nearest,
)

__all__ = ["DEFAULT_FILE", "NAMES", "PREFIX", "PROVIDER_KEYS", "Settings", "SettingsError", "key_wanted", "load"]

PREFIX: Final = "THREADLINE_"
DEFAULT_FILE: Final = "threadline.toml"

PROVIDER_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
}
"""Providers and the environment's usual names for their keys; the first one that is set counts."""


def key_wanted(config: ProviderConfig) -> str:
    """What to do where a provider has no key, for people: the variable's name, where one is read for its address."""
    kind = KINDS.get(config.kind)
    own_address = config.base_url not in (None, kind.base_url if kind else None)
    variables = () if own_address else PROVIDER_KEYS.get(config.kind, ())
    written = 'api_key = "…" in its [[providers]] table'
    return f"Set {' or '.join(variables)}, or {written}." if variables else f"Set {written}."


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is told from outside. Every field but the last five is ``THREADLINE_{NAME}`` in the
    environment and ``{name}`` in the file; times are seconds."""

    data: Path = Path("threadline-data")
    host: str = "127.0.0.1"
    port: int = 8000
    guests: bool = True
    registration: bool = True
    guest_days: int = 30
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    limit_guest: int | None = 20
    limit_registered: int | None = 100
    usage_days: int = 400
    audit_days: int = 365
    origins: tuple[str, ...] = ()
    when_busy: Literal["enqueue", "reject", "interrupt"] = "enqueue"
    lease_seconds: float = 5.0
    recording_seconds: float = 60.0
    replay_seconds: float = 15.0
    long_poll_seconds: float = 30.0
    streams_open: bool = False
    secret: tuple[str, ...] = field(default=(), repr=False)
    private_addresses: Private = NOWHERE
    retention_seconds: float = 3600.0
    stall_seconds: float = 90.0
    drain_seconds: float = 5.0
    context_messages: int = 50
    max_steps: int = 5
    max_runs: int = 256
    ollama_url: str = "http://127.0.0.1:11434"
    github_client_id: str | None = None
    github_client_secret: str | None = field(default=None, repr=False)
    providers: tuple[ProviderConfig, ...] = ()
    logins: tuple[LoginConfig, ...] = ()
    models: Mapping[str, str] = field(default_factory=lambda: {"chat": "demo/demo"})
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    unknown: tuple[str, ...] = ()
    """``THREADLINE_*`` names in the environment that are no setting of this program, for a warning."""

    @property
    def store_path(self) -> Path:
        """Where conversations and runs are kept."""
        return self.data / "threadline.db"

    @property
    def log_path(self) -> Path:
        """Where the events of every answer are kept."""
        return self.data / "log.db"


def load(environ: Mapping[str, str], config: Path | None = None, **given: Any) -> Settings:
    """The settings in force. ``given`` are options of the command line, which win over all; None means not given.

    ``config`` is a TOML file that must exist; without it ``THREADLINE_CONFIG``, and then ``threadline.toml`` in the
    working folder where there is one. Raises :class:`SettingsError`.
    """
    named = config or (Path(environ["THREADLINE_CONFIG"]) if environ.get("THREADLINE_CONFIG") else None)
    table = _read_file(named)
    known = set(_PARSERS)
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in ("providers", "models", "login"):
            continue
        if name not in known:
            raise SettingsError(f"{named or DEFAULT_FILE}: {name!r} is not a setting.{nearest(name, known)}")
        values[name] = _parse(name, value, f"{name} in {named or DEFAULT_FILE}")
    unknown = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == "THREADLINE_CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            values[name] = _parse(name, text, variable)
        else:
            unknown.append(variable)
    for name, value in given.items():
        if value is not None:
            values[name] = _parse(name, value, f"--{name}")
    return Settings(
        **values,
        providers=settings_tables.providers(table.get("providers", [])),
        logins=_logins(table.get("login", []), environ, values),
        models=settings_tables.models(table.get("models", {})),
        keys=_keys(environ),
        unknown=tuple(sorted(unknown)),
    )


def _read_file(named: Path | None) -> dict[str, Any]:
    path = named or Path(DEFAULT_FILE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise SettingsError(f"{path}: there is no such file. Check --config or THREADLINE_CONFIG.") from None
    except OSError as fault:
        raise SettingsError(f"{path}: cannot be read: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not text in UTF-8. Save it as such.") from None
    except tomllib.TOMLDecodeError as fault:
        found = str(fault)
        raise SettingsError(f"{path}: is not TOML: {found[:1].lower()}{found[1:]}.") from None


def _parse(name: str, value: Any, where: str) -> Any:
    try:
        return _PARSERS[name](value)
    except (ValueError, TypeError) as fault:
        raise SettingsError(f"{where}: {fault}") from None


_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "data": as_folder,
    "host": as_text,
    "port": as_whole(0, 65535),
    "guests": as_switch,
    "registration": as_switch,
    "guest_days": as_whole(1, 36500),
    "proxies": as_networks,
    "limit_guest": as_limit,
    "limit_registered": as_limit,
    "usage_days": as_whole(31, 36500),
    "audit_days": as_whole(1, 36500),
    "origins": as_origins,
    "when_busy": as_one_of("enqueue", "reject", "interrupt"),
    "lease_seconds": as_number(0.2, 3600),
    "recording_seconds": as_number(0.2, 86400),
    "replay_seconds": as_number(0, 86400),
    "long_poll_seconds": as_number(0.05, 3600),
    "streams_open": as_switch,
    "secret": as_secrets,
    "private_addresses": as_private,
    "retention_seconds": as_number(0, 10 * 365 * 86400),
    "stall_seconds": as_number(0.1, 86400),
    "drain_seconds": as_number(0.1, 3600),
    "context_messages": as_whole(1, 100_000),
    "max_steps": as_whole(1, 1000),
    "max_runs": as_whole(1, 100_000),
    "ollama_url": as_address,
    "github_client_id": as_text,
    "github_client_secret": as_text,
}
"""How each setting is read, from a text of the environment or a value of the file."""

NAMES: Final = tuple(f.name for f in fields(Settings) if f.name in _PARSERS)
"""The settings that are one value each, in the order of the documentation."""


def _logins(listed: Any, environ: Mapping[str, str], values: Mapping[str, Any]) -> tuple[LoginConfig, ...]:
    tables = settings_tables.logins(listed, environ)
    usual = settings_tables.github(values.get("github_client_id"), values.get("github_client_secret"))
    if usual and any(one.name == usual[0].name for one in tables):
        raise SettingsError(
            "[[login]]: github is set up by THREADLINE_GITHUB_CLIENT_ID already; name this one otherwise."
        )
    return (*usual, *tables)


def _keys(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for provider, names in PROVIDER_KEYS.items():
        key = next((environ[name].strip() for name in names if environ.get(name, "").strip()), None)
        if key:
            found[provider] = key
    return found
