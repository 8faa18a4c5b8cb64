"""Large requests of programs: nobody else waits while they are taken apart, and what they may hold has a bound."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.routes.conftest import House
from tests.routes.test_openai import is_error
from tests.support.client import Client
from threadline.routes.openai import chat_asking, completions, responses

pytestmark = pytest.mark.anyio

LARGE = "x" * (300 * 1024)


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program("alpha")


@pytest.mark.parametrize(("said", "beside"), [("Hi", False), (LARGE, True)])
async def test_a_large_request_is_taken_apart_beside_the_loop(
    program: Client, monkeypatch: pytest.MonkeyPatch, said: str, beside: bool
) -> None:
    found: list[bool] = []

    def noted(module: Any) -> Any:
        parse = module.parse

        def work(values: Mapping[str, Any]) -> Any:
            found.append(threading.current_thread() is not threading.main_thread())
            return parse(values)

        return work

    monkeypatch.setattr(responses, "parse", noted(responses))
    monkeypatch.setattr(completions, "parse", noted(completions))
    about = {"model": "demo/demo"}
    reply = await program.call("POST", "/v1/responses", {**about, "input": said, "background": True})
    assert reply.status == 200, reply.body
    await program.call("POST", f"/v1/responses/{reply.json['id']}/cancel")
    messages = [{"role": "user", "content": "A story of 5 words, fast."}]
    bulk = [{"role": "user", "content": said}, {"role": "assistant", "content": "Yes."}]
    assert (await program.call("POST", "/v1/chat/completions", {**about, "messages": bulk + messages})).status == 200
    assert found == [beside, beside]


async def test_a_request_with_more_calls_than_may_be_is_refused_at_once(program: Client) -> None:
    calls = [{"id": f"c{number}", "function": {"name": "f"}} for number in range(60_000)]
    outputs = [{"role": "tool", "tool_call_id": f"c{59_999 - number}", "content": "o"} for number in range(1500)]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, *outputs]
    reply = await program.call("POST", "/v1/chat/completions", {"model": "demo/demo", "messages": messages})
    is_error(reply, 400, "bad_request", "messages")


async def test_what_the_system_says_is_bounded_and_the_parameter_is_named(program: Client) -> None:
    words = "x" * 64_001
    reply = await program.call("POST", "/v1/responses", {"input": "x", "instructions": words})
    is_error(reply, 400, "bad_request", "instructions")
    messages = [{"role": "system", "content": words}, {"role": "user", "content": "x"}]
    reply = await program.call("POST", "/v1/chat/completions", {"messages": messages})
    is_error(reply, 400, "bad_request", "messages")


async def test_more_than_a_model_is_given_is_refused_with_the_code_that_clients_know(program: Client) -> None:
    large = [{"role": "user", "content": "x" * 2_000_000}, {"role": "user", "content": "y" * 2_000_000}]
    first = await program.call("POST", "/v1/responses", {"model": "demo/demo", "input": large, "background": True})
    assert first.status == 200, first.body
    more = {"model": "demo/demo", "input": "z" * 300_000, "previous_response_id": first.json["id"]}
    is_error(await program.call("POST", "/v1/responses", more), 400, "context_length_exceeded", "input")
    assert (await program.call("DELETE", f"/v1/responses/{first.json['id']}")).status == 200
    assert chat_asking.parse({"messages": large}).wanted.param == "messages"
