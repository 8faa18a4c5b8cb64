"""Reads a streamed answer of the Responses API as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from threadline.domain import events
from threadline.domain.events import Event
from threadline.domain.messages import Message, Usage
from threadline.providers import decoding
from threadline.providers.calls import Call, Calls
from threadline.providers.decoding import counted, table
from threadline.providers.responses import hosted

Place = tuple[Any, str, Any]
"""Where a text stands: its item, the list of that item, and the index in it."""

_CUT: Final = {"max_output_tokens": "length", "content_filter": "content-filter"}
_ENDED: Final = ("completed", "incomplete", "failed", "cancelled")


class _Item:
    """One item of the answer as it comes; ``told`` are the places of which text came."""

    __slots__ = ("call", "id", "phase", "told")

    def __init__(self, theirs: str = "") -> None:
        self.id = theirs
        self.phase: str | None = None
        self.call: Call | None = None
        self.told: set[Place] = set()


class Decoder(decoding.Decoder):
    """See ``decoding.Decoder``; ``family`` is under which name metadata is kept that only the same provider may see."""

    __slots__ = ("_calls", "_cited", "_family", "_items", "_place", "_refused")

    def __init__(
        self,
        provider: str = "The provider",
        *,
        first_part: int = 0,
        messages: Sequence[Message] = (),
        family: str = "openai",
    ) -> None:
        super().__init__(provider, first_part)
        self._family = family
        self._calls = Calls(messages)
        self._items: dict[Any, _Item] = {}
        self._place: Place | None = None
        self._cited: set[str] = set()
        self._refused = False

    def _more(self, chunk: Any) -> str | None:
        text = chunk["delta"]
        if chunk["type"] != "response.output_text.delta" or text.__class__ is not str:
            return None
        return text if (chunk["output_index"], "content", chunk["content_index"]) == self._place else None

    def _chunk(self, chunk: dict[str, Any], out: list[Event]) -> None:
        kind = chunk.get("type")
        handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            handler(self, chunk, out)
        elif kind is None and chunk.get("error"):
            self._reported(chunk["error"])

    def _whole(self, answer: dict[str, Any], out: list[Event]) -> None:
        """An answer that was not streamed; one that still goes on has no events yet."""
        status = answer.get("status") or ("completed" if answer.get("output") else None)
        if status in _ENDED:
            self._settle(answer, status, out)
        elif answer.get("error"):
            self._reported(answer["error"])

    # One small method per event type; the table is at the end of the file.

    def _created(self, chunk: dict[str, Any], out: list[Event]) -> None:
        response = table(chunk.get("response"))
        if response.get("background") is True and (theirs := _text_of(response, "id")):
            out.append(events.provider_run(theirs))

    def _added(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._begin(_key(chunk), table(chunk.get("item")), out)

    def _text(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._words("text", (_key(chunk), "content", chunk.get("content_index") or 0), chunk.get("delta"), out)

    def _refusal(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._refused = True
        self._text(chunk, out)

    def _summary(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._words("reasoning", (_key(chunk), "summary", chunk.get("summary_index") or 0), chunk.get("delta"), out)

    def _reasoning(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._words("reasoning", (_key(chunk), "content", chunk.get("content_index") or 0), chunk.get("delta"), out)

    def _arguments(self, chunk: dict[str, Any], out: list[Event]) -> None:
        item = self._items.get(_key(chunk))
        piece = chunk.get("delta")
        if item is not None and item.call is not None and isinstance(piece, str):
            self._calls.more(item.call, piece, out)

    def _arguments_done(self, chunk: dict[str, Any], out: list[Event]) -> None:
        item = self._items.get(_key(chunk))
        if item is not None and item.call is not None:
            self._rest(item.call, chunk.get("arguments") or chunk.get("input"), out)

    def _annotation(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._cite(table(chunk.get("annotation")), out)

    def _item_done(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._end_item(_key(chunk), table(chunk.get("item")), out)

    def _ended(self, chunk: dict[str, Any], out: list[Event]) -> None:
        response = table(chunk.get("response"))
        told, kind = response.get("status"), str(chunk["type"]).removeprefix("response.")
        self._settle(response, told if told in _ENDED else kind, out)

    def _error(self, chunk: dict[str, Any], out: list[Event]) -> None:
        self._reported(chunk.get("error") or {"message": chunk.get("message"), "code": chunk.get("code")})

    # What these have in common.

    def _begin(self, key: Any, item: dict[str, Any], out: list[Event]) -> _Item:
        """An item begins: whatever is open of the one before it ends. Its own text opens with its first piece, but
        reasoning at once, since it may stay without any."""
        self._flush(out)
        kind = item.get("type")
        known = self._items[key] = _Item(_text_of(item, "id"))
        if kind == "message" and isinstance(item.get("phase"), str):
            known.phase = item["phase"]
        elif kind == "reasoning":
            self._open("reasoning", out)
            self._place = (key, "", 0)
        elif kind == "function_call":
            known.call = self._calls.open(_text_of(item, "call_id") or known.id, _text_of(item, "name"), out)
        elif hosted.is_hosted(kind):
            theirs = _text_of(item, "call_id") or known.id
            known.call = self._calls.open(theirs, hosted.name_of(item), out, executed=True)
        return known

    def _words(self, kind: str, place: Place, text: Any, out: list[Event]) -> None:
        """More of the text at a place, in the open part where it belongs to that, else in a new one."""
        if not isinstance(text, str) or not text:
            return
        if self._kind != kind or self._place != place:
            item = self._items.setdefault(place[0], _Item())
            if self._kind != "reasoning" or self._place != (place[0], "", 0) or kind != "reasoning":
                self._flush(out)
                self._open(kind, out, self._about(phase=item.phase) if kind == "text" and item.phase else None)
            self._place = place
            item.told.add(place)
        self._add(kind, text, out)

    def _end_item(self, key: Any, item: dict[str, Any], out: list[Event]) -> None:
        """An item is whole: what did not come of it in pieces comes now."""
        known = self._items.get(key) or self._begin(key, item, out)
        kind = item.get("type")
        if kind == "message":
            self._end_message(key, known, item, out)
        elif kind == "reasoning":
            self._end_reasoning(key, known, item, out)
        elif known.call is not None and not known.call.done:
            self._end_call(known.call, item, out)

    def _end_message(self, key: Any, known: _Item, item: dict[str, Any], out: list[Event]) -> None:
        for number, part in enumerate(_parts(item, "content")):
            place: Place = (key, "content", number)
            if part.get("refusal"):
                self._refused = True
            if place not in known.told:
                self._words("text", place, part.get("text") or part.get("refusal"), out)
            for annotation in _parts(part, "annotations"):
                self._cite(annotation, out)
        if self._kind == "text" and self._place is not None and self._place[0] == key:
            self._flush(out)

    def _end_reasoning(self, key: Any, known: _Item, item: dict[str, Any], out: list[Event]) -> None:
        """The last part of a reasoning item carries what the provider wants back with it."""
        if not known.told:
            for field in ("summary", "content"):
                for number, part in enumerate(_parts(item, field)):
                    self._words("reasoning", (key, field, number), part.get("text"), out)
        known.id = _text_of(item, "id") or known.id
        secret = _text_of(item, "encrypted_content")
        if self._kind != "reasoning" or self._place is None or self._place[0] != key:
            if not secret:
                return
            self._flush(out)
            self._open("reasoning", out)
            self._place = (key, "", 0)
        if self._halves is not None:
            self._add("reasoning", self._halves.left(), out)
        self._close(out, self._about(itemId=known.id, reasoningEncryptedContent=secret))

    def _end_call(self, call: Call, item: dict[str, Any], out: list[Event]) -> None:
        if not call.started:
            self._flush(out)
            call.name = _text_of(item, "name")
        if not call.executed:
            self._rest(call, item.get("arguments"), out)
            self._calls.close(call, out, cut=item.get("status") == "incomplete")
            return
        if not call.pieces:
            self._calls.more(call, hosted.arguments_of(item), out)
        self._calls.close(call, out)
        out += hosted.results(item, call.id)

    def _rest(self, call: Call, whole: Any, out: list[Event]) -> None:
        """What of a call's arguments did not come in pieces."""
        said = "".join(call.pieces)
        if isinstance(whole, str) and whole.startswith(said):
            self._calls.more(call, whole[len(said) :], out)

    def _cite(self, annotation: dict[str, Any], out: list[Event]) -> None:
        """Each source once."""
        kind, title = annotation.get("type"), _text_of(annotation, "title") or _text_of(annotation, "filename")
        source = _text_of(annotation, "url" if kind == "url_citation" else "file_id")
        if not source or source in self._cited or kind == "file_path":
            return
        self._cited.add(source)
        event: Event = {"type": "source-url", "sourceId": source, "url": source}
        if kind != "url_citation":
            event = {"type": "source-document", "sourceId": source, "mediaType": "text/plain", "title": source}
        if title:
            event["title"] = title
        out.append(event)

    def _settle(self, response: dict[str, Any], status: str, out: list[Event]) -> None:
        """The answer is over, in that status."""
        if status == "failed":
            self._reported(response.get("error") or {})
        elif status == "cancelled":
            self._fail("cancelled the answer.")
        if self.failure:
            return
        usage = response.get("usage")
        if isinstance(usage, dict):
            self._usage = _usage(usage)
        if not self._items:
            for number, item in enumerate(_parts(response, "output")):
                self._end_item(number, item, out)
        why = table(response.get("incomplete_details")).get("reason")
        if status == "incomplete" or why:
            self._reason = _CUT.get(str(why), "other")
        else:
            self._reason = self._own_reason("stop")
        self._finish(out)

    def _own_reason(self, usual: str) -> str:
        return "content-filter" if self._refused else "tool-calls" if self._calls else usual

    def _finish(self, out: list[Event]) -> None:
        self._reason = self._reason or self._own_reason("other")
        super()._finish(out)

    def _calls_end(self, out: list[Event]) -> None:
        self._calls.end(out, cut=self._reason == "length")

    def _close(self, out: list[Event], metadata: dict[str, Any] | None = None) -> None:
        """A reasoning part always tells which item it belongs to."""
        if self._kind == "reasoning" and metadata is None and self._place is not None:
            metadata = self._about(itemId=self._items[self._place[0]].id)
        super()._close(out, metadata)

    def _about(self, **told: str | None) -> dict[str, Any] | None:
        """Metadata that is for the same family of providers."""
        known = {name: value for name, value in told.items() if value}
        return {self._family: known} if known else None


def _key(chunk: dict[str, Any]) -> Any:
    """Which item an event is of: its index, since not every provider keeps to an item's id."""
    index = chunk.get("output_index")
    return index if index.__class__ is int else chunk.get("item_id") or _text_of(table(chunk.get("item")), "id")


def _text_of(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _parts(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = value.get(name)
    return [table(one) for one in found] if isinstance(found, list) else []


def _usage(told: dict[str, Any]) -> Usage:
    """The provider's own numbers: its input tokens include those that were cached, its output tokens the reasoning."""
    read, made = table(told.get("input_tokens_details")), table(told.get("output_tokens_details"))
    return counted(
        inputTokens=told.get("input_tokens"),
        outputTokens=told.get("output_tokens"),
        totalTokens=told.get("total_tokens"),
        reasoningTokens=made.get("reasoning_tokens"),
        cachedInputTokens=read.get("cached_tokens"),
        cacheWriteTokens=read.get("cache_write_tokens") or None,
    )


_HANDLERS: Final[dict[str, Callable[[Decoder, dict[str, Any], list[Event]], None]]] = {
    "response.created": Decoder._created,
    "response.output_item.added": Decoder._added,
    "response.output_item.done": Decoder._item_done,
    "response.output_text.delta": Decoder._text,
    "response.refusal.delta": Decoder._refusal,
    "response.reasoning_summary_text.delta": Decoder._summary,
    "response.reasoning_text.delta": Decoder._reasoning,
    "response.function_call_arguments.delta": Decoder._arguments,
    "response.function_call_arguments.done": Decoder._arguments_done,
    "response.mcp_call_arguments.delta": Decoder._arguments,
    "response.mcp_call_arguments.done": Decoder._arguments_done,
    "response.custom_tool_call_input.delta": Decoder._arguments,
    "response.custom_tool_call_input.done": Decoder._arguments_done,
    "response.output_text.annotation.added": Decoder._annotation,
    "response.completed": Decoder._ended,
    "response.done": Decoder._ended,
    "response.incomplete": Decoder._ended,
    "response.failed": Decoder._ended,
    "response.cancelled": Decoder._ended,
    "error": Decoder._error,
}
