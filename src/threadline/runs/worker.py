"""The worker: claims runs under a lease, keeps the leases alive, passes stops on, and hands over when it drains."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from threadline.domain.errors import ThreadlineError
from threadline.runs import pace
from threadline.runs.config import RunConfig
from threadline.runs.context import Models
from threadline.runs.control import Control, Interrupted, being_cancelled
from threadline.runs.engine import Engine
from threadline.runs.titles import ensure_title
from threadline.services.answers import run_view
from threadline.services.audience import Told, tell_all
from threadline.store import leases, runs
from threadline.store.database import Store
from threadline.store.leases import Held
from threadline.store.runs import RunRow
from threadline.store.signals import Signals
from threadline.store.transaction import Tx
from threadline.world import World

_log = logging.getLogger(__name__)

_HEARTBEATS_A_LEASE: Final = 3
_CLAIM_AT_ONCE: Final = 64
_LEAST_WAIT_SECONDS: Final = 0.05


def _started(run: RunRow) -> Told:
    return run.conversation_id, run.user_id, [{"type": "run.started", "run": run_view(run, "running")}]


class Worker:
    """One process's share of the work. Guarantees: every run it claims is driven by one task, which it waits for; a
    run is heard of at once in this process, and within a lease from any other."""

    def __init__(
        self,
        *,
        store: Store,
        signals: Signals,
        world: World,
        models: Models,
        engine: Engine,
        config: RunConfig,
    ) -> None:
        self._store = store
        self._signals = signals
        self._world = world
        self._models = models
        self._engine = engine
        self._config = config
        self._name = f"worker-{world.entropy(8).hex()}"
        self._controls: dict[str, Control] = {}
        self._trusted_since: float | None = None

    async def run(self, draining: asyncio.Event) -> None:
        """Work until ``draining`` is set, then hand every run over and return."""
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._heartbeat()), tasks.create_task(self._pass_stops_on())]
            with self._signals.listen("runs") as bell:
                forward = tasks.create_task(pace.forward(draining, bell))
                while not draining.is_set():
                    bell.clear()
                    taken, lapse = await self._claim()
                    for run in taken:
                        self._controls[run.id] = Control()
                        tasks.create_task(self._work(run))
                    await self._wait(bell, lapse)
                await forward
                for control in self._controls.values():
                    control.fire("drain")
                while self._controls:
                    bell.clear()
                    await bell.wait()
            for task in beside:
                task.cancel()

    async def _claim(self) -> tuple[list[RunRow], float | None]:
        """The runs that are this worker's now, and when the next lease of anyone ends."""
        live = sum(not control.done for control in self._controls.values())
        room = min(self._config.max_runs - live, _CLAIM_AT_ONCE)
        if room <= 0:
            return [], None
        lease = self._config.lease_seconds
        since = self._trusted_since
        held = frozenset(self._controls)

        def claim(tx: Tx) -> tuple[list[RunRow], float | None]:
            # After an outage nobody could renew: a lease is over only when it had a whole lease to be renewed.
            grace = tx.now if since is None or tx.now - since >= lease else 0.0
            taken = leases.claim(tx, self._name, lease, room, held=held, lapsed_before=grace)
            tell_all(tx, [_started(run) for run in taken if run.epoch == 1])
            return taken, leases.next_lapse(tx)

        try:
            taken, lapse = await self._store.write(claim)
        except ThreadlineError:
            self._trusted_since = self._world.now()
            return [], None
        if len(taken) == room:
            self._signals.poke("runs")
        return taken, lapse

    async def _wait(self, bell: asyncio.Event, lapse: float | None) -> None:
        """Until something is wanted, or the next lease of anyone ends."""
        longest = self._config.lease_seconds
        wait = longest if lapse is None else max(min(lapse - self._world.now(), longest), _LEAST_WAIT_SECONDS)
        await pace.heard(bell, wait)

    async def _work(self, run: RunRow) -> None:
        control = self._controls[run.id]
        try:
            async with pace.background(self._name_it(run, control)) as naming:
                await self._engine.drive(run, control)
                control.done = True
                if len(self._controls) >= self._config.max_runs:
                    # Its place is free while its title is made.
                    self._signals.poke("runs")
                with control.cancellable():
                    await naming
        except Interrupted:
            return
        except Exception:
            # A run whose ending could not be written is taken over when its lease ends.
            _log.exception("run left unfinished", extra={"run": run.id})
        finally:
            if self._controls.get(run.id) is control:
                del self._controls[run.id]
            self._signals.poke("runs")

    async def _name_it(self, run: RunRow, control: Control) -> None:
        """A title beside the answer, once that is under way; what is only nice to have does not break what matters."""
        await control.under_way.wait()
        try:
            await ensure_title(self._store, self._models, run, self._config.title_model)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and being_cancelled():
                raise
            _log.exception("no title", extra={"run": run.id})

    async def _pass_stops_on(self) -> None:
        """Listens before any run is held, so that no stop is missed; one that came before the claim came with it."""
        with self._signals.listen("stops") as bell:
            while True:
                await bell.wait()
                bell.clear()
                try:
                    asked = await self._store.read(runs.cancelled)
                except ThreadlineError:
                    # The heartbeat finds it, too.
                    continue
                for run_id in asked:
                    if run_id in self._controls:
                        self._controls[run_id].fire("stop")

    async def _heartbeat(self) -> None:
        lease = self._config.lease_seconds
        while True:
            await self._world.sleep(lease / _HEARTBEATS_A_LEASE)
            held = list(self._controls)
            if not held:
                continue
            try:
                kept = await self._renew(held)
            except ThreadlineError:
                self._trusted_since = self._world.now()
                continue
            for run_id in held:
                control = self._controls.get(run_id)
                if control is None or control.done:
                    continue
                if run_id not in kept:
                    control.fire("lost")
                elif kept[run_id].cancel is not None:
                    control.fire("stop")

    async def _renew(self, held: list[str]) -> dict[str, Held]:
        lease = self._config.lease_seconds
        rows = await self._store.write(lambda tx: leases.renew(tx, self._name, held, lease))
        return {row.run_id: row for row in rows}
