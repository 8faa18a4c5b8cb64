"""``/v1/responses``: make an answer, come back to it from any place, end it, forget it."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, suppress
from typing import Any, Final

from starlette.types import Receive, Send

from threadline.routes.context import Context
from threadline.routes.exchange import Scope, query
from threadline.routes.guarded import GuardedStream
from threadline.routes.numbers import MAX_OFFSET
from threadline.routes.openai.answering import name_run, program_of, read_asked, tell
from threadline.routes.openai.asking import parse
from threadline.routes.openai.attempts import attempt_of, attending
from threadline.routes.openai.errors import invalid
from threadline.routes.openai.following import present, resumed, told, whole
from threadline.routes.openai.paging import page
from threadline.routes.waiting import Waiting
from threadline.store.runs import RunRow
from threadline.wire.openai.inputs import input_items
from threadline.wire.openai.objects import Head
from threadline.wire.openai.responses import ENDING, FRAMES, ResponseEvents

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_CANCEL_SECONDS: Final = 10.0
"""How long a cancel waits for the end that it asked for."""


class Create:
    """``POST /v1/responses``. The answer goes on whether or not this request does."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream it, or answer at once, or wait for it."""
        context = self._context
        one = await program_of(context, scope)
        asked, attempt = await read_asked(
            scope, receive, lambda values: (parse(values), attempt_of(scope, one.user.id, values))
        )
        run, head = await context.responses.create(one.user.id, asked.wanted, attempt)
        encoder, streams, background = ResponseEvents(head), asked.stream, asked.background
        # It may be large, and is not kept while it is answered.
        del asked
        async with attending(context, scope, run) as attended:
            if streams:
                source = attended.seen(told(context, run, encoder, encoder.opening()))
                await GuardedStream(context, one, source, FRAMES, ENDING).run(scope, receive, send)
                return
            if background:
                # One that was asked for before may be over.
                await tell(scope, send, encoder.snapshot() if run.epoch == 0 else await present(context, run, head))
            else:
                work = _ended(context, one.user.id, run, encoder)
                await tell(scope, send, await Waiting(context.pulse, work).result(receive))
            attended.whole = True


class One:
    """``GET`` and ``DELETE /v1/responses/{response_id}``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell it as it is, or stream it from any place, or forget it."""
        context, response = self._context, _response(scope)
        one = await program_of(context, scope)
        if scope["method"] == "DELETE":
            await context.responses.delete(one.user.id, response)
            await tell(scope, send, {"id": response, "object": "response", "deleted": True})
            return
        after = _after(scope)
        run, head = await _find(context, scope, one.user.id)
        if after is None:
            await tell(scope, send, await present(context, run, head))
            return
        source = await resumed(context, run, head, after)
        await GuardedStream(context, one, source, FRAMES, ENDING).run(scope, receive, send)


class Cancel:
    """``POST /v1/responses/{response_id}/cancel``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End it, and tell it as it is then."""
        context, response = self._context, _response(scope)
        user_id = (await program_of(context, scope)).user.id
        run, head = await _find(context, scope, user_id)
        await context.responses.cancel(user_id, response)
        found = await Waiting(context.pulse, _after_cancel(context, user_id, run, head)).result(receive)
        await tell(scope, send, found)


class Inputs:
    """``GET /v1/responses/{response_id}/input_items``."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the answer rests on, the newest first."""
        user_id = (await program_of(self._context, scope)).user.id
        messages = await self._context.responses.inputs(user_id, _response(scope))
        await tell(scope, send, page(input_items(messages), query(scope)))


def _response(scope: Scope) -> str:
    """The id in the address."""
    found: str = scope["path_params"]["response_id"]
    return found


async def _find(context: Context, scope: Scope, user_id: str) -> tuple[RunRow, Head]:
    """The response in the address; whatever is answered from here on names its run."""
    run, head = await context.responses.find(user_id, _response(scope))
    name_run(scope, run)
    return run, head


async def _ended(context: Context, user_id: str, run: RunRow, encoder: ResponseEvents) -> dict[str, Any]:
    await whole(context, run, encoder)
    return encoder.snapshot((await context.answers.run(user_id, run.id)).ended_at)


async def _after_cancel(context: Context, user_id: str, run: RunRow, head: Head) -> dict[str, Any]:
    with suppress(TimeoutError):
        async with asyncio.timeout(_CANCEL_SECONDS):
            async with aclosing(context.answers.follow(run)) as steps:
                async for _ in steps:
                    continue
    await context.answers.settle(run.id)
    return await present(context, await context.answers.run(user_id, run.id), head)


def _after(scope: Scope) -> int | None:
    """The last event that the reader has (-1: none yet); None where it wants the object."""
    asked = query(scope)
    stream, after = asked.get("stream", "false"), asked.get("starting_after")
    if stream not in ("true", "false"):
        raise invalid("stream", "must be true or false.")
    if after is not None and not (_NUMBER.fullmatch(after) and int(after) <= MAX_OFFSET):
        raise invalid("starting_after", "must be a whole number from 0 on.")
    if stream == "false":
        return None
    return -1 if after is None else int(after)
