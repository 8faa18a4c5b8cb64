"""The ground that the program stands on: the data folder under its lock, store, log, providers, secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from threadline.app import lock
from threadline.app.failures import CannotStart, storage_faults_told
from threadline.app.secret import secrets
from threadline.domain.catalog import configs_for_keys
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.log.protocol import Log
from threadline.log.sqlite import SqliteLog
from threadline.providers.identity import IdentityProviders
from threadline.providers.registry import Registry
from threadline.routes.pulse import HEARTBEAT
from threadline.runs.tools import Tool
from threadline.runs.webhook import HttpSender, Sender
from threadline.services.signing import Signing
from threadline.services.tokens import Tokens
from threadline.services.vault import Vault
from threadline.settings import Settings
from threadline.store import leases, subscriptions
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld, World

STATIC: Final = Path(__file__).resolve().parent.parent / "static"


@dataclass(frozen=True, slots=True)
class Seams:
    """What else than the settings a program may be composed with; what is None is the usual.

    ``tools`` come beside the built-in ones. ``log`` is used as it is, and closed by whoever made it. ``sender`` calls
    webhooks.
    """

    world: World | None = None
    log: Log | None = None
    tools: Iterable[Tool] = ()
    sender: Sender | None = None
    static: Path = STATIC
    heartbeat: float = HEARTBEAT


@dataclass(frozen=True, slots=True)
class Ground:
    """What all else is built on, open. ``open_owner``: whose the streams are for all who come without a token."""

    world: World
    signals: Signals
    draining: asyncio.Event
    store: Store
    log: Log
    registry: Registry
    tokens: Tokens
    open_owner: str | None
    sender: Sender
    signing: Signing
    vault: Vault
    identity_providers: IdentityProviders


@asynccontextmanager
async def open_ground(settings: Settings, seams: Seams) -> AsyncIterator[Ground]:
    """Lock the data folder and open everything in it; closed in reverse at the end of the block. Raises
    ``CannotStart``."""
    world = seams.world or SystemWorld()
    signals, draining = Signals(), asyncio.Event()
    async with AsyncExitStack() as stack:
        lock.prepare(settings.data)
        stack.enter_context(lock.locked(settings.data))
        with storage_faults_told():
            store = await Store.open(settings.store_path, world, signals)
            stack.push_async_callback(store.close)
            log = seams.log
            if log is None:
                log = await SqliteLog.open(settings.log_path, world)
                stack.push_async_callback(log.close)
            # The lock tells that whoever held these is gone.
            await store.write(leases.break_leases)
            await store.write(subscriptions.break_deliveries)
            tokens = Tokens(store, world)
            open_owner = (await tokens.service("open")).id if settings.streams_open else None
        registry = _registry(settings, world)
        stack.push_async_callback(registry.close)
        sender = seams.sender or HttpSender(loopback=settings.streams_open)
        stack.push_async_callback(sender.close)
        identity_providers = IdentityProviders(settings.logins, world)
        stack.push_async_callback(identity_providers.close)
        known = secrets(settings, world)
        signing, vault = Signing(known), Vault(known, world)
        lock.tell(settings.data, vault.masters)
        yield Ground(
            world,
            signals,
            draining,
            store,
            log,
            registry,
            tokens,
            open_owner,
            sender,
            signing,
            vault,
            identity_providers,
        )


def _registry(settings: Settings, world: World) -> Registry:
    registry = Registry(
        configs_for_keys(settings.keys, settings.providers),
        world,
        ollama_url=settings.ollama_url,
        stall_seconds=settings.stall_seconds,
        private=settings.private_addresses,
    )
    _check(registry, settings.models["chat"])
    registry.start()
    return registry


def _check(registry: Registry, chat: str) -> None:
    """What can never answer is told at the start, not in the first chat. Raises ``CannotStart``."""
    for fault in registry.faults():
        raise CannotStart(fault)
    try:
        registry.model(chat)
    except UnsupportedModel as fault:
        raise CannotStart(
            f"The model for chat under [models], {chat}, cannot be used. {fault.message} Choose another, or set its "
            "provider up under [[providers]]."
        ) from None
    except MissingKey:
        # Another model can be chosen, and the key can come later.
        return
