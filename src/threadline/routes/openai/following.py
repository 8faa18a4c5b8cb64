"""An answer as OpenAI's clients follow it: the log's batches, put into their dialect on the way to the reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol, TypeVar

from threadline.domain.errors import Unavailable, restored
from threadline.domain.events import Event
from threadline.log.protocol import Batch
from threadline.routes.context import Context
from threadline.routes.openai.errors import invalid
from threadline.store.runs import RunRow
from threadline.wire.openai.objects import Head, response_id
from threadline.wire.openai.responses import ResponseEvents
from threadline.wire.openai.written import written_object

_AT_ONCE: Final = 500
"""Events that are put into the dialect before others have a turn."""


class Encoder(Protocol):
    """What takes a run's events, from the first on, and makes those of a dialect."""

    fault: Event | None

    @property
    def empty(self) -> bool:
        """Whether nothing of an answer is there."""
        ...

    def take(self, messages: Sequence[bytes]) -> list[bytes]:
        """The events that these make, possibly none."""
        ...

    def absorb(self, messages: Sequence[bytes]) -> None:
        """Take them in, and make nothing of them."""
        ...


Taker = TypeVar("Taker", bound=Encoder)


async def told(
    context: Context,
    run: RunRow,
    encoder: Encoder,
    opening: Sequence[bytes] = (),
    pieces: Iterable[list[bytes]] = (),
    start: int = 0,
) -> AsyncIterator[tuple[Batch, ...]]:
    """The events of a dialect as batches, live to the end: ``opening``, then what ``pieces`` make, and the run's events
    from offset ``start`` on. ``encoder`` has had those before."""
    number = 0
    if opening:
        yield (Batch(number, opening),)
        number += len(opening)
    for piece in pieces:
        made = encoder.take(piece)
        yield (Batch(number, made),)
        number += len(made)
        await context.world.sleep(0)
    async with aclosing(context.answers.follow(run, start)) as steps:
        async for batches in steps:
            made = []
            for at, piece in enumerate(_pieces(batches)):
                if at:
                    yield (Batch(number, made),)
                    number += len(made)
                    await context.world.sleep(0)
                made = encoder.take(piece)
            final = batches[-1].final
            if made or final:
                yield (Batch(number, made, final),)
                number += len(made)


async def resumed(context: Context, run: RunRow, head: Head, after: int) -> AsyncIterator[tuple[Batch, ...]]:
    """The events of a response with a number above ``after``; those below are counted only. Raises ``BadRequest`` where
    that one was never told."""
    encoder = ResponseEvents(head)
    rest = encoder.opening()[after + 1 :]
    at = 0
    left: Iterator[list[bytes]] = iter(())
    while encoder.count <= after:
        reading = await context.answers.read(run, at)
        at = reading.next
        left = _pieces(reading.batches)
        for piece in left:
            rest += encoder.take(piece, above=after)
            await context.world.sleep(0)
            if encoder.count > after:
                break
        else:
            if reading.up_to_date and encoder.count <= after:
                words = f"must be below {encoder.count}: that is all that this response has told so far."
                raise invalid("starting_after", words)
    return told(context, run, encoder, rest, left, at)


async def present(context: Context, run: RunRow, head: Head) -> dict[str, Any]:
    """The response object as it is now."""
    if run.status == "completed" and run.kind == "model":
        message = await context.answers.written(run)
        found = written_object(head, message, run.ended_at) if message is not None else None
        if found is not None:
            return found
    encoder = ResponseEvents(head)
    at = 0
    while True:
        reading = await context.answers.read(run, at)
        await _absorb(context, encoder, reading.batches)
        at = reading.next
        if reading.up_to_date:
            return encoder.snapshot(run.ended_at)


async def whole(context: Context, run: RunRow, encoder: Taker) -> Taker:
    """Wait for the end of a run, and give ``encoder`` all of it. Raises why it did not come to its end by itself; what
    came of it is kept all the same."""
    async with aclosing(context.answers.follow(run)) as steps:
        async for batches in steps:
            await _absorb(context, encoder, batches)
    # So that what comes next finds the answer written down.
    with suppress(Unavailable):
        await context.answers.settle(run.id)
    if encoder.fault is None:
        return encoder
    fault = encoder.fault
    words = str(fault["errorText"]).strip()
    if not encoder.empty:
        stop = "" if words.endswith((".", "!", "?")) else "."
        words += f"{stop} Retrieve {response_id(run.id)} to have what came of it."
    # This request has its answer: the same again would be told the same.
    raise restored(words, fault.get("code"), retryable=False)


async def _absorb(context: Context, encoder: Encoder, batches: Iterable[Batch]) -> None:
    for at, piece in enumerate(_pieces(batches)):
        if at:
            await context.world.sleep(0)
        encoder.absorb(piece)


def _pieces(batches: Iterable[Batch]) -> Iterator[list[bytes]]:
    """All that is there, so much at once that nobody else waits long."""
    messages = [message for batch in batches for message in batch.messages]
    return (messages[at : at + _AT_ONCE] for at in range(0, len(messages), _AT_ONCE))
