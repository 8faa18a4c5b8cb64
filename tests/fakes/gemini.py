"""A light provider on loopback that speaks the Gemini API; all else is as the fake provider has it."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from tests.fakes.answers import Item, Reply, control_of, read
from tests.fakes.provider import Call, FakeProvider, _Connection

REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
PLACE = re.compile(r"/(?:v1|v1beta)/models/([^/]+):streamGenerateContent\?alt=sse")


def chunk(*parts: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    """One event of the stream: parts of the answer, and perhaps the reason why it ends."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return event({"candidates": [candidate | more.pop("beside", {})], **more})


def event(value: Any) -> bytes:
    """Any value as an event of the stream."""
    return b"data: %b\n\n" % orjson.dumps(value)


def framed(lines: Sequence[bytes], newline: bytes = b"\n") -> bytes:
    """A recording's lines as the provider sends them."""
    return b"".join(b"data: " + line.strip() + newline * 2 for line in lines if line.strip())


class FakeGemini(FakeProvider):
    """``async with FakeGemini() as fake``: see ``provider.FakeProvider``; ``api_key`` is wanted as
    ``x-goog-api-key``, and a call's body has the ``model`` out of its path."""

    async def __aenter__(self) -> FakeGemini:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Gemini(self), "127.0.0.1", self._port)
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


class _Gemini(_Connection):
    async def _serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        place = PLACE.fullmatch(path)
        key = headers.get("x-goog-api-key", "")
        if place is None:
            await super()._serve(method, path, headers, body)
        elif self._fake.api_key not in (None, key):
            told = {"code": 400, "message": f"API key not valid: {key}", "status": "INVALID_ARGUMENT"}
            self._json({"error": told}, 400)
        else:
            headers = {**headers, "authorization": f"Bearer {key}"}
            await self._answer({**orjson.loads(body), "model": unquote(place[1]), "stream": True}, headers)


def _as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The request as the plan of answers reads it: calls and results as chat completions have them."""
    system = body.get("systemInstruction")
    messages: list[dict[str, Any]] = [{"role": "system", "content": _texts(system)}] if system else []
    for content in body["contents"]:
        keys = set().union(*content["parts"])
        if "functionResponse" in keys:
            messages.append({"role": "tool", "content": ""})
        elif "functionCall" in keys:
            messages.append({"role": "assistant", "content": _texts(content), "tool_calls": [{}]})
        else:
            role = "assistant" if content["role"] == "model" else "user"
            messages.append({"role": role, "content": _texts(content)})
    return {**body, "messages": messages, "stream_options": {"include_usage": True}}


def _texts(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"text": part["text"]} for part in content["parts"] if "text" in part and not part.get("thought")]


def _translated(items: Sequence[Item]) -> Iterator[Item]:
    """The frames of a chat completion as chunks of this dialect; pauses and cuts stay where they are."""
    calls: dict[int, dict[str, Any]] = {}
    for item in items:
        if isinstance(item, bytes):
            for frame in item.split(b"\n\n"):
                if frame and frame != b"data: [DONE]":
                    yield from _chunks(orjson.loads(frame.removeprefix(b"data: ")), calls)
        else:
            yield item


def _chunks(frame: dict[str, Any], calls: dict[int, dict[str, Any]]) -> Iterator[bytes]:
    if "error" in frame:
        yield event({"error": {"code": 500, "message": frame["error"]["message"], "status": "INTERNAL"}})
        return
    usage = frame.get("usage")
    if usage:
        numbers = {"promptTokenCount": usage["prompt_tokens"], "candidatesTokenCount": usage["completion_tokens"]}
        yield event({"usageMetadata": {**numbers, "totalTokenCount": usage["total_tokens"]}})
    for choice in frame["choices"]:
        delta, reason = choice["delta"], choice["finish_reason"]
        for name, more in (("reasoning_content", {"thought": True}), ("content", {})):
            if delta.get(name):
                yield chunk({"text": delta[name], **more})
        for piece in delta.get("tool_calls", ()):
            call = calls.setdefault(piece["index"], {"id": piece.get("id"), "name": "", "args": ""})
            call["name"] += piece["function"].get("name", "")
            call["args"] += piece["function"]["arguments"]
        if reason:
            whole = [{"functionCall": {**call, "args": orjson.loads(call["args"])}} for call in calls.values()]
            yield chunk(*whole, reason=REASONS[reason])


def recorded(path: Path, split: int | None = None, newline: str = "\n") -> tuple[bytes, ...]:
    """A recording in pieces of ``split`` bytes, as the provider sends it."""
    data = framed(path.read_bytes().split(b"\n"), newline.encode())
    places = [*range(0, len(data), split or len(data)), len(data)]
    return tuple(data[start:end] for start, end in itertools.pairwise(places))
