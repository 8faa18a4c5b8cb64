"""A light provider of the Responses API on loopback: what ``answers`` plans, told as that API tells it.

All of ``answers.Control`` counts here as it does there; ``replay`` is a recording of this API. Beyond ``POST
/v1/responses`` there is what a provider keeps of an answer with ``background``: ``GET /v1/responses/{id}`` as one
object, or with ``stream=true`` and ``starting_after`` as events, whole whatever became of the first connection; and
``POST /v1/responses/{id}/cancel``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

from tests.fakes.answers import Control, Cut, Item, Reply, Stall, control_of, read, reply
from tests.fakes.provider import Call, FakeProvider, _Connection

_STATUS = {"length": "incomplete", "content_filter": "incomplete"}
_WHY = {"length": {"reason": "max_output_tokens"}, "content_filter": {"reason": "content_filter"}}


class FakeResponses(FakeProvider):
    """``async with FakeResponses() as fake``: see ``FakeProvider``; ``kept`` are the events of each kept answer, and
    ``asked`` what of them was asked for: ``(method, path)``."""

    place = "/v1/responses"

    def __init__(self, control: Control | None = None, **more: Any) -> None:
        super().__init__(control, **more)
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.streams_kept = True

    async def __aenter__(self) -> FakeResponses:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Responding(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def begin(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[Call, Reply]:
        """Note a call, and plan its answer."""
        chat = self.chat_of(body)
        request = read(chat)
        call = Call(body, request.partial, request.is_title, headers)
        self.calls.append(call)
        kind = (str(body.get("model")), request.asked)
        self._kinds[kind] += not request.is_title
        control = control_of(self.control, chat, request)
        planned = reply(control, chat, request, self._kinds[kind])
        if control.replay is not None and planned.status == 200:
            return call, Reply(_pieces(replayed(Path(control.replay), control.newline), control.split))
        run = f"resp_fake_{len(self.calls)}"
        keeps = bool(body.get("background"))
        told = list(self.events_of(planned.items, run, str(body.get("model")), keeps=keeps))
        if keeps:
            # The answer goes on, whatever becomes of its connection.
            unhurt = reply(
                control.with_({"cut_at": None, "stall_at": None, "hold_at": None}), chat, request, self._kinds[kind]
            )
            everything = self.events_of(unhurt.items, run, str(body.get("model")), keeps=True)
            self.kept[run] = [event for event in everything if isinstance(event, dict)]
        return call, Reply(
            [frame(one) if isinstance(one, dict) else one for one in told],
            planned.status,
            planned.headers,
            planned.body,
        )

    def chat_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request as ``answers`` reads it."""
        return chat_of(body)

    def events_of(
        self, items: Sequence[Item], run: str, model: str, *, keeps: bool
    ) -> Iterator[dict[str, Any] | float | Cut | Stall]:
        """The frames of a chat completion in this API's words."""
        return events_of(items, run, model, keeps=keeps)

    def whole(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A kept answer as one object."""
        found: dict[str, Any] = events[-1]["response"]
        return found


class _Responding(_Connection):
    _fake: FakeResponses

    async def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        bare, _, query = path.partition("?")
        place = self._fake.place
        run, _, what = bare.removeprefix(f"{place}/").partition("/")
        if bare == place and method == "POST":
            await self._answer(orjson.loads(body), headers)
        elif bare.startswith(f"{place}/"):
            self._fake.asked.append((method, path))
            if run not in self._fake.kept or (query and not self._fake.streams_kept):
                self._json({"error": {"message": f"Response with id '{run}' not found."}}, 404)
            elif method == "POST" and what == "cancel":
                self._json({"id": run, "status": "cancelled"})
            else:
                await self._kept(self._fake.kept[run], parse_qs(query))
        else:
            await super()._serve(method, path, headers, body)

    async def _kept(self, events: list[dict[str, Any]], query: Mapping[str, list[str]]) -> None:
        if query.get("stream") != ["true"]:
            self._json(self._fake.whole(events))
            return
        after = int(query.get("starting_after", ["-1"])[0])
        call = Call({}, "", False, {})
        left = [event for event in events if event.get("sequence_number", 0) > after]
        await self._stream(call, [frame(event) for event in left], self._fake.gate)


def chat_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request as ``answers`` reads it: in the words of chat completions."""
    messages: list[dict[str, Any]] = []
    for item in body.get("input") or ():
        kind = item.get("type", "message")
        if kind == "message":
            messages.append({"role": item["role"], "content": item["content"]})
        elif kind == "function_call":
            messages.append({"role": "assistant", "tool_calls": [item]})
        elif kind == "function_call_output":
            messages.append({"role": "tool", "content": item["output"]})
    told = {name: body[name] for name in ("model", "tools") if name in body}
    return {**told, "messages": messages, "stream_options": {"include_usage": True}}


def frame(event: Mapping[str, Any]) -> bytes:
    """One event of the stream."""
    return b"event: %b\ndata: %b\n\n" % (str(event.get("type", "message")).encode(), orjson.dumps(event))


def replayed(path: Path, newline: str = "\n") -> bytes:
    """A recording as it was on the wire."""
    end = newline.encode()
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return b"".join(
        b"event: " + orjson.loads(line)["type"].encode() + end + b"data: " + line.strip() + end * 2 for line in lines
    )


def events_of(
    items: Sequence[Item], run: str, model: str, *, keeps: bool = False
) -> Iterator[dict[str, Any] | float | Cut | Stall]:
    """The frames of a chat completion as the events of a response."""
    writer = _Writer(run, model, keeps=keeps)
    yield writer.event("response.created", response=writer.response("in_progress"))
    yield writer.event("response.in_progress", response=writer.response("in_progress"))
    for item in items:
        if not isinstance(item, bytes):
            yield item
            continue
        for block in item.split(b"\n\n"):
            if block.startswith(b"data: "):
                yield from writer.take(block[6:])


class _Writer:
    """Tells one answer; an item is open at a time."""

    def __init__(self, run: str, model: str, *, keeps: bool = False) -> None:
        self.run = run
        self.keeps = keeps
        self.model = model
        self.output: list[dict[str, Any]] = []
        self.open: dict[str, Any] | None = None
        self.text = ""
        self.finish = "stop"
        self.usage: dict[str, Any] | None = None
        self.next = 0

    def event(self, kind: str, **told: Any) -> dict[str, Any]:
        self.next += 1
        return {"type": kind, "sequence_number": self.next - 1, **told}

    def response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.run,
            "object": "response",
            "background": self.keeps,
            "created_at": 1700000000,
            "model": self.model,
            "status": status,
            "error": None,
            "incomplete_details": _WHY.get(self.finish) if status == "incomplete" else None,
            "output": list(self.output),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": self.usage,
        }

    def take(self, data: bytes) -> Iterator[dict[str, Any]]:
        if data == b"[DONE]":
            yield from self._close()
            status = _STATUS.get(self.finish, "completed")
            yield self.event(f"response.{status}", response=self.response(status))
            return
        chunk = orjson.loads(data)
        if chunk.get("error"):
            yield self.event("error", **{name: chunk["error"].get(name) for name in ("code", "message")}, param=None)
            return
        if chunk.get("usage"):
            self.usage = _usage(chunk["usage"])
        for choice in chunk["choices"]:
            self.finish = choice.get("finish_reason") or self.finish
            yield from self._delta(choice["delta"])

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if delta.get("reasoning_content"):
            yield from self._opened("reasoning", {"summary": []})
            yield self._piece("response.reasoning_summary_text.delta", delta["reasoning_content"], summary_index=0)
        if delta.get("content"):
            yield from self._opened("message", {"role": "assistant", "status": "in_progress", "content": []})
            yield self._piece("response.output_text.delta", delta["content"], content_index=0, logprobs=[])
        for call in delta.get("tool_calls", ()):
            if call.get("id"):
                yield from self._close()
                named = {"call_id": call["id"], "name": call["function"]["name"], "arguments": ""}
                yield from self._opened("function_call", {**named, "status": "in_progress"})
            if call["function"].get("arguments"):
                yield self._piece("response.function_call_arguments.delta", call["function"]["arguments"])

    def _piece(self, kind: str, text: str, **place: Any) -> dict[str, Any]:
        assert self.open is not None
        self.text += text
        return self.event(kind, item_id=self.open["id"], output_index=len(self.output), delta=text, **place)

    def _opened(self, kind: str, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if self.open is not None and self.open["type"] == kind:
            return
        yield from self._close()
        letters = {"reasoning": "rs", "message": "msg", "function_call": "fc"}[kind]
        self.open = {"id": f"{letters}_{self.run}_{len(self.output)}", "type": kind, **told}
        yield self.event("response.output_item.added", output_index=len(self.output), item=dict(self.open))

    def _close(self) -> Iterator[dict[str, Any]]:
        item, text = self.open, self.text
        self.open, self.text = None, ""
        if item is None:
            return
        if item["type"] == "reasoning":
            item |= {"summary": [{"type": "summary_text", "text": text}], "encrypted_content": f"secret of {text}"}
        elif item["type"] == "message":
            content = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            item |= {"status": "completed", "content": [content]}
        else:
            item |= {"status": "completed", "arguments": text}
        yield self.event("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)


def _usage(told: Mapping[str, Any]) -> dict[str, Any]:
    reasoning = (told.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    return {
        "input_tokens": told["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": told["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": told["total_tokens"],
    }


def _pieces(data: bytes, split: int | Sequence[int] | None) -> list[Item]:
    if split is None:
        return [data]
    places = range(split, len(data), split) if isinstance(split, int) else sorted(split)
    edges = [0, *(place for place in places if 0 < place < len(data)), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(edges) if start < stop]
