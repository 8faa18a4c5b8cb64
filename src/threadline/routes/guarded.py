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
    """One reader of one stream, who is told to come back within half a minute after what he asked by was revoked, or is
    over, and then hears why. ``caller``: by what he asks, where that may end."""

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
        self._doubt = asyncio.Event()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, for as long as who asked may have it."""
        guard = asyncio.create_task(self._guarding())
        try:
            await super().run(scope, receive, send)
        finally:
            guard.cancel()
            await asyncio.wait({guard})

    def beat(self) -> None:
        """A third of the heartbeat is over."""
        if self._caller is not None and not remembered(self._context, self._caller):
            self._doubt.set()
        super().beat()

    async def _guarding(self) -> None:
        while self._caller is not None:
            await self._doubt.wait()
            self._doubt.clear()
            with suppress(Unavailable):
                if not await stands(self._context, self._caller):
                    self.drain()
                    return
