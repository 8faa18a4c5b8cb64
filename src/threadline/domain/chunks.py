"""What a chunk that a program writes must look like: the vocabulary of the AI SDK 7, its fields and their types; pure.

Further fields may ride along, as in that schema. What a reader of that vocabulary could not take is refused here, so
that nothing that is in a log ever breaks a client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from threadline.domain.depth import MAX_DEPTH, poisoned, shallow
from threadline.domain.errors import BadRequest, TooLarge
from threadline.domain.events import Event, encode, message_metadata

MAX_CHUNK_BYTES: Final = 4 << 20
"""How large one chunk may be."""

_RESERVED: Final = ("data-recovery", "data-threadline")
_OURS: Final = ("run", "model", "createdAt", "endedAt", "finishReason", "keyOwner", "cost", "settings")
"""What the message remembers from us, whatever the program says of it."""

_REASONS: Final = ("stop", "length", "content-filter", "tool-calls", "error", "interrupted", "other", "unknown")
_LARGEST: Final = 10**9
"""No step has so many tokens; those of all steps of a recording together are still a number that JavaScript has."""

_SUSPECT: Final = (b'"__proto__":', b'"prototype":')

Kind = tuple[Callable[[Any], bool], str]


def checked(values: Sequence[Any]) -> list[Event | None]:
    """The chunks as events, in order; None in the place of one that tells nothing new. A ``start`` is turned into the
    metadata that it brings: the run has its own.

    Raises ``BadRequest`` and ``TooLarge``, which name the chunk's index and field.
    """
    return [_checked(index, value) for index, value in enumerate(values)]


def wrong(index: int, kind: str, words: str, field: str | None = None) -> BadRequest:
    """The refusal of one chunk."""
    details: dict[str, Any] = {"index": index} if field is None else {"index": index, "field": field}
    return BadRequest(f"Chunk {index} ({kind}): {words}", surface="recording", details=details)


def _checked(index: int, value: Any) -> Event | None:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise wrong(index, "unknown", "a chunk is an object with a type.", "type")
    kind = value["type"]
    if not shallow([value]):
        raise wrong(index, kind[:100], f"it is nested deeper than {MAX_DEPTH} levels.")
    # The type goes first: encoded events are told apart by it.
    event = _defaults(kind, {"type": kind, **value})
    for name, (fits, words), needed in _fields(index, kind):
        if name not in event:
            if needed:
                raise wrong(index, kind, f"{name} is missing; it is {words}.", name)
        elif not fits(event[name]):
            raise wrong(index, kind, f"{name} must be {words}.", name)
    event = _cleaned(event)
    encoded = _encoded(index, event)
    if any(name in encoded for name in _SUSPECT) and poisoned(event):
        raise wrong(index, kind, "no name in it may be __proto__, nor prototype in a constructor.")
    if len(encoded) > MAX_CHUNK_BYTES:
        raise TooLarge(
            f"Chunk {index} ({kind}) is larger than {MAX_CHUNK_BYTES >> 20} MB.",
            surface="recording",
            details={"index": index},
        )
    if kind == "start":
        return message_metadata(event["messageMetadata"]) if event.get("messageMetadata") else None
    return event


def _encoded(index: int, event: Event) -> bytes:
    try:
        return encode(event)
    except TypeError:
        raise wrong(index, event["type"], "it holds a number that is too large.") from None


def _fields(index: int, kind: str) -> list[tuple[str, Kind, bool]]:
    if kind.startswith("data-") and len(kind) > len("data-"):
        if kind in _RESERVED:
            raise wrong(index, kind, "this type is written by the server alone.", "type")
        return _DATA
    found = _VOCABULARY.get(kind)
    if found is None:
        raise wrong(index, kind[:100], f"there is no such type; there are {', '.join(_VOCABULARY)}, data-….", "type")
    return found


def _defaults(kind: str, event: Event) -> Event:
    """JSON has no way to say that a tool answered nothing."""
    for name in _NOTHING.get(kind, ("data",) if kind.startswith("data-") else ()):
        event.setdefault(name, None)
    return event


def _cleaned(event: Event) -> Event:
    """Without what is ours, and with usage in our own words."""
    if event.get("usage") is not None and event["type"] == "finish-step":
        event["usage"] = _usage(event["usage"])
    metadata = event.get("messageMetadata")
    if event["type"] in ("start", "finish", "message-metadata"):
        if metadata is None:
            event.pop("messageMetadata", None)
        else:
            event["messageMetadata"] = _metadata(metadata)
    if event.get("finishReason") == "unknown":
        event["finishReason"] = "other"
    return event


def _metadata(given: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name not in _OURS}
    usage = kept.pop("usage", None)
    return {**kept, "usage": _usage(usage)} if isinstance(usage, dict) else kept


def _usage(given: dict[str, Any]) -> dict[str, int]:
    """The counts that are kept of a usage, in its present or its former form."""
    read, made = given.get("inputTokenDetails"), given.get("outputTokenDetails")
    more = {
        "cachedInputTokens": read.get("cacheReadTokens") if isinstance(read, dict) else None,
        "cacheWriteTokens": read.get("cacheWriteTokens") if isinstance(read, dict) else None,
        "reasoningTokens": made.get("reasoningTokens") if isinstance(made, dict) else None,
    }
    names = ("inputTokens", "outputTokens", "totalTokens", *more)
    found = {name: given[name] if given.get(name) is not None else more.get(name) for name in names}
    return {name: int(value) for name, value in found.items() if value is not None and _count(value)}


def _count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_metadata(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values())


def _is_message_metadata(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _is_citation(value: Any) -> bool:
    source = value.get("source") if isinstance(value, dict) else None
    if not isinstance(source, dict) or source.get("type") != "source" or not _is_text(source.get("id")):
        return False
    needed = {"url": ("url",), "document": ("mediaType", "title")}.get(str(source.get("sourceType")))
    if needed is None or not all(_is_text(source.get(name)) for name in needed):
        return False
    if not all(_is_text(source.get(name, "")) for name in ("title", "filename")):
        return False
    whole = [value.get(name, 0) for name in ("startIndex", "endIndex")]
    fits = all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in whole)
    return fits and _is_text(value.get("citedText", "")) and _is_metadata(source.get("providerMetadata", {}))


def _is_steering(value: Any) -> bool:
    return isinstance(value, list) and all(_is_steering_part(part) for part in value)


def _is_steering_part(part: Any) -> bool:
    if not isinstance(part, dict) or not _is_metadata(part.get("providerMetadata", {})):
        return False
    if part.get("type") == "text":
        return _is_text(part.get("text"))
    fits = part.get("type") == "file" and _is_text(part.get("mediaType")) and _is_text(part.get("url"))
    reference = part.get("providerReference", {})
    return (
        fits and _is_text(part.get("filename", "")) and _is_object(reference) and all(map(_is_text, reference.values()))
    )


_TEXT: Final[Kind] = (_is_text, "a text")
_FLAG: Final[Kind] = (lambda value: isinstance(value, bool), "true or false")
_OBJECT: Final[Kind] = (_is_object, "an object")
_ABOUT: Final[Kind] = (_is_metadata, "an object of objects, one for each provider")
_MESSAGE: Final[Kind] = (_is_message_metadata, "an object")
_ANY: Final[Kind] = (lambda _value: True, "any JSON")
_REASON: Final[Kind] = (
    lambda value: value in _REASONS if isinstance(value, str) else False,
    f"one of {', '.join(_REASONS)}",
)
_ENCODING: Final[Kind] = (lambda value: value in ("json", "text") if isinstance(value, str) else False, "json or text")
_USAGE: Final[Kind] = (lambda value: value is None or isinstance(value, dict), "an object of counts")
_CITATIONS: Final[Kind] = (
    lambda value: isinstance(value, list) and all(map(_is_citation, value)),
    "a list of citations, each with its source",
)
_STEERING: Final[Kind] = (_is_steering, "a list of parts of the types text and file")

_NOTHING: Final = {"tool-output-available": ("output",), "tool-input-available": ("input",)}


def _of(needed: dict[str, Kind], optional: dict[str, Kind] | None = None) -> list[tuple[str, Kind, bool]]:
    found = [(name, kind, True) for name, kind in needed.items()]
    return found + [(name, kind, False) for name, kind in (optional or {}).items()]


_META: Final = {"providerMetadata": _ABOUT}
_ID: Final = {"id": _TEXT}
_CALL: Final = {"toolCallId": _TEXT}
_TOOL: Final = {**_CALL, "toolName": _TEXT}
_OF_TOOL: Final = {"providerExecuted": _FLAG, "toolMetadata": _OBJECT, "dynamic": _FLAG, **_META}
_NAMED_TOOL: Final = {**_OF_TOOL, "title": _TEXT}
_FILE: Final = _of({"url": _TEXT, "mediaType": _TEXT}, _META)
_DATA: Final = _of({"data": _ANY}, {"id": _TEXT, "transient": _FLAG})

_VOCABULARY: Final[dict[str, list[tuple[str, Kind, bool]]]] = {
    "start": _of({}, {"messageId": _TEXT, "messageMetadata": _MESSAGE}),
    "message-metadata": _of({"messageMetadata": _MESSAGE}),
    "finish": _of({}, {"finishReason": _REASON, "messageMetadata": _MESSAGE}),
    "abort": _of({}, {"reason": _TEXT}),
    "error": _of({"errorText": _TEXT}, {"code": _TEXT, "retryable": _FLAG}),
    "start-step": _of({}),
    "finish-step": _of({}, {"finishReason": _REASON, "usage": _USAGE}),
    "reset-step": _of({}),
    "text-start": _of(_ID, _META),
    "text-delta": _of({**_ID, "delta": _TEXT}, _META),
    "text-end": _of(_ID, {"citations": _CITATIONS, **_META}),
    "reasoning-start": _of(_ID, _META),
    "reasoning-delta": _of({**_ID, "delta": _TEXT}, _META),
    "reasoning-end": _of(_ID, _META),
    "tool-input-start": _of(_TOOL, {**_NAMED_TOOL, "inputEncoding": _ENCODING}),
    "tool-input-delta": _of({**_CALL, "inputTextDelta": _TEXT}),
    "tool-input-available": _of({**_TOOL, "input": _ANY}, _NAMED_TOOL),
    "tool-input-error": _of({**_TOOL, "errorText": _TEXT}, _NAMED_TOOL),
    "tool-approval-request": _of(
        {"approvalId": _TEXT, **_CALL}, {"reason": _TEXT, "isAutomatic": _FLAG, "signature": _TEXT}
    ),
    "tool-approval-response": _of(
        {"approvalId": _TEXT, "approved": _FLAG}, {"reason": _TEXT, "providerExecuted": _FLAG, **_META}
    ),
    "tool-output-available": _of({**_CALL, "output": _ANY}, {**_OF_TOOL, "preliminary": _FLAG}),
    "tool-output-error": _of({**_CALL, "errorText": _TEXT}, _OF_TOOL),
    "tool-output-denied": _of(_CALL),
    "file": _FILE,
    "reasoning-file": _FILE,
    "source-url": _of({"sourceId": _TEXT, "url": _TEXT}, {"title": _TEXT, **_META}),
    "source-document": _of({"sourceId": _TEXT, "mediaType": _TEXT, "title": _TEXT}, {"filename": _TEXT, **_META}),
    "custom": _of({"kind": _TEXT}, _META),
    "steering-message": _of({**_ID, "parts": _STEERING}),
}
"""Each type's fields: name, what it must be, and whether it is needed."""
