"""``DefaultChatTransport`` and ``readUIMessageStream`` of every major, as strict judges of each stream."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.answers import new_id, settled, text_of, until_come_to, until_ended
from tests.support.client import Client
from tests.support.fake import Fake
from tests.support.node import Driver
from threadline.domain import events
from threadline.wire.ui_messages import ENCODERS, TYPES, version_of

pytestmark = pytest.mark.anyio


def check(answer: dict[str, Any]) -> None:
    """The package took every chunk, and the message it made is valid by its own judgement."""
    assert answer["errors"] == []
    assert answer["valid"] is True
    assert answer["chunks"][0]["type"] == "start"
    assert answer["chunks"][-1]["type"] == "finish"


def types(answer: dict[str, Any]) -> list[str]:
    return [chunk["type"] for chunk in answer["chunks"]]


async def run_of(client: Client, conversation: str) -> str:
    return str([message["run_id"] for message in await settled(client, conversation) if message["run_id"]][-1])


async def test_an_answer_is_read_whole_and_is_valid(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = new_id()
    answer = await sdk.do("answer", chat=chat, text="Hello.", model=fake.model(chunks=50, pace=0.001))
    check(answer)
    assert answer["text"] == fake.text(chunks=50)
    (message,) = [one for one in await settled(visitor, chat) if one["role"] == "assistant"]
    assert text_of(message) == answer["text"]
    assert message["id"] == answer["last"]["id"]


async def test_a_second_message_of_the_same_chat_is_answered_with_the_first_as_its_history(
    sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat, model = new_id(), fake.model(chunks=10)
    await sdk.do("open", **{"as": chat, "chat": chat, "model": model})
    for number, text in enumerate(["First.", "Second."], 1):
        await sdk.do("send", **{"as": chat, "text": text})
        report = await sdk.do("settled", **{"as": chat})
        assert report["errors"] == []
        assert report["text"] == fake.text(chunks=10)
        assert len(report["messages"]) == 2 * number
    kept = await settled(visitor, chat)
    assert [message["role"] for message in kept] == ["user", "assistant", "user", "assistant"]
    assert kept[2]["parent_id"] == kept[1]["id"]


async def test_regenerate_makes_a_sibling(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = new_id()
    await sdk.do("open", **{"as": chat, "chat": chat, "model": fake.model(chunks=10)})
    await sdk.do("send", **{"as": chat, "text": "Once."})
    await sdk.do("settled", **{"as": chat})
    await sdk.do("regenerate", **{"as": chat})
    report = await sdk.do("settled", **{"as": chat})
    assert report["errors"] == []
    assert [message["role"] for message in report["messages"]] == ["user", "assistant"]
    question, first, second = await settled(visitor, chat)
    assert first["parent_id"] == second["parent_id"] == question["id"]
    assert report["messages"][1]["id"] == second["id"]


async def test_an_edit_makes_a_sibling_of_the_question(sdk: Driver, visitor: Client, fake: Fake) -> None:
    chat = new_id()
    await sdk.do("open", **{"as": chat, "chat": chat, "model": fake.model(chunks=10)})
    await sdk.do("send", **{"as": chat, "text": "Wrong."})
    first = (await sdk.do("settled", **{"as": chat}))["messages"][0]
    await sdk.do("send", **{"as": chat, "text": "Right.", "messageId": first["id"]})
    report = await sdk.do("settled", **{"as": chat})
    assert report["errors"] == []
    questions = [message for message in await settled(visitor, chat) if message["role"] == "user"]
    assert [text_of(question) for question in questions] == ["Wrong.", "Right."]
    assert questions[0]["parent_id"] == questions[1]["parent_id"]


async def test_reasoning_comes_as_reasoning_parts(sdk: Driver, visitor: Client, fake: Fake) -> None:
    answer = await sdk.do("answer", chat=new_id(), text="Think.", model=fake.model(chunks=10, reasoning=10))
    check(answer)
    assert [part["type"] for part in answer["last"]["parts"]] == ["step-start", "reasoning", "text"]
    assert answer["text"] == fake.text(chunks=10)


async def test_a_tool_is_called_between_two_steps(sdk: Driver, visitor: Client, fake: Fake) -> None:
    model = fake.model(chunks=10, tool="count")
    answer = await sdk.do("answer", chat=new_id(), text="Use the tool.", model=model)
    check(answer)
    (call,) = [part for part in answer["last"]["parts"] if part["type"] == "tool-count"]
    assert call["state"] == "output-available"
    assert [part["type"] for part in answer["last"]["parts"]].count("step-start") == 2
    assert answer["text"] == fake.text(chunks=10)


async def test_a_failing_tool_is_shown_and_the_answer_goes_on(sdk: Driver, visitor: Client, fake: Fake) -> None:
    model = fake.model(chunks=10, tool="fail")
    answer = await sdk.do("answer", chat=new_id(), text="Use the tool.", model=model)
    check(answer)
    (call,) = [part for part in answer["last"]["parts"] if part["type"] == "tool-fail"]
    assert call["state"] == "output-error"
    assert answer["text"] == fake.text(chunks=10)


async def test_a_stop_ends_the_stream_with_abort_and_finish_and_keeps_the_partial_text(
    sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = new_id()
    reading = asyncio.create_task(
        sdk.do("answer", chat=chat, text="Stop me.", model=fake.model(chunks=2000, pace=0.02))
    )
    await until_come_to(visitor, chat, lambda run: bool(run["text"]))
    assert (await visitor.call("POST", f"/api/chat/{chat}/stop", {})).status < 300
    answer = await reading
    check(answer)
    assert types(answer)[-2:] == ["abort", "finish"]
    assert answer["text"]
    assert fake.text(chunks=2000).startswith(answer["text"])
    (message,) = [one for one in await settled(visitor, chat) if one["role"] == "assistant"]
    assert message["status"] == "stopped"
    assert text_of(message) == answer["text"]


async def test_the_providers_own_error_arrives_and_the_stream_still_finishes(
    sdk: Driver, visitor: Client, fake: Fake
) -> None:
    chat = new_id()
    answer = await sdk.do("answer", chat=chat, text="Fail.", model=fake.model(error="The model is overloaded today."))
    assert types(answer)[0] == "start"
    assert types(answer)[-1] == "finish"
    (told,) = [chunk["errorText"] for chunk in answer["chunks"] if chunk["type"] == "error"]
    assert "The model is overloaded today." in told
    assert any("The model is overloaded today." in error for error in answer["errors"])
    assert (await until_ended(visitor, await run_of(visitor, chat)))["status"] == "error"


EVERYTHING: list[dict[str, Any]] = [
    {"type": "start", "messageId": "m", "messageMetadata": {"run": "r"}, "v": 1},
    {"type": "start-step"},
    {"type": "reset-step"},
    *[{"type": f"{kind}-{end}", "id": "1"} for kind in ("text", "reasoning") for end in ("start", "end")],
    {"type": "text-delta", "id": "1", "delta": "x"},
    {"type": "reasoning-delta", "id": "1", "delta": "x"},
    {"type": "reasoning-file", "url": "data:,x", "mediaType": "text/plain"},
    {"type": "tool-input-start", "toolCallId": "c", "toolName": "t"},
    {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{"},
    {"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": {}},
    {"type": "tool-input-error", "toolCallId": "c", "toolName": "t", "input": None, "errorText": "No."},
    {"type": "tool-output-available", "toolCallId": "c", "output": 1},
    {"type": "tool-output-error", "toolCallId": "c", "errorText": "No."},
    {"type": "tool-output-denied", "toolCallId": "c"},
    {"type": "tool-approval-request", "approvalId": "a", "toolCallId": "c"},
    {"type": "tool-approval-response", "approvalId": "a", "approved": True},
    {"type": "source-url", "sourceId": "s", "url": "https://example.org"},
    {"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "T"},
    {"type": "file", "url": "data:,x", "mediaType": "text/plain"},
    {"type": "custom", "kind": "a.b"},
    {"type": "steering-message", "id": "s", "parts": [{"type": "text", "text": "x"}]},
    {"type": "message-metadata", "messageMetadata": {"a": 1}},
    {"type": "data-own", "data": [1]},
    {"type": "never-heard-of", "anything": 1},
    events.recovery(2, "again", handover=False, reset=True),
    {"type": "error", "errorText": "No."},
    {"type": "abort", "reason": "stopped"},
    {"type": "finish-step", "finishReason": "stop", "usage": {"inputTokens": 1}},
    *[events.finish(reason, {}) for reason in ("stop", "interrupted", "unknown", "tool-calls")],
]


async def test_each_major_takes_everything_that_may_be_in_a_log_and_sees_what_it_knows(sdk: Driver) -> None:
    version = version_of(str(sdk.major))
    body = ENCODERS[version].encode(0, [events.encode(event) for event in EVERYTHING])
    seen = await sdk.do("take", body=body.decode())
    assert len(seen) == len(EVERYTHING)
    for event, chunk in zip(EVERYTHING, seen, strict=True):
        if event["type"].encode() in TYPES[version] and event["type"] != "finish":
            assert chunk["type"] == event["type"]
    assert {kind.encode() for kind in {one["type"] for one in EVERYTHING}} >= TYPES[7]


async def test_a_chat_that_declares_its_version_is_read_whole_too(sdk: Driver, visitor: Client, fake: Fake) -> None:
    model = fake.model(chunks=30, reasoning=5)
    answer = await sdk.do("answer", chat=new_id(), text="Hello.", model=model, declare=sdk.major)
    check(answer)
    assert answer["text"] == fake.text(chunks=30)
