"""A light provider on loopback that speaks Anthropic's ``/v1/messages``; all else is as the fake provider has it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.fakes.answers import Item, Reply, control_of, read
from tests.fakes.provider import Call, FakeProvider, _Connection

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def event(kind: str, **fields: Any) -> bytes:
    """One event of the stream."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def begin(block: dict[str, Any], index: int = 0) -> bytes:
    """A block of the answer begins."""
    return event("content_block_start", index=index, content_block=block)


def more(delta: dict[str, Any], index: int = 0) -> bytes:
    """More of an open block."""
    return event("content_block_delta", index=index, delta=delta)


def stop(index: int = 0) -> bytes:
    """A block of the answer is whole."""
    return event("content_block_stop", index=index)


def ended(reason: str | None = "end_turn", usage: dict[str, Any] | None = None) -> bytes:
    """The answer is whole, and nothing follows."""
    told = event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage or {})
    return told + event("message_stop")


def framed(lines: Sequence[bytes], newline: bytes = b"\n") -> bytes:
    """A recording's lines as the provider sends them."""
    found = [line.strip() for line in lines if line.strip()]
    kinds = [orjson.loads(line)["type"].encode() for line in found]
    return b"".join(
        b"event: " + kind + newline + b"data: " + line + newline * 2 for kind, line in zip(kinds, found, strict=True)
    )


class FakeMessages(FakeProvider):
    """``async with FakeMessages() as fake``: see ``provider.FakeProvider``; ``api_key`` is wanted as ``x-api-key``."""

    async def __aenter__(self) -> FakeMessages:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Messages(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def begin(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[Call, Reply]:
        """Note a call, and plan its answer."""
        chat = _as_chat(body)
        call, planned = super().begin(chat, headers)
        call.body = body
        control = control_of(self.control, chat, read(chat))
        if control.replay is not None:
            assert control.split is None or isinstance(control.split, int)
            return call, Reply(recorded(Path(control.replay), control.split, control.newline))
        return call, Reply(tuple(_translated(planned.items)), planned.status, planned.headers, planned.body)


class _Messages(_Connection):
    async def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if path.partition("?")[0] != "/v1/messages":
            await super()._serve(method, path, headers, body)
        elif self._fake.api_key not in (None, headers.get("x-api-key")):
            told = {"type": "authentication_error", "message": f"invalid x-api-key {headers.get('x-api-key')}"}
            self._json({"type": "error", "error": told}, 401)
        else:
            await self._answer(orjson.loads(body), {**headers, "authorization": f"Bearer {self._fake.api_key}"})


def _as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The request as the plan of answers reads it: calls and results as chat completions have them."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        kinds = {block["type"] for block in blocks}
        texts = [block for block in blocks if block["type"] == "text"]
        if "tool_result" in kinds:
            messages.append({"role": "tool", "content": ""})
        if "tool_use" in kinds:
            messages.append({"role": "assistant", "content": texts, "tool_calls": [{}]})
        elif texts or "tool_result" not in kinds:
            messages.append({"role": message["role"], "content": texts})
    return {**body, "messages": messages, "stream_options": {"include_usage": True}}


def _translated(items: Sequence[Item]) -> Iterator[Item]:
    """The frames of a chat completion as events of this dialect; pauses and cuts stay where they are."""
    state = _Blocks()
    for item in items:
        if isinstance(item, bytes):
            for frame in item.split(b"\n\n"):
                if frame == b"data: [DONE]":
                    yield event("message_stop")
                elif frame:
                    yield from state.take(orjson.loads(frame.removeprefix(b"data: ")))
        else:
            yield item


class _Blocks:
    """Counts the blocks of an answer, of which one is open at a time."""

    def __init__(self) -> None:
        self._index = -1
        self._kind: Any = None
        self._begun = False

    def take(self, chunk: dict[str, Any]) -> Iterator[bytes]:
        if "error" in chunk:
            yield event("error", error={"type": "api_error", "message": chunk["error"]["message"]})
            return
        if not self._begun:
            self._begun = True
            yield event("message_start", message={"content": [], "usage": {"input_tokens": 1, "output_tokens": 1}})
        usage = chunk.get("usage")
        if usage:
            told = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
            yield event("message_delta", delta={}, usage=told)
        for choice in chunk["choices"]:
            yield from self._delta(choice["delta"])
            if choice["finish_reason"]:
                yield from self._close()
                yield event("message_delta", delta={"stop_reason": REASONS[choice["finish_reason"]]}, usage={})

    def _delta(self, delta: dict[str, Any]) -> Iterator[bytes]:
        if delta.get("reasoning_content"):
            yield from self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield more({"type": "thinking_delta", "thinking": delta["reasoning_content"]}, self._index)
        if delta.get("content"):
            yield from self._open("text", {"type": "text", "text": ""})
            yield more({"type": "text_delta", "text": delta["content"]}, self._index)
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            head = {"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": {}}
            yield from self._open(("call", call["index"]), head)
            yield more({"type": "input_json_delta", "partial_json": function["arguments"]}, self._index)

    def _open(self, kind: Any, block: dict[str, Any]) -> Iterator[bytes]:
        if self._kind != kind:
            yield from self._close()
            self._kind = kind
            self._index += 1
            yield begin(block, self._index)

    def _close(self) -> Iterator[bytes]:
        if self._kind == "thinking":
            yield more({"type": "signature_delta", "signature": "fake-signature"}, self._index)
        if self._kind is not None:
            self._kind = None
            yield stop(self._index)


def recorded(path: Path, split: int | None = None, newline: str = "\n") -> tuple[bytes, ...]:
    """A recording in pieces of ``split`` bytes, as the provider sends it."""
    data = framed(path.read_bytes().split(b"\n"), newline.encode())
    places = [*range(0, len(data), split or len(data)), len(data)]
    return tuple(data[start:end] for start, end in itertools.pairwise(places))
