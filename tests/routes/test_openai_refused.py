"""What the addresses that speak OpenAI's dialect refuse, in OpenAI's shape, with nothing written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.routes.test_identity import AdvancingWorld
from tests.routes.test_live_life import HALF_A_MINUTE, revoke_token
from tests.routes.test_openai import CLOCK, SLOW, create, is_error
from tests.support.client import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def program(house: House) -> Client:
    return await house.program("alpha")


@pytest.fixture
async def stranger(house: House) -> Client:
    """Another's."""
    return await house.program("beta")


async def changes(program: Client) -> int:
    """Where the feed of the program's user ends: every run is told there."""
    stream = await program.open("GET", "/api/feed/events")
    async for event in stream.sse():
        if event.event == "open":
            stream.close()
            return int(event.json["after"])
    raise AssertionError("the feed did not open")


ADDRESSES = [
    ("POST", "/v1/responses"),
    ("GET", "/v1/responses/resp_1"),
    ("DELETE", "/v1/responses/resp_1"),
    ("POST", "/v1/responses/resp_1/cancel"),
    ("GET", "/v1/responses/resp_1/input_items"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/demo/demo"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
async def test_without_a_token_it_is_401_in_openais_shape_and_nobody_is_made_a_guest(
    house: House, visitor: Client, method: str, path: str
) -> None:
    for client in (house.visitor(), visitor, house.visitor(Authorization="Bearer tl_nobody")):
        reply = await client.call(method, path, {} if method == "POST" else None)
        is_error(reply, 401, "invalid_api_key")
        assert "set-cookie" not in reply.headers
        assert reply.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(("method", "path"), [one for one in ADDRESSES if "resp_1" in one[1]])
async def test_another_s_response_is_not_there(program: Client, stranger: Client, method: str, path: str) -> None:
    made = await create(program)
    names = [made["id"], "resp_1", made["id"].replace("resp_", "run_"), "resp_", "%00", "x" * 500]
    for name in names:
        is_error(await stranger.call(method, path.replace("resp_1", name)), 404, "not_found")
    body = {"input": "x", "previous_response_id": made["id"]}
    is_error(await stranger.call("POST", "/v1/responses", body), 404, "not_found")
    assert (await program.get(f"/v1/responses/{made['id']}")) == made


async def test_an_answer_streams_no_longer_to_a_token_that_was_revoked(open_own: Any) -> None:
    world = AdvancingWorld()
    async with open_own(heartbeat=0.3, world=world) as house:
        program = await house.program("robot")
        going = await create(program, SLOW, background=True)
        chat = {"messages": [{"role": "user", "content": SLOW}], "stream": True}
        streams = [
            await program.open("POST", "/v1/responses", {"input": SLOW, "stream": True}),
            await program.open("GET", f"/v1/responses/{going['id']}?stream=true"),
            await program.open("POST", "/v1/chat/completions", chat),
        ]
        await revoke_token(house, "robot")
        world.ahead = HALF_A_MINUTE
        async with asyncio.timeout(60):
            for stream in streams:
                async for _ in stream.sse():
                    continue
        assert [stream.ended for stream in streams] == ["cut"] * 3
        is_error(await program.call("GET", f"/v1/responses/{going['id']}"), 401, "invalid_api_key")


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "input"),
    ({"input": None}, "input"),
    ({"input": 5}, "input"),
    ({"input": []}, "input"),
    ({"input": ""}, "input"),
    ({"input": [{"role": "user", "content": []}]}, "input"),
    ({"input": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]}, "input"),
    ({"input": ["x"]}, "input[0]"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "file:///etc/x"}]}]},
        "input[0].content[0].image_url",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        "input[0].content[0].file_data",
    ),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
    ({"input": [{"type": "item_reference", "id": "msg_0123_99999999999"}]}, "input"),
    ({"input": [{"type": "item_reference"}]}, "input[0].id"),
    ({"input": [{"type": "hologram"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "a b"}]}, "input[0].name"),
    ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
    ({"input": "x", "instructions": 5}, "instructions"),
    ({"input": "x", "model": 5}, "model"),
    ({"input": "x", "stream": "yes"}, "stream"),
    ({"input": "x", "background": 1}, "background"),
    ({"input": "x", "temperature": 3}, "temperature"),
    ({"input": "x", "temperature": True}, "temperature"),
    ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
    ({"input": "x", "max_output_tokens": 1.5}, "max_output_tokens"),
    ({"input": "x", "top_p": 2}, "top_p"),
    ({"input": "x", "metadata": {"a": 1}}, "metadata"),
    ({"input": "x", "metadata": []}, "metadata"),
    ({"input": "x", "metadata": {"k" * 65: "v"}}, "metadata"),
    ({"input": "x", "top_logprobs": 1}, "top_logprobs"),
    ({"input": "x", "include": ["message.output_text.logprobs"]}, "include"),
    ({"input": "x", "text": {"verbosity": "huge"}}, "text.verbosity"),
    ({"input": "x", "reasoning": {"summary": "huge"}}, "reasoning.summary"),
    ({"input": "x", "reasoning": "high"}, "reasoning"),
    ({"input": "x", "reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format.name"),
    ({"input": "x", "tools": {}}, "tools"),
    ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
    ({"input": "x", "tools": [CLOCK, CLOCK]}, "tools"),
    ({"input": "x", "tools": [{**CLOCK, "parameters": []}]}, "tools[0].parameters"),
    ({"input": "x", "tool_choice": "any"}, "tool_choice"),
    ({"input": "x", "tool_choice": "required"}, "tool_choice"),
    ({"input": "x", "tools": [CLOCK], "tool_choice": {"type": "function", "name": "other"}}, "tool_choice.name"),
    ({"input": "x", "conversation": "conv_1"}, "conversation"),
    ({"input": "x", "prompt": {"id": "p"}}, "prompt"),
    ({"input": "x", "previous_response_id": 7}, "previous_response_id"),
]


@pytest.mark.parametrize(("body", "param"), BAD)
async def test_what_is_wrong_is_named_by_its_place_and_nothing_is_written(
    program: Client, body: dict[str, Any], param: str
) -> None:
    before = await changes(program)
    is_error(await program.call("POST", "/v1/responses", body), 400, "bad_request", param)
    assert await changes(program) == before


async def test_a_body_that_is_none_too_large_or_too_deep_is_refused(program: Client) -> None:
    for body in (b"{", b"[]", b'"x"', b'{"input": "\\ud800"}', b"\xff"):
        is_error(await program.call("POST", "/v1/responses", body), 400, "bad_request")
    deep = b'{"input": "x", "tools": ' + b"[" * 90 + b"]" * 90 + b"}"
    is_error(await program.call("POST", "/v1/responses", deep), 400, "bad_request")
    large = b'{"input": "' + b"x" * (4 << 20) + b'"}'
    is_error(await program.call("POST", "/v1/responses", large), 413, "too_large")


async def test_a_model_that_is_not_there_is_told_before_anything_is_written(program: Client) -> None:
    before = await changes(program)
    is_error(await program.call("POST", "/v1/responses", {"input": "x", "model": "no"}), 400, "model_not_found")
    is_error(await program.call("POST", "/v1/responses", {"input": "x", "model": "no/such"}), 400, "model_not_found")
    keyless = await program.call("POST", "/v1/responses", {"input": "x", "model": "groq/x"})
    is_error(keyless, 400, "missing_key")
    assert "GROQ_API_KEY" in keyless.json["error"]["message"]
    assert await changes(program) == before


async def test_a_method_that_is_not_taken_is_405_in_the_same_shape(program: Client) -> None:
    reply = await program.call("PUT", "/v1/responses/resp_1")
    is_error(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, DELETE"
