"""A stream over HTTP that lasts no longer than what it was asked by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.types import Receive, Send

from threadline.domain.errors import Unavailable
from threadline.log.protocol import Batch
from threadline.routes.context import Context
from threadline.routes.exchange import Headers, Scope
from threadline.routes.identity import Caller, remembered, stands
from threadline.routes.streams import Encoder, Ending, Stream


class GuardedStream(Stream):
    """One reader of one stream, who is told to come back when what he asked by is revoked, or is over, and then hears
    why: at once where it happened here, else within half a minute. ``caller``: by what he asks, where that may end."""

    def __init__(
        self,
        context: Context,
        caller: Caller | None,
        source: AsyncIterator[tuple[Batch, ...]],
        encoder: Encoder,
        ending: Ending,
        headers: Headers | None = None,
        *,
        opening: bytes = b"",
        ends_open: bool = False,
    ) -> None:
        super().__init__(source, encoder, ending, context.pulse, headers, opening=opening, ends_open=ends_open)
        self._context = context
        self._caller = caller
        self._guard: asyncio.Task[None] | None = None

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, for as long as who asked may have it."""
        try:
            await super().run(scope, receive, send)
        finally:
            if self._guard is not None:
                self._guard.cancel()
                await asyncio.wait({self._guard})

    def beat(self) -> None:
        """A third of the heartbeat is over."""
        self.look()
        super().beat()

    def look(self) -> None:
        """Find out whether he may stay."""
        caller = self._caller
        if caller is not None and (self._guard is None or self._guard.done()):
            # Only where it is in doubt who asks is anything looked up, and only so long is there a task for it.
            self._guard = None if remembered(self._context, caller) else asyncio.create_task(self._check(caller))

    async def _check(self, caller: Caller) -> None:
        # Where nobody can be looked up now, it is asked again at the next beat.
        with suppress(Unavailable):
            if not await stands(self._context, caller):
                self.drain()
