"""What the fake provider answers to a request, by its control: pure, from the request's body to a plan of frames."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import orjson

Way = Literal["exact", "repeat", "over", "rephrase", "refuse", "preamble", "strip"]


@dataclass(frozen=True)
class Control:
    """How the fake behaves. Given as a server's default, as JSON in the model's name, or as JSON in the last user
    message; the later of these wins, field by field. Times are seconds.

    The answer: ``chunks`` pieces ``t0``, `` t1``, … (or the words of ``text``), ``pace`` between them, ``first`` before
    the first byte, ``last`` before the finish, ``rest`` between the finish and the end. ``reasoning`` pieces ``r0``,
    `` r1``, … come before it, spelled as ``reasoning_as`` tells (a field of the delta, ``reasoning_details`` or
    ``think`` for tags in the text).

    Tools: ``tool`` is a tool's name, or several; each is called with ``arguments`` (an object, or raw text), which
    come in small pieces, ``arguments_pace`` between them, after ``before`` pieces of text; ``rounds`` times, then the
    answer follows. Without ``tools`` in the request no call is made.

    Faults, at the first ``times`` calls with the same last user message (0: at each): ``error`` is the message of an
    answer with ``status`` and ``retry_after``; ``error_at`` sends ``error`` as a chunk after that many chunks,
    ``cut_at`` cuts the connection there, ``stall_at`` sends nothing more there, ``hold_at`` waits there until the fake
    is told to go on, so that a test is in mid-answer for as long as it needs; what begins after that waits again.

    Going on from a partial text: ``way``, with ``words`` for how many are repeated; ``again`` is a control of its own
    for such calls. ``replay`` is the path of a recording, ``split`` the size of its pieces or the places to
    cut at. ``group`` (of the server's default alone): how many frames without a pause between them go out in one write.
    """

    chunks: int = 200
    text: str | None = None
    pace: float = 0.0
    first: float = 0.0
    last: float = 0.0
    rest: float = 0.0
    reasoning: int = 0
    reasoning_as: str = "reasoning_content"
    tool: str | Sequence[str] | None = None
    arguments: Any = None
    arguments_pace: float = 0.0
    before: int = 0
    rounds: int = 1
    error: str | None = None
    status: int = 400
    retry_after: float | None = None
    times: int = 0
    error_at: int | None = None
    cut_at: int | None = None
    stall_at: int | None = None
    hold_at: int | None = None
    way: Way = "exact"
    words: int = 5
    again: Mapping[str, Any] | None = None
    usage: bool = True
    finish: str = "stop"
    replay: str | None = None
    split: int | Sequence[int] | None = None
    newline: str = "\n"
    group: int = 20

    def with_(self, values: Mapping[str, Any]) -> Control:
        """Itself with some fields changed."""
        return replace(self, **values)


FIELDS = frozenset(one.name for one in fields(Control))


class Cut:
    """The connection is cut here."""


class Stall:
    """Nothing more is sent, and the connection stays open."""


class Hold:
    """Nothing more is sent until the fake is told to go on."""


Item = bytes | float | Cut | Stall | Hold
"""A frame, a pause in seconds, a wait, or an end that is none."""


@dataclass(frozen=True)
class Reply:
    """A refusal with a status and a body, or a stream of items."""

    items: Sequence[Item] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def model_name(**control: Any) -> str:
    """The name of a model that behaves so."""
    Control(**control)  # a name that is no control would be no control in silence
    return json.dumps(control, separators=(",", ":"), sort_keys=True)


def prompt(mark: str = "", **control: Any) -> str:
    """A user's message that makes the fake behave so; ``mark`` is for people."""
    return f"{mark} {model_name(**control)}".strip()


def text_of(**control: Any) -> str:
    """The whole text that the fake answers under a control."""
    return "".join(_words(Control(**control)))


def reasoning_of(**control: Any) -> str:
    """The whole reasoning that the fake gives under a control."""
    return "".join(_counted("r", Control(**control).reasoning))


@dataclass(frozen=True)
class Request:
    """What the fake makes out of a request's messages."""

    partial: str
    asked: str
    rounds: int
    is_title: bool


def read(body: Mapping[str, Any]) -> Request:
    """``partial`` is the text to go on from, ``asked`` the last message of the user himself, ``rounds`` how often tools
    were called since then."""
    messages = list(body.get("messages") or ())
    system = " ".join(_content(message) for message in messages if message.get("role") in ("system", "developer"))
    partial = ""
    if len(messages) > 1 and messages[-1].get("role") == "user" and _is_text(messages[-2]):
        if "exactly after the last character" in _content(messages[-1]):
            messages.pop()
            partial = _content(messages[-1])
    elif messages and _is_text(messages[-1]):
        partial = _content(messages[-1])
    at = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    asked = _content(messages[at]) if at >= 0 else ""
    rounds = sum(bool(message.get("tool_calls")) for message in messages[at + 1 :])
    return Request(partial, asked, rounds, "title" in system.lower() and not body.get("tools"))


def control_of(default: Control, body: Mapping[str, Any], request: Request) -> Control:
    """The control in force for a request."""
    control = default
    for place in (str(body.get("model", "")), request.asked):
        for found in _objects(place):
            control = control.with_(found)
    if request.partial and control.again:
        control = control.with_(control.again)
    return control


def reply(control: Control, body: Mapping[str, Any], request: Request, call: int) -> Reply:
    """The plan for the ``call``-th call (from 1) of this kind."""
    faulty = control.times == 0 or call <= control.times
    if faulty and control.error is not None and control.error_at is None:
        return _refusal(control)
    if request.is_title:
        return Reply(_stream(replace(Control(), text="Fake title here"), "", body, 0))
    if control.replay is not None:
        return Reply(_replayed(control))
    if not faulty:
        control = replace(control, error_at=None, cut_at=None, stall_at=None, hold_at=None)
    return Reply(_stream(control, request.partial, body, request.rounds))


def completion(items: Sequence[Item]) -> bytes:
    """The same answer as one JSON object, for a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    reason, usage, calls = None, None, dict[int, dict[str, Any]]()
    for chunk in _chunks_in(items):
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            delta, reason = choice["delta"], choice.get("finish_reason") or reason
            message["content"] += delta.get("content") or ""
            if delta.get("reasoning_content"):
                message["reasoning_content"] = message.get("reasoning_content", "") + delta["reasoning_content"]
            for piece in delta.get("tool_calls", ()):
                call = calls.setdefault(piece["index"], {"type": "function", "function": {"name": "", "arguments": ""}})
                call["id"] = piece.get("id") or call.get("id")
                call["function"]["name"] += piece["function"].get("name", "")
                call["function"]["arguments"] += piece["function"].get("arguments", "")
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return orjson.dumps({"id": "chatcmpl-fake", "object": "chat.completion", "choices": [choice], "usage": usage})


def frame(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One chunk, as an event of the stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({**_HEAD, "choices": [choice], **more}) + b"\n\n"


DONE = b"data: [DONE]\n\n"
_HEAD = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1700000000, "model": "fake-model"}


def _stream(control: Control, partial: str, body: Mapping[str, Any], rounds: int) -> Sequence[Item]:
    calls_tools = control.tool is not None and bool(body.get("tools")) and rounds < control.rounds
    asks_usage = control.usage and bool((body.get("stream_options") or {}).get("include_usage"))
    key = model_name(**{one.name: getattr(control, one.name) for one in fields(Control)})
    return _planned(key, partial, calls_tools, asks_usage, rounds)


@lru_cache(maxsize=256)
def _planned(key: str, partial: str, calls_tools: bool, asks_usage: bool, rounds: int) -> tuple[Item, ...]:
    control = Control(**json.loads(key))
    items: list[Item] = [frame({"role": "assistant", "content": ""})]
    if control.first:
        items.insert(0, control.first)
    count = 0
    words = _counted("b", control.before) if calls_tools else _words(control)
    if partial:
        words = _continued(words, partial, control)
    reasoning = [] if partial else _counted("r", control.reasoning)
    if control.hold_at == 0:
        items.append(Hold())
    for item in _deltas(reasoning, words, control):
        count += 1
        if count > 1 and control.pace:
            items.append(control.pace)
        items.append(item)
        if count == control.error_at:
            return (*items, _error_frame(control))
        if count == control.cut_at:
            return (*items, Cut())
        if count == control.stall_at:
            return (*items, Stall())
        if count == control.hold_at:
            items.append(Hold())
    if control.last:
        items.append(control.last)
    if calls_tools:
        items += _tool_items(control, rounds)
    items.append(frame({}, "tool_calls" if calls_tools else control.finish))
    if control.rest:
        items.append(control.rest)
    if asks_usage:
        numbers = {"prompt_tokens": 10, "completion_tokens": count, "total_tokens": count + 10}
        details = {"completion_tokens_details": {"reasoning_tokens": len(reasoning)}}
        items.append(b"data: " + orjson.dumps({**_HEAD, "choices": [], "usage": {**numbers, **details}}) + b"\n\n")
    return (*items, DONE)


def _deltas(reasoning: list[str], words: list[str], control: Control) -> Iterator[bytes]:
    spelled = control.reasoning_as
    if spelled == "think":
        tagged = [f"<think>{reasoning[0]}", *reasoning[1:-1], f"{reasoning[-1]}</think>\n\n"] if reasoning[1:] else []
        words = [*tagged, *words]
    elif spelled == "reasoning_details":
        yield from (frame({spelled: [{"type": "reasoning.text", "text": word}]}) for word in reasoning)
    else:
        yield from (frame({spelled: word, "content": None}) for word in reasoning)
    yield from (frame({"content": word}) for word in words)


def _tool_items(control: Control, rounds: int) -> Iterator[Item]:
    names = [control.tool] if isinstance(control.tool, str) else list(control.tool or ())
    arguments = control.arguments if control.arguments is not None else {"city": "Oslo"}
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    for index, name in enumerate(names):
        head = {"index": index, "id": f"call_fake_{rounds}_{index}", "type": "function"}
        yield frame({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        for at in range(0, len(text), 4):
            if control.arguments_pace:
                yield control.arguments_pace
            yield frame({"tool_calls": [{"index": index, "function": {"arguments": text[at : at + 4]}}]})


def _continued(words: list[str], partial: str, control: Control) -> list[str]:
    """The words after ``partial``, in the way that the control asks for."""
    way = control.way
    if way == "refuse":
        return ["I'm", " sorry,", " but", " I", " can't", " continue", " the", " previous", " message."]
    if way == "over" or not "".join(words).startswith(partial):
        return words
    if way == "rephrase":
        return [f"{' ' if at else ''}In-other-words-{at}" for at in range(len(words))]
    rest = _after(words, len(partial))
    if way == "strip":
        return [rest[0].lstrip(), *rest[1:]] if rest else []
    if way == "preamble":
        return ["Sure,", " here", " is", " the", " rest:", *rest]
    if way == "repeat":
        said = partial.split()[-control.words :]
        return [f"{' ' if at else ''}{word}" for at, word in enumerate(said)] + rest
    return rest


def _after(words: list[str], count: int) -> list[str]:
    rest = []
    for word in words:
        if count < len(word):
            rest.append(word[count:])
        count = max(count - len(word), 0)
    return rest


def _refusal(control: Control) -> Reply:
    headers = {} if control.retry_after is None else {"Retry-After": f"{control.retry_after:g}"}
    return Reply(status=control.status, headers=headers, body=_error_body(control))


def _error_body(control: Control) -> bytes:
    code = "rate_limit_exceeded" if control.status == 429 else "fake_error"
    return orjson.dumps(
        {"error": {"message": control.error or "The fake failed.", "type": code, "code": control.status}}
    )


def _error_frame(control: Control) -> bytes:
    return b"data: " + _error_body(control) + b"\n\n"


def _replayed(control: Control) -> list[Item]:
    lines = [line for line in Path(str(control.replay)).read_bytes().split(b"\n") if line.strip()]
    end = control.newline.encode() * 2
    data = b"".join(b"data: " + line.strip() + end for line in [*lines, b"[DONE]"])
    if control.split is None:
        return [data]
    places = range(control.split, len(data), control.split) if isinstance(control.split, int) else sorted(control.split)
    edges = [0, *(place for place in places if 0 < place < len(data)), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(edges) if start < stop]


def _chunks_in(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    for item in items:
        if isinstance(item, bytes):
            for event in item.split(b"\n\n"):
                if event.startswith(b"data: {"):
                    yield orjson.loads(event[6:])


def _words(control: Control) -> list[str]:
    if control.text is None:
        return _counted("t", control.chunks)
    words = control.text.split(" ")
    return [word if at == 0 else f" {word}" for at, word in enumerate(words)]


def _counted(letter: str, count: int) -> list[str]:
    return [f"{letter}{at}" if at == 0 else f" {letter}{at}" for at in range(count)]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text that are controls."""
    at = text.find("{")
    while at >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, at)
        except json.JSONDecodeError:
            end = at + 1
        else:
            if found and found.keys() <= FIELDS:
                yield found
        at = text.find("{", end)


def _is_text(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant" and not message.get("tool_calls") and bool(message.get("content"))


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content)
