"""Builds the whole program out of its settings, and takes it apart again in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp

from threadline import __version__
from threadline.app.ground import STATIC, Ground, Seams, open_ground
from threadline.app.services import Services, build_services
from threadline.routes import build
from threadline.routes.context import Context
from threadline.routes.durable import PREFIX
from threadline.routes.pulse import Pulse
from threadline.runs.clock_tool import current_time
from threadline.runs.closer import Closer
from threadline.runs.config import RunConfig
from threadline.runs.engine import Engine
from threadline.runs.sweeper import Sweeper
from threadline.runs.tools import Toolbox
from threadline.runs.wakes import Wakes
from threadline.runs.worker import Worker
from threadline.services.looking import Looking
from threadline.services.waking import Waking
from threadline.settings import Settings
from threadline.store import leases
from threadline.world import World

__all__ = ["STATIC", "App", "Seams", "open_app"]


@dataclass(frozen=True, slots=True)
class App:
    """The program, built and open: what serves requests, what fulfils runs, and the word that ends both."""

    settings: Settings
    world: World
    site: ASGIApp
    pulse: Pulse
    worker: Worker
    sweeper: Sweeper
    wakes: Wakes
    closer: Closer
    draining: asyncio.Event
    masters: tuple[str, ...]


@asynccontextmanager
async def open_app(settings: Settings, seams: Seams = Seams()) -> AsyncIterator[App]:
    """Open the ground and build everything on it; closed in reverse at the end of the block. Raises ``CannotStart``."""
    async with open_ground(settings, seams) as ground:
        yield _compose(settings, seams, ground)


def _compose(settings: Settings, seams: Seams, ground: Ground) -> App:
    store, log, world, signals = ground.store, ground.log, ground.world, ground.signals
    services = build_services(settings, ground)
    config = RunConfig(
        lease_seconds=settings.lease_seconds,
        max_runs=settings.max_runs,
        max_steps=settings.max_steps,
        context_messages=settings.context_messages,
        title_model=settings.models.get("title"),
        retention_seconds=settings.retention_seconds,
    )
    engine = Engine(
        store=store,
        log=log,
        world=world,
        models=services.callers,
        answers=services.answers,
        toolbox=Toolbox([current_time(world), *seams.tools]),
        config=config,
    )
    pulse = Pulse(world, ground.draining, seams.heartbeat)
    return App(
        settings=settings,
        world=world,
        site=build(_context(settings, seams, ground, services, pulse), __version__),
        pulse=pulse,
        worker=Worker(store=store, signals=signals, world=world, models=services.callers, engine=engine, config=config),
        sweeper=Sweeper(
            store=store,
            log=log,
            signals=signals,
            world=world,
            conversations=services.conversations,
            config=config,
            others=(
                services.usages.forget,
                services.audit.forget,
                ground.tokens.sweep,
                services.deletion.sweep,
                services.signing_in.sweep,
                services.sharing.lapse,
                services.rotation.run,
            ),
        ),
        wakes=_wakes(ground, services),
        closer=Closer(services.recordings, signals, world),
        draining=ground.draining,
        masters=ground.vault.masters,
    )


def _wakes(ground: Ground, services: Services) -> Wakes:
    store, log, world, signing = ground.store, ground.log, ground.world, ground.signing
    return Wakes(
        waking=Waking(store=store, log=log, world=world, notices=services.notices, signing=signing),
        looking=Looking(store=store, log=log, world=world, notices=services.notices),
        notices=services.notices,
        log=log,
        signals=ground.signals,
        world=world,
        signing=signing,
        sender=ground.sender,
        prefix=PREFIX,
    )


def _context(settings: Settings, seams: Seams, ground: Ground, services: Services, pulse: Pulse) -> Context:
    async def ready() -> None:
        await ground.store.read(leases.next_lapse)

    return Context(
        world=ground.world,
        pulse=pulse,
        accounts=services.accounts,
        admin=services.admin,
        audit=services.audit,
        conversations=services.conversations,
        turns=services.turns,
        entitlements=services.entitlements,
        usages=services.usages,
        answers=services.answers,
        deletion=services.deletion,
        feed=services.feed,
        identities=services.identities,
        models=services.models,
        preferences=services.preferences,
        profile=services.profile,
        recordings=services.recordings,
        registration=services.registration,
        responses=services.responses,
        sharing=services.sharing,
        streams=services.streams,
        subscriptions=services.subscriptions,
        tokens=ground.tokens,
        signing=ground.signing,
        signing_in=services.signing_in,
        credentials=services.credentials,
        ready=ready,
        static=seams.static,
        host=settings.host,
        guests=settings.guests,
        origins=settings.origins,
        proxies=settings.proxies,
        open_owner=ground.open_owner,
        long_poll_seconds=settings.long_poll_seconds,
    )
