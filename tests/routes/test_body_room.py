"""Large bodies: how much of them is in memory at once is bounded over all connections, and small ones never wait."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

import pytest

from tests.routes.conftest import House, asking
from tests.support.answers import until
from threadline.domain.errors import BadRequest
from threadline.log.shares import Share
from threadline.routes import body
from threadline.routes.site import BODIES_BYTES, BODIES_OF_ONE, Site
from threadline.world import SystemWorld

pytestmark = pytest.mark.anyio
LARGEST = 64 << 20


class Upload:
    """One request: what it announces, and whether the server asked for its body yet."""

    def __init__(self, length: int | None, *, size: int = 10) -> None:
        self.length = length
        self.asked = False
        self.left = False
        self.status = 0
        self._chunk = bytes(size)
        self._come = asyncio.Event()
        self._sent = 0

    def go_on(self) -> None:
        """The client sends it."""
        self._come.set()

    async def receive(self) -> MutableMapping[str, Any]:
        if self.length is None and not self._sent:
            self._sent = 1
            return {"type": "http.request", "body": self._chunk, "more_body": True}
        self.asked = True
        await self._come.wait()
        if self.left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._chunk, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.status = message.get("status", self.status)

    async def run(self, site: Site, owner: str | None = None) -> None:
        headers = [] if self.length is None else [(b"content-length", b"%d" % self.length)]
        about = {"type": "http", "method": "POST", "path": "/v1/stream/s", "query_string": b"", "headers": headers}
        await site(
            {**about, "owner": owner},
            self.receive,
            self.send,
        )


class Store:
    """What stands behind the site: it reads the body, and answers when it is told to."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.done = asyncio.Event()
        self.site = Site(self, [], [], None, SystemWorld())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await body.read(scope, receive, LARGEST, scope["owner"])
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.done.wait()
        await send({"type": "http.response.body", "body": b""})


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def asked(uploads: list[Upload]) -> int:
    await settled()
    return sum(upload.asked for upload in uploads)


@pytest.mark.parametrize("length", [LARGEST, None], ids=["announced", "in chunks"])
async def test_a_large_body_is_read_when_there_is_room_and_gives_it_back_when_it_is_answered(
    length: int | None,
) -> None:
    store, at_once = Store(), BODIES_BYTES // LARGEST
    uploads = [Upload(length, size=10 if length else body.SMALL + 1) for _ in range(3 * at_once)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for upload in uploads:
            group.create_task(upload.run(store.site))
        assert await asked(uploads) == at_once
        small = Upload(10)
        group.create_task(small.run(store.site))
        assert await asked([small]) == 1
        for upload in [*uploads, small]:
            upload.go_on()
        assert await asked(uploads) == at_once
        store.answer.set()
        assert await asked(uploads) == len(uploads)
        store.done.set()
    assert {upload.status for upload in [*uploads, small]} == {200}


async def test_who_leaves_or_is_cut_off_gives_its_room_back_and_who_waits_can_leave() -> None:
    store, at_once = Store(), BODIES_BYTES // LARGEST
    uploads = [Upload(LARGEST) for _ in range(4 * at_once)]
    store.answer.set()
    store.done.set()
    tasks = [asyncio.create_task(upload.run(store.site)) for upload in uploads]
    assert await asked(uploads) == at_once
    tasks[-1].cancel()
    tasks[0].cancel()
    for upload in uploads:
        upload.left = True
        upload.go_on()
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await asked(uploads) == len(uploads) - 1
    later = Upload(LARGEST)
    later.go_on()
    async with asyncio.timeout(20):
        await later.run(store.site)
    assert later.status == 200


async def test_a_large_body_that_does_not_come_is_not_waited_for_without_end() -> None:
    with pytest.raises(BadRequest, match="smaller parts"):
        await body._take_in_time(Upload(LARGEST).receive, [], LARGEST, 0.01)


class Endless(Upload):
    """One who sends more than may come, and then nothing, and stays."""

    async def receive(self) -> MutableMapping[str, Any]:
        if self._sent <= LARGEST:
            self._sent += len(self._chunk)
            return {"type": "http.request", "body": self._chunk, "more_body": True}
        return await super().receive()


async def test_what_is_too_large_has_no_room_while_the_rest_of_it_is_waited_for() -> None:
    store = Store()
    store.answer.set()
    store.done.set()
    endless = [Endless(None, size=1 << 20) for _ in range(BODIES_BYTES // LARGEST)]
    tasks = [asyncio.create_task(upload.run(store.site)) for upload in endless]
    async with asyncio.timeout(20):
        while await asked(list[Upload](endless)) < len(endless):
            continue
        later = Upload(LARGEST)
        later.go_on()
        await later.run(store.site)
        assert later.status == 200
        for upload in endless:
            upload.go_on()
        await asyncio.gather(*tasks)
    assert {upload.status for upload in endless} == {413}


async def test_what_comes_buys_time_and_who_sends_nothing_has_little() -> None:
    class Slow(Upload):
        async def receive(self) -> MutableMapping[str, Any]:
            self._sent += 1
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": self._chunk, "more_body": self._sent < 20}

    chunks: list[bytes] = []
    await body._take_in_time(Slow(LARGEST, size=10 * body._SLOWEST).receive, chunks, LARGEST, 0.2)
    assert len(chunks) == 20


async def test_no_user_has_all_of_the_room_and_all_together_have_no_more_than_there_is() -> None:
    store, size = Store(), LARGEST - 1
    his, others = [Upload(size) for _ in range(3)], [Upload(size) for _ in range(2)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for upload in his:
            group.create_task(upload.run(store.site, "one"))
        assert await asked(his) == BODIES_OF_ONE // size
        for upload in others:
            group.create_task(upload.run(store.site, "other"))
        small = Upload(body.SMALL + 1)
        group.create_task(small.run(store.site, "third"))
        assert await asked(others) == 1
        assert await asked([small]) == 0, "others have come before it, and there is no room"
        store.answer.set()
        store.done.set()
        for upload in (*his, *others, small):
            upload.go_on()
    assert {upload.status for upload in (*his, *others, small)} == {200}


LONG = "A story of 20000 words."
PADDING = "x" * (2 * body.SMALL)
ASKED: dict[str, dict[str, Any]] = {
    "/api/chat": {**asking(LONG), "model": "demo/demo"},
    "/v1/responses": {"model": "demo/demo", "input": LONG},
    "/v1/chat/completions": {"model": "demo/demo", "messages": [{"role": "user", "content": LONG}]},
}


async def going_on(house: House) -> set[str]:
    """The answers that are being written."""
    return {info.name async for page in house.log.listed("runs/") for info in page if not info.closed}


@pytest.mark.parametrize("path", ASKED)
async def test_a_large_request_has_its_room_until_it_is_on_disk_and_not_until_it_is_answered(
    house: House, path: str
) -> None:
    room = cast("Site", house.app.site)._bodies.all
    program, everything = await house.program(path), Share(room)
    await everything.take(BODIES_BYTES)
    before = await going_on(house)
    fields = {**ASKED[path], "padding": PADDING}
    task = asyncio.create_task(program.call("POST", path, fields, {"accept": "application/json"}, seconds=300))
    try:
        await until(lambda: len(room._line) == 1 or task.done())
        async with asyncio.timeout(60):
            await everything.take(BODIES_BYTES)
            while not await going_on(house) - before:
                await asyncio.sleep(0.01)
    finally:
        everything.drop()
        task.cancel()
        await asyncio.wait({task})
