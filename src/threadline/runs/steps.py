"""One step of an answer: a call of the model, from its request to its last event, with the retries that are safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from threadline.domain.endings import closings
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.seam import Seam
from threadline.providers.protocol import Kept, ModelRequest
from threadline.runs.context import Context
from threadline.runs.control import Control, Interrupted, being_cancelled
from threadline.runs.joiner import Joiner
from threadline.runs.writer import RunWriter
from threadline.world import World

_ATTEMPTS: Final = 3
_BACKOFF_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 20.0


class KeptLost(Exception):
    """The provider does not have the answer any more that was to be gone on with; nothing was appended."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a step's text begins: at nothing, or after ``partial``, into the open part ``part`` where there is one; or
    where the answer was left that the provider keeps."""

    partial: str = ""
    part: str | None = None
    kept: Kept | None = None


async def call_model(
    context: Context, writer: RunWriter, control: Control, world: World, beginning: Beginning
) -> Event:
    """Make one call and append what comes, as it comes. Returns the step's ``finish-step``, not yet appended.

    A call that failed before anything of it was appended is made again where the provider's error says that this may
    help; one whose answer the provider keeps is listened to again wherever it was cut. Raises ``ProviderError``,
    ``KeptLost``, ``NotContinued`` and ``Interrupted``; what was appended before stays.
    """
    attempt = 1
    writer.begun = False
    began = writer.record.count
    heard = _Heard(beginning.kept)
    while True:
        before = writer.record.count
        request = context.request(writer.record, beginning.partial, heard.kept)
        try:
            return await _stream(context, request, writer, control, beginning, heard)
        except ProviderError as error:
            came = writer.record.count > before
            if beginning.kept is not None and writer.record.count == began and not error.retryable:
                raise KeptLost from error
            if not error.retryable or (came and heard.kept is None) or (attempt == _ATTEMPTS and not came):
                raise
            attempt = 1 if came else attempt
            wait = error.retry_after or _BACKOFF_SECONDS * 2 ** (attempt - 1) * world.uniform(0.8, 1.2)
            if wait > _LONGEST_WAIT_SECONDS:
                raise
        attempt += 1
        with control.cancellable():
            await world.sleep(wait)


class _Heard:
    """What a call of the model has said so far, where its provider keeps the answer, too."""

    def __init__(self, kept: Kept | None) -> None:
        self._id = None if kept is None else kept.id
        self._said = [] if kept is None else [*kept.said]

    @property
    def kept(self) -> Kept | None:
        """What can be gone on with; None where the provider keeps nothing."""
        return None if self._id is None else Kept(self._id, tuple(self._said))

    def take(self, appended: Sequence[Event], provider_run: str | None) -> None:
        """``appended`` is in the log now; ``provider_run`` is the id under which the provider keeps the answer."""
        if provider_run is not None:
            self._id = provider_run
            self._said += appended


async def _stream(
    context: Context,
    request: ModelRequest,
    writer: RunWriter,
    control: Control,
    beginning: Beginning,
    heard: _Heard,
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
                heard.take(ready, writer.record.provider_run)
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
