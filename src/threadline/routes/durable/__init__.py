"""``/v1/stream/*``: the log for everybody, as Durable Streams."""

from __future__ import annotations

from typing import Final

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import NotAllowed, ThreadlineError
from threadline.log.shares import Budgets, Share
from threadline.routes.context import Context
from threadline.routes.durable import asking, writing
from threadline.routes.durable.answering import error_headers, patient
from threadline.routes.durable.control import ROOT, Control
from threadline.routes.durable.following import StreamEvents
from threadline.routes.durable.reading import Reader, Request, begin
from threadline.routes.exchange import exchange_of, query
from threadline.routes.identity import Caller, asker_of
from threadline.services.streams import RUNS, is_run

PREFIX: Final = "/v1/stream/"

_READ_AHEAD: Final = 64 << 20
_READ_AHEAD_OF_ALL: Final = 256 << 20
"""Bytes that may wait for their readers: for those of one user, and for all."""

_READING: Final = b"GET, HEAD, OPTIONS"
_ALL: Final = b"GET, HEAD, PUT, POST, DELETE, OPTIONS"


class DurableStreams:
    """The endpoint."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._control = Control(context, PREFIX)
        # Those who take nothing hold up nobody else's readers.
        self._budgets = Budgets(_READ_AHEAD, _READ_AHEAD_OF_ALL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to one stream."""
        try:
            await self._answer(scope, receive, send)
        except ThreadlineError as error:
            headers = exchange_of(scope).headers
            headers.extend(error_headers(error))
            if isinstance(error, NotAllowed):
                headers.append((b"allow", _READING if is_run(asking.path_of(scope, PREFIX)) else _ALL))
            raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        context, method = self._context, scope["method"]
        if asking.path_of(scope, PREFIX).partition("/")[0] == ROOT:
            await self._control(scope, receive, send)
            return
        owner, by = await self._reader(scope), None
        if owner is None:
            owner, by = await asker_of(context, scope)
        match method:
            case "PUT":
                await writing.create(context.streams, owner, PREFIX, scope, receive, send)
            case "POST":
                await writing.append(context.streams, owner, PREFIX, scope, receive, send)
            case "DELETE":
                await writing.delete(context.streams, owner, PREFIX, scope, send)
            case "GET" | "HEAD":
                await self._read(owner, by, scope, receive, send)
            case _:
                raise NotAllowed(surface="stream")

    async def _reader(self, scope: Scope) -> str | None:
        """For whom a request reads a run by the key in its address; None where there is no such, and where he may not
        come in any more."""
        context, path, key = self._context, asking.path_of(scope, PREFIX), query(scope).get("key")
        if key is None or scope["method"] not in ("GET", "HEAD") or not path.startswith(RUNS):
            return None
        reader = context.signing.reader_of(key, path, context.world.now())
        if reader is None or (await context.accounts.get(reader)).disabled_at is not None:
            return None
        return reader

    async def _read(self, owner: str, caller: Caller | None, scope: Scope, receive: Receive, send: Send) -> None:
        context, asked, send = self._context, asking.reading_of(scope), patient(send)
        request = Request(owner, asking.path_of(scope, PREFIX), asked, Share(self._budgets.of(owner)), caller)
        try:
            if scope["method"] == "HEAD":
                await Reader(context, request).head(send)
            elif asked.live == "sse":
                # Read before the answer begins: what refuses a reader is told with its status.
                events = StreamEvents(context, request, await begin(context.streams, request))
                await events.run(scope, receive, send)
            else:
                await Reader(context, request).catch_up(scope, receive, send)
        finally:
            request.share.drop()
