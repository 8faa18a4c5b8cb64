"""Examines this machine: what would keep a server from starting or from being of use, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from threadline.app import lock
from threadline.app.failures import CannotStart
from threadline.domain.catalog import KINDS, ProviderConfig, configs_for_keys
from threadline.server import AddressTaken, bind
from threadline.settings import ProviderSettings, Settings

_PYTHON: Final = (3, 11)
_SQLITE: Final = (3, 35, 0)
_ROOM: Final = 512 * 1024 * 1024
_STATIC: Final = Path(__file__).resolve().parent.parent / "static" / "index.html"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``remedy`` is empty where nothing is wrong; ``fatal``: a server would not start."""

    text: str
    remedy: str = ""
    fatal: bool = False

    @property
    def mark(self) -> str:
        """How it shows at the beginning of its line."""
        if self.fatal:
            return "✗"
        return "!" if self.remedy else "✓"


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; changes nothing but, at most, makes the data folder."""
    return [
        _python(),
        _sqlite(),
        *_folder(settings.data),
        _port(settings),
        _page(),
        *_providers(settings),
        *_slots(settings),
        *_settings(settings),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _PYTHON:
        return Finding(f"Python {version} is too old.", "Install Python 3.11 or newer, and run make setup.", fatal=True)
    return Finding(f"Python {version}.")


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info < _SQLITE:
        remedy = "Use a Python that is built with SQLite 3.35 or newer."
        return Finding(f"SQLite {sqlite3.sqlite_version} is too old.", remedy, fatal=True)
    return Finding(f"SQLite {sqlite3.sqlite_version}.")


def _folder(folder: Path) -> Iterator[Finding]:
    try:
        lock.prepare(folder)
    except CannotStart as fault:
        yield Finding(f"Data folder {folder}.", str(fault), fatal=True)
        return
    yield Finding(f"Data folder {folder.resolve()} can be written to.")
    room = shutil.disk_usage(folder).free
    text = f"{room / 2**30:.1f} GB of disk are free there."
    yield Finding(text, "" if room >= _ROOM else "Free at least 512 MB: without room nothing can be kept.")
    try:
        with lock.locked(folder):
            yield Finding("No other server uses the data folder.")
    except CannotStart as fault:
        yield Finding("The data folder is in use.", str(fault), fatal=True)


def _port(settings: Settings) -> Finding:
    try:
        for bound in bind(settings.host, settings.port):
            bound.close()
    except AddressTaken as fault:
        return Finding(f"Port {settings.port} on {settings.host} is not free.", str(fault), fatal=True)
    return Finding(f"Port {settings.port} on {settings.host} is free.")


def _page() -> Finding:
    if _STATIC.is_file():
        return Finding("The page is built.")
    return Finding("The page is not built.", "Run make setup in the project's folder; the API works without it.")


def _providers(settings: Settings) -> Iterator[Finding]:
    configs = configs_for_keys(settings.keys, tuple(map(_config, settings.providers)))
    if not configs:
        remedy = "Set OPENAI_API_KEY or another provider's key, add [[providers]] to threadline.toml, or start Ollama."
        yield Finding("No provider is set up; only the demo answers.", remedy)
    for config in configs:
        kind = KINDS.get(config.kind)
        if kind is None:
            remedy = f"Use one of these kinds: {', '.join(sorted(KINDS))}."
            yield Finding(f"Provider {config.name} is of the unknown kind {config.kind}.", remedy, fatal=True)
        elif kind.needs_key and not config.api_key:
            yield Finding(f"Provider {config.name} has no key.", "Set its api_key, or the environment's usual name.")
        elif config.address is None and config.kind != "demo":
            yield Finding(f"Provider {config.name} has no address.", 'Set base_url = "https://…".', fatal=True)
        else:
            yield Finding(f"Provider {config.name} is set up; whether it answers was not tried.")


def _slots(settings: Settings) -> Iterator[Finding]:
    named = {"demo", "ollama"} | {
        config.name for config in configs_for_keys(settings.keys, tuple(map(_config, settings.providers)))
    }
    for slot, model in settings.models.items():
        if model.partition("/")[0] not in named:
            remedy = f"Set the provider up, or choose another model for {slot} under [models]."
            text = f"The model for {slot}, {model}, is of a provider that is not set up."
            yield Finding(text, remedy, fatal=slot == "chat")


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in settings.unknown:
        yield Finding(f"{name} is not a setting of this version.", "Remove it, or correct its name.")
    if settings.host not in ("127.0.0.1", "::1", "localhost") and settings.guests:
        remedy = "If not everybody there may use your keys, set THREADLINE_GUESTS=off or put a proxy before it."
        yield Finding(f"Everybody who reaches {settings.host} can chat as a guest.", remedy)
    if os.name == "posix" and os.geteuid() == 0:
        yield Finding("You are root.", "Run the server as a user of its own.")


def _config(provider: ProviderSettings) -> ProviderConfig:
    return ProviderConfig(provider.name, provider.kind, provider.base_url, provider.api_key, provider.models)
