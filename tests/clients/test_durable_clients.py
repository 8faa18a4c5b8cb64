"""The published clients of Durable Streams write and follow, lose their connection, and lose nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import durable_streams
import httpx
import pytest

from tests.support.client import BROKEN
from tests.support.node import CLIENTS, installed_clients
from tests.support.server import Server

pytestmark = pytest.mark.anyio
COUNT = 180
NUMBERS = list(range(COUNT))
LOST = (*BROKEN, httpx.HTTPError, durable_streams.DurableStreamError)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its streams are not open, so that every client needs a token."""
    with Server(tmp_path_factory.mktemp("server"), settings={"long_poll_seconds": 1}) as server:
        yield server


class Place:
    """One stream of one program, and how each client is told of it."""

    def __init__(self, server: Server, node: str, token: str) -> None:
        self.server, self.node, self.token = server, node, token
        self.url = f"{server.url}/v1/stream/{uuid4().hex}"
        self.headers = {"authorization": f"Bearer {self.token}"}

    @asynccontextmanager
    async def npm(self, command: str, **options: Any) -> AsyncIterator[Npm]:
        """A process of the npm client."""
        told = json.dumps({"url": self.url, "token": self.token, "type": "application/json", "count": COUNT, **options})
        process = await asyncio.create_subprocess_exec(
            self.node, "durable.mjs", command, told, cwd=CLIENTS, stdout=asyncio.subprocess.PIPE, limit=1 << 24
        )
        try:
            yield Npm(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def create(self, content_type: str = "application/json") -> None:
        async with await durable_streams.AsyncDurableStream.create(
            self.url, headers=self.headers, content_type=content_type
        ):
            pass

    async def crash(self) -> None:
        """kill -9, and up again."""
        await asyncio.to_thread(self.server.restart)


class Npm:
    """What the npm client says, as it says it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.items: list[Any] = []
        self.text = ""
        self.begun = asyncio.Event()

    async def end(self) -> dict[str, Any]:
        """Hear it to its end; returns its last line."""
        last: dict[str, Any] = {}
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            last = json.loads(line)
            self.items += last.get("items") or []
            self.text += last.get("text") or ""
            if len(self.items) + len(self.text) >= COUNT // 6:
                self.begun.set()
        assert "failed" not in last, last
        return last


@pytest.fixture(scope="module")
def token(running: Server) -> str:
    return running.token("clients")


@pytest.fixture
def place(server: Server, node: str, token: str) -> Place:
    installed_clients()
    return Place(server, node, token)


async def python_follows(place: Place, live: Any, begun: asyncio.Event) -> tuple[list[Any], int]:
    """All numbers, by the client from PyPI; how often it had to come back to the last offset that it was told."""
    items: list[Any] = []
    offset, returns = "-1", 0
    async with httpx.AsyncClient() as client:
        options: dict[str, Any] = {"live": live, "headers": place.headers, "client": client}
        while len(items) < COUNT:
            try:
                async with durable_streams.astream(place.url, offset=offset, **options) as answer:
                    async for event in answer.iter_events(mode="json"):
                        items += event.data
                        offset = event.next_offset
                        if len(items) >= COUNT // 6:
                            begun.set()
                        if len(items) >= COUNT:
                            break
            except LOST:
                returns += 1
                await asyncio.sleep(0.05)
    return items, returns


async def python_writes(place: Place, crashed: asyncio.Event) -> None:
    """One by one, the last ones after the crash; what is not known to be written is sent again with its own sequence,
    which is refused if it was."""
    async with durable_streams.AsyncDurableStream(
        place.url, headers=place.headers, content_type="application/json"
    ) as stream:
        for number in NUMBERS:
            if number == COUNT - 10:
                await crashed.wait()
            while True:
                try:
                    await stream.append(number, seq=f"{number:08}")
                except durable_streams.SeqConflictError:
                    break
                except LOST:
                    await asyncio.sleep(0.05)
                    continue
                break
            await asyncio.sleep(0.004)


@pytest.mark.parametrize("live", ["sse", "long-poll"])
async def test_the_npm_client_writes_and_follows_through_a_crash_and_loses_and_doubles_nothing(
    place: Place, live: str
) -> None:
    async with place.npm("create") as maker:
        made = await maker.end()
        assert (made["exists"], made["streamClosed"]) == (True, False)
    async with place.npm("follow", live=live) as reader, place.npm("write") as writer, asyncio.timeout(240):
        hearing, writing = asyncio.create_task(reader.end()), asyncio.create_task(writer.end())
        for _ in range(2):
            await reader.begun.wait()
            await place.crash()
        assert (await writing)["failures"] == []
        await hearing
    assert reader.items == NUMBERS


@pytest.mark.parametrize("live", ["sse", "long-poll"])
async def test_the_python_client_writes_and_follows_through_a_crash_and_loses_and_doubles_nothing(
    place: Place, live: str
) -> None:
    await place.create()
    begun, crashed = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(240), asyncio.TaskGroup() as group:
        following = group.create_task(python_follows(place, live, begun))
        group.create_task(python_writes(place, crashed))
        await begun.wait()
        await place.crash()
        crashed.set()
    items, returns = following.result()
    assert items == NUMBERS
    assert returns >= 1


async def test_what_one_client_writes_the_other_reads_and_a_terminated_server_is_come_back_to(place: Place) -> None:
    await place.create()
    begun = asyncio.Event()
    async with place.npm("write") as writer, place.npm("follow", live="sse") as reader, asyncio.timeout(240):
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(python_follows(place, live, begun)) for live in ("sse", "long-poll")]
            hearing, writing = group.create_task(reader.end()), group.create_task(writer.end())
            await begun.wait()
            await asyncio.to_thread(place.server.terminate)
            await asyncio.to_thread(place.server.up)
        assert writing.result()["failures"] == []
        assert [task.result()[0] for task in following] == [NUMBERS, NUMBERS]
        assert hearing.done()
    assert reader.items == NUMBERS


async def test_a_text_that_is_written_byte_by_byte_comes_whole_to_both_clients(place: Place) -> None:
    await place.create("text/plain")
    text = "Zoë pays 5 € for a 😀. " * 4
    headers = {**place.headers, "content-type": "text/plain"}
    async with place.npm("follow", live="sse", type="text/plain") as reader, asyncio.timeout(240):
        hearing = asyncio.create_task(reader.end())
        async with httpx.AsyncClient() as client:
            # It begins with a plain GET, which gives whatever bytes are there: from then on it hears events.
            await client.post(place.url, content=b"-" * (COUNT // 6), headers=headers)
            await reader.begun.wait()
            for byte in text.encode():
                assert (await client.post(place.url, content=bytes([byte]), headers=headers)).status_code == 204
            await client.post(place.url, headers={**headers, "stream-closed": "true"})
        await hearing
    assert reader.text == "-" * (COUNT // 6) + text
    async with durable_streams.astream(place.url, offset="-1", live="sse", headers=place.headers) as answer:
        assert "".join([part async for part in answer.iter_text()]) == reader.text


async def test_without_the_token_the_clients_are_told_so(place: Place) -> None:
    await place.create()
    for token, status in (("tl_wrong", 401), (place.server.token("another"), 404)):
        with pytest.raises(durable_streams.DurableStreamError) as refused:
            async with durable_streams.astream(place.url, headers={"authorization": f"Bearer {token}"}):
                pass
        assert refused.value.status == status
