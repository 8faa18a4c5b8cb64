"""A whole server without its HTTP: store, log, services and worker, with a model that the test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from threadline.domain.catalog import KeyOwner
from threadline.domain.events import Event, decode
from threadline.domain.fold import Fold
from threadline.domain.messages import text_of
from threadline.domain.prices import Price
from threadline.log.memory import MemoryLog
from threadline.log.protocol import Log
from threadline.providers.demo import Demo
from threadline.providers.protocol import ModelRequest, Provider
from threadline.runs.config import RunConfig
from threadline.runs.engine import Engine
from threadline.runs.tools import Tool, Toolbox
from threadline.runs.worker import Worker
from threadline.services.answers import Answers
from threadline.services.turns import Submit, Submitted, Turns
from threadline.store import leases, messages, users
from threadline.store.database import Store
from threadline.store.messages import MessageRow
from threadline.store.runs import RunRow
from threadline.store.signals import Signals
from threadline.world import SystemWorld


class OneModel:
    """Whatever model is asked for, it is this provider's; only titles come from the demo."""

    def __init__(self, provider: Provider, context: int | None = None) -> None:
        self.provider = provider
        self.context = context
        self._demo = Demo(SystemWorld())

    async def answering(self, run: RunRow) -> tuple[Provider, str]:
        """The same, for the answer."""
        return await self.provider_for(run, run.model)

    async def provider_for(self, _run: RunRow, model_id: str) -> tuple[Provider, str]:
        """The provider, and the name after the slash."""
        return self._demo if model_id == "demo/demo" else self.provider, model_id.partition("/")[2]

    async def paid(self, run: RunRow) -> tuple[KeyOwner, Price | None]:
        """A dollar for a million tokens, whichever."""
        return run.key_owner, Price(1_000_000, 1_000_000)

    def context_of(self, model_id: str) -> int | None:
        """What the test says."""
        return self.context

    def takes_tools(self, _model_id: str, wanted: bool | None = None) -> bool:
        """Always, but where they are not wanted."""
        return wanted is not False


class Paused:
    """A provider that lets ``after`` events through, one a batch, and then says nothing until :attr:`go` is set."""

    def __init__(self, inner: Provider, after: int) -> None:
        self.name = inner.name
        self.continues = inner.continues
        self.reached = asyncio.Event()
        self.go = asyncio.Event()
        self.calls: list[ModelRequest] = []
        self._inner = inner
        self._left = after

    async def stream(self, request: ModelRequest) -> AsyncGenerator[list[Event], None]:
        """See the protocol."""
        self.calls.append(request)
        async with aclosing(self._inner.stream(request)) as batches:
            async for batch in batches:
                for event in batch:
                    if self._left == 0:
                        self.reached.set()
                        await self.go.wait()
                    self._left -= 1
                    yield [event]


class House:
    """The parts of one server, over a store file and a log that outlive it."""

    def __init__(self, store: Store, log: Log, signals: Signals, user: str) -> None:
        self.world = SystemWorld()
        self.store = store
        self.log = log
        self.signals = signals
        self.user = user
        self.answers = Answers(store, log, self.world)
        self.turns = Turns(store, log, self.answers, key_owner=lambda *_: "server", default_model="test/model")

    @asynccontextmanager
    async def worker(
        self,
        provider: Provider,
        tools: Sequence[Tool] = (),
        config: RunConfig = RunConfig(title_model="demo/demo"),
        context: int | None = None,
    ) -> AsyncIterator[Callable[[], asyncio.Task[None]]]:
        """A worker at work; leaving the block lets it drain. Calling what it gives crashes it instead."""
        models = OneModel(provider, context)
        engine = Engine(
            store=self.store,
            log=self.log,
            world=self.world,
            models=models,
            answers=self.answers,
            toolbox=Toolbox(tools),
            config=config,
        )
        worker = Worker(
            store=self.store,
            signals=self.signals,
            world=self.world,
            models=models,
            engine=engine,
            config=config,
        )
        draining = asyncio.Event()
        task = asyncio.create_task(worker.run(draining))

        def crash() -> asyncio.Task[None]:
            task.cancel()
            return task

        try:
            yield crash
        finally:
            draining.set()
            with suppress(asyncio.CancelledError):
                await task

    async def crashed(self, crash: Callable[[], asyncio.Task[None]]) -> None:
        """End a worker in the middle of whatever it does, and its leases with it, as a restart does."""
        with suppress(asyncio.CancelledError):
            await crash()
        await self.store.write(leases.break_leases)

    async def ask(self, text: str = "Hello there", chat: str = "chat-1", **more: Any) -> Submitted:
        """Submit a message."""
        message = {"id": more.pop("id", None), "role": "user", "parts": [{"type": "text", "text": text}]}
        return await self.turns.submit(self.user, Submit(chat, message=message, **more))

    async def run(self, run_id: str) -> RunRow:
        """A run's row as it is."""
        return await self.answers.run(self.user, run_id)

    async def events(self, run_id: str) -> list[Event]:
        """All events of a run; waits for its end."""
        found: list[Event] = []
        async with aclosing(self.answers.follow(await self.run(run_id))) as steps:
            async for batches in steps:
                found += [decode(message) for batch in batches for message in batch.messages]
        return found

    async def ended(self, run_id: str) -> RunRow:
        """The run's row once it is folded."""
        async with asyncio.timeout(120):
            with self.signals.listen(f"done:{run_id}") as bell:
                while not (row := await self.run(run_id)).ended:
                    await bell.wait()
        return row

    async def message(self, submitted: Submitted) -> MessageRow:
        """The answer as it is stored, once it is."""
        await self.ended(submitted.run_id)
        row = await self.store.read(lambda tx: messages.get(tx, submitted.conversation_id, submitted.message_id))
        assert row is not None
        return row

    async def text(self, submitted: Submitted) -> str:
        """The answer's stored text."""
        return text_of((await self.message(submitted)).parts or [])

    async def record(self, run_id: str) -> Fold:
        """The fold of what is in the log now."""
        reading = await self.answers.read(await self.run(run_id))
        record = Fold()
        for batch in reading.batches:
            record.apply_all(map(decode, batch.messages))
        record.snapshot()
        return record


@asynccontextmanager
async def opened(folder: Path, log: Log | None = None) -> AsyncIterator[House]:
    """A house over ``folder``, with one user."""
    signals, world = Signals(), SystemWorld()
    store = await Store.open(folder / "threadline.db", world, signals)
    kept = log or MemoryLog(world)
    try:
        user = await store.write(lambda tx: users.add(tx, "guest"))
        yield House(store, kept, signals, user.id)
    finally:
        await kept.close()
        await store.close()
