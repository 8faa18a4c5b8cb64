"""The fake provider, and a registry that knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.provider import FakeProvider
from threadline.domain.catalog import ProviderConfig
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

SECRET = "sk-this-must-never-be-seen"


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as provider:
        yield provider


@pytest.fixture
async def registry(fake: FakeProvider) -> AsyncIterator[Registry]:
    """``fake`` is the fake, told to go on; ``prefill`` goes on by itself; ``openai`` is spoken to as OpenAI."""
    configs = [
        ProviderConfig("fake", base_url=fake.url, api_key=SECRET),
        ProviderConfig("prefill", base_url=fake.url, api_key=SECRET, prefill=True),
        ProviderConfig("openai", "openai", base_url=fake.url, api_key=SECRET),
    ]
    made = Registry(configs, SystemWorld(), ollama_url=None, stall_seconds=2, connect_seconds=20)
    yield made
    await made.close()
