"""Whose key calls a model for a run, and whose it is told to be, whatever happens beside its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.services.conftest import Base
from tests.services.test_conversations import say
from threadline.domain.catalog import OwnKey, ProviderConfig
from threadline.providers.protocol import Provider
from threadline.providers.registry import Registry
from threadline.services.callers import Callers
from threadline.services.entitlements import Entitlements
from threadline.services.handover import hand_over
from threadline.services.keys import Keys
from threadline.services.vault import Vault
from threadline.store import keys, runs, users
from threadline.store.runs import NewRun, RunRow
from threadline.store.transaction import Tx
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio

MODEL = "gateway/m"
MINE = "sk-canary-0123456789abcdef"
CONFIG = ProviderConfig("gateway", base_url="http://127.0.0.1:1/v1", api_key="sk-the-server-s", models=("m",))


class Called(Registry):
    """Tells with whose key each model was asked for."""

    def __init__(self) -> None:
        super().__init__([CONFIG], SystemWorld(), ollama_url=None)
        self.keys: list[str | None] = []

    def get(self, model_id: str, own: OwnKey | None = None) -> tuple[Provider, str]:
        self.keys.append(None if own is None else own.key)
        return super().get(model_id, own)


@dataclass
class Desk:
    """A guest with a key of his own, whose answer is wanted."""

    base: Base
    registry: Called
    keys: Keys
    callers: Callers
    guest: str
    run: RunRow

    async def owner(self) -> str:
        row = await self.base.store.read(lambda tx: runs.get(tx, self.run.id))
        assert row is not None
        return row.key_owner


@pytest.fixture
async def desk(base: Base) -> AsyncIterator[Desk]:
    vault, registry, guest = Vault([b"a secret"], base.world), Called(), (await base.accounts.guest()).user.id
    kept = Keys(base.store, vault, registry)
    chat = (await base.conversations.create(guest))["id"]
    asked = await say(base, chat, "Hello")

    def work(tx: Tx) -> RunRow:
        sealed = vault.seal(MINE, guest, "gateway")
        keys.put(tx, guest, "gateway", base_url=None, master=vault.master, sealed=sealed, last_four="cdef")
        wanted = NewRun(chat, guest, "msg_answer", asked, MODEL, {}, key_owner="user")
        return runs.insert(tx, tx.new_id("run"), wanted)

    run = await base.store.write(work)
    yield Desk(base, registry, kept, Callers(base.store, kept, registry, Entitlements(base.store)), guest, run)
    await registry.close()


async def test_what_is_called_beside_an_answer_says_nothing_of_who_pays_for_it(desk: Desk) -> None:
    await desk.callers.answering(desk.run)
    await desk.base.store.write(lambda tx: keys.remove(tx, desk.guest, "gateway"))
    # Its title, or an end at its provider.
    await desk.callers.provider_for(desk.run, MODEL)
    assert desk.registry.keys == [MINE, None]
    assert await desk.owner() == "user"
    assert (await desk.callers.paid(desk.run))[0] == "user"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_guest_s_key_calls_for_him_though_he_signs_in_meanwhile(desk: Desk, begun: bool) -> None:
    if begun:
        await desk.callers.answering(desk.run)

    def sign_in(tx: Tx) -> None:
        assert hand_over(tx, desk.guest, users.add(tx, "registered").id, [desk.keys.move])

    await desk.base.store.write(sign_in)
    await (desk.callers.provider_for(desk.run, MODEL) if begun else desk.callers.answering(desk.run))
    assert set(desk.registry.keys) == {MINE}
    assert await desk.owner() == "user"
