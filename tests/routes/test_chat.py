"""``POST /api/chat``: both forms that clients use, and every way to read the answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.answers import Control
from tests.fakes.provider import FakeProvider
from tests.routes.conftest import House, asking, chunks, text_of
from tests.support.answers import new_id
from tests.support.client import Client
from threadline.domain.catalog import ProviderConfig

pytestmark = pytest.mark.anyio
QUICK = "Say it at once, please."


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def with_parts(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"id": "odd", "message": {"id": "m", "role": "user", "parts": parts}}).encode()


@asynccontextmanager
async def answering(open_own: Any, control: Control) -> AsyncIterator[Client]:
    """A visitor of a server whose provider behaves so."""
    async with FakeProvider(control) as fake:
        one = ProviderConfig("fake", "openai-compatible", fake.url, "x", ("fake-model",))
        async with open_own(providers=(one,), models={"chat": "fake/fake-model", "title": "demo/demo"}) as house:
            yield house.visitor()


async def test_an_answer_is_a_ui_message_stream_whose_ids_are_its_offsets(visitor: Client) -> None:
    stream = await visitor.open("POST", "/api/chat", asking(QUICK))
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert stream.headers["x-workflow-run-id"] == stream.headers["x-threadline-run"]
    found = await chunks(stream)
    assert [number for number, _ in found] == list(range(len(found)))
    assert found[0][1]["type"] == "start"
    assert found[-1][1]["type"] == "finish"
    assert "demo" in text_of(found)


async def test_the_form_with_one_message_and_the_form_with_the_history_are_the_same(visitor: Client) -> None:
    body = asking(QUICK)
    single = {**body, "message": body["messages"][0]}
    del single["messages"]
    first = await visitor.open("POST", "/api/chat", body)
    again = await visitor.open("POST", "/api/chat", single)
    assert first.headers["x-threadline-run"] == again.headers["x-threadline-run"]
    assert await chunks(first) == await chunks(again)


async def test_a_setting_that_is_null_is_left_to_the_model_and_one_that_is_absent_to_the_server(open_own: Any) -> None:
    async with FakeProvider(Control(chunks=1)) as fake:
        one = ProviderConfig("fake", "openai-compatible", fake.url, "x", ("fake-model",))
        async with open_own(providers=(one,), models={"chat": "fake/fake-model", "title": "demo/demo"}) as house:
            for settings in ({}, {"temperature": None}):
                body = {**asking("Hello"), "settings": settings}
                await house.visitor().call("POST", "/api/chat", body, {"Accept": "application/json"})
        bodies = [call.body for call in fake.calls]
    assert [body.get("temperature") for body in bodies] == [0.7, None]


async def test_a_client_that_takes_only_json_gets_the_finished_message(visitor: Client) -> None:
    body = asking(QUICK)
    reply = await visitor.call("POST", "/api/chat", body, {"Accept": "application/json"})
    assert reply.status == 200
    assert reply.json["role"] == "assistant"
    assert any(part["type"] == "text" and "demo" in part["text"] for part in reply.json["parts"])
    assert reply.headers["x-threadline-run"].startswith("run_")
    listed = await visitor.get(f"/api/conversations/{body['id']}/messages")
    assert listed["items"][-1]["id"] == reply.json["id"]
    assert listed["items"][-1]["parts"] == reply.json["parts"]


async def test_a_failure_before_any_text_is_told_in_json_in_the_one_shape(open_own: Any) -> None:
    async with answering(open_own, Control(error="Your account is out of money", status=401)) as visitor:
        reply = await visitor.call("POST", "/api/chat", asking("Hello"), {"Accept": "application/json"})
        assert reply.status == 502
        error = reply.json["error"]
        assert (error["code"], error["message"]) == ("provider:chat", "Your account is out of money")
        assert error["details"] == {"run": reply.headers["x-threadline-run"]}
        run = await visitor.get(f"/api/runs/{reply.headers['x-threadline-run']}")
        assert run["status"] == "error"


async def test_a_failure_after_some_text_is_told_in_the_message(open_own: Any) -> None:
    control = Control(chunks=6, error="No more for you", status=400, error_at=3)
    async with answering(open_own, control) as visitor:
        reply = await visitor.call("POST", "/api/chat", asking("Hello"), {"Accept": "application/json"})
        assert reply.status == 200
        assert "t0" in reply.json["parts"][-1]["text"]
        assert reply.json["metadata"]["error"] == "No more for you"


async def test_a_picture_without_words_is_no_empty_message(visitor: Client) -> None:
    picture = {"type": "file", "url": "data:image/png;base64,AA==", "mediaType": "image/png", "filename": None}
    body = {**json.loads(with_parts(picture)), "id": new_id()}
    assert (await visitor.call("POST", "/api/chat", body, {"Prefer": "respond-async"})).status == 202


async def test_what_is_nested_as_deep_as_may_be_is_kept_and_comes_back(visitor: Client) -> None:
    parts = [{"type": "text", "text": QUICK}, {"type": "data-note", "data": nested(50)}]
    chat = new_id()
    body = {"id": chat, "message": {"id": "m", "role": "user", "parts": parts}}
    reply = await visitor.call("POST", "/api/chat", body, {"Accept": "application/json"})
    assert reply.status == 200
    assert (await visitor.get(f"/api/conversations/{chat}/messages"))["items"][0]["parts"] == parts


async def test_the_workflow_transport_sends_plain_text_and_names_no_chat(visitor: Client) -> None:
    message = {"id": "first-of-all", "role": "user", "parts": [{"type": "text", "text": QUICK}]}
    plain = {"Content-Type": "text/plain;charset=UTF-8"}
    stream = await visitor.open("POST", "/api/chat", {"messages": [message]}, plain)
    assert stream.headers["x-workflow-run-id"].startswith("run_")
    parts = [{"type": "text", "text": text_of(await chunks(stream))}]
    answer = {"id": "an-answer", "role": "assistant", "parts": parts}
    more = {"id": "second", "role": "user", "parts": [{"type": "text", "text": QUICK + " Again."}]}
    stream = await visitor.open("POST", "/api/chat", {"messages": [message, answer, more]}, plain)
    await chunks(stream)
    (conversation,) = (await visitor.get("/api/conversations"))["items"]
    listed = await visitor.get(f"/api/conversations/{conversation['id']}/messages")
    assert [item["role"] for item in listed["items"]] == ["user", "assistant", "user", "assistant"]


async def test_two_visitors_of_the_workflow_transport_never_share_a_chat(house: House) -> None:
    message = {"id": "the-same-id", "role": "user", "parts": [{"type": "text", "text": QUICK}]}
    ids = set()
    for visitor in (house.visitor(), house.visitor()):
        await chunks(await visitor.open("POST", "/api/chat", {"messages": [message]}))
        (conversation,) = (await visitor.get("/api/conversations"))["items"]
        ids.add(conversation["id"])
    assert len(ids) == 2


@pytest.mark.parametrize(("how", "version"), [("query", "6"), ("header", "7"), ("none", "5")])
async def test_a_client_may_declare_what_it_understands(visitor: Client, how: str, version: str) -> None:
    address = f"/api/chat?sdk={version}" if how == "query" else "/api/chat"
    headers = {"x-ai-sdk-version": version} if how == "header" else {}
    found = await chunks(await visitor.open("POST", address, asking(QUICK), headers))
    assert found[-1][1] == {**found[-1][1], "type": "finish", "finishReason": "stop"}


async def test_a_tool_call_is_shown_as_it_forms(visitor: Client) -> None:
    found = await chunks(await visitor.open("POST", "/api/chat", asking("What time is it in Europe/Berlin, quickly?")))
    kinds = [chunk["type"] for _, chunk in found]
    assert kinds.index("tool-input-start") < kinds.index("tool-input-available") < kinds.index("tool-output-available")
    assert kinds.count("start-step") == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_request:chat"),
        (b"{", "bad_request:api"),
        (b"[]", "bad_request:api"),
        (b'{"id": "a", "messages": "x"}', "bad_request:chat"),
        (b'{"id": 7, "messages": []}', "bad_request:chat"),
        (b'{"id": "a", "messages": []}', "bad_request:chat"),
        (b'{"id": "a", "messages": [], "settings": []}', "bad_request:chat"),
        (b'{"id": "a", "messages": [{"role": "user", "parts": "x"}]}', "bad_request:chat"),
        (b"\xff\xfe", "bad_request:api"),
        (with_parts({"type": "data-note", "data": 1}), "bad_request:chat"),
        (with_parts({"type": "data-note", "data": 1}, {"type": "text", "text": " "}), "bad_request:chat"),
        (with_parts({"type": "text", "text": "x"}, {"type": "data-note", "data": nested(300)}), "bad_request:chat"),
        (with_parts({"type": "text", "text": "x"}, {"type": "data-note", "data": nested(65)}), "bad_request:chat"),
        (with_parts({"type": "file", "url": "data:,x", "mediaType": "a/b", "filename": [1]}), "bad_request:chat"),
    ],
)
async def test_what_cannot_be_answered_is_refused_before_anything_is_written(
    visitor: Client, body: bytes, code: str
) -> None:
    reply = await visitor.call("POST", "/api/chat", body)
    assert reply.status == 400, reply.body
    assert reply.json["error"]["code"].startswith(code)
    assert (await visitor.get("/api/conversations"))["items"] == []


async def test_a_model_that_is_not_known_is_named_in_the_refusal(visitor: Client) -> None:
    reply = await visitor.call("POST", "/api/chat", asking(QUICK, model="nowhere/none"))
    assert reply.status == 400
    assert reply.json["error"]["code"] == "unsupported_model:chat"
    assert "nowhere" in reply.json["error"]["message"]
    assert (await visitor.get("/api/conversations"))["items"] == []


async def test_the_next_turn_goes_below_the_last(visitor: Client) -> None:
    chat = new_id()
    for _ in range(2):
        await chunks(await visitor.open("POST", "/api/chat", asking(QUICK, chat)))
    items: list[dict[str, Any]] = (await visitor.get(f"/api/conversations/{chat}/messages"))["items"]
    assert [item["parent_id"] for item in items] == [None, *(item["id"] for item in items[:-1])]


async def test_a_stop_keeps_the_text_and_ends_the_stream_with_finish(visitor: Client) -> None:
    body = asking("Tell a long story slowly.")
    stream = await visitor.open("POST", "/api/chat", body)
    seen: list[dict[str, Any]] = []
    async for event in stream.sse():
        if event.data in (None, "[DONE]"):
            continue
        seen.append(event.json)
        if len(seen) == 6:
            reply = await visitor.call("POST", f"/api/chat/{body['id']}/stop", {})
            assert reply.json == {"stopped": [stream.headers["x-threadline-run"]]}
    assert stream.ended == "clean"
    assert [chunk["type"] for chunk in seen[-2:]] == ["abort", "finish"]
    reply = await visitor.call("POST", f"/api/chat/{body['id']}/stop")
    assert reply.json == {"stopped": []}
