"""The guard of the test suite itself: no test leaves loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["192.0.2.1", "example.invalid"])
async def test_a_connection_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(AssertionError, match="tests stay on loopback"):
        await asyncio.open_connection(host, 80)


def test_a_plain_socket_to_another_machine_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(AssertionError, match="tests stay on loopback"):
        sock.connect(("192.0.2.1", 80))


@pytest.mark.anyio
async def test_aiohttp_to_another_machine_is_refused() -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        for url in ("http://192.0.2.1/", "http://example.invalid/"):
            with pytest.raises(AssertionError, match="tests stay on loopback"):
                await session.get(url)


@pytest.mark.anyio
async def test_a_connection_on_this_machine_works() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            reader, writer = await asyncio.open_connection(host, port)
            assert await reader.read() == b"here"
            writer.close()
            await writer.wait_closed()
