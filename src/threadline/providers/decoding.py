"""What the decoders of all dialects have in common: bytes in, events out, and a failure in words."""

from __future__ import annotations

from typing import Any

import orjson

from threadline.domain import events
from threadline.domain.errors import ProviderError
from threadline.domain.events import Event
from threadline.domain.messages import Usage
from threadline.providers import faults
from threadline.providers.lenient import Halves
from threadline.providers.sse import Splitter, TooLong


class Decoder:
    """One answer's bytes in, its events out; ``finish-step`` is the last of them. A dialect adds :meth:`_chunk`.

    After :meth:`feed` or :meth:`end`, ``failure`` is set when the provider reported an error or ended early; the
    events that came before it were given back, and nothing follows. ``done``: the provider said that it is done, no
    more has to be read. ``finished``: the answer itself is whole, only its usage may still come.
    """

    __slots__ = ("_halves", "_kind", "_next", "_part", "_provider", "_reason", "_sse", "_usage", "done", "failure")

    def __init__(self, provider: str, first_part: int) -> None:
        self._provider = provider
        self._sse = Splitter()
        self._kind = ""
        self._part = ""
        self._next = first_part
        self._reason: str | None = None
        self._usage: Usage | None = None
        self._halves: Halves | None = None
        self.done = False
        self.failure: ProviderError | None = None

    def bound(self, most: int) -> None:
        """Take no event of more bytes than this."""
        self._sse = Splitter(most)

    @property
    def finished(self) -> bool:
        """Whether the provider gave the reason why the answer ended."""
        return self._reason is not None

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, possibly none."""
        out: list[Event] = []
        try:
            payloads = self._sse.feed(data)
        except TooLong as fault:
            self.failure = ProviderError(f"{self._provider} sent {fault}.", details={"provider": self._provider})
            return out
        loads, more = orjson.loads, self._more
        for payload in payloads:
            if self.done or self.failure:
                break
            try:
                chunk = loads(payload) if self._halves is None else self._parse(payload)
            except ValueError:
                self._doubt(payload, out)
                continue
            try:
                text = more(chunk) if self._kind == "text" else None
            except (KeyError, IndexError, TypeError, AttributeError):
                text = None
            if text:
                out.append({"type": "text-delta", "id": self._part, "delta": text})
            else:
                self._take(chunk, out)
        return out

    def whole(self, body: bytes) -> list[Event]:
        """The events of an answer that was not streamed: one JSON object."""
        out: list[Event] = []
        try:
            self._take_whole(self._parse(body), out)
        except ValueError:
            self._not_json(body, out)
        return out + self.end()

    def end(self) -> list[Event]:
        """The bytes are over; an answer without its reason was cut, which is a failure."""
        out: list[Event] = []
        rest = self._sse.end()
        if rest and not (self.done or self.failure):
            # The last blank line may be missing; half an event is only a sign of the cut.
            try:
                self._take(self._parse(rest), out)
            except ValueError:
                if rest.strip() == b"[DONE]":
                    self._finish(out)
        if self.done or self.failure:
            return out
        if self._reason is None:
            self._fail("ended early: the answer broke off.")
        else:
            self._finish(out)
        return out

    def _more(self, chunk: Any) -> str | None:
        """The text of a chunk that is one more piece of the open text and nothing else: the path of nearly every chunk.
        None for any other, which may also raise what a form that is not known raises."""
        return None

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        """Take what one event of the stream says."""
        raise NotImplementedError

    def _whole(self, answer: dict[str, Any], out: list[Event]) -> None:
        """Take an answer that came in one piece; in most dialects it reads like a chunk."""
        self._chunk(answer, out)

    def _held(self, out: list[Event]) -> None:
        """Give what was held back of an open part, before it is closed."""

    def _calls_end(self, out: list[Event]) -> None:
        """End the tool calls that are still open: the answer is over."""

    def _doubt(self, payload: bytes, out: list[Event]) -> None:
        """Take a payload that is not quite JSON, or is none."""
        try:
            chunk = self._parse(payload)
        except ValueError:
            self._not_json(payload, out)
        else:
            self._take(chunk, out)

    def _parse(self, payload: bytes) -> Any:
        """A chunk; once a provider has sent what is not quite JSON, all of this answer is read with patience."""
        try:
            if self._halves is None:
                return orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._halves = Halves()
        return self._halves.loads(payload)

    def _not_json(self, payload: bytes, out: list[Event]) -> None:
        if payload.strip() == b"[DONE]":
            self._finish(out)
        elif payload.strip():
            self._fail("sent something that is not JSON.")

    def _take(self, chunk: Any, out: list[Event]) -> None:
        """Take a chunk. One that is of no form that is known is a failure; what it gave before that is kept."""
        try:
            if isinstance(chunk, dict):
                self._chunk(chunk, out)
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            self._fail("sent an answer of a form that is not known.")

    def _take_whole(self, answer: Any, out: list[Event]) -> None:
        try:
            if isinstance(answer, dict):
                self._whole(answer, out)
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            self._fail("sent an answer of a form that is not known.")

    def _fail(self, words: str) -> None:
        details = {"provider": self._provider}
        self.failure = ProviderError(f"{self._provider} {words}", retryable=True, details=details)

    def _reported(self, error: Any) -> None:
        """The provider says that it failed."""
        self.failure = faults.from_event(self._provider, error)

    def _open(self, kind: str, out: list[Event], metadata: dict[str, Any] | None = None) -> None:
        """Open a part of text or reasoning, and close the one before it."""
        self._close(out)
        self._kind, self._part = kind, f"p{self._next}"
        self._next += 1
        event: Event = {"type": f"{kind}-start", "id": self._part}
        if metadata:
            event["providerMetadata"] = metadata
        out.append(event)

    def _add(self, kind: str, text: str, out: list[Event]) -> None:
        """More text or reasoning, into the open part of that kind or a new one."""
        if not text:
            return
        if self._kind != kind:
            self._open(kind, out)
        out.append({"type": "text-delta" if kind == "text" else "reasoning-delta", "id": self._part, "delta": text})

    def _close(self, out: list[Event], metadata: dict[str, Any] | None = None) -> None:
        if self._kind:
            event: Event = {"type": f"{self._kind}-end", "id": self._part}
            if metadata:
                event["providerMetadata"] = metadata
            out.append(event)
            self._kind = ""

    def _flush(self, out: list[Event]) -> None:
        """Give what was held back, and close the open part."""
        self._held(out)
        if self._halves is not None:
            self._add(self._kind or "text", self._halves.left(), out)
        self._close(out)

    def _finish(self, out: list[Event]) -> None:
        self._flush(out)
        self._calls_end(out)
        out.append(events.finish_step(self._reason or "other", self._usage))
        self.done = True


def table(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def counted(**numbers: Any) -> Usage:
    """A usage of the numbers that the provider told; what is no number is left out."""
    return {name: value for name, value in numbers.items() if isinstance(value, int)}  # type: ignore[return-value]
