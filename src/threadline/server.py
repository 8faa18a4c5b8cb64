"""The HTTP server: uvicorn, which takes leave of every reader before it goes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from threadline.routes import chat_socket
from threadline.world import World

_BACKLOG: Final = 2048
_IDLE_SECONDS: Final = 75
_FRAME_BYTES: Final = 64 * 1024
_LARGE_FRAMES: Final = {chat_socket.PATH: chat_socket.FRAME_BYTES}
"""Where a frame may be larger than that."""

_GRACE_SECONDS: Final = 1.0


class AddressTaken(OSError):
    """The address to listen on is not free; the message is for people."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address that ``host`` stands for. Raises :class:`AddressTaken`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise AddressTaken(f"{host!r} is no address of this machine. Check --host or THREADLINE_HOST.") from None
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            if port == 0 and sockets:
                break
            listening = socket.socket(family, kind, protocol)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
    except OSError as fault:
        for listening in sockets:
            listening.close()
        raise AddressTaken(
            f"Cannot listen on {host} port {port}: {fault.strerror}. Stop what uses it, or choose another by --port or "
            "THREADLINE_PORT."
        ) from None
    return sockets


def addresses(sockets: Sequence[socket.socket]) -> list[str]:
    """What to type into a browser."""
    out = []
    for listening in sockets:
        host, port = listening.getsockname()[:2]
        out.append(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    return out


class Server(uvicorn.Server):
    """Serves ``app`` on sockets that are bound already; ``draining`` is set when it is told to go.

    Uvicorn alone would wait for ever for streams that never end. Here the readers hear of it first, through
    ``draining``, and end by themselves; who does not take what was sent to it is cut off after a moment.
    """

    def __init__(
        self,
        app: ASGIApp,
        world: World,
        draining: asyncio.Event,
        ready: Callable[[], None],
        *,
        drain_seconds: float = _GRACE_SECONDS,
    ) -> None:
        logging.getLogger("uvicorn.error").addFilter(_expected)
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws=_Socket,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_IDLE_SECONDS,
                ws_max_size=_FRAME_BYTES,
                ws_per_message_deflate=False,
            )
        )
        self._world = world
        self._draining = draining
        self._ready = ready
        self._grace = min(_GRACE_SECONDS, drain_seconds)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Signals are the program's, which sets ``draining``; uvicorn's own handlers would kill it afterwards."""
        return nullcontext()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Go, and let the readers know at once: uvicorn would first wait for them."""
        super().handle_exit(sig, frame)
        self._draining.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        """Keep the date of the answers right until it is time to go."""
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(1):
                    await self._draining.wait()
            except TimeoutError:
                continue
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for what is being answered, then close every connection, politely where the other side lets us."""
        for listening in self.servers:
            listening.close()
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=self._grace)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._gone(self._grace / 4)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        left = set(self.server_state.tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=self._grace)
        for bound in sockets or ():
            bound.close()

    async def _gone(self, seconds: float) -> None:
        end = self._world.monotonic() + seconds
        while self.server_state.connections and self._world.monotonic() < end:
            await self._world.sleep(0.01)


class _Socket(WebSocketsSansIOProtocol):
    """A socket whose frames may be as large as its address takes them, and that is gone when it is over."""

    _end: asyncio.TimerHandle | None = None
    _begun: bytearray

    def handle_connect(self, event: Request) -> None:
        """The handshake is there."""
        self.conn.max_message_size = _LARGE_FRAMES.get(event.path.partition("?")[0], _FRAME_BYTES)
        super().handle_connect(event)

    def handle_text(self, event: Frame) -> None:
        """A text is there, whole or its beginning. The parser would keep it until the next one is."""
        super().handle_text(event)
        event.data = b""

    def handle_cont(self, event: Frame) -> None:
        """The next piece of a message is there. Many small ones, kept as such, take far more room than their bytes."""
        if self.frames:
            self._begun = bytearray(self.frames.pop())
        self._begun += event.data
        if event.fin:
            self.frames = [bytes(self._begun)]
            del self._begun
            self.send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        """Say something. Raises ``ClientDisconnected`` also where the transport has closed already, as for a ping that
        was not answered, and is not gone yet."""
        await self.writable.wait()
        if self.close_sent and self.handshake_complete:
            raise ClientDisconnected
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """A ping was not answered."""
        super().keepalive_timeout()
        self._cut()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Nothing more is sent here."""
        super().on_task_complete(task)
        self._cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)

    def _cut(self) -> None:
        # Closing waits until what was sent is taken: for who takes nothing, that is for ever.
        if self._end is None and not self.disconnected:
            self._end = self.loop.call_later(self.close_timeout, self.transport.abort)


def _expected(record: logging.LogRecord) -> bool:
    """What uvicorn takes for faults, and is none: a body that stays incomplete is how AI SDK clients are told to come
    back, a handshake may be refused with an answer, and who still sends a body when the server goes is cut off."""
    if "ASGI callable returned without completing" in record.getMessage():
        return False
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
