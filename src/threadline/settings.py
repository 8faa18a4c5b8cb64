"""Every setting, read once: the environment over ``threadline.toml`` over the defaults."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from threadline.domain.catalog import KINDS, ProviderConfig

PREFIX: Final = "THREADLINE_"
DEFAULT_FILE: Final = "threadline.toml"

_SHORTEST_SECRET: Final = 16

_SLOTS: Final = ("chat", "title", "reasoning", "artifact", "image")

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


class SettingsError(ValueError):
    """A setting cannot be used. The message names it, and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is told from outside. Every field but the last four is ``THREADLINE_{NAME}`` in the
    environment and ``{name}`` in the file; times are seconds."""

    data: Path = Path("threadline-data")
    host: str = "127.0.0.1"
    port: int = 8000
    guests: bool = True
    origins: tuple[str, ...] = ()
    when_busy: Literal["enqueue", "reject", "interrupt"] = "enqueue"
    lease_seconds: float = 5.0
    recording_seconds: float = 60.0
    replay_seconds: float = 15.0
    long_poll_seconds: float = 30.0
    streams_open: bool = False
    secret: tuple[str, ...] = field(default=(), repr=False)
    retention_seconds: float = 3600.0
    stall_seconds: float = 90.0
    drain_seconds: float = 5.0
    context_messages: int = 50
    max_steps: int = 5
    max_runs: int = 256
    ollama_url: str = "http://127.0.0.1:11434"
    providers: tuple[ProviderConfig, ...] = ()
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
        if name in ("providers", "models"):
            continue
        if name not in known:
            raise SettingsError(f"{named or DEFAULT_FILE}: {name!r} is not a setting.{_nearest(name, known)}")
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
        providers=_providers(table.get("providers", [])),
        models=_models(table.get("models", {})),
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


def _nearest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _number(low: float, high: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (ValueError, TypeError):
            number = math.nan
        if not low <= number <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}, not {value!r}.")
        return number

    return parse


def _whole(low: int, high: int) -> Callable[[Any], int]:
    number = _number(low, high)

    def parse(value: Any) -> int:
        found = number(value)
        if found != int(found):
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}.")
        return int(found)

    return parse


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("on", "1", "true", "yes"):
        return True
    if text in ("off", "0", "false", "no"):
        return False
    raise ValueError(f"must be on or off, not {value!r}.")


def _one_of(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}.")
        return text

    return parse


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty.")
    return value.strip()


def _address(value: Any) -> str:
    text = _text(value).rstrip("/")
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"must begin with http:// or https://, not {value!r}.")
    return text


def _origins(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError("must be a list of origins such as https://chat.example.org.")
    return tuple(_origin(one) for one in listed if not (isinstance(one, str) and not one.strip()))


def _origin(value: Any) -> str:
    """As browsers write it: in small letters, and without the usual port."""
    text = _address(value).lower()
    scheme, _, place = text.partition("://")
    if not place or any(mark in place for mark in "/?#@*\\ "):
        raise ValueError(
            f"must be origins such as https://chat.example.org, with nothing after the host, not {value!r}."
        )
    return text.removesuffix(":443" if scheme == "https" else ":80")


def _secrets(value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("must be a secret, or several with commas between them.")
    found = tuple(one.strip() for one in listed if one.strip())
    if not found or any(len(one) < _SHORTEST_SECRET for one in found):
        raise ValueError(f"each secret must have at least {_SHORTEST_SECRET} characters.")
    return found


def _folder(value: Any) -> Path:
    return Path(_text(str(value))).expanduser()


_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "data": _folder,
    "host": _text,
    "port": _whole(0, 65535),
    "guests": _switch,
    "origins": _origins,
    "when_busy": _one_of("enqueue", "reject", "interrupt"),
    "lease_seconds": _number(0.2, 3600),
    "recording_seconds": _number(0.2, 86400),
    "replay_seconds": _number(0, 86400),
    "long_poll_seconds": _number(0.05, 3600),
    "streams_open": _switch,
    "secret": _secrets,
    "retention_seconds": _number(0, 10 * 365 * 86400),
    "stall_seconds": _number(0.1, 86400),
    "drain_seconds": _number(0.1, 3600),
    "context_messages": _whole(1, 100_000),
    "max_steps": _whole(1, 1000),
    "max_runs": _whole(1, 100_000),
    "ollama_url": _address,
}
"""How each setting is read, from a text of the environment or a value of the file."""

NAMES: Final = tuple(f.name for f in fields(Settings) if f.name in _PARSERS)
"""The settings that are one value each, in the order of the documentation."""


def _providers(listed: Any) -> tuple[ProviderConfig, ...]:
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
            raise SettingsError(f"{where}: {name!r} is not a field.{_nearest(name, set(_PROVIDER_PARSERS))}")
        try:
            values[name] = parse(value)
        except ValueError as fault:
            raise SettingsError(f"{where}: {name} {fault}") from None
    if "/" in values["name"]:
        raise SettingsError(f"{where}: the name {values['name']!r} has a slash in it.")
    if values["name"] == "demo":
        raise SettingsError(f"{where}: the name 'demo' is that of the built-in demo. Choose another.")
    return ProviderConfig(**values)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError('must be a list such as ["a-model"].')
    return tuple(value)


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table.")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("must be a table of texts.")
    return value


_PROVIDER_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _text,
    "kind": _text,
    "base_url": _address,
    "api_key": _text,
    "models": _names,
    "title": _text,
    "dialect": _one_of("completions", "responses", "messages", "gemini"),
    "prefill": _switch,
    "prefill_body": _table,
    "prefill_message": _table,
    "usage": _switch,
    "headers": _texts,
}


def _models(table: Any) -> dict[str, str]:
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


def _keys(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for provider, names in PROVIDER_KEYS.items():
        key = next((environ[name].strip() for name in names if environ.get(name, "").strip()), None)
        if key:
            found[provider] = key
    return found
