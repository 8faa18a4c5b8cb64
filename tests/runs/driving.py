"""A process that drives subscriptions, over the store and the log of a house, and a webhook that answers as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from tests.runs.harness import House
from threadline.domain.subscriptions import wanted
from threadline.log.protocol import StreamConfig
from threadline.runs.wakes import Wakes
from threadline.runs.webhook import Answered, NotSent, Sender
from threadline.services.looking import Looking
from threadline.services.notices import Notices
from threadline.services.signing import Signing
from threadline.services.streams import Streams
from threadline.services.subscriptions import Subscriptions
from threadline.services.waking import Waking
from threadline.store import subscriptions as rows
from threadline.store import users
from threadline.store.database import Store
from threadline.store.signals import Signals

SIGNING = Signing([b"a secret of this test"])
HOOK: dict[str, Any] = {"type": "webhook", "pattern": "events/**", "webhook": {"url": "https://example.org/hook"}}
PULL: dict[str, Any] = {"type": "pull-wake", "pattern": "events/**", "wake_stream": "wakes"}


@dataclass
class Recorder:
    """Calls nobody: keeps what it was to send, and answers as the test says; waits where ``go`` is not set,
    and for ever at an address that ``hangs``."""

    answer: Callable[[int], tuple[int, Any]] = lambda _number: (200, {"done": True})
    sent: list[dict[str, Any]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: Callable[[str], bool] = lambda _url: False
    urls: list[str] = field(default_factory=list)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = 0.0) -> Answered:
        self.sent.append(json.loads(body))
        self.waited.append(seconds)
        self.urls.append(url)
        number = len(self.sent)
        if self.hangs(url):
            await asyncio.Event().wait()
        await self.go.wait()
        status, value = self.answer(number)
        if status == 0:
            raise NotSent("as the test says")
        return Answered(status, json.dumps(value).encode())

    async def close(self) -> None:
        """Nothing is open."""


def recorder(answer: Callable[[int], tuple[int, Any]] = lambda _number: (200, {"done": True})) -> Recorder:
    found = Recorder(answer)
    found.go.set()
    return found


class Process:
    """One process's parts, over a store of its own on the same file, and the same log."""

    def __init__(self, house: House, store: Store, signals: Signals) -> None:
        self.house = house
        self.owner = house.user
        self.signals = signals
        self.notices = Notices(signals)
        parts: dict[str, Any] = {"store": store, "log": house.log, "world": house.world, "notices": self.notices}
        self.store = store
        self.waking = Waking(**parts, signing=SIGNING)
        self.looking = Looking(**parts)
        self.service = Subscriptions(**parts, signing=SIGNING, loopback=True)
        self.streams = Streams(house.log, house.answers, self.notices.appended)

    @asynccontextmanager
    async def driving(self, sender: Sender) -> AsyncIterator[asyncio.Task[None]]:
        wakes = Wakes(
            waking=self.waking,
            looking=self.looking,
            notices=self.notices,
            log=self.house.log,
            signals=self.signals,
            world=self.house.world,
            signing=SIGNING,
            sender=sender,
            prefix="/v1/stream/",
        )
        draining = asyncio.Event()
        task = asyncio.create_task(wakes.run(draining))
        try:
            yield task
        finally:
            draining.set()
            with suppress(asyncio.CancelledError):
                await task

    async def make(self, body: dict[str, Any], *, name: str = "sub", **more: Any) -> None:
        await self.service.create(self.owner, name, wanted({**body, **more}), "http://here")

    async def append(self, path: str, count: int = 1) -> None:
        await self.streams.create(self.owner, path, StreamConfig())
        await self.streams.append(self.owner, path, [b"{}"] * count)

    async def acked(self) -> dict[str, int]:
        return {link.path: link.acked for link in (await self.service.get(self.owner, "sub")).links}

    async def row(self) -> rows.SubscriptionRow:
        return (await self.service.get(self.owner, "sub")).row

    async def another(self) -> Process:
        """The same, for a user of his own."""
        user = await self.store.write(lambda tx: users.add(tx, "guest"))
        other = copy(self)
        other.owner = user.id
        return other

    async def told(self) -> list[dict[str, Any]]:
        reading = await self.streams.read(self.owner, "wakes", 0)
        return [json.loads(message) for batch in reading.batches for message in batch.messages]


async def until(check: Callable[[], Any], seconds: float = 120) -> Any:
    """What ``check`` gives, once that is something."""
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.01)
