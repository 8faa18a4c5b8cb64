"""Users' own keys: kept sealed, shown by their end alone, and used for who they belong to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from threadline.domain.addresses import LOOPBACK, NOWHERE, Private
from threadline.domain.catalog import OwnKey, ProviderConfig
from threadline.domain.errors import BadRequest, MissingKey, NotFound, RateLimited, UnsupportedModel
from threadline.domain.trials import Trial
from threadline.providers.registry import Registry
from threadline.services.credentials import Credentials
from threadline.services.keys import Keys
from threadline.services.rotation import Rotation, Sealed
from threadline.services.throttles import Limit
from threadline.services.vault import Vault
from threadline.store import audit, keys, users
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

OLD, NEW = b"an old secret of words", b"a new secret of words"
KEY = "sk-canary-0123456789abcdef"
WORLD = SystemWorld()
GATEWAY = ProviderConfig("gateway", base_url="http://127.0.0.1:1/v1", models=("m",), headers={"x-operator": "secret"})


class Trying(Registry):
    """Providers that say of every key what the test wants."""

    def __init__(self, *configs: ProviderConfig) -> None:
        super().__init__(configs, WORLD, ollama_url=None)
        self.asked: list[tuple[str, OwnKey]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def tried(self, provider: str, own: OwnKey) -> Trial:
        self.asked.append((provider, own))
        await self.go.wait()
        return Trial(True, "It does.", 3)


@dataclass
class House:
    """A store with two users, and the services over it."""

    store: Store
    user: str
    other: str
    registry: Trying = field(default_factory=lambda: Trying(GATEWAY))

    def credentials(self, *secrets: bytes, private: Private = NOWHERE) -> Credentials:
        return Credentials(self.store, Vault(secrets or [OLD], WORLD), self.registry, private)

    def keys(self, *secrets: bytes) -> Keys:
        return Keys(self.store, Vault(secrets or [OLD], WORLD), self.registry)

    def rotation(self, *secrets: bytes, at_once: int = 2) -> Rotation:
        return Rotation(self.store, Vault(secrets, WORLD), at_once)

    async def own(self, model: str, user: str | None = None, *secrets: bytes) -> OwnKey | None:
        return await self.store.read(lambda tx: self.keys(*secrets).own(tx, user or self.user, model))

    async def written(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        rows, _ = await self.store.read(lambda tx: audit.page(tx, None, 100))
        return [(row.action, row.actor_id, row.details) for row in reversed(rows)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await Store.open(tmp_path / "threadline.db", WORLD, Signals())
    both = await store.write(lambda tx: [users.add(tx, "registered").id, users.add(tx, "guest").id])
    yield House(store, *both)
    await store.close()


async def test_of_a_key_no_more_is_told_than_its_end(house: House) -> None:
    kept = await house.credentials().put(house.user, "openai", KEY)
    assert kept == {
        "provider": "openai",
        "provider_name": "OpenAI",
        "last_four": "cdef",
        "base_url": None,
        "created_at": kept["created_at"],
        "used_at": None,
    }
    assert await house.credentials().listed(house.user) == {"items": [kept], "next": None}
    row = await house.store.read(lambda tx: keys.get(tx, house.user, "openai"))
    assert row is not None
    assert KEY.encode() not in row.sealed
    assert "sealed" not in repr(row)


@pytest.mark.parametrize(("key", "shown"), [("a" * 8 + "wxyz", "wxyz"), ("abcdefgh", "gh"), ("abc", "c"), ("ab", "")])
async def test_of_a_short_key_less_is_shown(house: House, key: str, shown: str) -> None:
    assert (await house.credentials().put(house.user, "openai", key))["last_four"] == shown


async def test_a_key_that_is_added_again_takes_the_place_of_the_first(house: House) -> None:
    await house.credentials().put(house.user, "groq", KEY)
    await house.credentials().put(house.user, "groq", f"{KEY}-2")
    assert await house.own("groq/x") == OwnKey(f"{KEY}-2")
    assert len((await house.credentials().listed(house.user))["items"]) == 1


async def test_a_key_is_its_user_s_alone(house: House) -> None:
    await house.credentials().put(house.user, "openai", KEY)
    assert await house.own("openai/gpt-5") == OwnKey(KEY)
    assert await house.own("openai/gpt-5", house.other) is None
    assert (await house.credentials().listed(house.other))["items"] == []
    for refused in (
        house.credentials().remove(house.other, "openai"),
        house.credentials().test(house.other, "openai"),
    ):
        with pytest.raises(NotFound):
            await refused
    await house.credentials().remove(house.user, "openai")
    assert await house.own("openai/gpt-5") is None


async def test_keys_are_taken_for_providers_that_want_one_or_that_the_operator_named(house: House) -> None:
    offered = {one["provider"]: one for one in house.credentials().offered()["items"]}
    assert {"openai", "anthropic", "google", "gateway"} < offered.keys()
    assert not {"demo", "ollama", "openai-compatible"} & offered.keys()
    assert offered["openai"]["base_url_allowed"]
    assert not offered["gateway"]["base_url_allowed"]
    for provider in ("demo", "ollama", "openai-compatible", "nobody", ""):
        with pytest.raises(NotFound):
            await house.credentials().put(house.user, provider, KEY)


@pytest.mark.parametrize("key", ["", "two words", "línea", "a\nb", "x" * 1001, "a\r\nx-evil: 1"])
async def test_what_no_header_carries_is_no_key(house: House, key: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await house.credentials().put(house.user, "openai", key)
    assert not key.strip() or key not in caught.value.message


async def test_the_address_of_a_key_leads_to_no_private_place(house: House) -> None:
    for url in ("http://example.org/v1", "https://127.0.0.1/v1", "https://u:p@example.org", "https://10.1.2.3/v1"):
        with pytest.raises(BadRequest, match="base_url"):
            await house.credentials().put(house.user, "openai", KEY, url)
    with pytest.raises(BadRequest, match="Leave base_url out"):
        await house.credentials().put(house.user, "gateway", KEY, "https://example.org/v1")
    allowed = house.credentials(private=LOOPBACK)
    await allowed.put(house.user, "openai", KEY, "http://127.0.0.1:9901/v1")
    await allowed.put(house.user, "groq", KEY, "https://example.org/v1")
    assert await house.own("openai/x") == OwnKey(KEY, "http://127.0.0.1:9901/v1")


async def test_a_key_is_tried_out_before_it_is_kept_or_as_it_is_kept(house: House) -> None:
    credentials = house.credentials()
    with pytest.raises(NotFound):
        await credentials.test(house.user, "openai")
    given = OwnKey("sk-other", "https://example.org/v1")
    assert (await credentials.test(house.user, "openai", given)).ok
    await credentials.put(house.user, "openai", KEY)
    assert await credentials.test(house.user, "openai") == Trial(True, "It does.", 3)
    assert house.registry.asked == [("openai", given), ("openai", OwnKey(KEY))]
    with pytest.raises(BadRequest):
        await credentials.test(house.user, "openai", OwnKey("sk-other", "https://10.0.0.1/v1"))


async def test_a_key_for_a_provider_that_is_not_there_any_more_can_be_seen_and_removed(house: House) -> None:
    await house.credentials().put(house.user, "gateway", KEY)
    house.registry = Trying()
    assert [one["provider"] for one in (await house.credentials().listed(house.user))["items"]] == ["gateway"]
    with pytest.raises(NotFound, match="No keys are taken"):
        await house.credentials().test(house.user, "gateway")
    with pytest.raises(UnsupportedModel):
        await owner(house, "gateway/m")
    await house.credentials().remove(house.user, "gateway")


async def test_who_tries_one_key_waits_before_the_next(house: House) -> None:
    credentials = house.credentials()
    await credentials.put(house.user, "openai", KEY)
    house.registry.go.clear()
    first = asyncio.create_task(credentials.test(house.user, "openai"))
    while not house.registry.asked:
        await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await credentials.test(house.user, "openai")
    house.registry.go.set()
    assert (await first).ok
    assert (await credentials.test(house.user, "openai")).ok


async def test_nobody_tries_keys_without_end(house: House) -> None:
    tries = Limit("key:test", 2, 600.0)
    credentials = Credentials(house.store, Vault([OLD], WORLD), house.registry, NOWHERE, tries)
    for _ in range(2):
        assert (await credentials.test(house.user, "openai", OwnKey(KEY))).ok
    with pytest.raises(RateLimited, match="Too many tries") as caught:
        await credentials.test(house.user, "openai", OwnKey(KEY))
    assert caught.value.code == "rate_limited:keys"
    assert (await credentials.test(house.other, "openai", OwnKey(KEY))).ok
    assert len(house.registry.asked) == 3


async def test_what_is_done_to_keys_is_written_down_without_them(house: House) -> None:
    credentials = house.credentials()
    await credentials.put(house.user, "openai", KEY, address="192.0.2.1")
    await credentials.test(house.user, "openai")
    await credentials.remove(house.user, "openai")
    assert await house.written() == [
        ("key.added", house.user, {"provider": "openai"}),
        ("key.tested", house.user, {"provider": "openai", "reason": "accepted"}),
        ("key.removed", house.user, {"provider": "openai"}),
    ]


async def owner(house: House, model: str, *secrets: bytes) -> str:
    return await house.store.write(lambda tx: house.keys(*secrets).owner(tx, house.user, model))


async def test_the_user_s_key_comes_before_the_server_s_and_none_is_said(house: House) -> None:
    house.registry = Trying(ProviderConfig("openai", "openai", api_key="server"))
    assert await owner(house, "openai/gpt-5") == "server"
    assert await owner(house, "demo/demo") == "server"
    with pytest.raises(MissingKey, match=r"No anthropic API key found\. Add one in Settings\."):
        await owner(house, "anthropic/claude")
    with pytest.raises(UnsupportedModel):
        await owner(house, "nobody/x")
    for provider in ("openai", "anthropic"):
        await house.credentials().put(house.user, provider, KEY)
        assert await owner(house, f"{provider}/x") == "user"


async def test_the_use_of_a_key_is_noted_at_most_once_a_minute(house: House) -> None:
    await house.credentials().put(house.user, "openai", KEY)

    async def used() -> float | None:
        found: float | None = (await house.credentials().listed(house.user))["items"][0]["used_at"]
        return found

    async def move(seconds: float) -> None:
        def work(tx: Tx) -> None:
            tx.conn.exec_driver_sql("UPDATE keys SET used_at = used_at - ?", (seconds,))

        await house.store.write(work)

    await owner(house, "openai/x")
    first = await used()
    assert first is not None
    await owner(house, "openai/x")
    assert await used() == first
    await move(61)
    await owner(house, "openai/x")
    assert (await used() or 0) >= first


async def test_a_key_whose_secret_is_gone_is_refused_in_words_and_can_be_replaced(house: House) -> None:
    await house.credentials(OLD).put(house.user, "openai", KEY)
    ask: list[Callable[[], Any]] = [
        lambda: owner(house, "openai/x", NEW),
        lambda: house.own("openai/x", None, NEW),
        lambda: house.credentials(NEW).test(house.user, "openai"),
    ]
    for one in ask:
        with pytest.raises(MissingKey, match="behind the new one"):
            await one()
    ring = await house.keys(NEW).ring(house.user)
    assert (dict(ring.keys), list(ring.faults)) == ({}, ["openai"])
    assert len((await house.credentials(NEW).listed(house.user))["items"]) == 1
    await house.credentials(NEW).put(house.user, "openai", KEY)
    assert await house.own("openai/x", None, NEW) == OwnKey(KEY)


async def test_what_a_guest_has_goes_with_him_and_never_replaces_what_the_account_has(house: House) -> None:
    credentials = house.credentials()
    await credentials.put(house.other, "openai", "guest-openai")
    await credentials.put(house.other, "groq", "guest-groq", "https://example.org/v1")
    await credentials.put(house.user, "openai", KEY)
    await house.store.write(lambda tx: house.keys().move(tx, house.other, house.user))
    assert await house.own("openai/x") == OwnKey(KEY)
    assert await house.own("groq/x") == OwnKey("guest-groq", "https://example.org/v1")
    assert await house.own("groq/x", house.other) is None


async def test_every_key_ends_under_the_first_secret_whatever_happens_meanwhile(house: House) -> None:
    """Readers and writers of two servers, one of which was started before the new secret came to be the first."""
    people = await house.store.write(lambda tx: [users.add(tx, "guest").id for _ in range(40)])
    for user in people:
        await house.credentials(OLD).put(user, "openai", f"{KEY}-{user}")
    before, after = house.keys(OLD, NEW), house.keys(NEW, OLD)
    done = asyncio.Event()
    read = 0

    async def reader(one: Keys) -> None:
        nonlocal read
        while not done.is_set():
            for user in people:
                own = await house.store.read(lambda tx, user=user: one.own(tx, user, "openai/x"))  # type: ignore[misc]
                assert own is not None
                assert own.key.startswith(f"{KEY}-{user}")
                read += 1

    async def writer() -> None:
        number = 0
        while not done.is_set():
            for user in people[::5]:
                await house.credentials(OLD, NEW).put(user, "openai", f"{KEY}-{user}-{number}")
                number += 1

    async with asyncio.TaskGroup() as group:
        for one in (before, after):
            group.create_task(reader(one))
        writing = group.create_task(writer())
        count = await house.rotation(NEW, OLD, at_once=3).run()
        while read < 400:
            await asyncio.sleep(0)
        done.set()
        await writing
    count += await house.rotation(NEW, OLD).run()
    assert count >= 40
    assert await house.rotation(NEW, OLD).sealed() == Sealed(40, 0)
    assert await house.rotation(NEW, OLD).run() == 0
    for user in people:
        own = await house.own("openai/x", user, NEW)
        assert own is not None
        assert own.key.startswith(f"{KEY}-{user}")
    assert {action for action, *_ in await house.written()} == {"key.added", "key.rotated"}


async def test_what_cannot_be_read_stays_and_keeps_nothing_else_from_being_sealed_anew(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    people = await house.store.write(lambda tx: [users.add(tx, "guest").id for _ in range(5)])
    for user in people:
        await house.credentials(OLD).put(user, "openai", KEY)
    await house.credentials(b"a secret that nobody has").put(house.user, "openai", KEY)

    def damage(tx: Tx) -> None:
        tx.conn.exec_driver_sql("UPDATE keys SET sealed = x'01' WHERE user_id IN (?, ?)", tuple(people[:2]))

    await house.store.write(damage)
    rotation = house.rotation(NEW, OLD, at_once=1)
    assert await rotation.run() == 3
    assert await rotation.run() == 0
    assert await rotation.sealed() == Sealed(3, 3)
    assert [record.message for record in caplog.records] == [
        "users' keys were sealed under a secret that is not known here"
    ]
