"""Builds the whole program out of its settings, and takes it apart again in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from threadline import __version__
from threadline.app import lock
from threadline.app.failures import CannotStart, storage_faults_told
from threadline.domain.catalog import ProviderConfig, configs_for_keys
from threadline.domain.errors import MissingKey, UnsupportedModel
from threadline.log.protocol import Log
from threadline.log.sqlite import SqliteLog
from threadline.providers.registry import Registry
from threadline.routes import build
from threadline.routes.context import Context
from threadline.routes.pulse import HEARTBEAT, Pulse
from threadline.runs.clock_tool import current_time
from threadline.runs.config import RunConfig
from threadline.runs.engine import Engine
from threadline.runs.sweeper import Sweeper
from threadline.runs.tools import Tool, Toolbox
from threadline.runs.worker import Worker
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.feed import Feed
from threadline.services.models import Models
from threadline.services.turns import Turns
from threadline.settings import Settings
from threadline.store import runs
from threadline.store.database import Store
from threadline.store.signals import Signals
from threadline.world import SystemWorld, World

STATIC: Final = Path(__file__).resolve().parent.parent / "static"


@dataclass(frozen=True, slots=True)
class App:
    """The program, built and open: what serves requests, what fulfils runs, and the word that ends both."""

    settings: Settings
    world: World
    site: ASGIApp
    pulse: Pulse
    worker: Worker
    sweeper: Sweeper
    draining: asyncio.Event


@dataclass(frozen=True, slots=True)
class Seams:
    """What else than the settings a program may be composed with; what is None is the usual.

    ``tools`` come beside the built-in ones. ``log`` is used as it is, and closed by whoever made it.
    """

    world: World | None = None
    log: Log | None = None
    tools: Iterable[Tool] = ()
    static: Path = STATIC
    heartbeat: float = HEARTBEAT


@asynccontextmanager
async def open_app(settings: Settings, seams: Seams = Seams()) -> AsyncIterator[App]:
    """Lock the data folder, open everything in it, and build; closed in reverse at the end of the block.

    Raises ``CannotStart``.
    """
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
            await store.write(runs.break_leases)
        registry = _registry(settings, world)
        stack.push_async_callback(registry.close)
        yield _compose(settings, seams, _Ground(world, signals, draining, store, log, registry))


@dataclass(frozen=True, slots=True)
class _Ground:
    world: World
    signals: Signals
    draining: asyncio.Event
    store: Store
    log: Log
    registry: Registry


def _compose(settings: Settings, seams: Seams, ground: _Ground) -> App:
    store, log, world, registry = ground.store, ground.log, ground.world, ground.registry
    config = RunConfig(
        lease_seconds=settings.lease_seconds,
        max_runs=settings.max_runs,
        max_steps=settings.max_steps,
        context_messages=settings.context_messages,
        title_model=settings.models.get("title"),
        retention_seconds=settings.retention_seconds,
    )
    answers = Answers(store, log, world, replay_seconds=settings.replay_seconds)
    conversations = Conversations(store, log, answers)
    toolbox = Toolbox([current_time(world), *seams.tools])
    engine = Engine(store=store, log=log, world=world, models=registry, answers=answers, toolbox=toolbox, config=config)
    worker = Worker(store=store, signals=ground.signals, world=world, models=registry, engine=engine, config=config)
    sweeper = Sweeper(
        store=store, log=log, signals=ground.signals, world=world, conversations=conversations, config=config
    )
    pulse = Pulse(world, ground.draining, seams.heartbeat)
    site = build(_context(settings, seams, ground, pulse, answers, conversations), __version__)
    return App(settings, world, site, pulse, worker, sweeper, ground.draining)


def _context(
    settings: Settings, seams: Seams, ground: _Ground, pulse: Pulse, answers: Answers, conversations: Conversations
) -> Context:
    store, registry, default_model = ground.store, ground.registry, settings.models["chat"]

    async def ready() -> None:
        await store.read(runs.next_lapse)

    return Context(
        world=ground.world,
        pulse=pulse,
        accounts=Accounts(store, ground.world),
        conversations=conversations,
        turns=Turns(
            store,
            ground.log,
            answers,
            check_model=registry.get,
            default_model=default_model,
            when_busy=settings.when_busy,
        ),
        answers=answers,
        feed=Feed(store, ground.signals),
        models=Models(registry, default_model),
        check_model=registry.get,
        ready=ready,
        static=seams.static,
        host=settings.host,
        guests=settings.guests,
        origins=settings.origins,
    )


def _registry(settings: Settings, world: World) -> Registry:
    configured = tuple(ProviderConfig(**asdict(provider)) for provider in settings.providers)
    registry = Registry(
        configs_for_keys(settings.keys, configured),
        world,
        ollama_url=settings.ollama_url,
        stall_seconds=settings.stall_seconds,
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
        raise CannotStart(f"The model for chat, {chat}, cannot be used. {fault.message}") from None
    except MissingKey:
        # Another model can be chosen, and the key can come later.
        return
