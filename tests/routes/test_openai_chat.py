"""``/v1/chat/completions`` as a program meets it: the history is the client's, and so are the tools."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routes.conftest import House
from tests.routes.test_openai import is_error
from tests.support.client import Client, Stream
from threadline.providers.completions import encode
from threadline.providers.protocol import ModelRequest, ModelSettings
from threadline.routes.openai import asking, chat_asking

pytestmark = pytest.mark.anyio

CLOCK = {"type": "function", "function": {"name": "getCurrentTime", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "Hello, fast."}
ASKED = {"role": "user", "content": "What time is it? Be fast."}


@pytest.fixture
async def program(house: House) -> Client:
    return await house.program("alpha")


async def complete(program: Client, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    reply = await program.call("POST", "/v1/chat/completions", {"messages": list(messages), **more})
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


async def chunks_of(stream: Stream) -> list[dict[str, Any]]:
    found = [event async for event in stream.sse() if event.data is not None]
    assert stream.ended == "clean"
    assert found[-1].data == "[DONE]"
    return [event.json for event in found[:-1]]


async def test_a_completion_whole_and_in_chunks_is_the_same(program: Client) -> None:
    whole = await complete(program, {"role": "system", "content": "Be brief."}, USER, model="demo")
    assert (whole["object"], whole["model"]) == ("chat.completion", "demo/demo")
    assert whole["choices"][0]["finish_reason"] == "stop"
    body = {"messages": [USER], "stream": True, "stream_options": {"include_usage": True}}
    chunks = await chunks_of(await program.open("POST", "/v1/chat/completions", body))
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] > 0


async def test_without_being_asked_no_usage_comes_in_the_chunks(program: Client) -> None:
    chunks = await chunks_of(await program.open("POST", "/v1/chat/completions", {"messages": [USER], "stream": True}))
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_the_clients_tool_is_called_and_answered_by_the_client(program: Client) -> None:
    first = await complete(program, ASKED, tools=[CLOCK])
    choice = first["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "half past nine"}
    told = await complete(program, ASKED, choice["message"], result, tools=[CLOCK])
    assert "half past nine" in told["choices"][0]["message"]["content"]


async def test_the_run_is_a_response_too_until_it_passes(program: Client) -> None:
    reply = await program.call("POST", "/v1/chat/completions", {"messages": [USER], "metadata": {"a": "b"}})
    name = reply.headers["x-threadline-run"].replace("run_", "resp_")
    found = await program.get(f"/v1/responses/{name}")
    assert found["output"][0]["content"][0]["text"] == reply.json["choices"][0]["message"]["content"]
    assert found["store"] is False
    assert found["metadata"] == {"a": "b"}


async def test_a_long_history_is_given_to_the_model_whole(program: Client) -> None:
    turns = [{"role": role, "content": "word " * 10} for _ in range(60) for role in ("user", "assistant")]
    short = await complete(program, USER)
    long = await complete(program, *turns, USER)
    assert long["usage"]["prompt_tokens"] - short["usage"]["prompt_tokens"] == 1200


def test_what_shapes_the_answer_reaches_the_model() -> None:
    given = {
        "top_p": 0.5,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "seed": 7,
        "stop": ["x"],
        "logit_bias": {"50256": -100},
        "verbosity": "low",
    }
    wanted = chat_asking.parse({"messages": [USER], "modalities": ["text"], **given}).wanted
    assert encode(ModelRequest("m", [], ModelSettings(sampling=wanted.settings["sampling"]))).items() >= given.items()


async def test_a_call_comes_back_however_long_the_id_is_that_its_provider_gave_it(program: Client) -> None:
    # There are gateways that hide a model's signature in it.
    name = "call_" + "x" * 3000
    call = {"id": name, "type": "function", "function": {"name": "getCurrentTime", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": name, "content": "half past nine"}
    told = await complete(program, ASKED, {"role": "assistant", "tool_calls": [call]}, result, tools=[CLOCK])
    assert "half past nine" in told["choices"][0]["message"]["content"]
    items = [
        ASKED,
        {"type": "function_call", "call_id": name, "name": "getCurrentTime", "arguments": "{}"},
        {"type": "function_call_output", "call_id": name, "output": "half past nine"},
    ]
    assert len(asking.parse({"input": items}).wanted.rows) == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "x"}, "messages"),
    ({"messages": [5]}, "messages[0]"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": ""}]}, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
    ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[1].tool_calls[0].function"),
    ({"messages": [USER], "n": 2}, "n"),
    ({"messages": [USER], "logprobs": True}, "logprobs"),
    ({"messages": [USER], "top_logprobs": 2}, "top_logprobs"),
    ({"messages": [USER], "modalities": ["text", "audio"]}, "modalities"),
    ({"messages": [USER], "logit_bias": [5]}, "logit_bias"),
    ({"messages": [USER], "verbosity": "huge"}, "verbosity"),
    ({"messages": [USER], "metadata": {"a": 1}}, "metadata"),
    ({"messages": [USER], "functions": []}, "functions"),
    ({"messages": [USER], "audio": {}}, "audio"),
    ({"messages": [USER], "stop": 5}, "stop"),
    ({"messages": [USER], "stop": ["a"] * 20}, "stop"),
    ({"messages": [USER], "max_tokens": 0}, "max_tokens"),
    ({"messages": [USER], "seed": "x"}, "seed"),
    ({"messages": [USER], "tools": [{"type": "function"}]}, "tools[0].function"),
    ({"messages": [USER], "tools": [{"type": "custom"}]}, "tools[0].type"),
    ({"messages": [USER], "tools": [CLOCK], "tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"messages": [USER], "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"messages": [USER], "stream_options": True}, "stream_options"),
    ({"messages": [USER], "reasoning_effort": "huge"}, "reasoning_effort"),
]


async def test_a_list_without_messages_is_told_as_empty_and_not_as_missing(program: Client) -> None:
    for body, message in (({}, "messages is missing."), ({"messages": []}, "messages is empty.")):
        reply = await program.call("POST", "/v1/chat/completions", body)
        assert reply.json["error"]["message"] == message


@pytest.mark.parametrize(("body", "param"), BAD)
async def test_what_is_wrong_is_named_by_its_place(program: Client, body: dict[str, Any], param: str) -> None:
    is_error(await program.call("POST", "/v1/chat/completions", body), 400, "bad_request", param)
