"""A conversation with its owner, and whoever is let into it."""

from __future__ import annotations

from typing import Any

import orjson

from tests.runs.harness import House
from threadline.services.conversations import Conversations
from threadline.services.feed import Feed
from threadline.services.sharing import Sharing
from threadline.services.turns import Submit, Submitted
from threadline.store import users

CHAT = "chat-1"


class Circle:
    """A house in which its user shares."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.owner = house.user
        self.sharing = Sharing(house.store, house.world)
        self.conversations = Conversations(house.store, house.log, house.answers)
        self.feed = Feed(house.store, house.signals)

    async def person(self, name: str | None = None, email: str | None = None) -> str:
        """Somebody else: a guest, or who has an account with this address."""

        def add(tx: Any) -> str:
            made = users.add(tx, "guest" if email is None else "registered", name)
            if email is not None:
                users.change(tx, made.id, email=email)
            return made.id

        return await self.house.store.write(add)

    async def link(self, role: str = "observer", **more: Any) -> dict[str, Any]:
        """A link to the conversation."""
        return await self.sharing.share(self.owner, CHAT, role, **more)

    async def let_in(self, role: str = "observer", user_id: str | None = None, **more: Any) -> str:
        """Somebody who has come by a link of his own."""
        made = await self.link(role, **more)
        one = user_id or await self.person()
        await self.sharing.accept(one, made["token"])
        return one

    async def say(self, user_id: str, text: str = "And I say", **more: Any) -> Submitted:
        """Somebody writes into it."""
        message = {"id": more.pop("id", None), "role": "user", "parts": [{"type": "text", "text": text}]}
        return await self.house.turns.submit(user_id, Submit(CHAT, message=message, **more))

    async def heard(self, user_id: str, start: int = 0) -> list[dict[str, Any]]:
        """What there is in somebody's feed."""
        reading = await self.feed.read(user_id, start)
        return [orjson.loads(message) for batch in reading.batches for message in batch.messages]

    async def listed(self, user_id: str, **more: Any) -> list[str]:
        """The ids in somebody's list, page after page."""
        found: list[str] = []
        cursor = None
        while True:
            page = await self.conversations.page(user_id, cursor=cursor, **more)
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                return found

    async def over(self, share_id: str) -> None:
        """Let the time of a link pass, by the store's clock."""

        def shift(tx: Any) -> None:
            tx.conn.exec_driver_sql("UPDATE shares SET expires_at = ? WHERE id = ?", (tx.now - 1, share_id))

        await self.house.store.write(shift)
