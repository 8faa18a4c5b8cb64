"""What tests do with answers: submit, follow by offset through cuts and crashes, and compare with what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.support.client import BROKEN, Client, Stream

ENDED = frozenset({"completed", "stopped", "error", "interrupted"})


class Assembly:
    """The chunks that one client saw, in order; a gap or a repetition fails at once."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    @property
    def next(self) -> int:
        return len(self.events)

    @property
    def text(self) -> str:
        return "".join(event["delta"] for event in self.events if event["type"] == "text-delta")

    @property
    def types(self) -> list[str]:
        """The types of the chunks, a run of the same type once."""
        return [kind for kind, _ in itertools.groupby(event["type"] for event in self.events)]

    @property
    def finished(self) -> bool:
        return bool(self.events) and self.events[-1]["type"] == "finish"

    def take(self, offset: int, event: dict[str, Any]) -> None:
        assert offset == self.next, f"offset {offset} came where {self.next} was due"
        assert not self.finished, "an event came after finish"
        self.events.append(event)

    async def drink(self, stream: Stream, stop_at: int | None = None) -> bool:
        """Take all of an SSE stream, or cut it at offset ``stop_at``; tells whether its end was announced."""
        assert stream.status == 200, (stream.status, await stream.read())
        ended = False
        async with contextlib.aclosing(stream.sse()) as events:
            async for event in events:
                if event.event == "end" or event.data == "[DONE]":
                    ended = True
                elif event.event == "message" and event.data is not None:
                    assert event.id is not None, event
                    self.take(int(event.id), event.json)
                    if stop_at is not None and self.next >= stop_at:
                        break
        stream.close()
        return ended


def new_id() -> str:
    """An id as a client makes it."""
    return f"chat-{uuid4().hex[:16]}"


def user_message(text: str, message: str | None = None) -> dict[str, Any]:
    return {"id": message or f"u-{uuid4().hex[:12]}", "role": "user", "parts": [{"type": "text", "text": text}]}


def chat_body(text: str, conversation: str, model: str, **more: Any) -> dict[str, Any]:
    """What an AI SDK client posts, with the newest message only."""
    message = user_message(text, more.pop("message_id", None))
    return {"id": conversation, "message": message, "trigger": "submit-message", "model": model, **more}


async def submit(
    client: Client, text: str, conversation: str | None = None, model: str = "fake/fake-model", **more: Any
) -> tuple[str, Stream]:
    """Post a message; returns the run's id and the open stream of its answer."""
    stream = await client.open("POST", "/api/chat", chat_body(text, conversation or new_id(), model, **more))
    assert stream.status == 200, (stream.status, await stream.read())
    return stream.headers["x-threadline-run"], stream


async def ask(client: Client, text: str, conversation: str | None = None, **more: Any) -> tuple[str, str, Assembly]:
    """Post a message and read its whole answer; returns conversation, run and what was seen."""
    conversation = conversation or new_id()
    run, stream = await submit(client, text, conversation, **more)
    seen = Assembly()
    await seen.drink(stream)
    return conversation, run, seen


async def follow(client: Client, run: str, seen: Assembly, seconds: float = 120) -> None:
    """Read a run to its end by native SSE, from where ``seen`` stands, through any number of cuts and restarts."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(*BROKEN):
                stream = await client.open("GET", f"/api/runs/{run}/events?after={seen.next - 1}")
                if await seen.drink(stream):
                    assert seen.finished, "the end was announced before finish"
                    return
            await asyncio.sleep(0.05)


async def state(client: Client, run: str) -> dict[str, Any]:
    """``GET /api/runs/{run}``."""
    answer: dict[str, Any] = await client.get(f"/api/runs/{run}")
    return answer


async def until_ended(client: Client, run: str, seconds: float = 60) -> dict[str, Any]:
    """The run's state once it is over; looks through restarts."""
    began = time.monotonic()
    last: Any = None
    while time.monotonic() - began < seconds:
        with contextlib.suppress(*BROKEN):
            last = await state(client, run)
            if last["status"] in ENDED:
                return dict(last)
        await asyncio.sleep(0.05)
    raise AssertionError(f"run {run} is not over after {seconds} s: {last}")


async def until_come_to(
    client: Client, conversation: str, enough: Callable[[dict[str, Any]], bool], seconds: float = 60
) -> None:
    """Wait until the first run of a conversation is there and ``enough`` is true of its state."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(*BROKEN, AssertionError):
                runs = [one["run_id"] for one in await stored(client, conversation) if one["run_id"]]
                if runs and enough(await state(client, runs[0])):
                    return
            await asyncio.sleep(0.02)


async def until(condition: Callable[[], bool], seconds: float = 60, what: str = "the condition") -> None:
    """Wait until something that another task brings about is true."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what} did not come within {seconds} s"
        await asyncio.sleep(0.01)


async def stored(client: Client, conversation: str) -> list[dict[str, Any]]:
    """Every message of a conversation, in order of creation."""
    return list((await client.get(f"/api/conversations/{conversation}/messages?limit=2000"))["items"])


async def settled(client: Client, conversation: str, seconds: float = 60) -> list[dict[str, Any]]:
    """The same, once no answer in it is open any more."""
    began = time.monotonic()
    while True:
        messages = await stored(client, conversation)
        if all(one["status"] not in ("queued", "streaming") for one in messages):
            return messages
        assert time.monotonic() - began < seconds, f"still open after {seconds} s: {messages}"
        await asyncio.sleep(0.02)


async def stored_answer(client: Client, conversation: str, run: str) -> dict[str, Any]:
    """The stored message that ``run`` wrote, once it is: ``finish`` is read a moment before the fold is committed."""
    await until_ended(client, run)
    (message,) = [one for one in await stored(client, conversation) if one["run_id"] == run]
    return message


def text_of(message: dict[str, Any]) -> str:
    """The text parts of a stored message, one after another."""
    return "".join(part["text"] for part in message["parts"] or () if part["type"] == "text")
