"""The tables of the settings' file: the providers of models and of sign-ins that are set up there, and the slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from threadline.domain.catalog import ProviderConfig
from threadline.domain.logins import LoginConfig
from threadline.settings_values import (
    SettingsError,
    as_address,
    as_names,
    as_one_of,
    as_path_name,
    as_prices,
    as_secure_address,
    as_switch,
    as_table,
    as_text,
    as_texts,
    nearest,
)

_SLOTS: Final = ("chat", "title", "reasoning", "artifact", "image")


def providers(listed: Any) -> tuple[ProviderConfig, ...]:
    """What the ``[[providers]]`` say. Raises ``SettingsError``."""
    return tuple(_provider(values, where) for values, where in _entries(listed, "providers", _PROVIDER_PARSERS))


def logins(listed: Any, environ: Mapping[str, str]) -> tuple[LoginConfig, ...]:
    """What the ``[[login]]`` say; a secret may stand in the environment. Raises ``SettingsError``."""
    return tuple(_login(values, where, environ) for values, where in _entries(listed, "login", _LOGIN_PARSERS))


def github(client_id: str | None, client_secret: str | None) -> tuple[LoginConfig, ...]:
    """GitHub, where it is set up by two settings and not by a table. Raises ``SettingsError``."""
    if client_id is None and client_secret is None:
        return ()
    if client_id is None or client_secret is None:
        raise SettingsError("Set both THREADLINE_GITHUB_CLIENT_ID and THREADLINE_GITHUB_CLIENT_SECRET, or neither.")
    return (LoginConfig("github", "github", client_id, client_secret),)


def _entries(listed: Any, title: str, parsers: Mapping[str, Callable[[Any], Any]]) -> list[tuple[dict[str, Any], str]]:
    """The values of each table of a list, and where it stands."""
    if not isinstance(listed, list):
        raise SettingsError(f"{title}: write each provider as a [[{title}]] table.")
    out: list[tuple[dict[str, Any], str]] = []
    for number, entry in enumerate(listed, 1):
        where = f"[[{title}]] number {number}"
        if not isinstance(entry, dict):
            raise SettingsError(f"{where}: must be a table.")
        values = _values(entry, where, parsers)
        if any(values["name"] == other["name"] for other, _ in out):
            raise SettingsError(f"{where}: the name {values['name']!r} is there twice.")
        out.append((values, where))
    return out


def _values(entry: Mapping[str, Any], where: str, parsers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    _need(entry, where, "name", "kind")
    values: dict[str, Any] = {}
    for name, value in entry.items():
        parse = parsers.get(name)
        if parse is None:
            raise SettingsError(f"{where}: {name!r} is not a field.{nearest(name, set(parsers))}")
        try:
            values[name] = parse(value)
        except ValueError as fault:
            raise SettingsError(f"{where}: {name} {fault}") from None
    return values


def _need(entry: Mapping[str, Any], where: str, *names: str) -> None:
    for name in names:
        if name not in entry:
            raise SettingsError(f'{where}: needs {name} = "…".')


def _provider(values: Mapping[str, Any], where: str) -> ProviderConfig:
    if "/" in values["name"]:
        raise SettingsError(f"{where}: the name {values['name']!r} has a slash in it.")
    if values["name"] == "demo":
        raise SettingsError(f"{where}: the name 'demo' is that of the built-in demo. Choose another.")
    return ProviderConfig(**values)


def _login(values: dict[str, Any], where: str, environ: Mapping[str, str]) -> LoginConfig:
    if values["name"] == "errors":
        raise SettingsError(f"{where}: the name 'errors' is that of another address. Choose another.")
    _need(values, where, "client_id", *_LOGIN_NEEDS[values["kind"]])
    variable = values.pop("client_secret_env", None)
    if variable is not None:
        if not environ.get(variable, "").strip():
            raise SettingsError(f"{where}: client_secret_env names {variable}, which is not set in the environment.")
        values["client_secret"] = environ[variable].strip()
    if values["kind"] == "github":
        _need(values, where, "client_secret")
    for name in _LOGIN_HAS_NOT[values["kind"]]:
        if name in values:
            raise SettingsError(f'{where}: {name} is not for kind = "{values["kind"]}".')
    return LoginConfig(**values)


_PROVIDER_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": as_text,
    "kind": as_text,
    "base_url": as_address,
    "api_key": as_text,
    "models": as_names,
    "title": as_text,
    "dialect": as_one_of("completions", "responses", "messages", "gemini", "interactions"),
    "prefill": as_switch,
    "prefill_body": as_table,
    "prefill_message": as_table,
    "usage": as_switch,
    "background": as_switch,
    "headers": as_texts,
    "tools": as_switch,
    "prices": as_prices,
}


_LOGIN_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": as_path_name,
    "kind": as_one_of("oidc", "github"),
    "issuer": as_secure_address,
    "base_url": as_secure_address,
    "client_id": as_text,
    "client_secret": as_text,
    "client_secret_env": as_text,
    "scopes": as_names,
    "title": as_text,
}
_LOGIN_NEEDS: Final = {"oidc": ("issuer",), "github": ()}
_LOGIN_HAS_NOT: Final = {"oidc": ("base_url",), "github": ("issuer",)}


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
