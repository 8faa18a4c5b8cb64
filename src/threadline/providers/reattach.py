"""Goes on with an answer that its provider keeps, after whoever listened to it was lost; pure.

The provider is asked for all of the answer again, from its first event, and what the log holds of it is passed over.
That needs nothing in the log but the provider's own id of the answer: a decoder is a function of what it reads, so the
same events come again, and the log holds a beginning of them. It is not trusted but checked, letter by letter. Of the
answer as one object, which a provider keeps longer than its events, the same rest comes, with other cuts in its texts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from threadline.domain.errors import ProviderError
from threadline.domain.events import PROVIDER_RUN, Event
from threadline.providers.decoding import Decoder

_DELTAS: Final = {"text-delta": "id", "reasoning-delta": "id", "tool-input-delta": "toolCallId"}
_SOURCES: Final = ("source-url", "source-document")
_COMPARED: Final = ("id", "toolCallId", "toolName", "input", "mediaType", "url")
"""What must be equal for two events to be one; a provider encrypts what it encrypts anew each time."""


class Differs(Exception):
    """The provider kept another answer than the log holds the beginning of."""


class Skip:
    """``said`` are the events of the answer that the log holds, in their order: those of one call of the model, without
    ``start-step`` and without what is not the model's. :meth:`take` gives back what of its events is new."""

    def __init__(self, said: Iterable[Event]) -> None:
        self._marks: deque[Event] = deque()
        self._sources: set[tuple[str, str]] = set()
        self._at = 0
        """How much of the first mark's text was said again, where that is a text."""
        for event in said:
            if event["type"] != PROVIDER_RUN:
                self._note(event)

    @property
    def done(self) -> bool:
        """Whether all that was said has been passed over."""
        return not self._marks

    def take(self, event: Event) -> Event | None:
        """An event that is new, or the new rest of one; None where it was said already. Raises :class:`Differs`."""
        kind = event["type"]
        if kind == PROVIDER_RUN:
            return None
        if kind in _SOURCES:
            source = (kind, event["sourceId"])
            if source in self._sources:
                self._sources.remove(source)
                return None
            return event
        if not self._marks:
            return event
        mark = self._marks[0]
        if mark["type"] != kind or any(mark.get(name) != event.get(name) for name in _COMPARED):
            raise Differs(f"{kind} came where {mark['type']} was")
        if kind in _DELTAS:
            return self._delta(event, mark)
        self._marks.popleft()
        return None

    def _note(self, event: Event) -> None:
        kind = event["type"]
        last = self._marks[-1] if self._marks else {}
        if kind in _SOURCES:
            # Where a source stands among the pieces of a text says nothing.
            self._sources.add((kind, event["sourceId"]))
        elif kind not in _DELTAS:
            self._marks.append(event)
        elif last.get("type") == kind and last[_DELTAS[kind]] == event[_DELTAS[kind]]:
            last["pieces"].append(_text(event))
        else:
            self._marks.append({"type": kind, _DELTAS[kind]: event[_DELTAS[kind]], "pieces": [_text(event)]})

    def _delta(self, event: Event, mark: Event) -> Event | None:
        if len(mark["pieces"]) > 1:
            mark["pieces"] = ["".join(mark["pieces"])]
        said, text = mark["pieces"][0], _text(event)
        left = len(said) - self._at
        if not said.startswith(text[:left], self._at):
            raise Differs(f"{event['type']} says something else")
        if len(text) < left:
            self._at += len(text)
            return None
        self._marks.popleft()
        self._at = 0
        if len(text) == left:
            return None
        if self._marks:
            raise Differs(f"{event['type']} goes on where {self._marks[0]['type']} was")
        field = "inputTextDelta" if event["type"] == "tool-input-delta" else "delta"
        return {**event, field: text[left:]}


class Reattached:
    """What a ``decoding.Decoder`` is, over a fresh one that is fed with all of an answer again, of which ``said`` was
    said already (see :class:`Skip`). ``failure`` is also set where the provider kept another answer.

    For any answer ``e1 … en`` and any ``k``: of the same bytes it gives exactly ``e(k+1) … en`` where ``said`` is
    ``e1 … ek``; no event comes twice and none is lost, however the bytes are cut. The decoder must count its parts from
    :func:`first_part` of what was said.
    """

    def __init__(self, decoder: Decoder, provider: str, said: Sequence[Event]) -> None:
        self._decoder = decoder
        self._provider = provider
        self._skip = Skip(said)

    @property
    def done(self) -> bool:
        """See ``decoding.Decoder``."""
        return self._decoder.done

    @property
    def finished(self) -> bool:
        """See ``decoding.Decoder``."""
        return self._decoder.finished

    @property
    def failure(self) -> ProviderError | None:
        """See ``decoding.Decoder``."""
        return self._decoder.failure

    def feed(self, data: bytes) -> list[Event]:
        """The new events that these bytes complete, possibly none."""
        return self._new(self._decoder.feed(data))

    def whole(self, body: bytes) -> list[Event]:
        """The new events of the answer as one object."""
        return self._new(self._decoder.whole(body))

    def end(self) -> list[Event]:
        """The bytes are over; see ``decoding.Decoder``."""
        return self._new(self._decoder.end())

    def _new(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        try:
            for event in events:
                new = self._skip.take(event)
                if new is not None:
                    out.append(new)
        except Differs as fault:
            words = f"{self._provider} kept another answer than the one that was begun: {fault}."
            self._decoder.failure = ProviderError(words, details={"provider": self._provider})
        return out


def first_part(said: Sequence[Event], usual: int) -> int:
    """The number of the answer's first part: that of the first that was said, however many came since."""
    for event in said:
        if event["type"] in ("text-start", "reasoning-start"):
            return int(str(event["id"]).removeprefix("p"))
    return usual


def _text(event: Event) -> str:
    text: str = event["inputTextDelta"] if event["type"] == "tool-input-delta" else event["delta"]
    return text
