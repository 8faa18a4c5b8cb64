"""``/api/recordings``: answers that a program outside writes."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from threadline.domain.errors import BadRequest, NotAllowed, ThreadlineError
from threadline.domain.ids import run_stream
from threadline.routes import body, shapes
from threadline.routes.context import Context
from threadline.routes.durable import asking
from threadline.routes.durable.answering import CLOSED, error_headers, next_offset
from threadline.routes.exchange import Headers, exchange_of
from threadline.routes.identity import Services, User, who
from threadline.routes.replies import JSON, number, reply
from threadline.services.recordings import PROGRAM, Opening

AGAIN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": shapes.Recording, "description": "It was opened before; the program takes over from itself."}
}


async def begin(
    context: Services, user: User, response: Response, wanted: shapes.NewRecording | None = None
) -> shapes.Recording:
    """Open a recording: the user's message is saved, and the answer begins."""
    asked = wanted or shapes.NewRecording()
    opening = Opening(
        chat_id=asked.conversation_id,
        message=asked.message,
        parent_id=asked.parent_id,
        model=asked.model,
        key=asked.key,
        seconds=asked.timeout_seconds,
    )
    opened = await context.recordings.open(user.id, opening)
    if opened.duplicate:
        response.status_code = 200
    run = opened.run
    return shapes.Recording.model_validate(
        {
            "run_id": run.id,
            "conversation_id": run.conversation_id,
            "message_id": run.message_id,
            "parent_id": run.parent_id,
            "status": run.status,
            "stream": run_stream(run.id),
            "producer": {"id": PROGRAM, "epoch": opened.epoch},
            "timeout_seconds": run.lease_seconds,
            "text": opened.text,
            "next_offset": opened.next_offset,
            "open_parts": opened.open_parts,
        }
    )


class Record:
    """``POST /api/runs/{run}/events``: append to a recording, and close it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Append the array of chunks in the body."""
        try:
            await self._append(scope, receive, send)
        except ThreadlineError as error:
            headers = exchange_of(scope).headers
            headers.extend(error_headers(error))
            if isinstance(error, NotAllowed):
                headers.append((b"allow", b"GET, HEAD"))
            raise

    async def _append(self, scope: Scope, receive: Receive, send: Send) -> None:
        producer, close = asking.producer_of(scope), asking.closes(scope)
        chunks = _chunks(await body.read(scope, receive))
        user, run_id = await who(self._context, scope), scope["path_params"]["run_id"]
        done = await self._context.recordings.append(user.id, run_id, producer, chunks, close=close)
        headers: Headers = [JSON, next_offset(done.tail)]
        if producer is not None:
            seq = producer.seq if done.seq is None else done.seq
            headers += [number(b"producer-epoch", producer.epoch), number(b"producer-seq", seq)]
        if done.closed:
            headers.append(CLOSED)
        told = {"next_offset": done.tail, "closed": done.closed, "duplicate": done.duplicate}
        await reply(send, 200, headers, orjson.dumps(told))


def _chunks(data: bytes) -> list[Any]:
    """The chunks of a body; an empty one has none. Raises ``BadRequest``."""
    if not data.strip():
        return []
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as fault:
        raise BadRequest(f"The body is not valid JSON: {fault}.", surface="recording") from None
    if not isinstance(found, list):
        raise BadRequest("The body must be an array of chunks.", surface="recording")
    return found
