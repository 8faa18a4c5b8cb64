"""One step of an answer: a call of the model, from its request to its last event, with the retries that are safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from threadline.domain.endings import closings
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.seam import Seam
from threadline.providers.protocol import ModelRequest
from threadline.runs.context import Context
from threadline.runs.control import Control, Interrupted, being_cancelled
from threadline.runs.joiner import Joiner
from threadline.runs.writer import RunWriter
from threadline.world import World

_ATTEMPTS: Final = 3
_BACKOFF_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a step's text begins: at nothing, or after ``partial``, into the open part ``part`` where there is one."""

    partial: str = ""
    part: str | None = None


async def call_model(
    context: Context, writer: RunWriter, control: Control, world: World, beginning: Beginning
) -> Event:
    """Make one call and append what comes, as it comes. Returns the step's ``finish-step``, not yet appended.

    A call that failed before anything of it was appended is made again where the provider's error says that this may
    help. Raises ``ProviderError``, ``NotContinued`` and ``Interrupted``; what was appended before stays.
    """
    attempt = 1
    writer.begun = False
    while True:
        before = writer.record.count
        request = context.request(writer.record, beginning.partial)
        try:
            return await _stream(context, request, writer, control, beginning)
        except ProviderError as error:
            if not error.retryable or writer.record.count > before or attempt == _ATTEMPTS:
                raise
            wait = error.retry_after or _BACKOFF_SECONDS * 2 ** (attempt - 1) * world.uniform(0.8, 1.2)
            if wait > _LONGEST_WAIT_SECONDS:
                raise
        attempt += 1
        with control.cancellable():
            await world.sleep(wait)


async def _stream(
    context: Context, request: ModelRequest, writer: RunWriter, control: Control, beginning: Beginning
) -> Event:
    seam = Seam(beginning.partial, prefill=context.provider.continues == "prefill")
    joiner = Joiner(seam, beginning.part)
    async with aclosing(context.provider.stream(request)) as batches:
        while True:
            try:
                batch = await _next(batches, control)
            except (Interrupted, ProviderError):
                if joiner.closing is None:
                    raise
                # All of it is there, and what it cost.
                break
            if batch is None:
                break
            ready = joiner.take(batch)
            if ready:
                await writer.append(ready)
                control.under_way.set()
    if joiner.closing is None:
        raise ProviderError("The provider's answer ended early.", retryable=True)
    left = [event for event in closings(writer.record) if event["type"] in ("text-end", "reasoning-end")]
    if left:
        # A continuation that had nothing to add leaves the part open that it was to go on with.
        await writer.append(left)
    return joiner.closing


async def _next(batches: AsyncGenerator[list[Event], None], control: Control) -> list[Event] | None:
    """The next of a provider's batches, None at the end; a call that cancels itself has failed like any other."""
    try:
        with control.cancellable():
            return await anext(batches, None)
    except asyncio.CancelledError:
        if being_cancelled():
            raise
        raise ProviderError("The call of the provider was broken off.", retryable=True) from None
