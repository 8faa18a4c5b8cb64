"""The table of models that comes with the package: it is what its script makes, and each fact has its source."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import Any

import orjson
import pytest

from tests.house.tree import ROOT
from threadline.domain.catalog import KINDS
from threadline.domain.facts import Capabilities
from threadline.domain.prices import Price
from threadline.providers import facts

FILE = ROOT / "src/threadline/providers/facts.json"


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return read


def test_the_file_is_what_its_script_makes(table: dict[str, Any]) -> None:
    installed = {package: version(package) for package in table["made_of"]}
    if installed != table["made_of"]:
        pytest.skip(f"made of {table['made_of']}, and here are {installed}")
    done = subprocess.run(
        [sys.executable, "scripts/catalogue.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_fact_has_a_source_with_an_address_and_a_day(table: dict[str, Any]) -> None:
    sources = table["sources"]
    for address, day in sources:
        assert address.startswith("https://")
        assert len(day) == len("2026-11-20")
    for kind, found in table["kinds"].items():
        assert kind in KINDS
        assert set(found["names"].values()) <= set(found["models"])
        for name, told in found["models"].items():
            for fact, (value, source) in told.items():
                assert 0 <= source < len(sources), (kind, name, fact)
                assert value not in (None, [], ""), (kind, name, fact)


def test_prices_are_whole_millionths_of_a_dollar(table: dict[str, Any]) -> None:
    for found in table["kinds"].values():
        for told in found["models"].values():
            for tariff in told.get("prices", [[]])[0]:
                numbers = [*tariff["price"], *tariff.get("long", ())]
                assert all(type(number) is int and number >= 0 for number in numbers if number is not None)
                assert ("long" in tariff) == ("long_above" in tariff)


def test_the_providers_of_today_are_in_it() -> None:
    for kind in ("openai", "anthropic", "google", "xai", "mistral", "groq", "deepseek", "openrouter"):
        assert any(known.tariffs for known in facts.table(kind).models.values()), kind
    assert facts.table("ollama").models == {}


def test_what_is_told_of_some_models() -> None:
    now = 1_795_000_000.0
    gpt = facts.find("openai", "gpt-6.1-terra")
    assert gpt is not None
    assert gpt.price(now) == Price(
        1_000_000, 5_000_000, 50_000, 1_250_000, 272_000, Price(2_000_000, 7_500_000, 100_000, 2_500_000)
    )
    assert (gpt.context, gpt.output) == (1_050_000, 128_000)
    assert gpt.capabilities == Capabilities(True, True, True, None, False, True, True)
    assert gpt.source == "https://developers.openai.com/api/docs/pricing, 2026-11-20"
    claude = facts.find("anthropic", "claude-haiku-4-5-20251001")
    assert claude is not None
    assert claude.price(now) == Price(1_000_000, 5_000_000, 100_000, 1_250_000)
    unread = facts.find("openai", "gpt-6.2-sol")
    assert unread is not None
    assert unread.price(now) is None
    flash = facts.find("google", "gemini-3.8-flash")
    assert flash is not None
    assert flash.price(now) != flash.price(now + 60 * 86_400)


def test_of_a_routers_model_its_maker_says_what_it_can_do_and_the_router_what_it_costs() -> None:
    routed, own = facts.find("openrouter", "openai/gpt-5"), facts.find("openai", "gpt-5")
    assert routed is not None
    assert own is not None
    assert routed.capabilities == own.capabilities
    assert routed.output == own.output
    assert routed.retires is None
    unpriced = facts.find("openrouter", "openai/gpt-5:nitro")
    assert unpriced is not None
    assert unpriced.tariffs == ()
    assert facts.find("openrouter", "nobody/nothing") is None


def test_nothing_is_read_before_somebody_asks() -> None:
    code = "import threadline.providers.registry, threadline.providers.facts as f; print(f._file.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
