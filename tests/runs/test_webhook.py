"""Who webhooks are sent to, and who not: the address is looked at as it is connected to."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.support.receiver import Call, receiving
from threadline.runs.webhook import HttpSender, NotSent

pytestmark = pytest.mark.anyio


class Leading(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_that_leads_to_a_private_address_is_not_called() -> None:
    async with receiving() as receiver:
        url, resolver = f"https://hook.example.org:{receiver.port}/hook", Leading("127.0.0.1")
        sender = HttpSender(resolver=resolver)
        with pytest.raises(NotSent):
            await sender.send(url, b"{}", {})
        await sender.close()
        assert receiver.connections == 0
        # Where it may be called, it is: nothing else kept the first away.
        sender = HttpSender(loopback=True, resolver=resolver)
        call = asyncio.create_task(sender.send(url, b"{}", {}))
        async with asyncio.timeout(120):
            while not receiver.connections:
                await asyncio.sleep(0.01)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        await sender.close()


async def test_this_machine_is_not_called_unless_it_may_be() -> None:
    async with receiving() as receiver:
        sender = HttpSender()
        for url in (receiver.url, receiver.url.replace("http:", "https:")):
            with pytest.raises(NotSent):
                await sender.send(url, b"{}", {})
        await sender.close()
        assert receiver.connections == 0


async def test_an_answer_is_waited_for_as_long_as_it_is_said() -> None:
    async with receiving() as receiver:
        receiver.go.clear()
        sender = HttpSender(loopback=True)
        with pytest.raises(NotSent, match="in time"):
            await sender.send(receiver.url, b"{}", {}, 0.2)
        await sender.close()
        assert len(receiver.calls) == 1


async def test_a_redirect_is_not_followed_and_a_long_answer_is_cut() -> None:
    def answer(call: Call) -> tuple[int, Any]:
        return (302, {}) if call.json["redirect"] else (200, "a" * (1 << 20))

    async with receiving(answer) as receiver:
        sender = HttpSender(loopback=True)
        assert (await sender.send(receiver.url, b'{"redirect": true}', {})).status == 302
        assert len((await sender.send(receiver.url, b'{"redirect": false}', {})).body) == 64 * 1024
        await sender.close()
        assert len(receiver.calls) == 2
