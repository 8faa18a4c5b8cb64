"""``/api/live``: many streams and the user's feed on one socket, each subscribed to and resumed by offset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, cast

import orjson
from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest, Conflict, ThreadlineError
from threadline.log.protocol import Batch
from threadline.routes.context import Context
from threadline.routes.errors import inner, note, to_error
from threadline.routes.exchange import exchange_of
from threadline.routes.identity import who
from threadline.routes.numbers import MAX_OFFSET, within
from threadline.routes.outbox import Channel, Outbox
from threadline.wire.native import live_frame

_MAX_SUBSCRIPTIONS: Final = 256
_MAX_NAME: Final = 200
_GOING_AWAY: Final = 1012


class Live:
    """The endpoint."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its handshake to its close."""
        await receive()
        user_id = (await who(self._context, scope)).id
        exchange = exchange_of(scope)
        try:
            await send({"type": "websocket.accept", "headers": exchange.headers})
        except OSError:
            return
        await _Socket(self._context, user_id, exchange.request_id, receive, send).run()


class _Socket:
    def __init__(self, context: Context, user_id: str, request_id: str, receive: Receive, send: Send) -> None:
        self._context = context
        self._user_id = user_id
        self._request_id = request_id
        self._receive = receive
        self._raw_send = send
        self._outbox = Outbox(self._send_text)
        self._followers: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._over = asyncio.Event()
        self._draining = False
        self._left = False
        self._beats = 0

    def beat(self) -> None:
        """A third of the heartbeat is over."""
        self._beats += 1
        if self._beats % self._context.pulse.beats_per_heartbeat == 0:
            self._outbox.say_now(live_frame("ping", {}))

    def drain(self) -> None:
        """The server goes away."""
        self._draining = True
        self._over.set()

    async def run(self) -> None:
        """Until the client leaves, or the server does; no task is left behind."""
        pulse = self._context.pulse
        self._outbox.say_now(live_frame("hello", {"heartbeat_ms": int(pulse.heartbeat * 1000)}))
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(self._sending())
            reader = group.create_task(self._reading(group))
            with pulse.joined(self):
                await self._over.wait()
            for task in (sender, reader, *(follower for _, follower in self._followers.values())):
                task.cancel()
        if self._draining and not self._left:
            await self._take_leave()

    async def _take_leave(self) -> None:
        try:
            await self._send_text(live_frame("reconnect", {"after_ms": self._context.pulse.reconnect_ms()}))
            await self._raw_send({"type": "websocket.close", "code": _GOING_AWAY, "reason": "restarting"})
        except OSError:
            self._left = True

    async def _send_text(self, text: str) -> None:
        await self._raw_send({"type": "websocket.send", "text": text})

    async def _sending(self) -> None:
        try:
            await self._outbox.run()
        except OSError:
            self._left = True
        finally:
            self._over.set()

    async def _reading(self, group: asyncio.TaskGroup) -> None:
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                name = None
                try:
                    frame = _parse(message.get("text"))
                    name = frame.get("id") if isinstance(frame.get("id"), str) else None
                    await self._heed(group, frame)
                except ThreadlineError as error:
                    await self._refuse(name, error)
            self._left = True
        finally:
            self._over.set()

    async def _heed(self, group: asyncio.TaskGroup, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "ping":
                await self._outbox.say(live_frame("pong", {}))
            case "pong":
                pass
            case "subscribe":
                name, stream, after = _subscription(frame)
                if name in self._followers:
                    raise Conflict(f"There is a subscription {name!r} already.", surface="live")
                if len(self._followers) >= _MAX_SUBSCRIPTIONS:
                    raise Conflict(f"A socket takes at most {_MAX_SUBSCRIPTIONS} subscriptions.", surface="live")
                channel = Channel(self._outbox, name)
                self._followers[name] = channel, group.create_task(self._follow(channel, stream, after))
            case "unsubscribe":
                await self._forget(_name(frame))
            case _:
                raise BadRequest("A frame's type is subscribe, unsubscribe or ping.", surface="live")

    async def _forget(self, name: str) -> None:
        channel, task = self._followers.pop(name, (None, None))
        if channel is not None and task is not None:
            channel.closed = True
            task.cancel()
            await asyncio.wait({task})

    async def _follow(self, channel: Channel, stream: str, after: int | None) -> None:
        try:
            source, after = await self._open(stream, after)
            said = {"id": channel.name, "stream": stream, "after": after}
            await self._outbox.say(live_frame("subscribed", said))
            position, final = after + 1, False
            async with aclosing(cast("AsyncGenerator[tuple[Batch, ...], None]", source)) as batches:
                async for step in batches:
                    position, final = step[-1].next, step[-1].final
                    await channel.put(step)
            if final:
                await self._outbox.say(live_frame("end", {"id": channel.name, "next": position}))
        except Exception as fault:
            note(fault, self._request_id, "a subscription")
            await self._refuse(channel.name, to_error(fault))
        finally:
            if self._followers.get(channel.name, (None,))[0] is channel:
                del self._followers[channel.name]

    async def _open(self, stream: str, after: int | None) -> tuple[AsyncIterator[tuple[Batch, ...]], int]:
        if stream == "feed":
            return await self._context.open_feed(self._user_id, after)
        run = await self._context.answers.run(self._user_id, stream.removeprefix("runs/"))
        start = 0 if after is None else after + 1
        return self._context.answers.follow(run, within(run, start)), start - 1

    async def _refuse(self, name: str | None, error: ThreadlineError) -> None:
        fields: dict[str, Any] = {} if name is None else {"id": name}
        await self._outbox.say(live_frame("error", {**fields, "error": inner(error, self._request_id)}))


def _parse(text: str | None) -> dict[str, Any]:
    try:
        frame = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        frame = None
    if not isinstance(frame, dict):
        raise BadRequest("A frame is a JSON object in a text message.", surface="live")
    return frame


def _name(frame: dict[str, Any]) -> str:
    name = frame.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise BadRequest("A subscription needs an id, a short text.", surface="live")
    return name


def _subscription(frame: dict[str, Any]) -> tuple[str, str, int | None]:
    name, stream, after = _name(frame), frame.get("stream"), frame.get("after")
    if stream != "feed" and not (isinstance(stream, str) and stream.startswith("runs/run_")):
        raise BadRequest("A stream is feed, or runs/ with the id of a run.", surface="live")
    if after is not None and (isinstance(after, bool) or not isinstance(after, int) or not -1 <= after <= MAX_OFFSET):
        raise BadRequest("after is the offset of the last event that you have, or -1.", surface="live")
    return name, stream, after
