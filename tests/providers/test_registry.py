"""Which models there are, whose key is used, and who calls them."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.provider import FakeProvider
from tests.providers.conftest import SECRET
from threadline.domain.catalog import KINDS, OwnKey, ProviderConfig, configs_for_keys, model_names, split_model_id
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.domain.prices import Price
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

WORLD = SystemWorld()


def made(*configs: ProviderConfig, ollama_url: str | None = None) -> Registry:
    return Registry(configs, WORLD, ollama_url=ollama_url)


def local(name: str, *models: str) -> ProviderConfig:
    return ProviderConfig(name, base_url="http://127.0.0.1:1", models=models)


def test_the_demo_is_always_there_and_needs_no_key() -> None:
    (model,) = made().models()
    assert (model.id, model.available, model.provider_name) == ("demo/demo", True, "Demo")
    provider, name = made().get("demo/demo")
    assert (provider.name, name, provider.continues) == ("demo", "demo", "prefill")


def test_models_are_grouped_by_provider_in_the_order_of_the_settings() -> None:
    registry = made(local("b", "y", "x"), local("a", "z"))
    assert [model.id for model in registry.models()] == ["b/y", "b/x", "a/z", "demo/demo"]


def test_what_is_not_known_of_a_model_stays_unknown() -> None:
    registry = made(
        ProviderConfig("openai", "openai"),
        ProviderConfig("mine", "openai", base_url="http://127.0.0.1:1"),
        local("fake"),
    )
    known = registry.model("openai/gpt-4.1")
    assert (known.capabilities.vision, known.context, known.price is None) == (True, 1_047_576, False)
    assert registry.price_of("openai/gpt-4.1") == known.price
    for model_id in ("openai/gpt-unheard-of", "mine/gpt-4.1", "fake/gpt-4.1"):
        unknown = registry.model(model_id)
        assert (unknown.capabilities.tools, unknown.capabilities.vision, unknown.context) == (None, None, None)
        assert registry.price_of(model_id) is None
    assert registry.price_of("nobody/gpt-4.1") is None


def test_at_an_address_that_a_user_gave_the_price_is_unknown() -> None:
    registry = made(ProviderConfig("openai", "openai", api_key="x", prices={"gpt-4.1": Price(1, 2)}))
    assert registry.price_of("openai/gpt-4.1") == Price(1, 2)
    assert registry.price_of("openai/gpt-4.1", OwnKey("mine")) == Price(1, 2)
    assert registry.price_of("openai/gpt-4.1", OwnKey("mine", "https://example.org/v1")) is None


def test_a_model_without_a_key_is_shown_with_the_reason_and_refused_with_it() -> None:
    registry = made(ProviderConfig("openai", "openai"))
    shown = next(model for model in registry.models() if model.id == "openai/gpt-4.1")
    assert not shown.available
    assert shown.reason == "No openai API key found. Add one in Settings."
    with pytest.raises(MissingKey) as caught:
        registry.get("openai/gpt-4.1")
    assert caught.value.message == shown.reason
    assert "OPENAI_API_KEY" in (caught.value.details or {})["remedy"]
    assert caught.value.status == 400


@pytest.mark.parametrize("model", ["nobody/x", "fake/other", "demo/other", "x", "/x", "fake/", "strange/x"])
def test_a_model_that_is_not_there_is_refused(model: str) -> None:
    registry = made(local("fake", "x"), ProviderConfig("strange", "telepathy"))
    with pytest.raises(UnsupportedModel):
        registry.get(model)


def test_a_provider_of_an_unknown_kind_is_shown_as_not_supported() -> None:
    registry = made(ProviderConfig("strange", "telepathy", models=("x",)))
    assert "not supported" in (registry.models()[0].reason or "")


def test_a_provider_without_an_address_says_what_it_lacks() -> None:
    registry = made(ProviderConfig("lost", models=("x",)))
    assert "has no base_url" in (registry.models()[0].reason or "")
    with pytest.raises(UnsupportedModel, match="has no base_url"):
        registry.get("lost/x")


def test_a_provider_without_listed_models_takes_every_name() -> None:
    registry = made(local("fake"))
    assert registry.get("fake/a/b:c")[1] == "a/b:c"
    assert split_model_id("fake/a/b:c") == ("fake", "a/b:c")


def test_a_provider_is_made_once_for_the_servers_key_and_anew_for_each_users() -> None:
    registry = made(ProviderConfig("openai", "openai", api_key="x"))
    first, second = (registry.get("openai/gpt-4.1")[0] for _ in range(2))
    assert first is second
    own, again = (registry.get("openai/gpt-4.1", OwnKey("mine"))[0] for _ in range(2))
    assert len({id(one) for one in (first, own, again)}) == 3


def test_keys_of_the_environment_make_providers_and_go_only_to_whom_they_belong() -> None:
    own = ProviderConfig("mine", "openai", base_url="http://127.0.0.1:1")
    named = ProviderConfig("work", "openai")
    configs = configs_for_keys({"openai": SECRET, "groq": "g", "unheard-of": "x"}, (own, named))
    assert [(config.name, config.kind, config.api_key) for config in configs] == [
        ("mine", "openai", None),
        ("work", "openai", SECRET),
        ("openai", "openai", SECRET),
        ("groq", "groq", "g"),
    ]
    assert SECRET not in repr(configs)


def test_every_kind_has_what_it_takes_to_be_called() -> None:
    for name, kind in KINDS.items():
        config = ProviderConfig(name, name)
        assert config.address or name == "openai-compatible" or not kind.at_address
        assert config.display_name == kind.title
        # What the library knows is not listed: its models are those that are configured.
        assert model_names(config) or kind.discovers or name == "library"


def test_tools_are_offered_where_nothing_speaks_against_it() -> None:
    registry = made(local("fake"), ProviderConfig("ollama", "ollama"), ProviderConfig("openai", "openai"))
    assert registry.takes_tools("fake/x")
    assert not registry.takes_tools("openai/gpt-6.1-terra")
    assert registry.takes_tools("openai/gpt-6.1-terra", True)
    assert registry.takes_tools("demo/demo")
    assert not registry.takes_tools("ollama/x")


@pytest.mark.anyio
async def test_an_ollama_that_runs_is_found_by_itself_and_one_that_does_not_is_not_shown() -> None:
    async with FakeProvider(ollama=["llama:8b", "tiny"]) as fake:
        registry = made(ollama_url=fake.root)
        assert [model.provider for model in registry.models()] == ["demo"]
        await registry.refresh()
        found = [model for model in registry.models() if model.provider == "ollama"]
        assert [(model.id, model.capabilities.tools, model.context) for model in found] == [
            ("ollama/llama:8b", True, 4096),
            ("ollama/tiny", True, 4096),
        ]
        assert registry.takes_tools("ollama/llama:8b")
        fake.ollama = None
        await registry.refresh()
        assert [model.provider for model in registry.models()] == ["demo"]
        await registry.close()


@pytest.mark.anyio
async def test_models_are_looked_for_in_the_background_until_the_end() -> None:
    async with FakeProvider(models=["a", "b"]) as fake:
        registry = made(ProviderConfig("fake", base_url=fake.url))
        registry.start()
        registry.start()
        for _ in range(1000):
            if len(registry.models()) == 3:
                break
            await asyncio.sleep(0.005)
        assert [model.id for model in registry.models()] == ["fake/a", "fake/b", "demo/demo"]
        await registry.close()
        await registry.close()


@pytest.mark.anyio
async def test_an_ollama_that_is_not_there_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeProvider() as gone:
        root = gone.root
    registry = made(ollama_url=root)
    registry.start()
    await registry.refresh()
    assert len(registry.models()) == 1
    await registry.close()
    assert not caplog.records
