"""Examines this machine: what would keep a server from starting or from being of use, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from threadline.app import lock
from threadline.app.failures import CannotStart
from threadline.app.probe import place, status_of
from threadline.domain.catalog import KINDS, ProviderConfig, configs_for_keys, kinds
from threadline.providers.remote import auth_headers
from threadline.server import AddressTaken, bind
from threadline.settings import Settings, key_wanted

_PYTHON: Final = (3, 11)
_SQLITE: Final = (3, 35, 0)
_ROOM: Final = 512 * 1024 * 1024
_HERE: Final = ("127.0.0.1", "::1", "localhost")
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
        *_place(settings),
        _page(),
        *_providers(settings),
        *_slots(settings),
        *_logins(settings),
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


def _place(settings: Settings) -> Iterator[Finding]:
    """The lock and the port; where one healthy server holds both, that is how it should be."""
    lock_fault, port_fault = _lock_fault(settings.data), _port_fault(settings)
    address = _healthy_server(settings.data) if lock_fault else None
    if address:
        yield Finding(f"A server uses this data folder, and answers on {address}.")
    elif lock_fault:
        yield Finding("The data folder is in use.", lock_fault, fatal=True)
    elif settings.data.is_dir():
        yield Finding("No other server uses the data folder.")
    if address and urlsplit(address).port == settings.port:
        return
    where = f"Port {settings.port} on {settings.host}"
    if port_fault:
        yield Finding(f"{where} is not free.", port_fault, fatal=True)
    else:
        yield Finding(f"{where} is free.")


def _healthy_server(folder: Path) -> str | None:
    """The address of the server that holds the lock, where it answers."""
    address = lock.address_of_holder(folder)
    return address if address and status_of(f"{address}/readyz") == HTTPStatus.OK else None


def _lock_fault(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    try:
        with lock.locked(folder):
            return ""
    except CannotStart as fault:
        return str(fault)


def _port_fault(settings: Settings) -> str:
    try:
        for bound in bind(settings.host, settings.port):
            bound.close()
    except AddressTaken as fault:
        return str(fault)
    return ""


def _page() -> Finding:
    if _STATIC.is_file():
        return Finding("The page is built.")
    return Finding("The page is not built.", "Run make setup in the project's folder; the API works without it.")


def _providers(settings: Settings) -> Iterator[Finding]:
    configs = [config for config in configs_for_keys(settings.keys, settings.providers) if config.kind != "demo"]
    if not configs:
        yield _ollama(settings)
    for config in configs:
        kind = KINDS.get(config.kind)
        if kind is None:
            remedy = f"Use one of these kinds: {', '.join(kinds())}."
            yield Finding(f"Provider {config.name} is of the unknown kind {config.kind}.", remedy, fatal=True)
        elif kind.needs_key and not config.api_key:
            yield Finding(f"Provider {config.name} has no key.", key_wanted(config))
        elif config.address is None:
            yield Finding(f"Provider {config.name} has no address.", 'Set base_url = "https://…".', fatal=True)
        else:
            yield _sign_of_life(config, config.address)


def _ollama(settings: Settings) -> Finding:
    if status_of(f"{settings.ollama_url}/api/tags") == HTTPStatus.OK:
        return Finding(f"Ollama answers at {place(settings.ollama_url)}.")
    remedy = "Set OPENAI_API_KEY or another provider's key, add [[providers]] to threadline.toml, or start Ollama."
    return Finding("No provider is set up; only the demo answers.", remedy)


def _sign_of_life(config: ProviderConfig, address: str) -> Finding:
    """Whether a provider answers, and takes the key."""
    name, where = f"Provider {config.name}", place(address)
    status = status_of(f"{address}/models", auth_headers(config))
    if isinstance(status, str):
        return Finding(f"{name} does not answer at {where}: {status}.", "Start it, or correct its base_url.")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Finding(f"{name} answers at {where}, and refuses the key ({status}).", key_wanted(config))
    if status == HTTPStatus.OK:
        return Finding(f"{name} answers at {where}.")
    remedy = "If it answers no message either, correct its base_url; most end with /v1."
    return Finding(f"{name} answers at {where}, but gives no list of its models ({status}).", remedy)


def _slots(settings: Settings) -> Iterator[Finding]:
    named = {"demo", "ollama"} | {config.name for config in configs_for_keys(settings.keys, settings.providers)}
    for slot, model in settings.models.items():
        if model.partition("/")[0] not in named:
            remedy = f"Set the provider up, or choose another model for {slot} under [models]."
            text = f"The model for {slot}, {model}, is of a provider that is not set up."
            yield Finding(text, remedy, fatal=slot == "chat")


def _logins(settings: Settings) -> Iterator[Finding]:
    for config in settings.logins:
        yield Finding(f"People may sign in with {config.display_name}.")
    if settings.logins and not settings.origins and settings.host not in _HERE:
        remedy = "Set THREADLINE_ORIGINS to this server's public address, such as https://chat.example.org."
        yield Finding("Where a provider sends people back to is taken from each request.", remedy)


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in settings.unknown:
        yield Finding(f"{name} is not a setting of this version.", "Remove it, or correct its name.")
    if settings.host not in _HERE and settings.guests:
        remedy = "If not everybody there may use your keys, put a proxy before it that asks who it is."
        yield Finding(f"Everybody who reaches {settings.host} can chat as a guest.", remedy)
    if not settings.guests and not settings.registration:
        yield Finding("Guests and registration are off: only who has an account or an access token comes in.")
    if os.name == "posix" and os.geteuid() == 0:
        yield Finding("You are root.", "Run the server as a user of its own.")
