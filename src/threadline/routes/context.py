"""What the routes are given: the services, and what all connections share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from threadline.log.protocol import Batch
from threadline.routes.pulse import Pulse
from threadline.services.accounts import Accounts
from threadline.services.answers import Answers
from threadline.services.conversations import Conversations
from threadline.services.feed import Feed
from threadline.services.models import Models
from threadline.services.turns import Turns
from threadline.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """``guests``: whoever comes without a session gets one. ``origins`` may write from elsewhere. ``check_model``
    raises where a model cannot be chosen; ``ready`` raises while the server cannot do its work. ``static`` is the
    folder of the built page; ``host`` the address that the server listens on."""

    world: World
    pulse: Pulse
    accounts: Accounts
    conversations: Conversations
    turns: Turns
    answers: Answers
    feed: Feed
    models: Models
    check_model: Callable[[str], object]
    ready: Callable[[], Awaitable[None]]
    static: Path
    host: str
    guests: bool = True
    origins: tuple[str, ...] = ()

    async def open_feed(self, user_id: str, after: int | None) -> tuple[AsyncIterator[tuple[Batch, ...]], int]:
        """The user's changes after an offset, or from now on, and the offset that it is. Raises ``Gone`` where what
        comes next is not kept any more."""
        if after is None:
            start = await self.feed.tail(user_id)
        else:
            start = after + 1
            await self.feed.read(user_id, start)
        return self.feed.follow(user_id, start), start - 1
