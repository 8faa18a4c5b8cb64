"""A conversation that is shared over HTTP."""

from __future__ import annotations

from typing import Any

from tests.routes.conftest import House
from tests.routes.test_recordings import Program, opened
from tests.support.client import Client


class Shared:
    """An owner's conversation in which a program of his writes an answer, and somebody who comes by a link."""

    def __init__(self, owner: Client, program: Program, reader: Client) -> None:
        self.owner, self.program, self.reader = owner, program, reader
        self.chat, self.run = program.chat, program.run
        self.one = f"/api/conversations/{self.chat}"
        self.link: dict[str, Any] = {}

    async def let_in(self, role: str = "observer", reader: Client | None = None) -> None:
        reply = await self.owner.call("POST", f"{self.one}/shares", {"role": role})
        assert reply.status == 201, reply.body
        self.link = reply.json
        accepted = await (reader or self.reader).call("POST", f"/api/shares/{self.link['token']}/accept")
        assert accepted.json == {"conversation_id": self.chat, "role": role}

    async def revoke(self) -> None:
        assert (await self.owner.call("DELETE", f"{self.one}/shares/{self.link['id']}")).status == 204


async def share(house: House) -> Shared:
    """Of a guest's, in which nobody is yet but him."""
    owner, reader = house.visitor(), house.visitor()
    for one in (owner, reader):
        await one.get("/api/me")
    return Shared(owner, await opened(owner), reader)
