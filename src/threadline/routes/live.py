"""``/api/live``: many streams and the user's feed on one socket, each subscribed to and resumed by offset."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest, ThreadlineError
from threadline.log.shares import Share
from threadline.routes import scopes
from threadline.routes.errors import inner
from threadline.routes.numbers import MAX_OFFSET, within, within_run
from threadline.routes.outbox import Channel
from threadline.routes.sockets import Line, Opened, Socket, Sockets
from threadline.routes.streams import Encoder
from threadline.services.streams import is_run
from threadline.wire.native import LIVE, live_events, live_form, live_frame

_OWN: Final = "streams/"


class Live:
    """The endpoint."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its handshake to its close."""
        await self._sockets.serve(_LiveSocket, scope, receive, send)


class _Subscription(Channel):
    encoder: Encoder = LIVE

    def dress(self, first: int, parts: Sequence[bytes]) -> list[str]:
        return [live_events(self.name, first, parts)]


class _LiveSocket(Socket):
    SURFACE: ClassVar = "live"
    NAME: ClassVar = "id"
    MOST: ClassVar = 256
    PATIENCE: ClassVar = 3

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._beats = 0

    def first_words(self) -> str:
        return live_frame("hello", {"heartbeat_ms": int(self.context.pulse.heartbeat * 1000)})

    def last_words(self) -> str:
        return live_frame("reconnect", {"after_ms": self.context.pulse.reconnect_ms()})

    def beat(self) -> None:
        super().beat()
        self._beats += 1
        if self._beats % self.context.pulse.beats_per_heartbeat == 0:
            self.outbox.say_now(live_frame("ping", {}))

    async def heed(self, frame: dict[str, Any], group: asyncio.TaskGroup) -> None:
        match frame.get("type"):
            case "ping":
                await self.outbox.say(live_frame("pong", {}))
            case "pong":
                pass
            case "subscribe":
                channel = _Subscription(self.outbox, self.name_of(frame))
                self.check_room(channel.name)
                stream, after = _subscription(frame)
                self.follow(group, channel, lambda share: self._open(channel, stream, after, share))
            case "unsubscribe":
                await self.forget(self.name_of(frame))
            case "auth":
                if await self.renew(_token(frame)):
                    await self.outbox.say(live_frame("authorized", {}))
            case _:
                raise BadRequest("A frame's type is subscribe, unsubscribe, auth, ping or pong.", surface="live")

    def refusal(self, name: str | None, error: ThreadlineError) -> str:
        fields: dict[str, Any] = {} if name is None else {"id": name}
        return live_frame("error", {**fields, "error": inner(error, self.line.request_id)})

    def ending(self, name: str, next_offset: int) -> str:
        return live_frame("end", {"id": name, "next": next_offset})

    async def _open(self, channel: _Subscription, stream: str, after: int | None, share: Share) -> Opened:
        user_id, answers = self.line.user_id, self.context.answers
        scopes.check_stream(self._caller.program, own=stream.startswith(_OWN))
        told: dict[str, Any] = {"id": channel.name, "stream": stream}
        if stream == "feed":
            steps, after = await self.context.open_feed(user_id, after, share)
            return Opened(steps, live_frame("subscribed", {**told, "after": after}), after + 1)
        after = -1 if after is None else after
        if stream.startswith(_OWN):
            owner, path = self._owner(), stream.removeprefix(_OWN)
            info = await self.context.streams.head(owner, path)
            within(info.tail, after + 1)
            channel.encoder = live_form(info.config.content_type)
            told["content_type"] = info.config.content_type
            steps = await self.context.streams.follow(owner, path, after + 1, share=share, of=info)
        else:
            run = await answers.run(user_id, stream.removeprefix("runs/"))
            start = await within_run(answers, run, after + 1)
            steps = answers.follow(run, start, share=share, reader=user_id)
        return Opened(steps, live_frame("subscribed", {**told, "after": after}), after + 1)

    def _owner(self) -> str:
        """Whose streams are meant: the same as at ``/v1/stream/``."""
        caller, shared = self.line.caller, self.context.open_owner
        return caller.user.id if caller.is_program or shared is None else shared


def _subscription(frame: dict[str, Any]) -> tuple[str, int | None]:
    stream, after = frame.get("stream"), frame.get("after")
    if not isinstance(stream, str) or not _is_stream(stream):
        raise BadRequest(
            "A stream is feed, runs/ with the id of a run, or streams/ with the path of a stream of yours.",
            surface="live",
        )
    if after is not None and (isinstance(after, bool) or not isinstance(after, int) or not -1 <= after <= MAX_OFFSET):
        raise BadRequest("after is the offset of the last event that you have, or -1.", surface="live")
    return stream, after


def _is_stream(name: str) -> bool:
    if name.startswith(_OWN):
        return not is_run(name.removeprefix(_OWN))
    return name == "feed" or name.startswith("runs/run_")


def _token(frame: dict[str, Any]) -> str:
    token = frame.get("token")
    if not isinstance(token, str) or not token:
        raise BadRequest("auth needs token, an access token.", surface="live")
    return token
