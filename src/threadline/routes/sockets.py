"""What every WebSocket here has: a life from handshake to close, streams side by side, and a bounded way out."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson
from starlette.types import Receive, Scope, Send

from threadline.domain.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    RateLimited,
    ThreadlineError,
    Unauthorized,
    Unavailable,
)
from threadline.log.protocol import Steps
from threadline.log.shares import ONE_READ, Budget, Share
from threadline.routes import scopes
from threadline.routes.context import Context
from threadline.routes.errors import note, to_error
from threadline.routes.exchange import exchange_of
from threadline.routes.identity import Caller, caller, program, remembered, stands
from threadline.routes.outbox import Channel, Outbox

_MAX_SOCKETS: Final = 64
_MAX_NAME: Final = 200
_READ_AHEAD: Final = 4 << 20
"""Bytes that may wait on one socket for its reader, over all that it follows."""

_GOING_AWAY: Final = 1012
_UNAUTHORIZED: Final = 4401
_SILENT: Final = 4408

_LAST_WORDS_SECONDS: Final = 5.0
"""For how long last words wait for who does not take what was sent before them."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection and whose it is."""

    context: Context
    caller: Caller
    request_id: str
    scope: Scope
    receive: Receive
    send: Send

    @property
    def user_id(self) -> str:
        """Whose it is, for as long as it is open."""
        return self.caller.user.id


class Sockets:
    """The door of all sockets, of whatever kind: a user has so many open at once, and none that outlives by more than
    half a minute what it was opened with."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: Counter[str] = Counter()
        self._sockets: set[Socket] = set()
        context.accounts.watch(self._look)
        context.tokens.watch(self._look)

    async def serve(self, kind: type[Socket], scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its handshake to its close. Raises before the handshake, and nothing after it."""
        await receive()
        one = await caller(self._context, scope)
        user_id = one.user.id
        if self._open[user_id] >= _MAX_SOCKETS:
            raise RateLimited(
                f"There are {_MAX_SOCKETS} sockets open for you. Close one, or follow more on one of them.",
                surface=kind.SURFACE,
            )
        self._open[user_id] += 1
        exchange = exchange_of(scope)
        opened = kind(Line(self._context, one, exchange.request_id, scope, receive, send))
        # Before it is accepted: what is revoked meanwhile is revoked for it, too.
        self._sockets.add(opened)
        try:
            try:
                await send({"type": "websocket.accept", "headers": exchange.headers})
            except OSError:
                return
            await opened.run()
        finally:
            self._sockets.discard(opened)
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]

    def _look(self) -> None:
        for socket in list(self._sockets):
            socket.look()


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that is followed from now on: what is read of it, the frame that tells so, and the first offset."""

    steps: Steps
    words: str
    start: int


class _InTurn(Share):
    """What a follower holds who reads in turn with the others of its socket: more than a read is taken for, only one of
    them can find at a time."""

    def __init__(self, budget: Budget, turn: asyncio.Lock) -> None:
        super().__init__(budget)
        self._turn = turn
        self._reads = False

    async def take(self, size: int = ONE_READ) -> None:
        """Before a read."""
        self.drop()
        await self._turn.acquire()
        self._reads = True
        try:
            await super().take()
        except asyncio.CancelledError:
            self._end()
            raise

    def keep(self, size: int) -> None:
        """After it."""
        super().keep(size)
        self._end()

    def _end(self) -> None:
        if self._reads:
            self._reads = False
            self._turn.release()


class Socket(ABC):
    """One connection. A kind says how its frames are written and what they ask for; each frame that asks for something
    names it, and what is followed under a name ends with it. A slow reader makes only its own socket wait."""

    SURFACE: ClassVar[str]
    NAME: ClassVar[str]
    """The field of a frame that names what it is about."""
    MOST: ClassVar[int]
    """What may be followed at once."""
    PATIENCE: ClassVar[int | None] = None
    """For how many heartbeats a client may say nothing; None for ever, where its protocol has nothing to say."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.context = line.context
        self.outbox = Outbox(self._send_text)
        self._budget = Budget(_READ_AHEAD)
        self._turn = asyncio.Lock()
        self._followers: dict[str, tuple[Channel, asyncio.Task[None]]] = {}
        self._caller = line.caller
        self._over = asyncio.Event()
        self._doubt = asyncio.Event()
        self._dismissal: tuple[str | None, int, str] | None = None
        self._silent = 0
        self._stuck = False
        self._draining = False
        self._left = False

    @abstractmethod
    async def heed(self, frame: dict[str, Any], group: asyncio.TaskGroup) -> None:
        """Do what a frame asks for. What it raises is told to the client, and the socket stays."""

    @abstractmethod
    def refusal(self, name: str | None, error: ThreadlineError) -> str:
        """The frame that tells of an error."""

    @abstractmethod
    def ending(self, name: str, next_offset: int) -> str:
        """The frame after the last event of a stream."""

    def first_words(self) -> str | None:
        """The frame that comes before all others."""
        return None

    def last_words(self) -> str | None:
        """The frame before the server goes away."""
        return None

    def beat(self) -> None:
        """A third of the heartbeat is over. The server below shows a sign of life to who asks for none."""
        if not all(remembered(self.context, one) for one in self.speakers()):
            self.look()
        # Who has much on the way to it sees a ping late: while it does not even take what it is sent, none counts.
        self._silent += not self._stuck
        if self.PATIENCE is not None and self._silent > self.PATIENCE * self.context.pulse.beats_per_heartbeat:
            self._dismiss(None, _SILENT, "silent")

    def speakers(self) -> Sequence[Caller]:
        """By what it lives: what it was opened with, or renewed by, and what frames brought whose streams go on."""
        return [self._caller]

    def look(self) -> None:
        """Find out anew whether it may stay open."""
        self._doubt.set()

    async def renew(self, token: str) -> bool:
        """Live by another access token from now on, where it is the same user's; else this socket ends. Raises
        ``Forbidden`` for a token that is not for all of what may be followed here."""
        try:
            one = await program(self.context, self.line.scope, token)
        except Unauthorized as error:
            self._turn_away(error)
            return False
        if one.user.id != self.line.user_id:
            self._turn_away(Unauthorized("This access token is another user's.", surface="token"))
            return False
        if one.program is not None and not scopes.covers(one.program, self._caller.program):
            # What is followed already goes on by it.
            raise Forbidden("This access token is for less than the one before. Open another socket.", surface="token")
        self._caller = one
        return True

    def drain(self) -> None:
        """The server goes away."""
        self._draining = True
        self._over.set()

    async def run(self) -> None:
        """Until the client leaves, or the server does; no task is left behind."""
        words = self.first_words()
        if words is not None:
            # Not in turn: who comes when the server goes away hears both.
            with suppress(OSError):
                await self._send_text(words)
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(self._sending())
            reader = group.create_task(self._reading(group))
            guard = group.create_task(self._guarding())
            with self.context.pulse.joined(self):
                await self._over.wait()
            for task in (sender, reader, guard, *(follower for _, follower in self._followers.values())):
                task.cancel()
        if self._draining and self._dismissal is None:
            self._dismissal = self.last_words(), _GOING_AWAY, "restarting"
        if self._dismissal is not None and not self._left:
            await self._take_leave(*self._dismissal)

    def follow(self, group: asyncio.TaskGroup, channel: Channel, opening: Callable[[Share], Awaitable[Opened]]) -> None:
        """Send what ``opening`` opens, until its end, under the channel's name, for which there is room."""
        self._followers[channel.name] = channel, group.create_task(self._follow(channel, opening))

    def check_room(self, name: str) -> None:
        """Raises ``Conflict`` where nothing more can be followed under this name."""
        if name in self._followers:
            raise Conflict(f"There is something named {name!r} on this socket already.", surface=self.SURFACE)
        if len(self._followers) >= self.MOST:
            raise Conflict(f"A socket follows at most {self.MOST} streams at once.", surface=self.SURFACE)

    async def forget(self, name: str) -> None:
        """Send no more of what is followed under a name, where there is such."""
        channel, task = self._followers.pop(name, (None, None))
        if channel is not None and task is not None:
            channel.drop()
            task.cancel()
            await asyncio.wait({task})

    def name_of(self, frame: dict[str, Any]) -> str:
        """What a frame is about. Raises ``BadRequest``."""
        name = frame.get(self.NAME)
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
            raise BadRequest(f"This frame needs {self.NAME}, a short text.", surface=self.SURFACE)
        return name

    async def _take_leave(self, words: str | None, code: int, reason: str) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                if words is not None:
                    await self._send_text(words)
                await self.line.send({"type": "websocket.close", "code": code, "reason": reason})

    def _turn_away(self, error: Unauthorized) -> None:
        self._dismiss(self.refusal(None, error), _UNAUTHORIZED, "unauthorized")

    def _dismiss(self, words: str | None, code: int, reason: str) -> None:
        self._dismissal = self._dismissal or (words, code, reason)
        self._over.set()

    async def _guarding(self) -> None:
        """Ends the socket when something by which it lives speaks for nobody any more."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            # Where nobody can be looked up now, it is asked again at the next beat.
            with suppress(Unavailable):
                for one in self.speakers():
                    if not await stands(self.context, one) and one in self.speakers():
                        self._turn_away(
                            Unauthorized("What this socket lives by was revoked, or is over.", surface="session")
                        )

    async def _send_text(self, text: str) -> None:
        self._stuck = True
        await self.line.send({"type": "websocket.send", "text": text})
        self._stuck = False

    async def _sending(self) -> None:
        try:
            await self.outbox.run()
        except OSError:
            self._left = True
        finally:
            self._over.set()

    async def _reading(self, group: asyncio.TaskGroup) -> None:
        try:
            while await self._read(group):
                continue
            self._left = True
        finally:
            self._over.set()

    async def _read(self, group: asyncio.TaskGroup) -> bool:
        """Take one frame; when this is over, nothing of it is kept. False where the client left."""
        message = await self.line.receive()
        if message["type"] == "websocket.disconnect":
            return False
        self._silent = 0
        name = None
        try:
            frame = self._parse(message.pop("text", None))
            name = frame[self.NAME] if isinstance(frame.get(self.NAME), str) else None
            await self.heed(frame, group)
        except Exception as fault:
            # An error under a name says that nothing has it, but for one that says that it is in use.
            goes_on = name in self._followers and not isinstance(fault, Conflict)
            await self._refuse(None if goes_on else name, fault)
            # It leads to what was sent, and might for long be kept with it.
            fault.__traceback__ = None
        return True

    async def _follow(self, channel: Channel, opening: Callable[[Share], Awaitable[Opened]]) -> None:
        share = _InTurn(self._budget, self._turn)
        try:
            opened = await opening(share)
            await self.outbox.say(opened.words)
            position, final = opened.start, False
            async with aclosing(opened.steps) as steps:
                async for step in steps:
                    position, final = step[-1].next, step[-1].final
                    await channel.put(step)
                    # What is sent is not kept while there is nothing more to send.
                    del step
                    share.drop()
            if final:
                await self.outbox.say(self.ending(channel.name, position))
        except Exception as fault:
            await self._refuse(channel.name, fault)
        finally:
            share.drop()
            if self._followers.get(channel.name, (None,))[0] is channel:
                del self._followers[channel.name]

    async def _refuse(self, name: str | None, fault: Exception) -> None:
        note(fault, self.line.request_id, f"the {self.SURFACE} socket")
        short = name if name is None or len(name) <= _MAX_NAME else None
        await self.outbox.say(self.refusal(short, to_error(fault)))

    def _parse(self, text: str | None) -> dict[str, Any]:
        try:
            frame = orjson.loads(text or "")
        except orjson.JSONDecodeError:
            frame = None
        if not isinstance(frame, dict):
            raise BadRequest("A frame is a JSON object in a text message.", surface=self.SURFACE)
        return frame
