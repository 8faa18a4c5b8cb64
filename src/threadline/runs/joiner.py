"""Fits a provider's events into the run's log: joins a continued text to the open part, holds the step's end back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.seam import Seam


class Joiner:
    """``part`` is the open text part that ``seam``'s text belongs to, or None where a new one is to be opened.

    ``closing`` is the provider's ``finish-step`` once it came; it is not among what :meth:`take` gives back.
    """

    def __init__(self, seam: Seam, part: str | None) -> None:
        self._seam = seam
        self._part = part
        self._theirs: str | None = None
        self._joining = seam.open or part is not None
        self.closing: Event | None = None

    def take(self, batch: Sequence[Event]) -> Sequence[Event]:
        """What of a batch is to be appended now. Raises ``NotContinued``."""
        last = batch[-1] if batch else None
        if last is not None and last["type"] == "finish-step":
            self.closing = last
            batch = batch[:-1]
        if not self._joining:
            return batch
        return [out for event in batch for out in self._join(event)]

    def _join(self, event: Event) -> Iterator[Event]:
        kind = event["type"]
        if not self._joining or not kind.startswith("text-"):
            yield event
        elif kind == "text-start" and self._theirs is None:
            self._theirs = event["id"]
            if self._part is None:
                self._part = event["id"]
                yield event
        elif event.get("id") == self._theirs:
            yield from self._own(kind, event)
        else:
            yield event

    def _own(self, kind: str, event: Event) -> Iterator[Event]:
        assert self._part is not None
        if kind == "text-delta":
            text = self._seam.feed(event["delta"])
        else:
            text = self._seam.end()
            self._joining = False
        if text:
            yield events.text_delta(self._part, text)
        if kind == "text-end":
            yield {**event, "id": self._part}
