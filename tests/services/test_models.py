"""Models: the list for the picker, and whether one of them can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.services.conftest import Base
from threadline.domain.catalog import Capabilities, Model, OwnKey, ProviderConfig
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.domain.facts import Known
from threadline.domain.prices import Price
from threadline.providers.registry import Registry
from threadline.services.keys import Keys
from threadline.services.models import Models, view
from threadline.services.preferences import Preferences
from threadline.services.vault import Vault
from threadline.store import keys, users
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

WORLD = SystemWorld()
VAULT = Vault([b"a secret of some words"], WORLD)
OPENAI = ProviderConfig("openai", "openai", api_key="x")


class Asked(Registry):
    """Providers that list what the test says, and are never called."""

    def __init__(self, configs: Sequence[ProviderConfig], **lists: list[str]) -> None:
        super().__init__(configs, WORLD, ollama_url=None)
        for provider, names in lists.items():
            self._found[provider] = {name: Known(name) for name in names}

    async def look(self, own: Mapping[str, OwnKey], seconds: float) -> None:
        """Nobody is asked."""


class Desk:
    """A user, and the services about models over a store."""

    def __init__(self, base: Base, user: str) -> None:
        self.base, self.user = base, user

    def open(self, registry: Registry, **slots: str) -> tuple[Models, Preferences]:
        store = self.base.store
        ring = Keys(store, VAULT, registry)
        preferences = Preferences(store, {"chat": "demo/demo", **slots}, ring.check)
        return Models(registry, ring, preferences), preferences

    async def give_key(self, provider: str) -> None:
        sealed = VAULT.seal("sk-mine", self.user, provider)
        await self.base.store.write(
            lambda tx: keys.put(
                tx, self.user, provider, sealed=sealed, master=VAULT.master, last_four="mine", base_url=None
            )
        )


@pytest.fixture
async def desk(base: Base) -> Desk:
    return Desk(base, (await base.store.write(lambda tx: users.add(tx, "guest"))).id)


def ids(listed: dict[str, Any]) -> list[str]:
    return [row["id"] for row in listed["items"]]


async def test_models_are_listed_with_what_is_known_of_them(desk: Desk) -> None:
    models, preferences = desk.open(Asked([OPENAI], openai=["gpt-6.1-terra", "gpt-99"]))
    await preferences.favour(desk.user, "openai/gpt-99")
    listed = await models.listed(desk.user)
    assert ids(listed) == ["openai/gpt-6.1-terra", "openai/gpt-99", "demo/demo"]
    assert (listed["next"], listed["default"]) == (None, "demo/demo")
    terra, new, demo = listed["items"]
    assert terra["price"] == {
        "input": 1.0,
        "output": 5.0,
        "cached": 0.05,
        "cache_write": 1.25,
        "long_above": 272_000,
        "long": {
            "input": 2.0,
            "output": 7.5,
            "cached": 0.1,
            "cache_write": 2.5,
        },
    }
    assert (terra["context"], terra["output_limit"], terra["favourite"]) == (1_050_000, 128_000, False)
    assert (terra["key"], terra["health"], terra["available"]) == ("server", None, True)
    assert (new["price"], new["source"], new["favourite"]) == (None, None, True)
    assert demo["capabilities"]["reasoning"] is True


def test_a_price_is_told_in_dollars() -> None:
    price = view(Model("a/b", "a", "A", "b", price=Price(150_000, 600_000)), favourite=True)["price"]
    assert price == {
        "input": 0.15,
        "output": 0.6,
        "cached": None,
        "cache_write": None,
        "long_above": None,
        "long": None,
    }


async def test_the_default_is_listed_also_before_its_provider_has_told_which_models_it_has(desk: Desk) -> None:
    local = ProviderConfig("local", base_url="http://127.0.0.1:1/v1")
    models, _ = desk.open(Asked([local]), chat="local/m")
    assert ids(await models.listed(desk.user)) == ["local/m", "demo/demo"]
    gone, _ = desk.open(Asked([]), chat="no/such")
    assert ids(await gone.listed(desk.user)) == ["demo/demo"]


async def test_a_users_own_default_comes_before_the_servers(desk: Desk) -> None:
    models, preferences = desk.open(Asked([OPENAI], openai=["gpt-99"]))
    await preferences.choose(desk.user, {"chat": "openai/gpt-99"})
    assert (await models.listed(desk.user))["default"] == "openai/gpt-99"
    assert await models.resolve(desk.user, None) == "openai/gpt-99"


async def test_a_program_means_a_model_by_its_id_or_by_a_name_that_is_one_s_alone(desk: Desk) -> None:
    one = ProviderConfig("one", base_url="http://127.0.0.1:1/v1", models=("both", "only"))
    other = ProviderConfig("other", base_url="http://127.0.0.1:1/v1", models=("both",))
    models, _ = desk.open(Asked([one, other, ProviderConfig("openai", "openai", models=("keyless",))]))
    assert await models.resolve(desk.user, None) == "demo/demo"
    assert await models.resolve(desk.user, "other/both") == "other/both"
    assert await models.resolve(desk.user, "only") == "one/only"
    with pytest.raises(UnsupportedModel, match="say which"):
        await models.resolve(desk.user, "both")
    with pytest.raises(UnsupportedModel, match="neither provider/model nor the name of a model"):
        await models.resolve(desk.user, "nobody")
    with pytest.raises(UnsupportedModel):
        await models.resolve(desk.user, "no/body")
    with pytest.raises(MissingKey):
        await models.resolve(desk.user, "openai/keyless")
    assert [model.id for model in await models.usable(desk.user)] == [
        "one/both",
        "one/only",
        "other/both",
        "demo/demo",
    ]


def told(supported: bool, has_key: bool, required: str | None, reason: str | None) -> dict[str, Any]:
    return {"supported": supported, "has_key": has_key, "required_provider": required, "reason": reason}


async def test_validate_says_whether_a_model_can_be_asked_and_why_not(desk: Desk) -> None:
    groq = ProviderConfig("groq", "groq")
    local = ProviderConfig("local", base_url="http://127.0.0.1:1/v1")
    registry = Asked([OPENAI, groq, local], openai=["gpt-6.1-terra", "gpt-99"])
    models, _ = desk.open(registry)

    async def validated(model_id: str) -> dict[str, Any]:
        return await models.validated(desk.user, model_id)

    assert await validated("demo/demo") == told(True, True, None, None)
    assert await validated("local/anything") == told(True, True, None, None)
    assert await validated("openai/gpt-99") == told(True, True, "openai", None)
    assert await validated("openai/gpt-6.1-terra-2026-10-26") == told(True, True, "openai", None)
    assert await validated("openai/gpt-77") == told(False, True, None, "The provider 'openai' lists no model 'gpt-77'.")
    assert await validated("openai/gpt-4") == told(
        False, True, None, "gpt-4 was switched off by its provider on 2026-10-23. Choose another model."
    )
    lacking = "No groq API key found. Add one in Settings."
    assert await validated("groq/openai/gpt-oss-20b") == told(True, False, "groq", lacking)
    assert await validated("anthropic/claude-opus-5-5") == told(
        True, False, "anthropic", "No anthropic API key found. Add one in Settings."
    )
    unsupported = await validated("nobody/m")
    assert (unsupported["supported"], unsupported["has_key"]) == (False, False)
    assert "No provider is called 'nobody'" in unsupported["reason"]
    assert (await validated("nonsense"))["supported"] is False
    await desk.give_key("groq")
    assert await validated("groq/openai/gpt-oss-20b") == told(True, True, "groq", None)


async def test_a_model_that_was_switched_off_is_told_so_where_it_is_the_default(desk: Desk) -> None:
    models, _ = desk.open(Asked([OPENAI], openai=["gpt-99"]), chat="openai/gpt-4")
    first = (await models.listed(desk.user))["items"][0]
    assert (first["id"], first["available"], first["retires"]) == ("openai/gpt-4", False, "2026-10-23")
    listed, _ = desk.open(Asked([OPENAI], openai=["gpt-4"]), chat="openai/gpt-4")
    assert (await listed.listed(desk.user))["items"][0]["available"] is True


def test_what_is_unknown_of_a_model_is_null() -> None:
    shown = view(Model("a/b", "a", "A", "b"), favourite=False)
    assert shown["capabilities"] == dict.fromkeys(Capabilities.__slots__)
    assert {shown[name] for name in ("context", "output_limit", "price", "source", "health", "retires")} == {None}
    assert "retired" not in shown
