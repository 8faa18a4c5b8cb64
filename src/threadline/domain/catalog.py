"""What is known of providers and their models without asking anyone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from threadline.domain.errors import UnsupportedModel
from threadline.domain.facts import UNKNOWN, Capabilities, Known
from threadline.domain.prices import Price

_REASONS: Final = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex)")
_DOES_NOT: Final = re.compile(r"(?:ft:)?gpt-5-chat")

DialectName = Literal["completions", "responses", "messages", "gemini", "interactions"]
"""How a provider is spoken to; each is a package in ``providers/``."""

Health = Literal["ok", "slow", "failing"]
"""How a model did of late."""

KeyOwner = Literal["user", "server"]
"""Whose key a model is called with; of a provider that needs none it counts as the server's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of provider: its title for people, its usual address, and how it wants to be spoken to.

    ``dialect`` is how it is spoken to; at an address of one's own that is ``completions``, which most servers speak,
    unless ``imitated`` says that others speak this one. ``key_header`` is the header that has its key, ``headers`` go
    with each request. ``needs_key``: a call without a key cannot succeed; ``at_address``: nor one without an address.
    ``token_limit`` is the field that limits the output. ``reasoning_field``: where a model wants its reasoning of the
    current turn back (None: nowhere). ``think_tags``: ``<think>`` in a text is reasoning. ``discovers``: how a list of
    its models is found, when none is configured, and ``listing`` where. ``probe``: where a key is tried out, where
    anybody gets the list. ``models``: those of our own, which say themselves what they can do.
    """

    title: str
    base_url: str | None = None
    dialect: DialectName = "completions"
    imitated: bool = False
    key_header: str = "Authorization"
    headers: Mapping[str, str] = field(default_factory=dict)
    needs_key: bool = True
    at_address: bool = True
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning_field: str | None = None
    think_tags: bool = True
    discovers: Literal["models", "ollama"] | None = None
    listing: str = "/models"
    probe: str | None = None
    models: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One provider as it was set up. ``name`` stands before the slash of a model's id.

    ``base_url``, ``title`` and ``dialect`` fall back to those of the kind. An empty ``models`` allows every name.
    ``prefill``: the
    model goes on from an assistant message that comes last; ``prefill_body`` and ``prefill_message`` are fields that
    the provider wants on the request or on that message for it, such as ``continue_final_message`` or ``prefix``.
    ``usage``: ask for token counts in the stream (``stream_options``). ``background``: the provider goes on with an
    answer whose connection was lost, and keeps it, where it can. ``headers`` go with each request. ``is_given``: the
    address is one that a user gave. ``tools``: whether tools are offered, None: by what is known of a model.
    ``prices`` are the operator's, by a model's name.
    """

    name: str
    kind: str = "openai-compatible"
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()
    title: str | None = None
    dialect: DialectName | None = None
    prefill: bool = False
    prefill_body: Mapping[str, Any] = field(default_factory=dict)
    prefill_message: Mapping[str, Any] = field(default_factory=dict)
    usage: bool = True
    background: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_given: bool = False
    tools: bool | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)

    @property
    def usual(self) -> bool:
        """Whether it is where its kind usually is: there alone the facts and the prices of the kind hold."""
        kind = KINDS.get(self.kind)
        return kind is not None and self.base_url in (None, kind.base_url)

    @property
    def address(self) -> str | None:
        """The base URL in force, without a slash at its end."""
        url = self.base_url or (KINDS[self.kind].base_url if self.kind in KINDS else None)
        return url.rstrip("/") if url else None

    @property
    def speaks(self) -> DialectName:
        """The dialect in force."""
        kind = KINDS.get(self.kind)
        if self.dialect is not None or kind is None:
            return self.dialect or "completions"
        if self.kind == "google" and self.background:
            # The other one keeps nothing.
            return "interactions"
        usual = kind.imitated or self.base_url in (None, kind.base_url)
        return kind.dialect if usual else "completions"

    @property
    def display_name(self) -> str:
        """The provider's name for people."""
        if self.title:
            return self.title
        kind = KINDS.get(self.kind)
        return kind.title if kind and self.name == self.kind else self.name


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A user's own key for a provider; ``base_url`` is where it is for, None: the provider's usual address."""

    key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the model picker. ``id`` is ``provider/name``; ``context`` and ``output_limit`` are in tokens, None
    where unknown, as is ``price``, which is the one of now.

    ``reason`` tells people why a model is not ``available``, ``source`` where its price was read, or else its context
    size. ``health`` is how it did of late, None where too little was seen. ``key`` is whose key calls it, None: nobody
    has one. ``retires`` is the day from which it does not answer; ``retired``: that day has come, and its provider
    does not list it.
    """

    id: str
    provider: str
    provider_name: str
    name: str
    capabilities: Capabilities = UNKNOWN
    context: int | None = None
    available: bool = True
    reason: str | None = None
    output_limit: int | None = None
    price: Price | None = None
    source: str | None = None
    health: Health | None = None
    key: KeyOwner | None = None
    retires: str | None = None
    retired: bool = False


def split_model_id(model_id: str) -> tuple[str, str]:
    """``provider/name`` as its two halves; the name may have slashes of its own. Raises ``UnsupportedModel``."""
    provider, slash, name = model_id.partition("/")
    if not (provider and slash and name):
        raise UnsupportedModel(f"{model_id!r} is not a model's id. It is written provider/model.")
    return provider, name


def join_model_id(provider: str, name: str) -> str:
    """The reverse of :func:`split_model_id`."""
    return f"{provider}/{name}"


def is_reasoning_model(name: str) -> bool:
    """Whether OpenAI's model of that name reasons, and so takes an effort and no temperature."""
    return _REASONS.match(name) is not None and _DOES_NOT.match(name) is None


def model_names(config: ProviderConfig) -> tuple[str, ...]:
    """The models that a provider has for certain: those that were configured, or that are our own."""
    kind = KINDS.get(config.kind)
    return config.models or tuple(model.name for model in (kind.models if kind else ()))


def takes_keys(config: ProviderConfig) -> bool:
    """Whether users may bring keys of their own for a provider."""
    kind = KINDS.get(config.kind)
    return (
        kind is not None and (kind.needs_key or config.kind == "openai-compatible") and describe(config, "").available
    )


def takes_addresses(config: ProviderConfig) -> bool:
    """Whether a user's key may be for another address: not where the operator set one of his own."""
    return takes_keys(config) and config.base_url in (None, KINDS[config.kind].base_url)


def with_own_key(config: ProviderConfig, own: OwnKey) -> ProviderConfig:
    """A provider as it is called with a user's own key. What the operator sends along goes to nobody's address but the
    one that he set."""
    if own.base_url is None:
        return replace(config, api_key=own.key)
    return replace(config, api_key=own.key, base_url=own.base_url, headers={}, is_given=True)


def missing_key(config: ProviderConfig) -> str:
    """What people are told where a key is wanted and there is none."""
    return f"No {config.name} API key found. Add one in Settings."


def describe(config: ProviderConfig, name: str, *, has_key: bool = True) -> Model:
    """A model's row in the picker, before anything is known of it but where it would be called."""
    kind = KINDS.get(config.kind)
    reason = None
    if kind is None:
        reason = f"Providers of the kind {config.kind!r} are not supported. The kinds are {', '.join(kinds())}."
    elif kind.at_address and config.address is None:
        reason = f"The provider {config.name!r} has no base_url. Add one to its [[providers]] table."
    elif kind.needs_key and not has_key:
        reason = missing_key(config)
    return Model(
        id=join_model_id(config.name, name),
        provider=config.name,
        provider_name=config.display_name,
        name=name,
        available=reason is None,
        reason=reason,
        key="server" if reason is None else None,
    )


def configs_for_keys(keys: Mapping[str, str], configured: tuple[ProviderConfig, ...] = ()) -> list[ProviderConfig]:
    """``configured``, then one provider for each key whose name is a known kind and not configured already.

    A configured provider without a key of its own gets the key of its kind, unless it is at an address of its own: a
    key is never sent anywhere but to whom it belongs.
    """
    out = []
    for config in configured:
        usual = KINDS.get(config.kind)
        key = keys.get(config.kind)
        if key and not config.api_key and usual and usual.needs_key and config.base_url in (None, usual.base_url):
            config = replace(config, api_key=key)
        out.append(config)
    named = {config.name for config in configured}
    out += [
        ProviderConfig(kind, kind, api_key=key) for kind, key in keys.items() if kind in KINDS and kind not in named
    ]
    return out


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "demo": Kind(
            "Demo", needs_key=False, at_address=False, models=(Known("demo", Capabilities(True, True, False)),)
        ),
        "openai-compatible": Kind("OpenAI-compatible", needs_key=False, discovers="models"),
        "openai": Kind(
            "OpenAI",
            "https://api.openai.com/v1",
            dialect="responses",
            token_limit="max_completion_tokens",
            think_tags=False,
            discovers="models",
        ),
        "anthropic": Kind(
            "Anthropic",
            "https://api.anthropic.com/v1",
            dialect="messages",
            imitated=True,
            key_header="x-api-key",
            headers={"anthropic-version": "2023-06-01"},
            think_tags=False,
            discovers="models",
            listing="/models?limit=1000",
        ),
        "google": Kind(
            "Google",
            "https://generativelanguage.googleapis.com/v1beta",
            dialect="gemini",
            imitated=True,
            key_header="x-goog-api-key",
            think_tags=False,
            discovers="models",
            listing="/models?pageSize=1000",
        ),
        "deepseek": Kind(
            "DeepSeek", "https://api.deepseek.com/v1", reasoning_field="reasoning_content", discovers="models"
        ),
        "groq": Kind("Groq", "https://api.groq.com/openai/v1", discovers="models"),
        "mistral": Kind("Mistral", "https://api.mistral.ai/v1", discovers="models"),
        "openrouter": Kind("OpenRouter", "https://openrouter.ai/api/v1", discovers="models", probe="/key"),
        "xai": Kind("xAI", "https://api.x.ai/v1", dialect="responses", discovers="models"),
        "ollama": Kind("Ollama", "http://127.0.0.1:11434/v1", needs_key=False, discovers="ollama"),
        "library": Kind("pydantic-ai", needs_key=False, at_address=False),
    }
)
"""The kinds of providers that can be called, by the name that a configuration gives them."""


def kinds() -> list[str]:
    """The kinds that a configuration may name."""
    return sorted(set(KINDS) - {"demo"})


def discovers(config: ProviderConfig) -> bool:
    """Whether this provider's models are asked for: none were configured, and it has a list."""
    kind = KINDS.get(config.kind)
    return kind is not None and kind.discovers is not None and not config.models and config.address is not None
