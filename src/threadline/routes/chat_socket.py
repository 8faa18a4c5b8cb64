"""``/api/chat/ws``: say things and come back to answers, any number at once on one socket, as the AI SDK's own
WebSocket transport does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest, ThreadlineError
from threadline.log.shares import Share
from threadline.routes import chat_request
from threadline.routes.body import LIMIT
from threadline.routes.chat_stream import find_run
from threadline.routes.errors import inner
from threadline.routes.exchange import query
from threadline.routes.identity import Caller, bearer_of, program
from threadline.routes.numbers import within_run
from threadline.routes.outbox import Channel, Outbox
from threadline.routes.sockets import Opened, Socket, Sockets
from threadline.store.runs import RunRow
from threadline.wire.chat_socket import CHUNKS, Asked, Chunks, asked, chunk_frames, frame
from threadline.wire.ui_messages import version_of

PATH: Final = "/api/chat/ws"

FRAME_BYTES: Final = LIMIT
"""The most that a frame may have: this client sends the whole history, as it does in a body."""


class ChatSocket:
    """The endpoint. An answer goes on whether or not the socket does."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its handshake to its close."""
        await self._sockets.serve(_Transport, scope, receive, send)


class _Answer(Channel):
    def __init__(self, outbox: Outbox, name: str, encoder: Chunks, speaker: Caller) -> None:
        super().__init__(outbox, name)
        self.encoder = encoder
        self.speaker = speaker

    def dress(self, first: int, parts: Sequence[bytes]) -> list[str]:
        return chunk_frames(self.name, parts)


class _Transport(Socket):
    SURFACE: ClassVar = "chat"
    NAME: ClassVar = "requestId"
    MOST: ClassVar = 64

    def speakers(self) -> Sequence[Caller]:
        brought = (channel.speaker for channel, _ in self._followers.values() if isinstance(channel, _Answer))
        return [*super().speakers(), *(one for one in brought if one is not self.line.caller)]

    async def heed(self, sent: dict[str, Any], group: asyncio.TaskGroup) -> None:
        # One after another: what a client says first is written down first, and one history is held at a time.
        name = self.name_of(sent)
        match sent.get("type"):
            case "send":
                self.check_room(name)
                await self._send(group, name, asked(sent))
            case "resume":
                self.check_room(name)
                await self._resume(group, name, asked(sent))
            case "abort":
                await self.forget(name)
            case _:
                raise BadRequest("A frame's type is send, resume or abort.", surface="chat")

    def refusal(self, name: str | None, error: ThreadlineError) -> str:
        return frame("error", name or "", errorText=error.message, error=inner(error, self.line.request_id))

    def ending(self, name: str, next_offset: int) -> str:
        return frame("end", name)

    async def _send(self, group: asyncio.TaskGroup, name: str, wanted: Asked) -> None:
        speaker = await self._who(wanted.headers)
        user_id = speaker.user.id
        submitted = await self.context.turns.submit(user_id, chat_request.parse(wanted.fields, user_id))
        self._answer(group, name, wanted, speaker, submitted.run, 0)

    async def _resume(self, group: asyncio.TaskGroup, name: str, wanted: Asked) -> None:
        chat_id, run_id = wanted.fields.get("id"), wanted.fields.get("run")
        if not isinstance(chat_id, str) or not (run_id is None or isinstance(run_id, str)):
            raise BadRequest("A resume needs id, the chat's or the run's; run is a run's id.", surface="chat")
        speaker = await self._who(wanted.headers)
        run = await find_run(self.context.answers, speaker.user.id, chat_id, run_id)
        if run is None:
            await self.outbox.say(frame("no-active", name))
            return
        start = 0 if wanted.after is None else wanted.after + 1
        self._answer(group, name, wanted, speaker, run, await within_run(self.context.answers, run, start))

    def _answer(
        self, group: asyncio.TaskGroup, name: str, wanted: Asked, speaker: Caller, run: RunRow, start: int
    ) -> None:
        declared = wanted.headers.get("x-ai-sdk-version") or query(self.line.scope).get("sdk")
        channel = _Answer(self.outbox, name, CHUNKS[version_of(declared, 7)], speaker)

        async def opening(share: Share) -> Opened:
            steps = self.context.answers.follow(run, start, share=share, reader=speaker.user.id)
            return Opened(steps, frame("start", name), start)

        self.follow(group, channel, opening)

    async def _who(self, headers: Mapping[str, str]) -> Caller:
        """A browser cannot give a handshake a token, so that each frame may bring its own."""
        token = bearer_of(headers.get("authorization"))
        if token is None:
            return self.line.caller
        return await program(self.context, self.line.scope, token)
