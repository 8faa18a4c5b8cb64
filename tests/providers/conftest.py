"""The fake provider, a registry that knows it, and the recordings."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.provider import FakeProvider
from threadline.domain.catalog import ProviderConfig
from threadline.providers.registry import Registry
from threadline.world import SystemWorld

SECRET = "sk-this-must-never-be-seen"


def recordings_folder() -> Path:
    """Where the recordings are: beside the project, or where THREADLINE_TEST_RECORDINGS says."""
    usual = Path(__file__).parents[3] / "shared" / "recordings"
    return Path(os.environ.get("THREADLINE_TEST_RECORDINGS") or usual)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a ``recording`` runs for every one; without any it is skipped, which CI takes for a failure."""
    if "recording" in metafunc.fixturenames:
        found = sorted(recordings_folder().glob("openai-chat.*.jsonl"))
        none = pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings in {recordings_folder()}"))
        metafunc.parametrize("recording", found or [none], ids=[path.stem for path in found] or ["absent"])


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
