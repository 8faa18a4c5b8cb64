"""``/v1/responses`` and ``/v1/models`` as a program meets them: by token, in OpenAI's shapes, on the one log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.routes.conftest import House, asking
from tests.support.answers import Assembly, until_ended
from tests.support.client import Client, Reply, Stream

pytestmark = pytest.mark.anyio

FAST = "A story of 40 words, fast."
SLOW = "A story of 300 words, slowly."
CLOCK = {"type": "function", "name": "getCurrentTime", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
async def program(house: House) -> Client:
    """A program with a token of its own."""
    return await house.program("alpha")


async def create(program: Client, said: Any = FAST, **more: Any) -> dict[str, Any]:
    reply = await program.call("POST", "/v1/responses", {"model": "demo/demo", "input": said, **more})
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


def text_of(response: dict[str, Any]) -> str:
    messages = [item for item in response["output"] if item["type"] == "message"]
    return "".join(block["text"] for item in messages for block in item["content"])


async def events_of(stream: Stream) -> list[dict[str, Any]]:
    """All events of a stream that ends cleanly."""
    found = [event async for event in stream.sse() if event.data is not None]
    assert stream.ended == "clean"
    assert found[-1].data == "[DONE]"
    assert all(event.event == event.json["type"] for event in found[:-1])
    return [event.json for event in found[:-1]]


def is_error(reply: Reply, status: int, code: str, param: str | None = None) -> None:
    assert reply.status == status, reply.body
    assert reply.json.keys() == {"error"}
    assert reply.json["error"].keys() == {"message", "type", "param", "code"}
    assert (reply.json["error"]["code"], reply.json["error"]["param"]) == (code, param)


async def test_an_answer_is_waited_for_and_tells_what_was_asked(program: Client) -> None:
    about = {
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "max_output_tokens": 500,
        "reasoning": {"effort": "max", "summary": "auto"},
        "text": {"format": {"type": "text"}, "verbosity": "low"},
    }
    made = await create(program, **about)
    assert made["status"] == "completed"
    assert len(text_of(made).split()) >= 40
    assert {name: made[name] for name in about} == about
    assert made["usage"]["output_tokens"] > 0
    assert made["completed_at"] >= made["created_at"]
    assert (await program.get(f"/v1/responses/{made['id']}")) == made


async def test_a_bare_name_and_no_name_find_their_model(program: Client) -> None:
    assert (await create(program, model="demo"))["model"] == "demo/demo"
    assert (await create(program, model=None))["model"] == "demo/demo"


async def test_a_stream_is_told_again_from_any_event(program: Client) -> None:
    stream = await program.open("POST", "/v1/responses", {"input": FAST, "stream": True})
    found = await events_of(stream)
    name = found[0]["response"]["id"]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    for after in range(len(found)):
        again = await program.open("GET", f"/v1/responses/{name}?stream=true&starting_after={after}")
        assert await events_of(again) == found[after + 1 :]
    whole = await program.open("GET", f"/v1/responses/{name}?stream=true")
    assert await events_of(whole) == found


async def test_a_number_that_was_never_told_is_refused(program: Client) -> None:
    made = await create(program)
    for after in ("99999", "-1", "x", "1.5", "07", "00", "9" * 30):
        reply = await program.call("GET", f"/v1/responses/{made['id']}?stream=true&starting_after={after}")
        is_error(reply, 400, "bad_request", "starting_after")
    going = await create(program, SLOW, background=True)
    reply = await program.call("GET", f"/v1/responses/{going['id']}?stream=true&starting_after=5000")
    is_error(reply, 400, "bad_request", "starting_after")
    is_error(await program.call("GET", f"/v1/responses/{made['id']}?stream=2"), 400, "bad_request", "stream")
    await program.call("POST", f"/v1/responses/{going['id']}/cancel")


async def test_a_background_answer_is_there_at_once_and_comes_by_itself(program: Client) -> None:
    made = await create(program, background=True)
    assert (made["status"], made["output"], made["background"]) == ("queued", [], True)
    stream = await program.open("GET", f"/v1/responses/{made['id']}?stream=true")
    found = await events_of(stream)
    assert [event["type"] for event in found[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert found[-1]["response"]["status"] == "completed"


async def test_a_cancelled_answer_keeps_its_text_and_a_follower_hears_of_it(program: Client) -> None:
    made = await create(program, SLOW, background=True)
    stream = await program.open("GET", f"/v1/responses/{made['id']}?stream=true")
    found = []
    async for event in stream.sse():
        if event.data in (None, "[DONE]"):
            continue
        found.append(event.json)
        if event.json["type"] == "response.output_text.delta" and event.json["sequence_number"] == 12:
            cancelled = await program.call("POST", f"/v1/responses/{made['id']}/cancel")
            assert cancelled.json["status"] == "cancelled"
    assert stream.ended == "clean"
    assert (found[-1]["type"], found[-1]["response"]["status"]) == ("response.incomplete", "cancelled")
    after = await program.get(f"/v1/responses/{made['id']}")
    assert text_of(after) == text_of(found[-1]["response"])
    assert 0 < len(text_of(after).split()) < 300
    again = await program.call("POST", f"/v1/responses/{made['id']}/cancel")
    assert again.json == after


async def test_one_that_has_ended_stays_as_it_is_when_it_is_cancelled(program: Client) -> None:
    made = await create(program)
    assert (await program.call("POST", f"/v1/responses/{made['id']}/cancel")).json == made


async def test_a_response_goes_on_below_another_and_tells_all_that_it_rests_on(program: Client) -> None:
    first = await create(program, "First, fast.")
    second = await create(program, "Second, fast.", previous_response_id=first["id"])
    third = await create(program, "Another second, fast.", previous_response_id=first["id"])
    assert second["previous_response_id"] == third["previous_response_id"] == first["id"]
    items = (await program.get(f"/v1/responses/{third['id']}/input_items?order=asc"))["data"]
    said = [item["content"][0]["text"] for item in items]
    assert said == ["First, fast.", text_of(first), "Another second, fast."]
    assert items[1]["id"] == first["output"][0]["id"]
    newest = await program.get(f"/v1/responses/{third['id']}/input_items?limit=1")
    assert (newest["has_more"], newest["data"]) == (True, [items[2]])
    rest = await program.get(f"/v1/responses/{third['id']}/input_items?after={newest['last_id']}")
    assert rest["data"] == [items[1], items[0]]
    for bad, param in (("order=x", "order"), ("limit=0", "limit"), ("limit=x", "limit"), ("after=x", "after")):
        reply = await program.call("GET", f"/v1/responses/{third['id']}/input_items?{bad}")
        is_error(reply, 400, "bad_request", param)


async def test_one_below_an_answer_that_goes_on_waits_for_it(program: Client) -> None:
    first = await create(program, "A story of 60 words, fast.", background=True)
    second = await create(program, "Second, fast.", previous_response_id=first["id"])
    assert second["status"] == "completed"
    assert (await program.get(f"/v1/responses/{first['id']}"))["status"] == "completed"


async def test_the_clients_own_tool_ends_the_answer_and_its_output_goes_on(program: Client) -> None:
    asked = await create(program, "What time is it? Be fast.", tools=[CLOCK])
    assert asked["status"] == "completed"
    (call,) = [item for item in asked["output"] if item["type"] == "function_call"]
    assert (call["name"], call["status"], call["arguments"]) == ("getCurrentTime", "completed", '{"timezone":"UTC"}')
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "half past nine"}
    told = await create(program, [output], previous_response_id=asked["id"], tools=[CLOCK])
    assert "half past nine" in text_of(told)
    kinds = [item["type"] for item in (await program.get(f"/v1/responses/{told['id']}/input_items"))["data"]]
    assert kinds == ["function_call_output", "function_call", "message", "message"]
    # The same with the history in the client's hands.
    history = [{"role": "user", "content": "What time is it? Be fast."}, *asked["output"], output]
    whole = await create(program, history, tools=[CLOCK])
    assert text_of(whole) == text_of(told)


async def test_what_was_said_before_may_be_named_only(house: House, program: Client) -> None:
    asked = {"role": "user", "content": "Think: what time is it? Be fast."}
    first = await create(program, [asked], tools=[CLOCK])
    assert [item["type"] for item in first["output"]] == ["reasoning", "message", "function_call"]
    thought, *named = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    # OpenAI's own type leaves it open whether it says what it is.
    named = [{"id": thought["id"]}, *named]
    output = {"type": "function_call_output", "call_id": first["output"][2]["call_id"], "output": "half past nine"}
    told = await create(program, [asked, *named, output], tools=[CLOCK])
    assert "half past nine" in text_of(told)
    items = (await program.get(f"/v1/responses/{told['id']}/input_items?order=asc"))["data"]
    kinds = ["message", "message", "function_call", "function_call_output"]
    assert [item["type"] for item in items] == kinds
    stranger = await house.program("beta")
    reply = await stranger.call("POST", "/v1/responses", {"input": [asked, *named, output]})
    is_error(reply, 400, "bad_request", "input")


async def test_an_output_of_no_call_is_refused(program: Client) -> None:
    first = await create(program)
    output = {"type": "function_call_output", "call_id": "call_nobody", "output": "x"}
    for more in ({}, {"previous_response_id": first["id"]}):
        reply = await program.call("POST", "/v1/responses", {"input": [output], **more})
        assert reply.status == 400
        assert "call_nobody" in reply.json["error"]["message"] or reply.json["error"]["param"] == "input[0].call_id"


async def test_the_servers_own_tools_are_not_offered_to_programs(program: Client) -> None:
    made = await create(program, "What time is it? Be fast.")
    assert [item["type"] for item in made["output"]] == ["message"]
    assert "is not among my tools" in text_of(made)


async def test_a_page_s_answer_is_a_response_too_with_the_tools_that_ran_here(house: House, program: Client) -> None:
    body = asking("What time is it? Be fast.")
    run = (await program.call("POST", "/api/chat", body, {"Prefer": "respond-async"})).json
    await until_ended(program, run["run_id"])
    found = await program.get(f"/v1/responses/{run['run_id'].replace('run_', 'resp_')}")
    assert [item["type"] for item in found["output"]] == ["message", "mcp_call", "message"]
    assert found["output"][1]["name"] == "getCurrentTime"
    below = await create(program, "And now? Fast.", previous_response_id=found["id"])
    listed = (await program.get(f"/api/conversations/{run['conversation_id']}/messages"))["items"]
    assert text_of(below) == "".join(part["text"] for part in listed[-1]["parts"] if part["type"] == "text")


async def test_one_answer_is_the_same_at_every_address(program: Client) -> None:
    stream = await program.open("POST", "/v1/responses", {"input": "A story of 80 words, fast.", "stream": True})
    run = stream.headers["x-threadline-run"]
    seen = Assembly()
    native = await program.open("GET", f"/api/runs/{run}/events")
    durable = await program.open("GET", f"/v1/stream/runs/{run}?offset=-1&live=sse")
    found, _ = await asyncio.gather(events_of(stream), seen.drink(native))
    words = "".join(event["delta"] for event in found if event["type"] == "response.output_text.delta")
    assert words == seen.text == text_of(found[-1]["response"])
    events = [one async for event in durable.sse() if event.event == "data" for one in event.json]
    assert "".join(event["delta"] for event in events if event["type"] == "text-delta") == words


async def test_what_programs_make_is_in_no_list_but_is_there(house: House) -> None:
    program = await house.program("quiet")
    made = await create(program)
    assert (await program.get("/api/conversations"))["items"] == []
    run = await program.get(f"/api/runs/{made['id'].replace('resp_', 'run_')}")
    conversation = await program.get(f"/api/conversations/{run['conversation_id']}")
    assert conversation["title"] == "A story of 40 words"


async def test_a_deleted_response_is_not_found_and_its_content_goes_with_the_last(program: Client) -> None:
    first = await create(program)
    second = await create(program, previous_response_id=first["id"])
    run = await program.get(f"/api/runs/{first['id'].replace('resp_', 'run_')}")
    gone = await program.call("DELETE", f"/v1/responses/{first['id']}")
    assert gone.json == {"id": first["id"], "object": "response", "deleted": True}
    for method, path, body in [
        ("GET", f"/v1/responses/{first['id']}", None),
        ("DELETE", f"/v1/responses/{first['id']}", None),
        ("POST", f"/v1/responses/{first['id']}/cancel", None),
        ("POST", "/v1/responses", {"input": "x", "previous_response_id": first["id"]}),
    ]:
        is_error(await program.call(method, path, body), 404, "not_found")
    assert (await program.get(f"/v1/responses/{second['id']}"))["id"] == second["id"]
    await program.call("DELETE", f"/v1/responses/{second['id']}")
    reply = await program.call("GET", f"/api/conversations/{run['conversation_id']}")
    assert reply.status == 404


async def test_a_deleted_response_that_goes_on_is_ended(program: Client) -> None:
    made = await create(program, SLOW, background=True)
    kept = await create(program, SLOW, previous_response_id=made["id"], background=True)
    await program.call("DELETE", f"/v1/responses/{made['id']}")
    await until_ended(program, made["id"].replace("resp_", "run_"))
    await program.call("DELETE", f"/v1/responses/{kept['id']}")


async def test_the_models_that_can_answer_are_listed(program: Client) -> None:
    listed = await program.get("/v1/models")
    assert listed["object"] == "list"
    assert {"id": "demo/demo", "object": "model", "created": 0, "owned_by": "demo"} in listed["data"]
    assert (await program.get("/v1/models/demo/demo")) == (await program.get("/v1/models/demo"))
    is_error(await program.call("GET", "/v1/models/no/such"), 404, "not_found")
    is_error(await program.call("GET", "/v1/models/groq/x"), 404, "not_found")


async def test_a_page_of_any_origin_may_use_a_token_with_the_headers_of_a_published_client(program: Client) -> None:
    asked = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-stainless-lang, openai-beta, x-other",
    }
    reply = await program.call("OPTIONS", "/v1/responses", headers=asked)
    assert reply.status == 204
    allowed = set(reply.headers["access-control-allow-headers"].split(", "))
    assert {"authorization", "content-type", "x-stainless-lang", "openai-beta"} <= allowed
    assert "x-other" not in allowed
    made = await program.call("POST", "/v1/responses", {"input": FAST}, {"Origin": "https://elsewhere.example"})
    assert made.headers["access-control-allow-origin"] == "*"
    assert "x-threadline-run" in made.headers["access-control-expose-headers"]


async def test_a_server_that_goes_away_cuts_the_body_and_who_waits_is_told(open_own: Any) -> None:
    async with open_own() as house:
        program = await house.program("alpha")
        waiting = asyncio.create_task(program.call("POST", "/v1/responses", {"input": SLOW}))
        counting = {"x-stainless-retry-count": "0"}
        again = asyncio.create_task(program.call("POST", "/v1/responses", {"input": SLOW}, counting))
        stream = await program.open("POST", "/v1/responses", {"input": SLOW, "stream": True})
        async for event in stream.sse():
            if event.event == "response.output_text.delta" and not house.app.draining.is_set():
                house.app.draining.set()
        assert stream.ended == "cut"
        reply = await waiting
        is_error(reply, 503, "unavailable")
        assert reply.headers["x-should-retry"] == "false"
        assert reply.headers["x-threadline-run"].startswith("run_")
        # Whoever counts its attempts finds the run by the next of them.
        reply = await again
        is_error(reply, 503, "unavailable")
        assert "x-should-retry" not in reply.headers
        await house.task


async def test_a_stream_that_is_quiet_shows_signs_of_life(open_own: Any) -> None:
    async with open_own(heartbeat=0.3) as house:
        program = await house.program("alpha")
        first = await create(program, SLOW, background=True)
        body = {"input": "x", "previous_response_id": first["id"], "stream": True}
        stream = await program.open("POST", "/v1/responses", body)
        seen = []
        async for event in stream.sse():
            seen.append(event.comment or event.event)
            if seen.count("keep-alive") == 2:
                break
        assert seen[:2] == ["response.created", "keep-alive"]
        stream.close()
