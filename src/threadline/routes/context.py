"""What the routes are given: the services, and what all connections share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from threadline.log.protocol import Steps
from threadline.log.shares import Share
from threadline.routes.proxies import Networks
from threadline.routes.pulse import Pulse
from threadline.services.accounts import Accounts
from threadline.services.admin import Admin
from threadline.services.answers import Answers
from threadline.services.audit import Audit
from threadline.services.conversations import Conversations
from threadline.services.credentials import Credentials
from threadline.services.deletion import Deletion
from threadline.services.entitlements import Entitlements
from threadline.services.feed import Feed
from threadline.services.identities import Identities
from threadline.services.models import Models
from threadline.services.preferences import Preferences
from threadline.services.profile import Profile
from threadline.services.recordings import Recordings
from threadline.services.registration import Registration
from threadline.services.responses import Responses
from threadline.services.sharing import Sharing
from threadline.services.signing import Signing
from threadline.services.signing_in import SigningIn
from threadline.services.streams import Streams
from threadline.services.subscriptions import Subscriptions
from threadline.services.tokens import Tokens
from threadline.services.turns import Turns
from threadline.services.usage import Usages
from threadline.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """``guests``: whoever comes without a session gets one. ``origins`` may write from elsewhere. ``proxies`` are
    believed when they say from where a request comes. ``ready``
    raises while the server cannot do its work. ``static`` is the
    folder of the built page; ``host`` the address that the server listens on. ``open_owner``: whose
    the streams are for all who come without a token; None where they are not open. ``long_poll_seconds`` is how long a
    reader waits for what comes next."""

    world: World
    pulse: Pulse
    accounts: Accounts
    admin: Admin
    audit: Audit
    conversations: Conversations
    turns: Turns
    entitlements: Entitlements
    usages: Usages
    answers: Answers
    deletion: Deletion
    feed: Feed
    identities: Identities
    models: Models
    preferences: Preferences
    profile: Profile
    recordings: Recordings
    registration: Registration
    responses: Responses
    sharing: Sharing
    streams: Streams
    subscriptions: Subscriptions
    tokens: Tokens
    signing: Signing
    signing_in: SigningIn
    credentials: Credentials
    ready: Callable[[], Awaitable[None]]
    static: Path
    host: str
    guests: bool = True
    origins: tuple[str, ...] = ()
    proxies: Networks = ()
    open_owner: str | None = None
    long_poll_seconds: float = 30.0

    async def open_feed(self, user_id: str, after: int | None, share: Share | None = None) -> tuple[Steps, int]:
        """The user's changes after an offset, or from now on, and the offset that it is. Raises ``Gone`` where what
        comes next is not kept any more."""
        if after is None:
            start = await self.feed.tail(user_id)
        else:
            start = after + 1
            await self.feed.check(user_id, start)
        return self.feed.follow(user_id, start, share=share), start - 1
