"""The tables of the settings' file: the providers that are set up there, and the models of the slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadline.domain.catalog import ProviderConfig
from threadline.settings_values import (
    SettingsError,
    as_address,
    as_names,
    as_one_of,
    as_switch,
    as_table,
    as_text,
    as_texts,
    nearest,
)

_SLOTS: Final = ("chat", "title", "reasoning", "artifact", "image")


def providers(listed: Any) -> tuple[ProviderConfig, ...]:
    """What the ``[[providers]]`` say. Raises ``SettingsError``."""
    if not isinstance(listed, list):
        raise SettingsError("providers: write each provider as a [[providers]] table.")
    out: list[ProviderConfig] = []
    for number, entry in enumerate(listed, 1):
        where = f"[[providers]] number {number}"
        if not isinstance(entry, dict):
            raise SettingsError(f"{where}: must be a table.")
        found = _provider(entry, where)
        if any(found.name == other.name for other in out):
            raise SettingsError(f"{where}: the name {found.name!r} is there twice.")
        out.append(found)
    return tuple(out)


def _provider(entry: Mapping[str, Any], where: str) -> ProviderConfig:
    for name in ("name", "kind"):
        if name not in entry:
            raise SettingsError(f'{where}: needs {name} = "…".')
    values: dict[str, Any] = {}
    for name, value in entry.items():
        parse = _PROVIDER_PARSERS.get(name)
        if parse is None:
            raise SettingsError(f"{where}: {name!r} is not a field.{nearest(name, set(_PROVIDER_PARSERS))}")
        try:
            values[name] = parse(value)
        except ValueError as fault:
            raise SettingsError(f"{where}: {name} {fault}") from None
    if "/" in values["name"]:
        raise SettingsError(f"{where}: the name {values['name']!r} has a slash in it.")
    if values["name"] == "demo":
        raise SettingsError(f"{where}: the name 'demo' is that of the built-in demo. Choose another.")
    return ProviderConfig(**values)


_PROVIDER_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": as_text,
    "kind": as_text,
    "base_url": as_address,
    "api_key": as_text,
    "models": as_names,
    "title": as_text,
    "dialect": as_one_of("completions", "responses", "messages", "gemini"),
    "prefill": as_switch,
    "prefill_body": as_table,
    "prefill_message": as_table,
    "usage": as_switch,
    "headers": as_texts,
}


def models(table: Any) -> dict[str, str]:
    """What ``[models]`` says, and the default where it says nothing. Raises ``SettingsError``."""
    if not isinstance(table, dict):
        raise SettingsError('[models]: write it as a table, such as chat = "demo/demo".')
    chosen = {"chat": "demo/demo"}
    for slot, model in table.items():
        if slot not in _SLOTS:
            raise SettingsError(f"[models]: {slot!r} is not a slot; there are {', '.join(_SLOTS)}.")
        if not isinstance(model, str) or "/" not in model.strip("/"):
            raise SettingsError(f'[models] {slot}: must be "provider/model", not {model!r}.')
        chosen[slot] = model
    return chosen
