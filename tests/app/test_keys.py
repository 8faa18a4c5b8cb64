"""``threadline key rotate``, and a server that does it by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.app.test_start import run
from tests.routes.conftest import open_house
from threadline.app import keys
from threadline.app.failures import NotUsable
from threadline.app.secret import secrets
from threadline.services.vault import Vault
from threadline.settings import Settings
from threadline.store import keys as rows
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

OLD, NEW = "an old secret of words", "a new secret of words"
WORLD = SystemWorld()


def master(secret: str) -> str:
    return Vault([secret.encode()], WORLD).master


async def masters(folder: Path) -> dict[str, int]:
    store = await Store.open(folder / "data" / "threadline.db", WORLD, Signals())
    found = await store.read(rows.masters)
    await store.close()
    return found


async def rotated(folder: Path, *given: str) -> str:
    said: list[str] = []
    await keys.rotate(Settings(data=folder / "data", secret=given), said.append)
    return " ".join(said)


async def sealed(folder: Path, count: int, *given: str) -> None:
    """Have a server under these secrets keep keys, and end it."""
    async with open_house(folder, secret=given) as house:
        for _ in range(count):
            visitor = house.visitor()
            assert (await visitor.call("PUT", "/api/keys/openai", {"key": "sk-0123456789"})).status == 200


async def test_the_command_seals_every_key_anew_and_says_so(tmp_path: Path) -> None:
    await sealed(tmp_path, 3, OLD)
    assert await masters(tmp_path) == {master(OLD): 3}
    said = await rotated(tmp_path, NEW, OLD)
    assert "sealed anew: 3" in said
    assert "No other secret is needed" in said
    assert await masters(tmp_path) == {master(NEW): 3}
    assert "sealed anew: 0" in await rotated(tmp_path, NEW)


async def test_where_the_old_secret_is_gone_it_says_what_to_do(tmp_path: Path) -> None:
    await sealed(tmp_path, 1, OLD)
    with pytest.raises(NotUsable, match="back behind the new one"):
        await rotated(tmp_path, NEW)
    assert await masters(tmp_path) == {master(OLD): 1}


async def test_beside_a_server_it_does_nothing_that_the_server_could_not_read(tmp_path: Path) -> None:
    async with open_house(tmp_path, secret=(OLD,)) as house:
        visitor = house.visitor()
        assert (await visitor.call("PUT", "/api/keys/openai", {"key": "sk-0123456789"})).status == 200
        with pytest.raises(NotUsable, match="Restart it with them"):
            await rotated(tmp_path, NEW, OLD)
        assert "sealed anew: 0" in await rotated(tmp_path, OLD, NEW)
        assert await masters(tmp_path) == {master(OLD): 1}


async def test_a_server_that_is_started_with_a_new_secret_seals_all_keys_anew_by_itself(tmp_path: Path) -> None:
    await sealed(tmp_path / "a", 2, OLD)
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "data").rename(tmp_path / "b" / "data")
    async with open_house(tmp_path / "b", secret=(NEW, OLD)):
        async with asyncio.timeout(60):
            while await masters(tmp_path / "b") != {master(NEW): 2}:
                await asyncio.sleep(0.01)


def test_without_a_data_folder_the_command_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "key", "rotate")
    assert (done.returncode, done.stdout) == (3, "")
    assert "There is no data folder" in done.stderr


def test_the_secrets_of_the_file_stand_behind_those_of_the_setting_one_a_line(tmp_path: Path) -> None:
    (first,) = secrets(Settings(data=tmp_path), WORLD)
    file = tmp_path / "secret"
    assert secrets(Settings(data=tmp_path, secret=(NEW,)), WORLD) == [NEW.encode(), first]
    other = tmp_path / "other"
    other.mkdir()
    (second,) = secrets(Settings(data=other), WORLD)
    file.write_text(f"{(other / 'secret').read_text()}{file.read_text()}")
    assert secrets(Settings(data=tmp_path), WORLD) == [second, first]
